//go:build linux

package interop_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
)

// siteName is the host of all sites and APIs here.
const siteName = "api.bank.example"

// certificates are those of the tests with proxies.
type certificates struct {
	authority    tls.Certificate // that the API goes by
	intermediate tls.Certificate // of the authority
	foreign      tls.Certificate // another authority, which the proxies know

	site  tls.Certificate // of proxies and APIs
	proxy tls.Certificate // by which an API knows a proxy

	client    tls.Certificate // registered for tls_client_auth, by its subject
	colleague tls.Certificate // with another subject
	below     tls.Certificate // the client's, but of the intermediate
	expired   tls.Certificate // the client's, of yesterday
	large     tls.Certificate // the client's, of 9 kB
	impostor  tls.Certificate // with the client's subject, of the foreign authority

	registered tls.Certificate // self-signed, and registered as it is
	stranger   tls.Certificate // self-signed, with the same subject
}

var newCertificates = sync.OnceValue(func() (c certificates) {
	c.authority = issueCertificate(nil, "authority", "authority", asAuthority)
	c.foreign = issueCertificate(nil, "foreign", "foreign", asAuthority)
	c.site = issueCertificate(&c.authority, "site", siteName, func(template *x509.Certificate) {
		template.DNSNames, template.IPAddresses = []string{siteName}, []net.IP{net.IPv4(127, 0, 0, 1)}
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	})
	c.proxy = issueCertificate(&c.authority, "proxy", "proxy")

	c.client = issueCertificate(&c.authority, "client", "client")
	c.colleague = issueCertificate(&c.authority, "colleague", "colleague")
	c.intermediate = issueCertificate(&c.authority, "intermediate", "intermediate", asAuthority)
	c.below = issueCertificate(&c.intermediate, "below", "client")
	c.below.Certificate = append(c.below.Certificate, c.intermediate.Certificate...)
	c.expired = issueCertificate(&c.authority, "expired", "client", func(template *x509.Certificate) {
		template.NotBefore, template.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
	})
	c.large = issueCertificate(&c.authority, "large", "client", func(template *x509.Certificate) {
		for i := range 310 {
			template.DNSNames = append(template.DNSNames, fmt.Sprintf("host-%03d.client.example.org", i))
		}
	})
	c.impostor = issueCertificate(&c.foreign, "impostor", "client")
	c.registered = issueCertificate(nil, "registered", "client")
	c.stranger = issueCertificate(nil, "stranger", "client")
	return c
})

func proxyCertificates(t *testing.T) certificates {
	t.Helper()
	c := newCertificates()
	size := len(c.large.Leaf.Raw)
	require.True(t, size > 9000 && size < 9500, "%d octets", size)
	return c
}

// write puts what proxies need into a folder.
func (c certificates) write(t *testing.T, folder string) {
	t.Helper()
	write := func(name string, content []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
	write("site.pem", pemOf(t, c.site))
	write("proxy.pem", pemOf(t, c.proxy))
	write("authorities.pem", append(pemOfLeaf(c.authority.Leaf), pemOfLeaf(c.foreign.Leaf)...))
}

func pemOf(t *testing.T, c tls.Certificate) []byte {
	t.Helper()
	key, err := x509.MarshalECPrivateKey(c.PrivateKey.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	return append(pemOfLeaf(c.Leaf), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: key})...)
}

func pemOfLeaf(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}

// issueCertificate is a certificate of a label's key. Without an issuer it is
// self-signed.
func issueCertificate(issuer *tls.Certificate, label, subject string, change ...func(*x509.Certificate)) tls.Certificate {
	key := testkeys.ES256(label)
	template := &x509.Certificate{
		Subject:   pkix.Name{CommonName: subject},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, f := range change {
		f(template)
	}
	parent, signer := template, any(key)
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func asAuthority(template *x509.Certificate) {
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageCertSign, nil
}

func poolOf(certificates ...*x509.Certificate) *x509.CertPool {
	pool := x509.NewCertPool()
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool
}
