package privatekeyjwt_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

func newSigner(t testing.TB, changes ...func(*privatekeyjwt.SignerConfig)) *privatekeyjwt.Signer {
	t.Helper()
	config := privatekeyjwt.SignerConfig{ClientID: "client-1", Issuer: issuer, Key: testkeys.ES256("client-1"), KeyID: "k1"}
	for _, change := range changes {
		change(&config)
	}
	signer, err := privatekeyjwt.NewSigner(config)
	require.NoError(t, err)
	return signer
}

func TestNewSignerRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*privatekeyjwt.SignerConfig){
		"no client":         func(c *privatekeyjwt.SignerConfig) { c.ClientID = "" },
		"client not VSCHAR": func(c *privatekeyjwt.SignerConfig) { c.ClientID = "a\nb" },
		"no issuer":         func(c *privatekeyjwt.SignerConfig) { c.Issuer = "" },
		"http issuer":       func(c *privatekeyjwt.SignerConfig) { c.Issuer = "http://as.example.com" },
		"issuer no URL":     func(c *privatekeyjwt.SignerConfig) { c.Issuer = "as.example.com" },
		"issuer query":      func(c *privatekeyjwt.SignerConfig) { c.Issuer += "?a" },
		"issuer fragment":   func(c *privatekeyjwt.SignerConfig) { c.Issuer += "#" },
		"issuer user":       func(c *privatekeyjwt.SignerConfig) { c.Issuer = "https://u@as.example.com" },
		"no key":            func(c *privatekeyjwt.SignerConfig) { c.Key = nil },
		"kid not UTF-8":     func(c *privatekeyjwt.SignerConfig) { c.KeyID = "\xff" },
		"negative lifetime": func(c *privatekeyjwt.SignerConfig) { c.Lifetime = -1 },
		"short lifetime":    func(c *privatekeyjwt.SignerConfig) { c.Lifetime = time.Second - 1 },
		"long lifetime":     func(c *privatekeyjwt.SignerConfig) { c.Lifetime = 5*time.Minute + 1 },
	} {
		config := privatekeyjwt.SignerConfig{ClientID: "client-1", Issuer: issuer, Key: testkeys.ES256("client-1")}
		_, err := privatekeyjwt.NewSigner(config)
		require.NoError(t, err)
		change(&config)
		signer, err := privatekeyjwt.NewSigner(config)
		assert.ErrorContains(t, err, "privatekeyjwt: ", name)
		assert.Nil(t, signer, name)
	}
}

func TestAssertion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		form := url.Values{"grant_type": {"client_credentials"}, "resource": {"a", "b"}}
		require.NoError(t, newSigner(t).AuthenticateClient(t.Context(), form))
		assert.Equal(t, []string{bearerType}, form["client_assertion_type"])
		assert.Equal(t, []string{"client-1"}, form["client_id"])
		assert.Equal(t, []string{"a", "b"}, form["resource"])
		token, err := jose.Parse(form.Get("client_assertion"))
		require.NoError(t, err)
		require.NoError(t, token.Verify(testkeys.ES256("client-1").Public()))
		assert.Equal(t, "client-authentication+jwt", token.Header.Type)
		assert.Equal(t, "k1", token.Header.KeyID)
		assert.Nil(t, token.Header.JWK)
		var payload map[string]any
		require.NoError(t, json.Unmarshal(token.Payload, &payload))
		jti, _ := payload["jti"].(string)
		assert.Len(t, jti, 26, "128 bits or more")
		delete(payload, "jti")
		now := float64(time.Now().Unix())
		assert.Equal(t, map[string]any{"iss": "client-1", "sub": "client-1", "aud": issuer, "iat": now, "exp": now + 60}, payload)
	})
}

func TestSignerAndVerifier(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]crypto.Signer{
		"ES256": testkeys.ES256("signer"), "PS256": testkeys.PS256Other(), "EdDSA": testkeys.EdDSA("signer"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const id = `https://client.example/a b"c\`
			thumbprint, err := jose.Thumbprint(key.Public())
			require.NoError(t, err)
			s := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.RequireType = true })
			// The default kid is the thumbprint.
			s.clients[id] = privatekeyjwt.Client{Keys: keys{jose.Encode(thumbprint[:]): {key.Public()}}, SigningAlg: name}
			signer := newSigner(t, func(c *privatekeyjwt.SignerConfig) {
				c.ClientID, c.Key, c.KeyID, c.Lifetime = id, key, "", 5*time.Minute
			})
			form := url.Values{}
			for range 2 { // a form used again gets a new assertion
				require.NoError(t, signer.AuthenticateClient(t.Context(), form))
				got, err := s.Authenticate(post(form))
				require.NoError(t, err)
				require.Equal(t, id, got)
			}
			require.Len(t, form["client_assertion"], 1)
		})
	}
}

func TestAuthenticateClientRefuses(t *testing.T) {
	t.Parallel()
	signer := newSigner(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	var none context.Context
	broken := newSigner(t, func(c *privatekeyjwt.SignerConfig) { c.Key = brokenKey{testkeys.ES256("client-1")} })
	for name, attempt := range map[string]func(form url.Values) error{
		"secret": func(f url.Values) error { f.Set("client_secret", ""); return signer.AuthenticateClient(t.Context(), f) },
		"other client": func(f url.Values) error {
			f.Add("client_id", "client-2")
			return signer.AuthenticateClient(t.Context(), f)
		},
		"no form":     func(url.Values) error { return signer.AuthenticateClient(t.Context(), nil) },
		"no context":  func(f url.Values) error { return signer.AuthenticateClient(none, f) },
		"cancelled":   func(f url.Values) error { return signer.AuthenticateClient(cancelled, f) },
		"key fails":   func(f url.Values) error { return broken.AuthenticateClient(t.Context(), f) },
		"nil signer":  func(f url.Values) error { return (*privatekeyjwt.Signer)(nil).AuthenticateClient(t.Context(), f) },
		"zero signer": func(f url.Values) error { return new(privatekeyjwt.Signer).AuthenticateClient(t.Context(), f) },
		"assertion kept": func(f url.Values) error {
			f.Set("client_assertion", "old")
			return broken.AuthenticateClient(t.Context(), f)
		},
	} {
		form := url.Values{"client_id": {"", "client-1"}}
		assert.ErrorContains(t, attempt(form), "privatekeyjwt: ", name)
		if name != "assertion kept" {
			assert.NotContains(t, form, "client_assertion", name)
		} else {
			assert.Equal(t, "old", form.Get("client_assertion"))
		}
	}
	form := url.Values{"client_id": {"", "client-1"}}
	require.NoError(t, signer.AuthenticateClient(t.Context(), form))
	require.Equal(t, []string{"client-1"}, form["client_id"])
	require.ErrorIs(t, signer.AuthenticateClient(cancelled, url.Values{}), context.Canceled)
	require.ErrorIs(t, broken.AuthenticateClient(t.Context(), url.Values{}), errKey)
}

var errKey = errors.New("the module is gone")

// brokenKey is a hardware module that has lost its connection.
type brokenKey struct{ crypto.Signer }

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errKey }
