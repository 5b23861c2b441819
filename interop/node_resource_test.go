package interop_test

import (
	"crypto"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/jwks"
)

// What an API guarded by oauth4webapi says of a token it does not take.
const (
	comparison = "OAUTH_JWT_CLAIM_COMPARISON_FAILED"
	invalid    = "OAUTH_INVALID_RESPONSE"
)

// Our client, with tokens of our authorization server, at an API guarded by
// oauth4webapi.
func TestOauth4webapiResourceServer(t *testing.T) {
	t.Parallel()
	needNode(t)
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			as, program := listen(t), startNode(t, "resource.mjs")
			var api struct{ Origin string }
			program.ask(map[string]any{"issuer": as.origin, "tls": serverIdentity(t)}, &api)
			issuerKey, clientKey := keyFor(algorithm, "issuer"), keyFor(algorithm, "client")
			keys, err := jwks.NewStaticKeys(jwks.Key{Key: clientKey.Public()})
			require.NoError(t, err)
			as.serveTokens(t, issuerKey, server.Client{
				Keys: keys, Scopes: []string{"accounts"}, APIs: []string{api.Origin, otherAPI},
			})
			client := goClient{
				clientID: clientID, issuer: as.origin, tokenEndpoint: as.origin + "/token",
				key: clientKey, proofKey: keyFor(algorithm, "proofs"), api: api.Origin, wire: newTransport(t),
			}
			token := admitted(t, client)
			turnedAway(t, client, token, issuerKey, keyFor(algorithm, "other"))
		})
	}
}

func admitted(t *testing.T, c goClient) *oauth2.Token {
	t.Helper()
	client, source := c.login(t)
	token, err := source.Token()
	require.NoError(t, err)
	require.Equal(t, 2, c.wire.requests, "one for the nonce of the authorization server")

	var claims struct {
		ClientID string `json:"client_id"`
		Scope    string
	}
	get(t, client, c.api+"/accounts?from=2026-01-01", http.StatusOK, &claims)
	require.Equal(t, clientID, claims.ClientID)
	require.Equal(t, "accounts", claims.Scope)
	require.Equal(t, 4, c.wire.requests, "one for the nonce of the API")

	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.api+"/payments/a%2Fb", strings.NewReader("{}"))
	require.NoError(t, err)
	do(t, client, request, http.StatusOK, &claims)
	require.Equal(t, 5, c.wire.requests, "the newest nonce came with the last answer")
	return token
}

func turnedAway(t *testing.T, c goClient, token *oauth2.Token, issuerKey, otherKey crypto.Signer) {
	t.Helper()
	refused := func(client *http.Client) (why outcome[any]) {
		get(t, client, c.api+"/accounts", http.StatusUnauthorized, &why)
		return why
	}
	thief := c
	thief.proofKey = keyFor("ES256", "thief")
	require.Equal(t, outcome[any]{Error: comparison, Claim: "cnf.jkt"}, refused(thief.use(t, token)))

	thief.proofKey = nil
	bearer := &oauth2.Token{AccessToken: token.AccessToken, TokenType: "Bearer"}
	require.Equal(t, outcome[any]{Error: invalid}, refused(thief.use(t, bearer)))

	elsewhere := c
	elsewhere.api = otherAPI
	client, _ := elsewhere.login(t)
	require.Equal(t, outcome[any]{Error: comparison, Claim: "aud"}, refused(client))

	get(t, c.use(t, mint(t, c, issuerKey, issuerKey)), c.api+"/accounts", http.StatusOK, &map[string]any{})
	require.Equal(t, outcome[any]{Error: invalid}, refused(c.use(t, mint(t, c, otherKey, issuerKey))), "the signature")
}

// mint makes a token as the authorization server makes them, with a key that
// claims to be another.
func mint(t *testing.T, c goClient, key, claimed crypto.Signer) *oauth2.Token {
	t.Helper()
	keyID, err := jwks.KeyID(claimed.Public())
	require.NoError(t, err)
	issuer, err := accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: c.issuer, Key: key, KeyID: keyID})
	require.NoError(t, err)
	proofs, err := dpop.NewSigner(c.proofKey)
	require.NoError(t, err)
	token, _, err := issuer.Issue(t.Context(), accesstoken.Grant{
		Subject: clientID, ClientID: clientID, Audience: []string{c.api},
		Confirmation: cnf.Bind(cnf.MemberJKT, proofs.Thumbprint()),
	})
	require.NoError(t, err)
	return &oauth2.Token{AccessToken: token, TokenType: "DPoP"}
}
