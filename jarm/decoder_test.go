package jarm_test

//lint:file-ignore SA1012 a nil context is one of the mistakes tested

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jarm"
)

func TestNewDecoder(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*jarm.DecoderConfig){
		"S65 no issuer":         func(c *jarm.DecoderConfig) { c.Issuer = "" },
		"http":                  func(c *jarm.DecoderConfig) { c.Issuer = "http://as.example.com" },
		"issuer with fragment":  func(c *jarm.DecoderConfig) { c.Issuer += "#" },
		"S65 no client":         func(c *jarm.DecoderConfig) { c.ClientID = "" },
		"client not ASCII":      func(c *jarm.DecoderConfig) { c.ClientID = "é" },
		"S65 no keys":           func(c *jarm.DecoderConfig) { c.Keys = nil },
		"no keys for a form":    func(c *jarm.DecoderConfig) { c.Keys, c.ResponseMode = nil, jarm.ModeFormPostJWT },
		"an unknown mode":       func(c *jarm.DecoderConfig) { c.ResponseMode = "fragment" },
		"leeway below zero":     func(c *jarm.DecoderConfig) { c.Leeway = -1 },
		"leeway over a minute":  func(c *jarm.DecoderConfig) { c.Leeway = time.Minute + 1 },
		"no decryption key":     func(c *jarm.DecoderConfig) { c.DecryptionKeys = []jarm.DecryptionKey{{}} },
		"a key for signatures":  func(c *jarm.DecoderConfig) { c.DecryptionKeys = []jarm.DecryptionKey{{Key: testkeys.EdDSA("a")}} },
		"nil of a type":         func(c *jarm.DecoderConfig) { c.DecryptionKeys = []jarm.DecryptionKey{{Key: (*ecdsa.PrivateKey)(nil)}} },
		"a key without scalar":  func(c *jarm.DecoderConfig) { c.DecryptionKeys = []jarm.DecryptionKey{{Key: publicHalf()}} },
		"a curve of other size": func(c *jarm.DecoderConfig) { c.DecryptionKeys = []jarm.DecryptionKey{{Key: p384()}} },
		"a key in a plain mode": func(c *jarm.DecoderConfig) {
			c.ResponseMode, c.DecryptionKeys = jarm.ModeQuery, []jarm.DecryptionKey{{Key: testkeys.ES256("enc")}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := jarm.DecoderConfig{Issuer: issuer, ClientID: client, Keys: publish(serverKey())}
			_, err := jarm.NewDecoder(config)
			require.NoError(t, err)
			change(&config)
			_, err = jarm.NewDecoder(config)
			require.ErrorContains(t, err, "jarm: ")
		})
	}
	t.Run("a plain mode needs no keys", func(t *testing.T) {
		t.Parallel()
		_, err := jarm.NewDecoder(jarm.DecoderConfig{Issuer: "http://localhost:8080", ClientID: client, ResponseMode: jarm.ModeFormPost})
		require.NoError(t, err)
	})
}

func publicHalf() *ecdsa.PrivateKey {
	return &ecdsa.PrivateKey{PublicKey: testkeys.ES256("enc").PublicKey}
}

func p384() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

func TestUnconstructed(t *testing.T) {
	t.Parallel()
	var none *jarm.Decoder
	for _, d := range []*jarm.Decoder{none, {}} {
		params, err := d.Decode(t.Context(), response(t, sound()))
		requireFault(t, params, err)
		params, err = d.Callback(getResponse(response(t, sound())), state)
		requireFault(t, params, err)
	}
	d := newRP(t)
	params, err := d.Decode(nil, response(t, sound())) //nolint:staticcheck // that is the point
	requireFault(t, params, err)
	params, err = d.Callback(nil, state)
	requireFault(t, params, err)
	params, err = d.Callback(&http.Request{Method: http.MethodGet}, state)
	requireFault(t, params, err)
	require.Equal(t, "jarm: zero Error", new(jarm.Error).Error())
}

// An outage, a bug or a shutdown is nobody's refusal, and nothing is accepted.
func TestFaults(t *testing.T) {
	t.Parallel()
	token := response(t, sound())
	t.Run("the key source errs", func(t *testing.T) {
		t.Parallel()
		down := errors.New("down")
		p := newRP(t, func(c *jarm.DecoderConfig) { c.Keys = &source{err: down, keys: publish(serverKey()).keys} })
		params, err := p.Callback(getResponse(token), state)
		requireFault(t, params, err)
		require.ErrorIs(t, err, down)
	})
	t.Run("the key source panics, or is a nil of a type", func(t *testing.T) {
		t.Parallel()
		p := newRP(t, func(c *jarm.DecoderConfig) { c.Keys = (*source)(nil) })
		params, err := p.Decode(t.Context(), token)
		requireFault(t, params, err)
	})
	t.Run("the key is none", func(t *testing.T) {
		t.Parallel()
		p := newRP(t, func(c *jarm.DecoderConfig) {
			c.Keys = &source{keys: []crypto.PublicKey{nil, (*ecdsa.PublicKey)(nil), "x"}}
		})
		params, err := p.Decode(t.Context(), token)
		requireRefused(t, jarm.ErrKey, params, err)
	})
	t.Run("the context is done", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		params, err := newRP(t).Decode(ctx, token)
		requireFault(t, params, err)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("the body breaks off", func(t *testing.T) {
		t.Parallel()
		r := post("", "")
		r.Body, r.ContentLength = io.NopCloser(brokenBody{}), 100
		params, err := newRP(t, mode(jarm.ModeFormPostJWT)).Callback(r, state)
		requireFault(t, params, err)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestKeys(t *testing.T) {
	t.Parallel()
	token := response(t, sound())
	t.Run("S49 one of several fits", func(t *testing.T) {
		t.Parallel()
		keys := publish(testkeys.ES256("old"), testkeys.EdDSA("as"), serverKey(), testkeys.ES256("new"))
		newRP(t, func(c *jarm.DecoderConfig) { c.Keys = keys }).accepts(t, getResponse(token))
	})
	t.Run("S50 too many", func(t *testing.T) {
		t.Parallel()
		keys := publish(serverKey())
		for range 7 {
			keys.keys = append(keys.keys, serverKey().Public())
		}
		p := newRP(t, func(c *jarm.DecoderConfig) { c.Keys = keys })
		p.accepts(t, getResponse(token))
		keys.keys = append(keys.keys, serverKey().Public())
		p.refuses(t, jarm.ErrKey, token)
	})
}

// Times are compared to the second they mean.
func TestWindow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, m, now := newRP(t), sound(), time.Now().Unix()
		for _, c := range []struct {
			name  string
			value int64
			rule  error
		}{
			{"exp", now, jarm.ErrExpiry}, {"exp", now + 1, nil}, {"exp", now + 610, nil}, {"exp", now + 611, jarm.ErrExpiry},
			{"nbf", now + 10, nil}, {"nbf", now + 11, jarm.ErrNotBefore}, {"iat", now + 10, nil}, {"iat", now + 11, jarm.ErrNotBefore},
		} {
			_, err := p.Decode(t.Context(), response(t, m.with(c.name, c.value)))
			require.ErrorIs(t, err, c.rule, "%s %d", c.name, c.value-now)
		}
	})
}

// What we do not know is ignored or passed on, and never taken for a claim.
func TestParameters(t *testing.T) {
	t.Parallel()
	m := sound().with("session_state", "x").with("n", 1.5).with("zero", 0).with("minus", -9).with("list", []int{1}).with("flag", true).with("none", nil).
		with("jti", "j").with("sub", "u").with("expires_in", "60").with("empty", "")
	params, err := newRP(t).Callback(getResponse(response(t, m)), state)
	require.NoError(t, err)
	require.Equal(t, url.Values{
		"code": {code}, "state": {state}, "session_state": {"x"}, "n": {"1.5"}, "zero": {"0"}, "minus": {"-9"}, "expires_in": {"60"},
	}, params)
}

// The request is the handler's: reading a response changes nothing in it.
func TestCallbackLeavesTheForm(t *testing.T) {
	t.Parallel()
	form := url.Values{"code": {code}, "state": {state}, "iss": {issuer}}
	r := post("", form.Encode())
	p := newRP(t, mode(jarm.ModeFormPost))
	p.accepts(t, r)
	require.Equal(t, form, r.PostForm)
	p.accepts(t, r)

	parsed := httptest.NewRequest(http.MethodGet, redirectURI+"?"+form.Encode(), nil)
	require.NoError(t, parsed.ParseForm())
	newRP(t, mode(jarm.ModeQuery)).accepts(t, parsed)
}
