package introspection_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/mtls"
)

// certified knows one API, registered with a certificate that it signed itself.
type certified struct{ certificate *x509.Certificate }

func (c certified) Client(_ context.Context, clientID string) (mtls.Client, bool, error) {
	return mtls.Client{Method: mtls.SelfSignedTLSClientAuth, Certificates: []*x509.Certificate{c.certificate}}, clientID == "accounts", nil
}

func ownCertificate(t testing.TB) *x509.Certificate {
	t.Helper()
	key := testkeys.ES256("accounts")
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return certificate
}

// A caller with a certificate has to say who it is (RFC 8705 section 2).
func TestCertificate(t *testing.T) {
	t.Parallel()
	certificate := ownCertificate(t)
	callers, err := mtls.NewClientAuthenticator(mtls.ClientAuthenticatorConfig{Clients: certified{certificate}})
	require.NoError(t, err)
	b := newBank(t, func(c *introspection.HandlerConfig) { c.Callers = callers })
	over := func(shown ...*x509.Certificate) *http.Client {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: shown}
			return b.send(r).Result(), nil
		}).client()
	}
	known := func(c *introspection.ClientConfig) { c.ClientID = "accounts" }

	_, err = newClient(t, over(certificate), known).Introspect(t.Context(), opaque)
	require.NoError(t, err)
	_, err = newClient(t, over(certificate), known, signed(t)).Introspect(t.Context(), opaque)
	require.NoError(t, err)
	_, _, err = newPhantom(t, over(certificate), func(c *introspection.PhantomConfig[*accesstoken.Token]) {
		c.ClientID = "accounts"
	}).Exchange(t.Context(), opaque)
	require.NoError(t, err)

	_, err = newClient(t, over(certificate)).Introspect(t.Context(), opaque)
	requireFault(t, introspection.ErrCredentials, err)
	_, err = newClient(t, over(), known).Introspect(t.Context(), opaque)
	requireFault(t, introspection.ErrCredentials, err)
}
