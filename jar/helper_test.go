package jar_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
)

const (
	issuer      = "https://as.example.com"
	parEndpoint = "https://as.example.com/par"
	redirectURI = "https://client.example.org/cb"

	es256Header = `{"alg":"ES256","kid":"k1","typ":"oauth-authz-req+jwt"}`
	eddsaHeader = `{"alg":"EdDSA","kid":"ed"}`
	ps256Header = `{"alg":"PS256","kid":"rsa"}`

	invalidObject  = "invalid_request_object"
	invalidURI     = "invalid_request_uri"
	invalidRequest = "invalid_request"
)

// clients is a ClientSource.
type clients map[string]jar.Client

func (c clients) Client(_ context.Context, id string) (jar.Client, bool, error) {
	client, ok := c[id]
	return client, ok, nil
}

// keys is a KeySource: kid to keys.
type keys map[string][]crypto.PublicKey

func (k keys) Keys(_ context.Context, kid, alg string) (found []crypto.PublicKey, err error) {
	for id, list := range k {
		for _, key := range list {
			if own, _ := jose.KeyAlgorithm(key); own == alg && (kid == "" || kid == id) {
				found = append(found, key)
			}
		}
	}
	return found, nil
}

// server is a verifier with two clients, each with keys of its own under kid k1.
type server struct {
	*jar.Verifier
	clients clients
}

func newServer(t testing.TB, changes ...func(*jar.VerifierConfig)) *server {
	t.Helper()
	s := &server{clients: clients{
		"client-1": {Keys: keys{
			"k1":  {testkeys.ES256("client-1").Public()},
			"ed":  {testkeys.EdDSA("client-1").Public()},
			"rsa": {testkeys.PS256().Public()},
		}},
		"client-2": {Keys: keys{"k1": {testkeys.ES256("client-2").Public()}}},
	}}
	config := jar.VerifierConfig{Issuer: issuer, Clients: s.clients}
	for _, change := range changes {
		change(&config)
	}
	verifier, err := jar.NewVerifier(config)
	require.NoError(t, err)
	s.Verifier = verifier
	return s
}

// claims of a request object.
type claims map[string]any

// claimsOf are sound claims of a client.
func claimsOf(clientID string) claims {
	now := time.Now().Unix()
	return claims{
		"iss": clientID, "client_id": clientID, "aud": issuer, "jti": rand.Text(), "iat": now, "nbf": now, "exp": now + 300,
		"response_type": "code", "redirect_uri": redirectURI, "scope": "openid accounts", "state": "s-1", "nonce": "n-1",
		"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256",
	}
}

// soundParams are what claimsOf say.
func soundParams(clientID string) url.Values {
	return url.Values{
		"client_id": {clientID}, "response_type": {"code"}, "redirect_uri": {redirectURI}, "scope": {"openid accounts"},
		"state": {"s-1"}, "nonce": {"n-1"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
}

func (c claims) with(name string, value any) claims {
	c = maps.Clone(c)
	c[name] = value
	return c
}

func (c claims) without(name string) claims {
	c = maps.Clone(c)
	delete(c, name)
	return c
}

func (c claims) json(t testing.TB) string {
	t.Helper()
	data, err := json.Marshal(c)
	require.NoError(t, err)
	return string(data)
}

// sign makes a validly signed token of any header and payload, however odd.
func sign(t testing.TB, key crypto.Signer, header, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(key)
	require.NoError(t, err)
	token, err := signer.Sign(t.Context(), jose.Encode([]byte(header)), []byte(payload))
	require.NoError(t, err)
	return token
}

// object is signed by client-1's ES256 key.
func object(t testing.TB, c claims) string {
	t.Helper()
	return sign(t, testkeys.ES256("client-1"), es256Header, c.json(t))
}

// pushed is a form with an object by value; further parameters are names and
// values in turn.
func pushed(clientID, object string, more ...string) url.Values {
	form := url.Values{"client_id": {clientID}, "request": {object}}
	for i := 0; i < len(more); i += 2 {
		form.Add(more[i], more[i+1])
	}
	return form
}

// accepts is the control of every attack.
func (s *server) accepts(t testing.TB, clientID, object string) url.Values {
	t.Helper()
	params, err := s.Verify(t.Context(), clientID, pushed(clientID, object))
	require.NoError(t, err)
	require.Equal(t, clientID, params.Get("client_id"))
	return params
}

// refuses checks that each object of client-1 is refused, by rule if there is
// one, with invalid_request_object.
func (s *server) refuses(t testing.TB, rule error, objects ...string) {
	t.Helper()
	for _, object := range objects {
		s.refusesForm(t, rule, invalidObject, pushed("client-1", object))
	}
}

func (s *server) refusesForm(t testing.TB, rule error, code string, form url.Values) {
	t.Helper()
	params, err := s.Verify(t.Context(), "client-1", form)
	require.Nil(t, params)
	requireRefused(t, rule, code, err)
	requireSilent(t, err, form)
}

func requireRefused(t testing.TB, rule error, code string, err error) {
	t.Helper()
	require.ErrorIs(t, err, rule)
	var refused *jar.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.OAuthCode())
}

// requireFault checks that err is the server's own fault, so that it becomes a
// 5xx.
func requireFault(t testing.TB, params url.Values, err error) {
	t.Helper()
	require.Error(t, err)
	var oauth interface{ OAuthCode() string }
	require.NotErrorAs(t, err, &oauth)
	require.Nil(t, params)
}

// requireSilent checks that neither text nor log holds anything of the request.
func requireSilent(t testing.TB, err error, form url.Values) {
	t.Helper()
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("refused", "err", err)
	text := err.Error() + log.String()
	require.True(t, strings.HasPrefix(err.Error(), "jar: "), err)
	for segment := range strings.SplitSeq(form.Get("request"), ".") {
		if len(segment) > 20 {
			require.NotContains(t, text, segment)
		}
	}
	require.NotContains(t, text, "client-1")
	require.NotContains(t, text, "evil.example")
}

// at runs f in a bubble whose clock shows the given second.
func at(t *testing.T, second int64, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(second, 0)))
		f(t)
	})
}

// readFile decodes a file of testdata.
func readFile(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}
