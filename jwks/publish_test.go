package jwks

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
)

func get(t *testing.T, h http.Handler) *httptest.ResponseRecorder {
	return do(t, h, http.MethodGet, nil)
}

func do(t *testing.T, h http.Handler, method string, header http.Header) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, "/jwks", nil)
	r.Header = header
	h.ServeHTTP(w, r)
	return w
}

func TestPublisherServes(t *testing.T) {
	t.Parallel()
	unnamed := Key{Key: testkeys.PS256().Public()}
	p, err := NewPublisher(PublisherConfig{Keys: []Key{ec("a"), ed("b"), unnamed}})
	require.NoError(t, err)

	w := get(t, p)
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "application/jwk-set+json", w.Header().Get("Content-Type"))
	require.Equal(t, "public, max-age=900", w.Header().Get("Cache-Control"))
	require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))

	var body struct{ Keys []map[string]any }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.Len(t, body.Keys, 3)
	kid, err := KeyID(unnamed.Key)
	require.NoError(t, err)
	for i, want := range []struct{ kid, alg, kty string }{{"a", "ES256", "EC"}, {"b", "EdDSA", "OKP"}, {kid, "PS256", "RSA"}} {
		require.Equal(t, want.kid, body.Keys[i]["kid"])
		require.Equal(t, want.alg, body.Keys[i]["alg"])
		require.Equal(t, want.kty, body.Keys[i]["kty"])
		require.Equal(t, "sig", body.Keys[i]["use"])
		require.NotContains(t, body.Keys[i], "d")
	}

	t.Run("what is served is what others read", func(t *testing.T) {
		t.Parallel()
		s, err := NewStatic(w.Body.Bytes())
		require.NoError(t, err)
		for _, s := range []source{s, p} {
			requireKeys(t, s, "a", "ES256", ec("a"))
			requireKeys(t, s, "b", "EdDSA", ed("b"))
			requireKeys(t, s, kid, "PS256", unnamed)
		}
	})
	t.Run("replicas agree to the octet", func(t *testing.T) {
		t.Parallel()
		for range 20 {
			other, err := NewPublisher(PublisherConfig{Keys: []Key{ec("a"), ed("b"), unnamed}})
			require.NoError(t, err)
			require.Equal(t, w.Body.String(), get(t, other).Body.String())
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		t.Parallel()
		head := do(t, p, http.MethodHead, nil)
		require.Equal(t, http.StatusOK, head.Code)
		require.Empty(t, head.Body.Bytes())
		require.Equal(t, w.Header(), head.Header())
	})
	t.Run("conditional", func(t *testing.T) {
		t.Parallel()
		again := do(t, p, http.MethodGet, http.Header{"If-None-Match": {w.Header().Get("ETag")}})
		require.Equal(t, http.StatusNotModified, again.Code)
		require.Empty(t, again.Body.Bytes())
		require.Equal(t, "public, max-age=900", again.Header().Get("Cache-Control"))
		other := do(t, p, http.MethodGet, http.Header{"If-None-Match": {`"other"`}})
		require.Equal(t, http.StatusOK, other.Code)
	})
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", ""} {
		t.Run("method "+method, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			p.ServeHTTP(w, &http.Request{Method: method})
			require.Equal(t, http.StatusMethodNotAllowed, w.Code)
			require.Equal(t, "GET, HEAD", w.Header().Get("Allow"))
		})
	}
}

func TestPublisherMaxAge(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{-1, 1, time.Second - 1, 24*time.Hour + 1} {
		_, err := NewPublisher(PublisherConfig{Keys: []Key{ec("a")}, MaxAge: age})
		require.ErrorContains(t, err, "jwks: MaxAge must")
	}
	for age, want := range map[time.Duration]string{time.Second: "1", time.Hour: "3600", 24 * time.Hour: "86400"} {
		p, err := NewPublisher(PublisherConfig{Keys: []Key{ec("a")}, MaxAge: age})
		require.NoError(t, err)
		require.Equal(t, "public, max-age="+want, get(t, p).Header().Get("Cache-Control"))
	}
}

func TestPublisherSet(t *testing.T) {
	t.Parallel()
	p, err := NewPublisher(PublisherConfig{Keys: []Key{ec("a")}})
	require.NoError(t, err)
	before := get(t, p)

	require.ErrorIs(t, p.Set(), ErrSet)
	require.ErrorIs(t, p.Set(ec("b"), Key{Key: testkeys.ES256("b")}), ErrKey)
	require.Equal(t, before.Body.String(), get(t, p).Body.String(), "a refused set changes nothing")

	require.NoError(t, p.Set(ec("b")))
	after := get(t, p)
	require.NotEqual(t, before.Header().Get("ETag"), after.Header().Get("ETag"))
	requireKeys(t, p, "b", "ES256", ec("b"))
	requireKeys(t, p, "a", "ES256")
}

func TestPublisherRetiresOneByOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		until := func(label string, after time.Duration) Key {
			key := ec(label)
			key.Until = start.Add(after)
			return key
		}
		mine := []Key{until("3h", 3*time.Hour), ec("stays"), until("past", -1), until("now", 0), until("1h", time.Hour), until("also 1h", time.Hour)}
		p, err := NewPublisher(PublisherConfig{Keys: mine})
		require.NoError(t, err)
		require.Equal(t, "now", mine[3].KeyID, "the caller's list is not touched")
		requireKeys(t, p, "", "ES256", mine[0], mine[1], mine[4], mine[5])
		time.Sleep(time.Hour)
		requireKeys(t, p, "", "ES256", mine[0], mine[1])
		time.Sleep(2 * time.Hour)
		requireKeys(t, p, "", "ES256", mine[1])
		time.Sleep(1000 * time.Hour)
		requireKeys(t, p, "", "ES256", mine[1])
	})
}

func TestPublisherNotReady(t *testing.T) {
	t.Parallel()
	for _, p := range []*Publisher{nil, {}} {
		require.ErrorIs(t, p.Set(ec("a")), ErrNotReady)
		requireFailure(t, p, "a", "ES256", ErrNotReady)
		require.Equal(t, http.StatusInternalServerError, get(t, p).Code)
	}
	p, err := NewPublisher(PublisherConfig{Keys: []Key{ec("a")}})
	require.NoError(t, err)
	_, err = p.Keys(noContext, "a", "ES256")
	require.ErrorIs(t, err, ErrNotReady)
}
