package mtls_test

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/mtls"
)

func TestM09XFCC(t *testing.T) {
	t.Parallel()
	authority := signedBy(t, nil, "authority", asAuthority)
	alice, mallory := signedBy(t, &authority, "alice").Leaf, selfSigned(t, "mallory").Leaf
	hash := fmt.Sprintf("Hash=%x", mtls.Thumbprint(alice))
	cert, evilCert := `Cert="`+escapedPEM(alice)+`"`, `Cert="`+escapedPEM(mallory)+`"`
	evil := fmt.Sprintf("Hash=%x;%s", mtls.Thumbprint(mallory), evilCert)
	mine := hash + ";" + cert
	chain := `Chain="` + escapedPEM(alice, authority.Leaf) + `"`
	hop := `By=spiffe://inner;Hash=` + strings.Repeat("0", 64) + `;Subject="CN=edge";URI=spiffe://edge`
	for _, c := range []struct {
		name, value string
		hops        int
		rule        error // nil: Alice's
	}{
		{"one element", mine, 0, nil},
		{"as Envoy writes it", `By=spiffe://edge/a;` + mine + `;Subject="CN=alice";URI=spiffe://alice;DNS=a.example;DNS=b.example`, 0, nil},
		{"two own names", `By=spiffe://a;By=spiffe://b;` + mine, 0, nil},
		{"keys in any case", strings.Replace(mine, "Hash", "HASH", 1) + `;SUBJECT="x"`, 0, nil},
		{"hash in upper case", "Hash=" + strings.ToUpper(hash[5:]) + ";" + cert, 0, nil},
		{"key of the future", mine + ";Serial=1", 0, nil},
		{"empty values", `By=;` + mine + `;Subject="";URI=`, 0, nil},
		{"syntax in a quoted subject", mine + `;Subject="O=a,b;Hash=evil;Cert=evil,By=x"`, 0, nil},
		{"escaped quotes in a subject", mine + `;Subject="CN=\"a\",` + strings.ReplaceAll(evil, `"`, `\"`) + `"`, 0, nil},
		{"backslash in a subject", mine + `;Subject="CN=a\\b\,c"`, 0, nil},
		{"certificate not quoted", hash + ";Cert=" + escapedPEM(alice), 0, nil},

		{"client-sent element in front", evil + "," + mine, 0, mtls.ErrCertificate},
		{"client-sent element in front of two", evil + "," + mine + "," + hop, 1, mtls.ErrCertificate},
		{"element from a name at the end", mine + `;URI=x,` + evil, 0, mtls.ErrCertificate},
		{"element from a name, comma and space", mine + `;URI=x, ` + evil, 0, mtls.ErrCertificate},
		{"edge and a hop", mine + "," + hop, 1, nil},
		{"edge and a hop, space after the comma", mine + ", " + hop, 1, nil},
		{"edge and eight hops", mine + strings.Repeat(","+hop, 8), 8, nil},
		{"a long hop", mine + "," + hop + `;DNS=` + strings.Repeat("a", 20<<10), 1, nil},
		{"a hop too many", mine + strings.Repeat(","+hop, 9), 8, mtls.ErrCertificate},
		{"a hundred elements", mine + strings.Repeat(","+hop, 100), 8, mtls.ErrCertificate},
		{"only the hop: the edge saw none", hop, 1, mtls.ErrNoCertificate},
		{"one hop of two", mine + "," + hop, 2, mtls.ErrNoCertificate},

		{"second Cert from a name", mine + ";URI=x;" + evilCert, 0, mtls.ErrCertificate},
		{"second Hash from a name", mine + ";DNS=x;hash=" + evil[5:69], 0, mtls.ErrCertificate},
		{"Cert from a name where Envoy writes none", hash + ";URI=x;" + evilCert, 0, mtls.ErrCertificate},
		{"two subjects", mine + `;Subject="a";Subject="b"`, 0, mtls.ErrCertificate},
		{"quote that swallows the next element", mine + `;URI=",` + hop + `;X="`, 1, mtls.ErrCertificate},
		{"quote that ends a name", mine + `;URI=a"By=b`, 0, mtls.ErrCertificate},
		{"quoted value that goes on", hash + ";" + cert + `xBy=b`, 0, mtls.ErrCertificate},
		{"backslash of doubt that joins two values", mine + `;Subject="a\\";URI="`, 0, mtls.ErrCertificate},
		{"quote in a name", mine + `;URI=a"b"`, 0, mtls.ErrCertificate},

		{"no certificate", hash, 0, mtls.ErrCertificate}, {"no hash", cert, 0, mtls.ErrCertificate},
		{"another hash", "Hash=" + strings.Repeat("0", 64) + ";" + cert, 0, mtls.ErrCertificate},
		{"hash that is not hex", "Hash=x;" + cert, 0, mtls.ErrCertificate}, {"short hash", hash[:67] + ";" + cert, 0, mtls.ErrCertificate},
		{"missing quote", mine[:len(mine)-1], 0, mtls.ErrCertificate}, {"text after a quote", mine + "x", 0, mtls.ErrCertificate},
		{"escaped last quote", mine + `;Subject="a\"`, 0, mtls.ErrCertificate}, {"backslash of doubt", mine + `;Subject="a\\"`, 0, mtls.ErrCertificate},
		{"no value", mine + ";By", 0, mtls.ErrCertificate}, {"no key", mine + ";=x", 0, mtls.ErrCertificate}, {"key with a comma", "a,Hash=x;" + mine, 0, mtls.ErrCertificate},
		{"ends with a semicolon", mine + ";", 0, mtls.ErrCertificate}, {"ends with a comma", mine + ",", 0, mtls.ErrCertificate},
		{"begins with a comma", "," + mine, 0, mtls.ErrCertificate}, {"only a comma", ",", 0, mtls.ErrCertificate},
		{"two certificates in Cert", hash + `;Cert="` + escapedPEM(alice, authority.Leaf) + `"`, 0, mtls.ErrCertificate},
		{"plus for space", hash + `;Cert="` + url.QueryEscape(pemOf(alice)) + `"`, 0, mtls.ErrCertificate},
		{"a chain nobody asked for", mine + ";" + chain, 0, nil}, {"a chain in place of Cert", hash + ";" + chain, 0, mtls.ErrCertificate},
		{"RFC 9440", itemOf(alice), 0, mtls.ErrCertificate},
	} {
		t.Run("M09 "+c.name, func(t *testing.T) {
			t.Parallel()
			got, err := fromProxy(t, mtls.ProxyConfig{Format: mtls.XFCC, Hops: c.hops})(carrying("X-Forwarded-Client-Cert", c.value))
			if c.rule != nil {
				requireRefused(t, c.rule, "invalid_request", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []*x509.Certificate{alice}, got)
		})
	}
	both := []*x509.Certificate{alice, authority.Leaf}
	for name, c := range map[string]struct {
		value string
		want  []*x509.Certificate
	}{
		"Cert and Chain":         {mine + ";" + chain, both},
		"Chain alone":            {hash + ";" + chain, both},
		"Cert alone":             {mine, both[:1]},
		"Chain of another leaf":  {mine + `;Chain="` + escapedPEM(mallory, authority.Leaf) + `"`, nil},
		"Chain of another order": {mine + `;Chain="` + escapedPEM(authority.Leaf, alice) + `"`, nil},
		"Cert of another leaf":   {hash + ";" + evilCert + ";" + chain, nil},
		"two Chains":             {mine + ";" + chain + ";" + chain, nil},
		"broken Chain":           {mine + `;Chain="x"`, nil},
		"broken Cert":            {hash + `;Cert="x";` + chain, nil},
	} {
		t.Run("M09 with chain: "+name, func(t *testing.T) {
			t.Parallel()
			got, err := fromProxy(t, mtls.ProxyConfig{Format: mtls.XFCC, Chain: true})(carrying("X-Forwarded-Client-Cert", c.value))
			if c.want == nil {
				requireRefused(t, mtls.ErrCertificate, "invalid_request", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}
