package cnf_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
)

// benchMTLS is a request with a certificate-bound access token: with the
// certificate on the connection, in a Client-Cert field that was seen before,
// and in one that never was.
func benchMTLS(b *testing.B) {
	b.Run("direct", func(b *testing.B) {
		benchCertificates(b, mtls.Binding{}, 1000, func(_ int, r *http.Request, leaf *x509.Certificate) {
			r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{leaf}}
		})
	})
	b.Run("rfc9440/seen", func(b *testing.B) {
		benchCertificates(b, behindProxy(b), 1000, func(_ int, r *http.Request, leaf *x509.Certificate) {
			r.Header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(leaf.Raw)+":")
		})
	})
	b.Run("rfc9440/new", func(b *testing.B) {
		const fields = 1 << 14 // four for each slot of the table of seen ones
		benchCertificates(b, behindProxy(b), fields, func(i int, r *http.Request, leaf *x509.Certificate) {
			r.Header.Set("Client-Cert", fmt.Sprint(":", base64.StdEncoding.EncodeToString(leaf.Raw), ":;n=", i))
		})
	})
}

func behindProxy(b *testing.B) mtls.Binding {
	b.Helper()
	source, err := mtls.FromProxy(mtls.ProxyConfig{Format: mtls.RFC9440, Trusted: func(*http.Request) bool { return true }})
	must(b, err)
	return mtls.Binding{Certificate: source}
}

// benchCertificates has requests of a thousand clients, in turn.
func benchCertificates(b *testing.B, binding mtls.Binding, requests int, carry func(i int, r *http.Request, leaf *x509.Certificate)) {
	b.Helper()
	const clients = 1000
	leaves := make([]*x509.Certificate, clients)
	for i := range leaves {
		leaves[i] = rsaCertificate(b, i)
	}
	load := newLoad(b, clients, clients, func(i int) cnf.Confirmation {
		return cnf.Bind(cnf.MemberX5TS256, mtls.Thumbprint(leaves[i]))
	})
	for i := range requests {
		r := load.requests[i%clients].Clone(b.Context())
		r.Header.Del("DPoP")
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "DPoP", "Bearer", 1))
		r.Header.Set("Accept", "application/json")
		r.Header.Set("User-Agent", "bench")
		carry(i, r, leaves[i%clients])
		if i < clients {
			load.requests[i] = r
		} else {
			load.requests = append(load.requests, r)
		}
	}
	guard := benchGuard(b, load, binding)
	b.ReportAllocs()
	for i := clients; b.Loop(); i++ {
		admit(b, guard, load.requests[i%requests])
	}
}

// rsaCertificate is of the larger kind.
func rsaCertificate(b *testing.B, i int) *x509.Certificate {
	b.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: fmt.Sprint("client-", i), Organization: []string{"Bank"}},
		NotAfter: time.Unix(4102444800, 0), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, DNSNames: []string{"client.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, testkeys.PS256().Public(), testkeys.ES256("authority"))
	must(b, err)
	leaf, err := x509.ParseCertificate(der)
	must(b, err)
	return leaf
}
