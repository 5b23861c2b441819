package mtls_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/internal/xraw"
	"github.com/go-fapi/fapi/mtls"
)

// BenchmarkAuthenticate measures Authenticate as a server calls it, form
// included, against one ECDSA verification: a chain needs one for the leaf and
// one for each intermediate.
func BenchmarkAuthenticate(b *testing.B) {
	ca := newAuthority(b, "ca")
	subCA := signedBy(b, &ca, "sub ca", asAuthority)
	leaf, below := signedBy(b, &ca, "fintech", forClients), signedBy(b, &subCA, "fintech", forClients)
	clients := registry{
		"fintech": issuedTo(b, "CN=fintech", poolOf(ca)), "other": issuedTo(b, "CN=other,O=Lab,C=DE", poolOf(ca)), "self": holding(leaf.Leaf),
	}
	a := newAuthenticator(b, clients)
	key, digest := testkeys.ES256("fintech"), sha256.Sum256([]byte("x"))
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	require.NoError(b, err)
	raw := func() { ecdsa.VerifyASN1(&key.PublicKey, digest[:], signature) }
	for _, c := range []struct {
		name, clientID string
		chain          []*x509.Certificate
		ok             bool
	}{
		{"self_signed", "self", []*x509.Certificate{leaf.Leaf}, true},
		{"issued", "fintech", []*x509.Certificate{leaf.Leaf}, true},
		{"issued/intermediate", "fintech", []*x509.Certificate{below.Leaf, subCA.Leaf}, true},
		{"junk", "other", []*x509.Certificate{leaf.Leaf}, false},
	} {
		b.Run(c.name, func(b *testing.B) {
			body := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.clientID}}.Encode()
			state := &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: c.chain}
			xraw.Run(b, raw, func(int) {
				if _, err := a.Authenticate(arriving(body, state)); (err == nil) != c.ok {
					b.Fatal(err)
				}
			})
		})
	}
}

// arriving is the request a server hands to its handler, without what
// httptest.NewRequest does besides.
func arriving(body string, state *tls.ConnectionState) *http.Request {
	return &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/token"}, ContentLength: int64(len(body)), TLS: state,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: io.NopCloser(strings.NewReader(body)),
	}
}

func BenchmarkSubject(b *testing.B) {
	const dn = `CN=client \22one\22,OU=payments,O=Lab\, Inc.,C=DE`
	b.Run("register", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := mtls.SubjectDN(dn); err != nil {
				b.Fatal(err)
			}
		}
	})
}
