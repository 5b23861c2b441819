package jwks

import (
	"context"
	"crypto"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/safehttp"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// source is what verifiers declare.
type source interface {
	Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

var (
	_ source       = (*Static)(nil)
	_ source       = (*Remote)(nil)
	_ source       = (*Publisher)(nil)
	_ http.Handler = (*Publisher)(nil)
)

var noContext context.Context

// ec is the public key of a label, under that label as kid.
func ec(label string) Key { return Key{Key: testkeys.ES256(label).Public(), KeyID: label} }

func ed(label string) Key { return Key{Key: testkeys.EdDSA(label).Public(), KeyID: label} }

func document(t testing.TB, keys ...Key) []byte {
	list := make([]jose.PublicKey, len(keys))
	for i, key := range keys {
		list[i] = jose.PublicKey{Key: key.Key, KeyID: key.KeyID}
	}
	body, err := jose.EncodeJWKS(list)
	require.NoError(t, err)
	return body
}

// requireKeys checks that a lookup gives these keys in this order.
func requireKeys(t testing.TB, s source, kid, alg string, want ...Key) {
	t.Helper()
	got, err := s.Keys(t.Context(), kid, alg)
	require.NoError(t, err)
	require.True(t, same(got, want...), "%d keys for kid %.40q", len(got), kid)
}

func same(got []crypto.PublicKey, want ...Key) bool {
	if len(got) != len(want) {
		return false
	}
	for i, key := range got {
		if !key.(interface{ Equal(crypto.PublicKey) bool }).Equal(want[i].Key) {
			return false
		}
	}
	return true
}

// requireFailure checks that a lookup fails by the fault of the source.
func requireFailure(t testing.TB, s source, kid, alg string, want error) error {
	t.Helper()
	got, err := s.Keys(t.Context(), kid, alg)
	require.Empty(t, got)
	require.ErrorIs(t, err, want)
	var oauth interface{ OAuthCode() string }
	require.NotErrorAs(t, err, &oauth)
	return err
}

// origin is a server without a network. Its zero value fails.
type origin struct {
	mu      sync.Mutex
	answer  *safehttp.Response // nil: the fetch fails
	delay   time.Duration
	started []time.Time
}

func (o *origin) fetch(context.Context) (*safehttp.Response, error) {
	o.mu.Lock()
	o.started = append(o.started, time.Now())
	answer, delay := o.answer, o.delay
	o.mu.Unlock()
	time.Sleep(delay)
	if answer == nil {
		return nil, context.DeadlineExceeded
	}
	return answer, nil
}

func (o *origin) serve(body []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = &safehttp.Response{Body: body}
}

func (o *origin) fail() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = nil
}

func (o *origin) slow(delay time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.delay = delay
}

func (o *origin) fetches() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.started)
}

// remote has the default times: 30 s, 15 min, 1 h.
func (o *origin) remote(t testing.TB) *Remote {
	r, err := newRemote(RemoteConfig{URL: "https://client.example/jwks"}, o.fetch)
	require.NoError(t, err)
	return r
}

// tlsRemote is a Remote of a real server on this machine that keeps no set for
// longer than one lookup, so that every lookup is a fetch.
func tlsRemote(t testing.TB, timeout time.Duration, handler http.HandlerFunc) *Remote {
	server := tlsServer(t, handler)
	r, err := NewRemote(RemoteConfig{
		URL:             server.URL + "/jwks",
		Timeout:         timeout,
		RootCAs:         pool(server),
		AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	require.NoError(t, err)
	r.minInterval, r.maxAge = 1, 1
	return r
}

func tlsServer(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func pool(server *httptest.Server) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return roots
}
