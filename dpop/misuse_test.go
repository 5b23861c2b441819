package dpop_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/replay"
)

func TestVerifierConfig(t *testing.T) {
	t.Parallel()
	type configure = func(*dpop.VerifierConfig)
	origins := func(o ...string) configure { return func(c *dpop.VerifierConfig) { c.Origins = o } }
	refused := map[string]struct {
		change configure
		names  string // what the error has to name
	}{
		"S65 no replay store":            {func(c *dpop.VerifierConfig) { c.Replay = nil }, "replay.NewMemory"},
		"S65 no replay store, the other": {func(c *dpop.VerifierConfig) { c.Replay = nil }, "replay.Off{}"},
		"S65 no origins":                 {origins(), "Origins"},
		"an empty origin":                {origins(apiOrigin, ""), "origin"},
		"a host without scheme":          {origins("api.bank.example"), "origin"},
		"an http origin":                 {origins("http://api.bank.example"), "https"},
		"an http origin like loopback":   {origins("http://127.0.0.1.evil.example"), "https"},
		"an http origin like localhost":  {origins("http://localhost.evil.example"), "https"},
		"an http origin of an intranet":  {origins("http://10.0.0.1:8080"), "https"},
		"an http origin in IPv6":         {origins("http://[2001:db8::1]"), "https"},
		"an ftp origin":                  {origins("ftp://api.bank.example"), "origin"},
		"an origin with a query":         {origins(apiOrigin + "?a=b"), "origin"},
		"an origin with an empty query":  {origins(apiOrigin + "/?"), "origin"},
		"an origin with a fragment":      {origins(apiOrigin + "#a"), "origin"},
		"an origin with userinfo":        {origins("https://u@api.bank.example"), "origin"},
		"an origin with a wildcard port": {origins(apiOrigin + ":*"), "origin"},
		"an origin with a bad escape":    {origins(apiOrigin + "/%zz"), "origin"},
		"an origin that is not ASCII":    {origins("https://bücher.example"), "origin"},
		"an origin of half an address":   {origins("https://[::1"), "origin"},
		"a negative MaxAge":              {func(c *dpop.VerifierConfig) { c.MaxAge = -1 }, "MaxAge"},
		"a MaxAge below a second":        {func(c *dpop.VerifierConfig) { c.MaxAge = time.Second - 1 }, "MaxAge"},
		"a MaxAge over 5 min":            {func(c *dpop.VerifierConfig) { c.MaxAge = 5*time.Minute + 1 }, "MaxAge"},
		"a negative Leeway":              {func(c *dpop.VerifierConfig) { c.Leeway = -1 }, "Leeway"},
		"a Leeway over 60 s":             {func(c *dpop.VerifierConfig) { c.Leeway = time.Minute + 1 }, "Leeway"},
	}
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := dpop.VerifierConfig{Origins: []string{apiOrigin}, Replay: replay.Off{}}
			_, err := dpop.NewVerifier(config)
			require.NoError(t, err)
			test.change(&config)
			v, err := dpop.NewVerifier(config)
			require.ErrorContains(t, err, test.names)
			require.Nil(t, v)
			require.True(t, strings.HasPrefix(err.Error(), "dpop: "))
			require.Equal(t, 1, strings.Count(err.Error(), "dpop: "))
		})
	}
	t.Run("a caller who changes the list afterwards", func(t *testing.T) {
		t.Parallel()
		list := []string{apiOrigin}
		g := newGate(t, func(c *dpop.VerifierConfig) { c.Origins = list })
		list[0] = "https://evil.example"
		g.acceptHonest(t)
	})
}

func TestZeroVerifier(t *testing.T) {
	t.Parallel()
	var none *dpop.Verifier
	for _, v := range []*dpop.Verifier{none, new(dpop.Verifier)} {
		proof, err := v.VerifyTokenRequest(get(honest(t)))
		requireFault(t, proof, err)
		proof, err = v.VerifyResourceRequest(get(honest(t)), accessToken, thumbprintOf(client))
		requireFault(t, proof, err)
		requireFault(t, nil, v.Confirm(http.Header{}, get(honest(t)), accessToken, thumbprintOf(client)))
		require.NoError(t, v.OfferNonce(t.Context(), http.Header{}, nil, nil))
		w := httptest.NewRecorder()
		v.WriteTokenError(w, get(), err)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "DPoP jkt", v.Scheme()+" "+v.Member())
		require.NotEmpty(t, v.Algorithms())
	}
	t.Run("a store or nonce source that is a nil pointer", func(t *testing.T) {
		t.Parallel()
		g := newGate(t, withStore((*replay.Memory)(nil)))
		proof, err := g.verify(get(honest(t)))
		requireFault(t, proof, err)
		for _, n := range []*dpop.Nonces{nil, {}} {
			g = newGate(t, withNonces(n))
			proof, err = g.verify(get(nonced(t, "n-1")))
			requireFault(t, proof, err)
			requireFault(t, nil, g.Confirm(http.Header{}, get(), accessToken, thumbprintOf(client)))
		}
	})
	t.Run("no token, no request", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		proof, err := g.VerifyResourceRequest(get(honest(t)), "", thumbprintOf(client))
		requireFault(t, proof, err)
		for _, r := range []*http.Request{nil, {}} {
			proof, err = g.VerifyTokenRequest(r)
			requireFault(t, proof, err)
		}
		require.Zero(t, g.store.size())
	})
}

func TestZeroProof(t *testing.T) {
	t.Parallel()
	var none *dpop.Proof
	for _, p := range []*dpop.Proof{none, new(dpop.Proof)} {
		require.Zero(t, p.Thumbprint())
		require.True(t, p.IssuedAt().IsZero())
		requireRule(t, p.Check(p.Thumbprint()), dpop.ErrBinding)
		requireRule(t, p.Check(thumbprintOf(client)), dpop.ErrBinding)
	}
}

func TestNoncesConfig(t *testing.T) {
	t.Parallel()
	good := dpop.NoncesConfig{Server: "api", Secrets: [][]byte{secret(1)}}
	for name, change := range map[string]func(*dpop.NoncesConfig){
		"no server":                   func(c *dpop.NoncesConfig) { c.Server = "" },
		"no secrets":                  func(c *dpop.NoncesConfig) { c.Secrets = nil },
		"a nil secret":                func(c *dpop.NoncesConfig) { c.Secrets = [][]byte{nil} },
		"a secret of 31 octets":       func(c *dpop.NoncesConfig) { c.Secrets = [][]byte{secret(1), secret(2)[:31]} },
		"a negative lifetime":         func(c *dpop.NoncesConfig) { c.Lifetime = -1 },
		"a lifetime below 10 s":       func(c *dpop.NoncesConfig) { c.Lifetime = 10*time.Second - 1 },
		"a lifetime of over an hour":  func(c *dpop.NoncesConfig) { c.Lifetime = time.Hour + 1 },
		"the largest lifetime of all": func(c *dpop.NoncesConfig) { c.Lifetime = 1<<63 - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := good
			change(&config)
			n, err := dpop.NewNonces(config)
			require.ErrorContains(t, err, "dpop: ")
			require.Nil(t, n)
		})
	}
	t.Run("a caller who wipes the secret afterwards", func(t *testing.T) {
		t.Parallel()
		key := secret(1)
		n := newNonces(t, "api", time.Hour, key)
		nonce := nonceOf(t, n)
		clear(key)
		require.True(t, accepts(t, n, nonce))
	})
	t.Run("zero", func(t *testing.T) {
		t.Parallel()
		for _, n := range []*dpop.Nonces{nil, {}} {
			_, err := n.Nonce(t.Context())
			require.Error(t, err)
			ok, err := n.Accept(t.Context(), "n-1")
			require.Error(t, err)
			require.False(t, ok)
		}
	})
}

func TestErrorIsSafeToShow(t *testing.T) {
	t.Parallel()
	refused := newGate(t).refuse(t, get(), dpop.ErrProofCount)
	require.Equal(t, "dpop: not exactly one DPoP header field", refused.Error())
	require.Equal(t, dpop.ErrProofCount, refused.Unwrap())
	require.Equal(t, slog.KindGroup, refused.LogValue().Kind())
	zero := new(dpop.Error)
	require.Equal(t, "dpop: refused", zero.Error())
	require.NotEmpty(t, zero.LogValue().String())
	w := httptest.NewRecorder()
	newGate(t).WriteTokenError(w, get(), zero)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	for _, rule := range rules {
		require.NotContains(t, rule.Error(), "dpop: ", "the prefix stands once")
		require.NotContains(t, fmt.Sprint(rule), `"`)
	}
}
