package interop_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

const issuer = "https://as.example"

// foreignAssertions are what assertions.mjs makes with one key.
type foreignAssertions struct {
	Algorithm string `json:"alg"`
	JWKS      json.RawMessage

	Accepted []string

	OtherAudience, ListedAudience, Expired, OtherType, OtherKeyID, OtherKey string
}

// oneClient is a registry of one client.
type oneClient struct{ keys privatekeyjwt.KeySource }

func (c oneClient) Client(_ context.Context, id string) (privatekeyjwt.Client, bool, error) {
	return privatekeyjwt.Client{Keys: c.keys}, id == clientID, nil
}

// Client assertions of jose before our Verifier.
func TestForeignAssertions(t *testing.T) {
	t.Parallel()
	needNode(t)
	var all []foreignAssertions
	startNode(t, "assertions.mjs").ask(map[string]string{"issuer": issuer, "clientID": clientID}, &all)
	require.Len(t, all, 4)
	for _, made := range all {
		t.Run(made.Algorithm, func(t *testing.T) {
			t.Parallel()
			keys, err := jwks.NewStatic(made.JWKS)
			require.NoError(t, err)
			verifier, err := privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
				Issuer: issuer, Clients: oneClient{keys}, Replay: newReplay(t),
			})
			require.NoError(t, err)
			made.check(t, verifier)
		})
	}
}

func (a foreignAssertions) check(t *testing.T, verifier *privatekeyjwt.Verifier) {
	t.Helper()
	for assertion, rule := range map[string]error{
		a.OtherAudience:         privatekeyjwt.ErrAudience,
		a.ListedAudience:        privatekeyjwt.ErrAudience,
		a.Expired:               privatekeyjwt.ErrExpiry,
		a.OtherType:             privatekeyjwt.ErrType,
		a.OtherKeyID:            privatekeyjwt.ErrKey,
		a.OtherKey:              privatekeyjwt.ErrSignature,
		tampered(a.Accepted[0]): privatekeyjwt.ErrSignature,
	} {
		_, err := authenticate(verifier, assertion)
		require.ErrorIs(t, err, rule)
	}
	require.Len(t, a.Accepted, 4)
	for _, assertion := range a.Accepted {
		who, err := authenticate(verifier, assertion)
		require.NoError(t, err)
		require.Equal(t, clientID, who)
		_, err = authenticate(verifier, assertion)
		require.ErrorIs(t, err, privatekeyjwt.ErrReplay)
	}
}

func authenticate(verifier *privatekeyjwt.Verifier, assertion string) (string, error) {
	form := url.Values{
		"grant_type":            {"client_credentials"},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}
	request := httptest.NewRequest("POST", issuer+"/token", strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return verifier.Authenticate(request)
}

// Client assertions of our Signer before jose, which finds the key in the set
// that our Publisher serves.
func TestOurAssertions(t *testing.T) {
	t.Parallel()
	needNode(t)
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			key := keyFor(algorithm, "client")
			signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: clientID, Issuer: issuer, Key: key})
			require.NoError(t, err)
			form := url.Values{}
			require.NoError(t, signer.AuthenticateClient(t.Context(), form))
			assertion := form.Get("client_assertion")

			right := published(t, jwks.Key{Key: key.Public()})
			wrongKeyID := published(t, jwks.Key{Key: key.Public(), KeyID: "other"})
			keyID, err := jwks.KeyID(key.Public())
			require.NoError(t, err)
			wrongKey := published(t, jwks.Key{Key: keyFor(algorithm, "other").Public(), KeyID: keyID})
			ours := verifyOptions{Algorithms: []string{algorithm}, Issuer: clientID, Subject: clientID, Audience: issuer}
			other := ours
			other.Audience = issuer + "/token"
			var results []outcome[verified]
			startNode(t, "verify.mjs").ask([]verification{
				{JWT: assertion, JWKS: right, Options: ours},
				{JWT: assertion, JWKS: right, Options: other},
				{JWT: assertion, JWKS: wrongKeyID, Options: ours},
				{JWT: assertion, JWKS: wrongKey, Options: ours},
			}, &results)

			require.Empty(t, results[0].Error)
			got := results[0].Value.Payload
			require.Equal(t, issuer, got["aud"], "a string")
			require.InDelta(t, got["iat"], got["exp"], 60)
			require.NotEmpty(t, got["jti"])
			require.Equal(t, outcome[verified]{Error: wrongClaim, Claim: "aud"}, results[1])
			require.Equal(t, noSuchKey, results[2].Error)
			require.Equal(t, wrongSignature, results[3].Error)
		})
	}
}

// published is the JWK Set as others get it.
func published(t *testing.T, keys ...jwks.Key) json.RawMessage {
	t.Helper()
	publisher, err := jwks.NewPublisher(jwks.PublisherConfig{Keys: keys})
	require.NoError(t, err)
	recorder := httptest.NewRecorder()
	publisher.ServeHTTP(recorder, httptest.NewRequest("GET", issuer+"/jwks", nil))
	return recorder.Body.Bytes()
}
