package jarm_test

import (
	"context"
	"crypto"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jarm"
)

const (
	issuer      = "https://as.example.com"
	client      = "client-1"
	state       = "s-1"
	code        = "SplxlOBeZQQYbYS6WxSbIA"
	redirectURI = "https://client.example/cb"
	es256Header = `{"alg":"ES256","kid":"as-1"}`
)

func serverKey() crypto.Signer { return testkeys.ES256("as") }

// source is a KeySource that counts how often it is asked.
type source struct {
	kid  string // empty: any
	keys []crypto.PublicKey
	err  error
	asks atomic.Int32
}

func (s *source) Keys(_ context.Context, kid, _ string) ([]crypto.PublicKey, error) {
	s.asks.Add(1)
	if s.kid != "" && kid != s.kid {
		return nil, s.err
	}
	return s.keys, s.err
}

func publish(keys ...crypto.Signer) *source {
	s := &source{kid: "as-1"}
	for _, key := range keys {
		s.keys = append(s.keys, key.Public())
	}
	return s
}

// rp is a decoder that trusts serverKey.
type rp struct {
	*jarm.Decoder
	source *source
}

func newRP(t testing.TB, changes ...func(*jarm.DecoderConfig)) *rp {
	t.Helper()
	keys := publish(serverKey())
	config := jarm.DecoderConfig{Issuer: issuer, ClientID: client, Keys: keys}
	for _, change := range changes {
		change(&config)
	}
	decoder, err := jarm.NewDecoder(config)
	require.NoError(t, err)
	return &rp{decoder, keys}
}

func mode(mode string) func(*jarm.DecoderConfig) {
	return func(c *jarm.DecoderConfig) { c.ResponseMode = mode }
}

func newEncoder(t testing.TB, changes ...func(*jarm.EncoderConfig)) *jarm.Encoder {
	t.Helper()
	config := jarm.EncoderConfig{Issuer: issuer, Key: serverKey(), KeyID: "as-1"}
	for _, change := range changes {
		change(&config)
	}
	encoder, err := jarm.NewEncoder(config)
	require.NoError(t, err)
	return encoder
}

// members of a payload.
type members map[string]any

// sound are the members of a response that is accepted.
func sound() members {
	return members{"iss": issuer, "aud": client, "exp": time.Now().Unix() + 60, "code": code, "state": state}
}

func (m members) with(name string, value any) members {
	m = maps.Clone(m)
	m[name] = value
	return m
}

func (m members) without(name string) members {
	m = maps.Clone(m)
	delete(m, name)
	return m
}

func (m members) json(t testing.TB) string {
	t.Helper()
	data, err := json.Marshal(m)
	require.NoError(t, err)
	return string(data)
}

// sign makes a token of any header and payload with a real signature, so that
// nothing but what a test changed can be the reason for a refusal.
func sign(t testing.TB, key crypto.Signer, header, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(key)
	require.NoError(t, err)
	token, err := signer.Sign(context.Background(), jose.Encode([]byte(header)), []byte(payload))
	require.NoError(t, err)
	return token
}

func response(t testing.TB, m members) string {
	t.Helper()
	return sign(t, serverKey(), es256Header, m.json(t))
}

// get is a callback by query, post one by form.
func get(query string) *http.Request {
	return httptest.NewRequest(http.MethodGet, redirectURI+"?"+query, nil)
}

func getResponse(response string) *http.Request {
	return get(url.Values{"response": {response}}.Encode())
}

func post(query, form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, redirectURI+"?"+query, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// accepts is the control of the attacks.
func (p *rp) accepts(t testing.TB, r *http.Request) {
	t.Helper()
	params, err := p.Callback(r, state)
	require.NoError(t, err)
	require.Equal(t, url.Values{"code": {code}, "state": {state}}, params)
}

// refuses checks both ways in, and that nothing of the response is told.
func (p *rp) refuses(t testing.TB, rule error, response string) {
	t.Helper()
	params, err := p.Decode(t.Context(), response)
	requireRefused(t, rule, params, err)
	params, err = p.Callback(getResponse(response), state)
	requireRefused(t, rule, params, err)
}

func requireRefused(t testing.TB, rule error, params url.Values, err error) {
	t.Helper()
	require.ErrorIs(t, err, rule)
	require.Nil(t, params)
	var refused *jarm.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "invalid_request", refused.OAuthCode())
	require.Equal(t, 1, strings.Count(err.Error(), "jarm: "), err)
	for _, secret := range []string{code, client, issuer, "evil"} {
		require.NotContains(t, err.Error(), secret)
	}
}

// requireFault checks that err blames nobody's request, so that it becomes a 5xx.
func requireFault(t testing.TB, params url.Values, err error) {
	t.Helper()
	require.Error(t, err)
	require.Nil(t, params)
	var refused *jarm.Error
	require.NotErrorAs(t, err, &refused)
	var answered *jarm.AuthorizationError
	require.NotErrorAs(t, err, &answered)
}

func readFile(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

func parseKey(t testing.TB, jwk []byte) crypto.PublicKey {
	t.Helper()
	key, err := jose.ParseJWK(jwk, jose.MaxRSABits)
	require.NoError(t, err)
	return key.Key
}
