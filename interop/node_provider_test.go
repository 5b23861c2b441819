package interop_test

import (
	"crypto"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/accounts/api"
	"github.com/go-fapi/fapi/jwks"
)

// registration is what provider.mjs has to know of a client.
type registration struct {
	ClientID string          `json:"clientID"`
	JWKS     json.RawMessage `json:"jwks"`
}

type providerMetadata struct {
	Issuer        string
	TokenEndpoint string `json:"token_endpoint"`
	JWKSURI       string `json:"jwks_uri"`
}

const otherAPI = "https://other.example"

// Our client with tokens of oidc-provider at our API: all three with keys of one
// algorithm.
func TestOIDCProvider(t *testing.T) {
	t.Parallel()
	needNode(t)
	var clients []registration
	algorithms := append(slices.Clone(algorithms), "Ed25519") // of the token; we say EdDSA
	listeners, resources := map[string]listener{}, map[string]string{otherAPI: "ES256"}
	for _, algorithm := range algorithms {
		keys := published(t, jwks.Key{Key: keyFor(algorithm, "client").Public()})
		clients = append(clients, registration{ClientID: algorithm, JWKS: keys})
		listeners[algorithm] = listen(t)
		resources[listeners[algorithm].origin] = algorithm
	}
	var as struct{ Origin string }
	startNode(t, "provider.mjs").ask(map[string]any{
		"tls": serverIdentity(t), "clients": clients, "resources": resources,
	}, &as)

	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			wire := newTransport(t)
			var metadata providerMetadata
			get(t, &http.Client{Transport: wire}, as.Origin+"/.well-known/openid-configuration", http.StatusOK, &metadata)
			require.Equal(t, as.Origin, metadata.Issuer)
			wire.requests = 0

			accounts := listeners[algorithm]
			rules := accounts.serveAccounts(t, metadata.Issuer, metadata.JWKSURI)
			client := goClient{
				clientID: algorithm, issuer: metadata.Issuer, tokenEndpoint: metadata.TokenEndpoint,
				key: keyFor(algorithm, "client"), proofKey: keyFor(algorithm, "proofs"),
				api: accounts.origin, wire: wire,
			}
			token := client.served(t)
			rules.require(t, dpop.ErrNonce)
			client.misused(t, token)
			client.elsewhere(t)
			rules.require(t, dpop.ErrNonce, dpop.ErrBinding, cnf.ErrScheme, accesstoken.ErrAudience)
			client.notServed(t, keyFor(algorithm, "other"))
		})
	}
}

// served gets tokens and accounts, and counts the requests that takes.
func (c goClient) served(t *testing.T) *oauth2.Token {
	t.Helper()
	client, source := c.login(t)
	token, err := source.Token()
	require.NoError(t, err)
	require.Equal(t, 2, c.wire.requests, "one for the nonce of the authorization server")
	require.Equal(t, "DPoP", token.Type())

	var accounts []api.Account
	get(t, client, c.api+"/accounts?from=2026-01-01", http.StatusOK, &accounts)
	require.NotEmpty(t, accounts)
	require.Equal(t, 4, c.wire.requests, "one for the nonce of the API")
	get(t, client, c.api+"/accounts", http.StatusOK, &accounts)
	require.Equal(t, 5, c.wire.requests)
	return token
}

// misused is the token with another key's proof, and without any.
func (c goClient) misused(t *testing.T, token *oauth2.Token) {
	t.Helper()
	var refusal struct{ Error string }
	c.proofKey = keyFor("ES256", "thief")
	get(t, c.use(t, token), c.api+"/accounts", http.StatusUnauthorized, &refusal)
	require.Equal(t, "invalid_token", refusal.Error)

	c.proofKey = nil
	bearer := &oauth2.Token{AccessToken: token.AccessToken, TokenType: "Bearer"}
	get(t, c.use(t, bearer), c.api+"/accounts", http.StatusUnauthorized, &refusal)
	require.Equal(t, "invalid_token", refusal.Error)
}

// elsewhere is a token for another API.
func (c goClient) elsewhere(t *testing.T) {
	t.Helper()
	here := c.api
	c.api = otherAPI
	_, source := c.login(t)
	token, err := source.Token()
	require.NoError(t, err)
	var refusal struct{ Error string }
	get(t, c.use(t, token), here+"/accounts", http.StatusUnauthorized, &refusal)
	require.Equal(t, "invalid_token", refusal.Error)
}

// notServed are token requests with one thing wrong.
func (c goClient) notServed(t *testing.T, otherKey crypto.Signer) {
	t.Helper()
	impostor := c
	impostor.key = otherKey
	impostor.refused(t, http.StatusUnauthorized, "invalid_client")

	mistaken := c
	mistaken.issuer += "/token"
	mistaken.refused(t, http.StatusUnauthorized, "invalid_client")

	proofless := c
	proofless.proofKey = nil
	proofless.refused(t, http.StatusBadRequest, "invalid_grant")

	lost := c
	lost.api = "https://unknown.example"
	lost.refused(t, http.StatusBadRequest, "invalid_target")

	_, source := c.login(t)
	_, err := source.Token()
	require.NoError(t, err, "nothing of that has spoilt anything")
}
