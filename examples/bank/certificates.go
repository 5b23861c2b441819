package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/mtls"
)

const (
	corporateID  = "corporate"   // authenticates by a certificate of the clients' authority
	selfSignedID = "self-signed" // authenticates by a certificate it registered
	colleagueID  = "colleague"   // another client with a certificate of the same authority
)

// certificates are those of the clients, and what the thief has instead.
type certificates struct {
	authority, other *pki.Authority // the one for clients, and one nobody trusts

	corporate, selfSigned, colleague tls.Certificate
	expired, wrongUsage, impostor    tls.Certificate // the corporate's name in all three
	edge                             tls.Certificate // the proxy's own, towards the API behind it
}

func newCertificates() (c certificates, err error) {
	if c.authority, err = pki.NewAuthority("Clients' authority"); err != nil {
		return c, err
	}
	if c.other, err = pki.NewAuthority("Thief's authority"); err != nil {
		return c, err
	}
	expired := func(t *x509.Certificate) {
		t.NotBefore, t.NotAfter = t.NotBefore.Add(-time.Hour), time.Now().Add(-time.Minute)
	}
	forServers := func(t *x509.Certificate) { t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }
	for _, issue := range []struct {
		to        *tls.Certificate
		authority *pki.Authority
		name      string
		changes   []func(*x509.Certificate)
	}{
		{&c.corporate, c.authority, corporateID, nil},
		{&c.colleague, c.authority, colleagueID, nil},
		{&c.expired, c.authority, corporateID, []func(*x509.Certificate){expired}},
		{&c.wrongUsage, c.authority, corporateID, []func(*x509.Certificate){forServers}},
		{&c.impostor, c.other, corporateID, nil},
		{&c.edge, c.authority, "edge", nil},
	} {
		if *issue.to, err = issue.authority.Client(issue.name, issue.changes...); err != nil {
			return c, err
		}
	}
	c.selfSigned, err = pki.SelfSigned(selfSignedID)
	return c, err
}

// registerCertificates adds the clients that authenticate by certificate.
func (b *bank) registerCertificates(clients map[string]server.Client) error {
	registered, err := x509.ParseCertificate(b.certificates.selfSigned.Certificate[0])
	if err != nil {
		return err
	}
	registrations := map[string]*mtls.Client{
		selfSignedID: {Method: mtls.SelfSignedTLSClientAuth, Certificates: []*x509.Certificate{registered}},
	}
	for _, id := range []string{corporateID, colleagueID} {
		subject, err := mtls.SubjectDN("CN=" + id)
		if err != nil {
			return err
		}
		registrations[id] = &mtls.Client{Method: mtls.TLSClientAuth, Subject: subject}
	}
	for id, registration := range registrations {
		clients[id] = server.Client{
			Certificate: registration, CertificateBound: true, Scopes: scopes, APIs: []string{b.api, innerAPI},
			RedirectURIs: []string{redirectURI(id)}, OwnTokens: true,
		}
	}
	return nil
}

// askingForCertificates asks without insisting: whether a certificate is due,
// and which, is decided for every request (RFC 8705 section 6).
func askingForCertificates(config *tls.Config) *tls.Config {
	asking := config.Clone()
	asking.ClientAuth = tls.RequestClientCert
	return asking
}

// newEdge is a proxy that terminates TLS in front of an API, and hands the
// client's certificate on in Client-Cert (RFC 9440). The API behind believes
// the field only from the edge, which shows it a certificate of its own.
//
// An edge that does not strip lets clients write the field themselves.
func (b *bank) newEdge(strips bool) (http.Handler, error) {
	behind, err := url.Parse(b.inner)
	if err != nil {
		return nil, err
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(behind)
			if p.In.TLS != nil && len(p.In.TLS.PeerCertificates) > 0 {
				leaf := base64.StdEncoding.EncodeToString(p.In.TLS.PeerCertificates[0].Raw)
				p.Out.Header.Set("Client-Cert", ":"+leaf+":")
			}
		},
		Transport: b.towardsInner,
	}
	if !strips {
		return proxy, nil
	}
	return mtls.Strip(proxy), nil
}

// behindEdge is the API that takes certificates from Client-Cert, of those whom
// trusted says may send it.
func (b *bank) behindEdge(trusted func(*http.Request) bool) (http.Handler, error) {
	source, err := mtls.FromProxy(mtls.ProxyConfig{Format: mtls.RFC9440, Trusted: trusted})
	if err != nil {
		return nil, err
	}
	return b.accountsWith(mtls.Binding{Certificate: source})
}

func thumbprintOf(certificate tls.Certificate) [32]byte {
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		panic(err) // certificates of this program parse
	}
	return mtls.Thumbprint(leaf)
}
