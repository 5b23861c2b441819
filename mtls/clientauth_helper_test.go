package mtls_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/oauthhttp"
	"github.com/go-fapi/fapi/mtls"
)

const (
	invalidClient  = "invalid_client"
	invalidRequest = "invalid_request"
)

// registry is a ClientSource.
type registry map[string]mtls.Client

func (r registry) Client(_ context.Context, id string) (mtls.Client, bool, error) {
	client, ok := r[id]
	return client, ok, nil
}

// issuedTo is a client of the method tls_client_auth.
func issuedTo(t testing.TB, dn string, roots *x509.CertPool) mtls.Client {
	t.Helper()
	return mtls.Client{Method: mtls.TLSClientAuth, Subject: subject(t, mtls.SubjectDN, dn), Roots: roots}
}

// holding is a client of the method self_signed_tls_client_auth.
func holding(certificates ...*x509.Certificate) mtls.Client {
	return mtls.Client{Method: mtls.SelfSignedTLSClientAuth, Certificates: certificates}
}

func subject(t testing.TB, register func(string) (mtls.Subject, error), value string) mtls.Subject {
	t.Helper()
	s, err := register(value)
	require.NoError(t, err)
	return s
}

func newAuthority(t testing.TB, label string) tls.Certificate {
	t.Helper()
	return signedBy(t, nil, label, asAuthority)
}

func forClients(c *x509.Certificate) {
	c.ExtKeyUsage, c.KeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, x509.KeyUsageDigitalSignature
}

func poolOf(certificates ...tls.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate.Leaf)
	}
	return pool
}

func newAuthenticator(t testing.TB, clients mtls.ClientSource, change ...func(*mtls.ClientAuthenticatorConfig)) *mtls.ClientAuthenticator {
	t.Helper()
	config := mtls.ClientAuthenticatorConfig{Clients: clients}
	for _, f := range change {
		f(&config)
	}
	a, err := mtls.NewClientAuthenticator(config)
	require.NoError(t, err)
	return a
}

// formOf is a token request of a client, with further parameters in pairs.
func formOf(clientID string, more ...string) *http.Request {
	form := url.Values{"grant_type": {"client_credentials"}}
	if clientID != "" {
		form.Set("client_id", clientID)
	}
	for i := 0; i < len(more); i += 2 {
		form.Add(more[i], more[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, "https://as.bank.example/token", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.TLS = nil
	return r
}

// over is r as it arrives over TLS with these certificates.
func over(r *http.Request, chain ...*x509.Certificate) *http.Request {
	r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: chain}
	return r
}

// chainOf are the certificates that a client sends.
func chainOf(t testing.TB, certificate tls.Certificate) (chain []*x509.Certificate) {
	t.Helper()
	for _, der := range certificate.Certificate {
		c, err := x509.ParseCertificate(der)
		require.NoError(t, err)
		chain = append(chain, c)
	}
	return chain
}

func requireAuthenticated(t testing.TB, a *mtls.ClientAuthenticator, clientID string, r *http.Request) {
	t.Helper()
	got, err := a.Authenticate(r)
	require.NoError(t, err)
	require.Equal(t, clientID, got)
}

// requireUnknown checks a refusal, and that neither text nor log quotes the
// certificate or the request.
func requireUnknown(t testing.TB, a *mtls.ClientAuthenticator, rule error, code string, r *http.Request) {
	t.Helper()
	got, err := a.Authenticate(r)
	requireRefused(t, rule, code, err)
	require.Empty(t, got)
	var text strings.Builder
	slog.New(slog.NewTextHandler(&text, nil)).Info(err.Error(), "err", err)
	for _, secret := range []string{"fintech", "BEGIN", "CN=", "Mallory"} {
		require.NotContains(t, text.String(), secret)
	}
}

// requireFault checks that err is the server's own fault, so that it becomes a
// 5xx.
func requireFault(t testing.TB, clientID string, err error) {
	t.Helper()
	require.Error(t, err)
	require.True(t, strings.HasPrefix(err.Error(), "mtls: "), err)
	w := httptest.NewRecorder()
	oauthhttp.WriteError(w, err)
	require.Equal(t, http.StatusServiceUnavailable, w.Code, err)
	var refused *mtls.Error
	require.NotErrorAs(t, err, &refused)
	require.Empty(t, clientID)
}

// tokenEndpoint is a token endpoint over real TLS.
type tokenEndpoint struct{ *httptest.Server }

// newTokenEndpoint asks for certificates without checking them, unless the
// listener is changed.
func newTokenEndpoint(t testing.TB, a *mtls.ClientAuthenticator, listener ...func(*tls.Config)) *tokenEndpoint {
	t.Helper()
	e := &tokenEndpoint{httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.TLS != nil && r.TLS.DidResume {
			w.Header().Set("X-Resumed", "yes")
		}
		clientID, err := a.Authenticate(r)
		if err != nil {
			oauthhttp.WriteError(w, err)
			return
		}
		w.Header().Set("X-Client", clientID)
	}))}
	e.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	for _, change := range listener {
		change(e.TLS)
	}
	e.Config.ErrorLog = discard
	e.StartTLS()
	t.Cleanup(e.Close)
	return e
}

// client is one with a certificate and connections of its own.
func (e *tokenEndpoint) client(t testing.TB, certificate *tls.Certificate, change ...func(*tls.Config)) *http.Client {
	t.Helper()
	return (&api{e.Server}).client(t, certificate, change...)
}

func (e *tokenEndpoint) post(t testing.TB, client *http.Client, clientID string) (*http.Response, string) {
	t.Helper()
	response, err := client.PostForm(e.URL, url.Values{"client_id": {clientID}, "grant_type": {"client_credentials"}})
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response, string(body)
}

// admits is the control of every attack.
func (e *tokenEndpoint) admits(t testing.TB, client *http.Client, clientID string) *http.Response {
	t.Helper()
	response, body := e.post(t, client, clientID)
	require.Equal(t, http.StatusOK, response.StatusCode, body)
	require.Equal(t, clientID, response.Header.Get("X-Client"))
	return response
}

func (e *tokenEndpoint) refuses(t testing.TB, client *http.Client, clientID string) *http.Response {
	t.Helper()
	response, body := e.post(t, client, clientID)
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	require.Empty(t, response.Header.Get("X-Client"))
	require.JSONEq(t, `{"error":"invalid_client","error_description":"client authentication failed"}`, body)
	return response
}
