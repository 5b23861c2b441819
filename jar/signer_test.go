package jar_test

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
)

func newSigner(t testing.TB, changes ...func(*jar.SignerConfig)) *jar.Signer {
	t.Helper()
	config := jar.SignerConfig{ClientID: "client-1", Issuer: issuer, Key: testkeys.ES256("client-1"), KeyID: "k1"}
	for _, change := range changes {
		change(&config)
	}
	signer, err := jar.NewSigner(config)
	require.NoError(t, err)
	return signer
}

func TestNewSignerRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*jar.SignerConfig){
		"no client":         func(c *jar.SignerConfig) { c.ClientID = "" },
		"client not VSCHAR": func(c *jar.SignerConfig) { c.ClientID = "a\nb" },
		"no issuer":         func(c *jar.SignerConfig) { c.Issuer = "" },
		"http issuer":       func(c *jar.SignerConfig) { c.Issuer = "http://as.example.com" },
		"issuer no URL":     func(c *jar.SignerConfig) { c.Issuer = "as.example.com" },
		"issuer query":      func(c *jar.SignerConfig) { c.Issuer += "?a" },
		"issuer fragment":   func(c *jar.SignerConfig) { c.Issuer += "#" },
		"issuer user":       func(c *jar.SignerConfig) { c.Issuer = "https://u@as.example.com" },
		"issuer not UTF-8":  func(c *jar.SignerConfig) { c.Issuer += "/\xff" },
		"no key":            func(c *jar.SignerConfig) { c.Key = nil },
		"kid not UTF-8":     func(c *jar.SignerConfig) { c.KeyID = "\xff" },
		"negative lifetime": func(c *jar.SignerConfig) { c.Lifetime = -1 },
		"short lifetime":    func(c *jar.SignerConfig) { c.Lifetime = time.Second - 1 },
		"long lifetime":     func(c *jar.SignerConfig) { c.Lifetime = time.Hour + 1 },
		"encrypt to nobody": func(c *jar.SignerConfig) { c.EncryptTo = &jar.EncryptTo{} },
		"encrypt to EdDSA":  func(c *jar.SignerConfig) { c.EncryptTo = &jar.EncryptTo{Key: testkeys.EdDSA("as").Public()} },
		"encrypt: odd kid": func(c *jar.SignerConfig) {
			c.EncryptTo = &jar.EncryptTo{Key: testkeys.PS256().Public(), KeyID: "\xff"}
		},
		"encrypt: odd enc": func(c *jar.SignerConfig) {
			c.EncryptTo = &jar.EncryptTo{Key: testkeys.PS256().Public(), Enc: "A128GCM"}
		},
	} {
		config := jar.SignerConfig{ClientID: "client-1", Issuer: issuer, Key: testkeys.ES256("client-1")}
		_, err := jar.NewSigner(config)
		require.NoError(t, err)
		change(&config)
		signer, err := jar.NewSigner(config)
		assert.ErrorContains(t, err, "jar: ", name)
		assert.Nil(t, signer, name)
	}
}

func TestObject(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		params := url.Values{
			"client_id": {"", "client-1"}, "response_type": {"code"}, "state": {`a"},"x":"` + "\n"}, "max_age": {"0"},
			"claims": {" {\"userinfo\":{}}\r\n"}, "authorization_details": {`[{"type":"a"}]`},
			"resource": {"https://a.example", "https://b.example"}, "prompt": {""}, "extension": {"[1]"}, "nonce": nil,
		}
		token, err := newSigner(t).Sign(t.Context(), params)
		require.NoError(t, err)
		parsed, err := jose.Parse(token)
		require.NoError(t, err)
		require.NoError(t, parsed.Verify(testkeys.ES256("client-1").Public()))
		assert.Equal(t, "oauth-authz-req+jwt", parsed.Header.Type)
		assert.Equal(t, "k1", parsed.Header.KeyID)
		var payload map[string]any
		require.NoError(t, json.Unmarshal(parsed.Payload, &payload))
		jti, _ := payload["jti"].(string)
		assert.Len(t, jti, 26, "128 bits or more")
		delete(payload, "jti")
		now := float64(time.Now().Unix())
		assert.Equal(t, map[string]any{
			"iss": "client-1", "client_id": "client-1", "aud": issuer, "iat": now, "nbf": now, "exp": now + 300,
			"response_type": "code", "state": `a"},"x":"` + "\n", "max_age": 0.0, "claims": map[string]any{"userinfo": map[string]any{}},
			"authorization_details": []any{map[string]any{"type": "a"}}, "resource": []any{"https://a.example", "https://b.example"},
			"extension": "[1]",
		}, payload)
		assert.Equal(t, []string{"", "client-1"}, params["client_id"], "the caller's form is left alone")
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
			s := newServer(t, func(c *jar.VerifierConfig) { c.RequireType = true })
			// The default kid is the thumbprint.
			s.clients[id] = jar.Client{Keys: keys{jose.Encode(thumbprint[:]): {key.Public()}}, SigningAlg: name}
			signer := newSigner(t, func(c *jar.SignerConfig) { c.ClientID, c.Key, c.KeyID, c.Lifetime = id, key, "", time.Hour })
			params := soundParams(id)
			params["resource"] = []string{"https://a.example", "https://b.example"}
			params.Set("claims", `{"id_token":{"acr":{"values":["a"]}}}`)
			params.Set("max_age", "86400")
			params.Set("authorization_details", `[]`)
			params.Set("state", strings.Repeat("é\"", 500))
			token, err := signer.Sign(t.Context(), params)
			require.NoError(t, err)
			require.Equal(t, params, s.accepts(t, id, token))
			other, err := signer.Sign(t.Context(), params)
			require.NoError(t, err)
			require.NotEqual(t, token, other)
		})
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	signer, sound := newSigner(t), soundParams("client-1")
	var none context.Context
	_, err := signer.Sign(none, sound)
	require.ErrorContains(t, err, "jar: ")
	for _, unmade := range []*jar.Signer{nil, new(jar.Signer)} {
		_, err = unmade.Sign(t.Context(), sound)
		require.ErrorContains(t, err, "jar: ")
	}
	for name, values := range map[string][]string{
		"request": {""}, "request_uri": {"urn:x"}, "iss": {"client-1"}, "sub": {"alice"}, "aud": {issuer}, "jti": {"a"}, "iat": {"1"},
		"nbf": {"1"}, "exp": {"1"}, "client_id": {"client-1", "client-2"}, "state": {"a", "b"}, "nonce": {"\xff"}, "scope": {"a\x00"},
		"max_age": {"-1"}, "claims": {`{"a":1`}, "authorization_details": {`{}`}, "resource": {"a", "\xff"}, "": {"x"}, "\xff": {"x"}, "a\x00": {"x"},
		"extension": {strings.Repeat("x", 12<<10)},
	} {
		params := soundParams("client-1")
		params[name] = values
		token, err := signer.Sign(t.Context(), params)
		assert.ErrorContains(t, err, "jar: ", name)
		assert.Empty(t, token, name)
	}
	// Text that is more than one value would add members of its own.
	for _, text := range []string{`{},"scope":"admin"`, `{}}`, `{} {}`, `[]`, `"{}"`, `{"a":1,"a":2}`, `null`, " "} {
		_, err := signer.Sign(t.Context(), url.Values{"claims": {text}})
		assert.Error(t, err, text)
	}
	for _, text := range []string{"01", "+1", "1.0", "1e3", " 1", "x", "9223372036854775808"} {
		_, err := signer.Sign(t.Context(), url.Values{"max_age": {text}})
		assert.Error(t, err, text)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = signer.Sign(cancelled, sound)
	require.ErrorIs(t, err, context.Canceled)
	_, err = newSigner(t, func(c *jar.SignerConfig) { c.Key = brokenKey{c.Key} }).Sign(t.Context(), sound)
	require.ErrorIs(t, err, errKey)
	_, err = signer.Sign(t.Context(), nil) // control, and the least there is
	require.NoError(t, err)
}

var errKey = errors.New("the module is gone")

// brokenKey is a hardware module that has lost its connection.
type brokenKey struct{ crypto.Signer }

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errKey }
