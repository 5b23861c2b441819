package mtls_test

import (
	"crypto/x509"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
)

// fuzzFormat reads fields of anybody's making. What is accepted is written
// again in the plainest way, and read as the same certificates.
func fuzzFormat(f *testing.F, config mtls.ProxyConfig, field string, write func([]*x509.Certificate) (value, intermediates string)) {
	leaf, ca := smallCertificate(f, "leaf"), smallCertificate(f, "ca")
	f.Add(write([]*x509.Certificate{leaf}))
	f.Add(write([]*x509.Certificate{leaf, ca}))
	f.Add(base64Of(leaf), "")
	f.Add(itemOf(leaf)+";a=b", itemOf(ca)+", "+itemOf(ca))
	f.Add(pemOf(leaf), "")
	f.Add(escapedPEM(leaf, ca), "")
	f.Add(xfccOf(leaf)+`,By="\"\\",URI=`, "")
	f.Add("::", "(null)")
	f.Add("{}", "-")
	source := fromProxy(f, config)
	f.Fuzz(func(t *testing.T, value, intermediates string) {
		r := carrying(field, value)
		if intermediates != "" {
			r.Header[field+"-Chain"] = []string{intermediates}
		}
		chain, err := source(r)
		if err != nil {
			require.ErrorAs(t, err, new(*mtls.Error))
			require.Nil(t, chain)
			return
		}
		require.NotEmpty(t, chain)
		again, err := source(r)
		require.NoError(t, err)
		require.Equal(t, chain, again)
		plain, plainChain := write(chain)
		r = carrying(field, plain)
		if plainChain != "" {
			r.Header[field+"-Chain"] = []string{plainChain}
		}
		again, err = source(r)
		require.NoError(t, err)
		require.Equal(t, len(chain), len(again))
		for i, c := range chain {
			require.Equal(t, c.Raw, again[i].Raw)
			parsed, err := x509.ParseCertificate(c.Raw)
			require.NoError(t, err)
			require.Equal(t, parsed, c)
		}
	})
}

// smallCertificate is one of 200 octets, always the same.
func smallCertificate(t testing.TB, label string) *x509.Certificate {
	key := testkeys.EdDSA(label)
	return issued(t, nil, label, key, key.Public(), func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Unix(0, 0), time.Unix(1, 0)
	}).Leaf
}

func joined(chain []*x509.Certificate, write func(*x509.Certificate) string) string {
	var texts []string
	for _, c := range chain {
		texts = append(texts, write(c))
	}
	return strings.Join(texts, ",")
}

func FuzzRFC9440(f *testing.F) {
	fuzzFormat(f, mtls.ProxyConfig{Format: mtls.RFC9440, Chain: true}, "Client-Cert", func(chain []*x509.Certificate) (string, string) {
		return itemOf(chain[0]), joined(chain[1:], itemOf)
	})
}

func FuzzPEM(f *testing.F) {
	fuzzFormat(f, mtls.ProxyConfig{Format: mtls.PEM, Header: "X", Chain: true}, "X", func(chain []*x509.Certificate) (string, string) {
		return escapedPEM(chain...), ""
	})
}

func FuzzBase64(f *testing.F) {
	fuzzFormat(f, mtls.ProxyConfig{Format: mtls.Base64, Header: "X", Chain: true}, "X", func(chain []*x509.Certificate) (string, string) {
		return joined(chain, base64Of), ""
	})
}

func FuzzXFCC(f *testing.F) {
	fuzzFormat(f, mtls.ProxyConfig{Format: mtls.XFCC, Chain: true, Hops: 1}, "X-Forwarded-Client-Cert", func(chain []*x509.Certificate) (string, string) {
		return fmt.Sprintf(`Hash=%x;Chain="%s",By=`, mtls.Thumbprint(chain[0]), escapedPEM(chain...)), ""
	})
}
