//go:build linux

package interop_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/mtls"
)

// proxiedAPI is a server behind a proxy: an API at /accounts, which takes bound
// tokens, and a token endpoint at /token, which takes clients of both methods.
type proxiedAPI struct {
	*httptest.Server
	outcome chan error                  // of the one request under way
	header  atomic.Pointer[http.Header] // as it came, of the last request
}

// unmanaged is a field that no proxy here is told to set or to drop. The API at
// /unmanaged goes by it.
const unmanaged = "X-Unmanaged-Cert"

// newProxiedAPI trusts the proxy for its certificate, or else for its address.
func newProxiedAPI(t *testing.T, config mtls.ProxyConfig, byCertificate bool) *proxiedAPI {
	t.Helper()
	c := proxyCertificates(t)
	config.Trusted = mtls.TrustedPeers(netip.MustParsePrefix("127.0.0.1/32"))
	if byCertificate {
		config.Trusted = mtls.TrustedCertificates(mtls.Thumbprint(c.proxy.Leaf))
	}
	certificate, err := mtls.FromProxy(config)
	require.NoError(t, err)
	config.Header = unmanaged
	elsewhere, err := mtls.FromProxy(config)
	require.NoError(t, err)

	a := &proxiedAPI{outcome: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.Handle("GET /accounts", a.guard(t, certificate))
	mux.Handle("GET /unmanaged", a.guard(t, elsewhere))
	mux.Handle("POST /token", a.tokenEndpoint(t, certificate))
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Clone()
		a.header.Store(&header)
		mux.ServeHTTP(w, r)
	}))
	a.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(a.Close)
	if !byCertificate {
		a.Start()
		return a
	}
	a.TLS = &tls.Config{Certificates: []tls.Certificate{c.site}, ClientAuth: tls.RequestClientCert}
	a.StartTLS()
	return a
}

func (a *proxiedAPI) guard(t *testing.T, certificate mtls.CertificateSource) http.Handler {
	t.Helper()
	guard, err := cnf.New(cnf.Config[boundTo]{
		Verify:  readBinding,
		Methods: []cnf.Method{mtls.Binding{Certificate: certificate}},
		Observe: func(e cnf.Event) { a.outcome <- e.Err },
	})
	require.NoError(t, err)
	return guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
}

// boundTo is an access token that is nothing but the thumbprint of the
// certificate it is bound to.
type boundTo [32]byte

func readBinding(_ context.Context, token string) (b boundTo, err error) {
	if n, err := hex.Decode(b[:], []byte(token)); n != len(b) || err != nil {
		return b, errors.New("not a token of these tests")
	}
	return b, nil
}

func (b boundTo) Confirmation() cnf.Confirmation { return cnf.Bind(cnf.MemberX5TS256, b) }
func (b boundTo) HasScope(string) bool           { return false }
func (b boundTo) ACR() string                    { return "" }
func (b boundTo) AuthTime() time.Time            { return time.Time{} }

// The clients that are registered at the token endpoint.
const (
	issuedClient     = "issued"
	anchoredClient   = "anchored" // to the intermediate
	selfSignedClient = "self-signed"
)

type proxyClients map[string]mtls.Client

func (c proxyClients) Client(_ context.Context, id string) (mtls.Client, bool, error) {
	client, ok := c[id]
	return client, ok, nil
}

func (a *proxiedAPI) tokenEndpoint(t *testing.T, certificate mtls.CertificateSource) http.Handler {
	t.Helper()
	c := proxyCertificates(t)
	subject, err := mtls.SubjectDN("CN=client")
	require.NoError(t, err)
	authenticator, err := mtls.NewClientAuthenticator(mtls.ClientAuthenticatorConfig{
		Certificate: certificate,
		Clients: proxyClients{
			issuedClient:   {Method: mtls.TLSClientAuth, Subject: subject},
			anchoredClient: {Method: mtls.TLSClientAuth, Subject: subject, Roots: poolOf(c.intermediate.Leaf)},
			selfSignedClient: {
				Method: mtls.SelfSignedTLSClientAuth, Certificates: []*x509.Certificate{c.registered.Leaf},
			},
		},
		Roots:   poolOf(c.authority.Leaf),
		Observe: func(e mtls.Event) { a.outcome <- e.Err },
	})
	require.NoError(t, err)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := authenticator.Authenticate(r); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}
