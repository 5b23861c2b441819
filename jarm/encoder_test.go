package jarm_test

//lint:file-ignore SA1012 a nil context is one of the mistakes tested

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
	"github.com/go-fapi/fapi/jarm"
)

func granted() url.Values { return url.Values{"code": {code}, "state": {state}} }

func payloadOf(t testing.TB, response string) string {
	t.Helper()
	token, err := jose.Parse(response)
	require.NoError(t, err)
	return string(token.Payload)
}

func TestEncode(t *testing.T) {
	t.Parallel()
	t.Run("the claims of JARM 2.1, and only them", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			got, err := newEncoder(t).Encode(t.Context(), client, granted())
			require.NoError(t, err)
			require.Equal(t, `{"iss":"https://as.example.com","aud":"client-1","exp":946684860,"code":"`+code+`","state":"s-1"}`, payloadOf(t, got))
			token, err := jose.Parse(got)
			require.NoError(t, err)
			require.Equal(t, jose.Header{Algorithm: "ES256", KeyID: "as-1"}, token.Header)
			newRP(t).accepts(t, getResponse(got))
			time.Sleep(time.Minute)
			_, err = newRP(t).Decode(t.Context(), got)
			require.ErrorIs(t, err, jarm.ErrExpiry)
		})
	})
	t.Run("an error has the same claims", func(t *testing.T) {
		t.Parallel()
		got, err := newEncoder(t).Encode(t.Context(), client, url.Values{
			"error": {"access_denied"}, "error_description": {"Wär's nicht so"}, "error_uri": {"https://as.example.com/e"}, "state": {state},
		})
		require.NoError(t, err)
		_, err = newRP(t).Callback(getResponse(got), state)
		var answered *jarm.AuthorizationError
		require.ErrorAs(t, err, &answered)
		assert.Equal(t, "access_denied", answered.Code())
		assert.Equal(t, "Wär's nicht so", answered.Description())
		assert.Equal(t, "https://as.example.com/e", answered.URI())
		assert.Equal(t, state, answered.State())
		assert.Equal(t, "jarm: the authorization server answered with the error access_denied", err.Error())
	})
	t.Run("numbers, empty values and the issuer", func(t *testing.T) {
		t.Parallel()
		got, err := newEncoder(t).Encode(t.Context(), client, url.Values{
			"access_token": {"at"}, "expires_in": {"3600"}, "scope": {""}, "token_type": nil, "iss": {issuer}, "state": {state},
		})
		require.NoError(t, err)
		payload := payloadOf(t, got)
		require.Contains(t, payload, `"expires_in":3600`)
		require.Equal(t, 1, strings.Count(payload, `"iss"`))
		params, err := newRP(t).Decode(t.Context(), got)
		require.NoError(t, err)
		require.Equal(t, url.Values{"access_token": {"at"}, "expires_in": {"3600"}, "state": {state}}, params)
	})
	t.Run("a long state comes through", func(t *testing.T) {
		t.Parallel()
		long := strings.Repeat("é\"\\", 1000)
		got, err := newEncoder(t).Encode(t.Context(), client, url.Values{"code": {code}, "state": {long}})
		require.NoError(t, err)
		params, err := newRP(t).Callback(getResponse(got), long)
		require.NoError(t, err)
		require.Equal(t, long, params.Get("state"))
	})
	t.Run("every key", func(t *testing.T) {
		t.Parallel()
		for _, key := range []crypto.Signer{testkeys.ES256("a"), testkeys.EdDSA("a"), testkeys.PS256()} {
			encoder := newEncoder(t, func(c *jarm.EncoderConfig) { c.Key, c.KeyID = key, "" })
			got, err := encoder.Encode(t.Context(), client, granted())
			require.NoError(t, err)
			thumbprint, err := jose.Thumbprint(key.Public())
			require.NoError(t, err)
			keys := &source{kid: jose.Encode(thumbprint[:]), keys: []crypto.PublicKey{key.Public()}}
			newRP(t, func(c *jarm.DecoderConfig) { c.Keys = keys }).accepts(t, getResponse(got))
		}
	})
	t.Run("S60 a name is one member", func(t *testing.T) {
		t.Parallel()
		name := `x":0,"admin`
		got, err := newEncoder(t).Encode(t.Context(), `c","aud":"client-1`, url.Values{"code": {`a","error":"b`}, name: {`true,"y":"`}})
		require.NoError(t, err)
		var members map[string]any
		require.NoError(t, json.Unmarshal([]byte(payloadOf(t, got)), &members))
		delete(members, "exp")
		require.Equal(t, map[string]any{"iss": issuer, "aud": `c","aud":"client-1`, "code": `a","error":"b`, name: `true,"y":"`}, members)
	})
}

func TestEncodeRefuses(t *testing.T) {
	t.Parallel()
	for name, params := range map[string]url.Values{
		"nothing":                   {},
		"only state":                {"state": {state}},
		"a code and an error":       {"code": {code}, "error": {"access_denied"}},
		"a parameter twice":         {"code": {code, code}},
		"a parameter without name":  {"code": {code}, "": {"x"}},
		"another issuer":            {"code": {code}, "iss": {issuer + "/"}},
		"aud":                       {"code": {code}, "aud": {client}},
		"exp":                       {"code": {code}, "exp": {"1"}},
		"a claim in capitals":       {"code": {code}, "Exp": {"1"}},
		"sub":                       {"code": {code}, "sub": {"u"}},
		"response":                  {"code": {code}, "response": {"x"}},
		"an error with a quote":     {"error": {`a"b`}},
		"expires_in as text":        {"code": {code}, "expires_in": {`1,"error":2`}},
		"expires_in below zero":     {"code": {code}, "expires_in": {"-1"}},
		"invalid UTF-8":             {"code": {"\xff"}},
		"a name in invalid UTF-8":   {"code": {code}, "\xff": {"x"}},
		"more than a decoder reads": {"code": {strings.Repeat("x", 16<<10)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newEncoder(t).Encode(t.Context(), client, params)
			require.Error(t, err)
			require.True(t, strings.HasPrefix(err.Error(), "jarm: "), err)
			require.Empty(t, got)
		})
	}
	t.Run("a client identifier that is none", func(t *testing.T) {
		t.Parallel()
		for _, id := range []string{"", "a\nb", "é", "a\x7f"} {
			_, err := newEncoder(t).Encode(t.Context(), id, granted())
			require.Error(t, err)
		}
		_, err := newEncoder(t).Encode(t.Context(), " ~", granted())
		require.NoError(t, err)
	})
	t.Run("an encoder that nobody made, no context, a context that is done", func(t *testing.T) {
		t.Parallel()
		var none *jarm.Encoder
		_, err := none.Encode(t.Context(), client, granted())
		require.Error(t, err)
		_, err = new(jarm.Encoder).Encode(t.Context(), client, granted())
		require.Error(t, err)
		_, err = newEncoder(t).Encode(nil, client, granted()) //nolint:staticcheck // that is the point
		require.Error(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = newEncoder(t).Encode(ctx, client, granted())
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("a key that fails", func(t *testing.T) {
		t.Parallel()
		encoder := newEncoder(t, func(c *jarm.EncoderConfig) { c.Key = brokenKey{serverKey()} })
		_, err := encoder.Encode(t.Context(), client, granted())
		require.ErrorContains(t, err, "HSM")
	})
}

type brokenKey struct{ crypto.Signer }

func (brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errors.New("HSM gone")
}

func TestNewEncoder(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*jarm.EncoderConfig){
		"S65 no issuer":       func(c *jarm.EncoderConfig) { c.Issuer = "" },
		"http":                func(c *jarm.EncoderConfig) { c.Issuer = "http://as.example.com" },
		"issuer with a query": func(c *jarm.EncoderConfig) { c.Issuer += "?a" },
		"issuer with a user":  func(c *jarm.EncoderConfig) { c.Issuer = "https://a@b.example" },
		"S65 no key":          func(c *jarm.EncoderConfig) { c.Key = nil },
		"kid not text":        func(c *jarm.EncoderConfig) { c.KeyID = "\xff" },
		"too short":           func(c *jarm.EncoderConfig) { c.Lifetime = 9 * time.Second },
		"below zero":          func(c *jarm.EncoderConfig) { c.Lifetime = -time.Second },
		"too long":            func(c *jarm.EncoderConfig) { c.Lifetime = 10*time.Minute + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := jarm.EncoderConfig{Issuer: issuer, Key: serverKey(), Lifetime: 10 * time.Minute}
			_, err := jarm.NewEncoder(config)
			require.NoError(t, err)
			config.Lifetime = 10 * time.Second
			_, err = jarm.NewEncoder(config)
			require.NoError(t, err)
			change(&config)
			_, err = jarm.NewEncoder(config)
			require.ErrorContains(t, err, "jarm: ")
		})
	}
}
