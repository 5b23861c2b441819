package mtls_test

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/mtls"
)

// writers are the formats, each with a field of its own and a certificate in it.
var writers = []struct {
	config mtls.ProxyConfig
	field  string
	write  func(*x509.Certificate) string
}{
	{mtls.ProxyConfig{Format: mtls.RFC9440}, "Client-Cert", itemOf},
	{mtls.ProxyConfig{Format: mtls.PEM, Header: "X-SSL-Client-Cert"}, "X-Ssl-Client-Cert", func(c *x509.Certificate) string { return escapedPEM(c) }},
	{mtls.ProxyConfig{Format: mtls.PEM, Header: "X-Folded"}, "X-Folded", func(c *x509.Certificate) string {
		return strings.ReplaceAll(strings.TrimSpace(pemOf(c)), "\n", " ")
	}},
	{mtls.ProxyConfig{Format: mtls.Base64, Header: "X-Der"}, "X-Der", base64Of},
	{mtls.ProxyConfig{Format: mtls.Base64, Header: "X-Forwarded-Tls-Client-Cert", Chain: true}, "X-Forwarded-Tls-Client-Cert", base64Of},
	{mtls.ProxyConfig{Format: mtls.XFCC}, "X-Forwarded-Client-Cert", xfccOf},
}

// TestForgedHeader has an attacker with the victim's token and certificate,
// which is public, in front of an API that takes certificates from a proxy.
func TestForgedHeader(t *testing.T) {
	t.Parallel()
	victim, mallory := selfSigned(t, "victim"), selfSigned(t, "mallory")
	token := boundTo(t, victim.Leaf)
	elsewhere := mtls.TrustedPeers(netip.MustParsePrefix("192.0.2.0/24"))
	behindProxy := func(config mtls.ProxyConfig, trusted func(*http.Request) bool) []cnf.Method {
		config.Trusted = trusted
		return []cnf.Method{mtls.Binding{Certificate: fromProxy(t, config)}}
	}
	ownTLS := newAPI(t, direct)
	for _, w := range writers {
		t.Run("M06 from an untrusted peer in "+w.field, func(t *testing.T) {
			t.Parallel()
			forged := []string{w.field, w.write(victim.Leaf)}
			ownTLS.refuses(t, ownTLS.client(t, nil), token, forged...)
			a := newAPI(t, behindProxy(w.config, elsewhere))
			a.refuses(t, a.client(t, nil), token, forged...)
			b := newAPI(t, behindProxy(w.config, mtls.TrustedPeers(loopback)))
			b.admits(t, b.client(t, nil), token, forged...)
		})
		t.Run("M12 with a certificate of the attacker's own and "+w.field, func(t *testing.T) {
			t.Parallel()
			forged := []string{w.field, w.write(victim.Leaf)}
			ownTLS.refuses(t, ownTLS.client(t, &mallory), token, forged...)
			proxy := selfSigned(t, "proxy")
			a := newAPI(t, behindProxy(w.config, mtls.TrustedCertificates(mtls.Thumbprint(proxy.Leaf))))
			a.refuses(t, a.client(t, &mallory), token, forged...)
			a.refuses(t, a.client(t, &victim), token) // a true handshake, but not with the proxy
			a.admits(t, a.client(t, &proxy), token, forged...)
		})
	}
	t.Run("M06 a header that is not the configured one", func(t *testing.T) {
		t.Parallel()
		a := newAPI(t, behindProxy(mtls.ProxyConfig{Format: mtls.RFC9440}, mtls.TrustedPeers(loopback)))
		for _, w := range writers[1:] {
			a.refuses(t, a.client(t, nil), token, w.field, w.write(victim.Leaf))
		}
		a.refuses(t, a.client(t, nil), token, "SSL_CLIENT_CERT", escapedPEM(victim.Leaf))
	})
	t.Run("M06 the proxy's own certificate is not the client's", func(t *testing.T) {
		t.Parallel()
		proxy := selfSigned(t, "proxy")
		a := newAPI(t, behindProxy(mtls.ProxyConfig{Format: mtls.RFC9440}, mtls.TrustedCertificates(mtls.Thumbprint(proxy.Leaf))))
		a.refuses(t, a.client(t, &proxy), boundTo(t, proxy.Leaf))
		a.admits(t, a.client(t, &proxy), token, "Client-Cert", itemOf(victim.Leaf))
	})
}

// TestM07OtherListener has one handler on two listeners, of which the proxy
// authenticates to one only.
func TestM07OtherListener(t *testing.T) {
	t.Parallel()
	alice, proxy := selfSigned(t, "alice"), selfSigned(t, "proxy")
	token, forged := boundTo(t, alice.Leaf), []string{"Client-Cert", itemOf(alice.Leaf)}
	methods := []cnf.Method{mtls.Binding{Certificate: fromProxy(t, mtls.ProxyConfig{
		Format: mtls.RFC9440, Trusted: mtls.TrustedCertificates(mtls.Thumbprint(proxy.Leaf)),
	})}}
	internal := newAPI(t, methods)
	plain := plainServer(t, guarded(t, methods))
	t.Run("M07 plain HTTP", func(t *testing.T) {
		t.Parallel()
		plain.refuses(t, plain.Client(), token, forged...)
		internal.admits(t, internal.client(t, &proxy), token, forged...)
	})
	t.Run("M07 TLS without the proxy's certificate", func(t *testing.T) {
		t.Parallel()
		internal.refuses(t, internal.client(t, nil), token, forged...)
		internal.refuses(t, internal.client(t, &alice), token, forged...)
	})
}

func TestM08Duplicates(t *testing.T) {
	t.Parallel()
	alice, mallory := selfSigned(t, "alice").Leaf, selfSigned(t, "mallory").Leaf
	for _, w := range writers {
		source := fromProxy(t, w.config)
		mine, theirs := w.write(alice), w.write(mallory)
		for name, lines := range map[string][]string{
			"proxy first": {mine, theirs}, "client first": {theirs, mine}, "twice the same": {mine, mine},
			"one empty": {"", mine}, "other empty": {mine, ""}, "both empty": {"", ""},
		} {
			t.Run("M08 "+w.field+" "+name, func(t *testing.T) {
				t.Parallel()
				r := carrying()
				r.Header[w.field] = lines
				_, err := source(r)
				requireRefused(t, mtls.ErrProxy, "invalid_request", err)
				chain, err := source(carrying(w.field, mine))
				require.NoError(t, err)
				require.Equal(t, alice, chain[0])
			})
		}
		t.Run("M08 "+w.field+" joined by a hop", func(t *testing.T) {
			t.Parallel()
			chain, err := source(carrying(w.field, mine+","+theirs))
			switch {
			case w.config.Chain: // the format has commas, and the first one is the leaf
				require.NoError(t, err)
				require.Equal(t, alice, chain[0])
			case w.config.Format == mtls.XFCC: // likewise, but it is counted
				requireRefused(t, mtls.ErrCertificate, "invalid_request", err)
			default:
				requireRefused(t, mtls.ErrProxy, "invalid_request", err)
			}
		})
	}
}

func TestM10LookAlikes(t *testing.T) {
	t.Parallel()
	alice, mallory := selfSigned(t, "alice"), selfSigned(t, "mallory")
	config := mtls.ProxyConfig{Format: mtls.PEM, Header: "X-SSL-Client-Cert", Trusted: mtls.TrustedPeers(loopback)}
	a := newAPI(t, []cnf.Method{mtls.Binding{Certificate: fromProxy(t, config)}})
	client, token, honest := a.client(t, nil), boundTo(t, alice.Leaf), escapedPEM(alice.Leaf)
	for _, name := range []string{"X_SSL_CLIENT_CERT", "X-Ssl_Client-Cert", "x_ssl-client-cert", "X-SSL-CLIENT_CERT"} {
		t.Run("M10 "+name, func(t *testing.T) {
			t.Parallel()
			a.refuses(t, client, token, name, honest)
			a.refuses(t, client, token, "X-Ssl-Client-Cert", honest, name, escapedPEM(mallory.Leaf))
			a.admits(t, client, token, "X-Ssl-Client-Cert", honest, "X-Ssl-Client-Certs", "x")
		})
	}
	t.Run("M10 any case is the same name", func(t *testing.T) {
		t.Parallel()
		a.admits(t, client, token, "x-ssl-CLIENT-cert", honest)
	})
	t.Run("M10 of the chain, and not canonical in the map", func(t *testing.T) {
		t.Parallel()
		source := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440})
		for _, name := range []string{"Client_cert", "client-cert", "Client-Cert_chain", "Client_cert_chain"} {
			_, err := source(carrying("Client-Cert", itemOf(alice.Leaf), name, itemOf(alice.Leaf)))
			requireRefused(t, mtls.ErrProxy, "invalid_request", err)
		}
		_, err := source(carrying("Client-Cert", itemOf(alice.Leaf), "Client-Cert-Chains", "x"))
		require.NoError(t, err)
		_, err = source(carrying("Client_cert", itemOf(alice.Leaf))) // not the same as no certificate
		requireRefused(t, mtls.ErrProxy, "invalid_request", err)
	})
}

func TestM11Decoding(t *testing.T) {
	t.Parallel()
	authority := signedBy(t, nil, "authority", asAuthority)
	var leaf *x509.Certificate
	for serial := int64(1); leaf == nil || !strings.Contains(base64Of(leaf), "+") || !strings.HasSuffix(base64Of(leaf), "A=="); serial++ {
		leaf = signedBy(t, &authority, "leaf", func(c *x509.Certificate) { c.SerialNumber.SetInt64(serial) }).Leaf
	}
	item, text, der := itemOf(leaf), pemOf(leaf), base64Of(leaf)
	escaped := escapedPEM(leaf)
	lower := strings.NewReplacer("%2B", "+", "%2F", "/", "%3D", "=", "%0A", "%0a").Replace(escaped) // Apache
	other := pemOf(authority.Leaf)
	private := "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n"
	vast := strings.Repeat("A", 1<<20)
	rfc, pemText, bare := mtls.ProxyConfig{Format: mtls.RFC9440}, mtls.ProxyConfig{Format: mtls.PEM, Header: "X"}, mtls.ProxyConfig{Format: mtls.Base64, Header: "X"}
	xfcc := mtls.ProxyConfig{Format: mtls.XFCC}
	for _, c := range []struct {
		config mtls.ProxyConfig
		name   string
		value  string
		rule   error // nil: accepted
	}{
		{rfc, "whole", item, nil}, {rfc, "spaces around", "  " + item + "\t", nil},
		{rfc, "parameters", item + ";a;b=1;c=?1; d=tok/en:", nil},
		{rfc, "parameter without a key", item + ";", mtls.ErrCertificate}, {rfc, "empty value", item + ";a=", mtls.ErrCertificate},
		{rfc, "string in a parameter", item + `;a="b"`, mtls.ErrCertificate}, {rfc, "key in upper case", item + ";A=1", mtls.ErrCertificate},
		{rfc, "key that begins with a digit", item + ";1=1", mtls.ErrCertificate},
		{rfc, "space before parameters", item + " ;a", mtls.ErrCertificate}, {rfc, "text after it", item + "a", mtls.ErrCertificate},
		{rfc, "two items", item + item, mtls.ErrCertificate}, {rfc, "only a colon", ":", mtls.ErrCertificate},
		{rfc, "no opening colon", item[1:], mtls.ErrCertificate},
		{rfc, "no closing colon", item[:len(item)-1], mtls.ErrCertificate}, {rfc, "no padding", strings.ReplaceAll(item, "=", ""), mtls.ErrCertificate},
		{rfc, "spare bits", strings.Replace(item, "A==", "B==", 1), mtls.ErrCertificate},
		{rfc, "line break", item[:9] + "\n" + item[9:], mtls.ErrCertificate}, {rfc, "carriage return", item[:9] + "\r" + item[9:], mtls.ErrCertificate},
		{rfc, "PEM", text, mtls.ErrCertificate}, {rfc, "string", `"` + der + `"`, mtls.ErrCertificate},
		{rfc, "not DER", ":AAAA:", mtls.ErrCertificate}, {rfc, "1 MiB", ":" + vast + ":", mtls.ErrCertificate},
		{rfc, "empty", "", mtls.ErrNoCertificate}, {rfc, "empty item", "::", mtls.ErrNoCertificate}, {rfc, "null", "(null)", mtls.ErrNoCertificate},
		{rfc, "null in colons", ":(null):", mtls.ErrNoCertificate}, {rfc, "hyphen", "-", mtls.ErrNoCertificate},
		{rfc, "placeholder", ":{a.b}:", mtls.ErrNoCertificate}, {rfc, "braces only at one end", ":{a.b:", mtls.ErrCertificate},
		{rfc, "NULL", "(NULL)", mtls.ErrCertificate}, {rfc, "null and more", "(null);a", mtls.ErrCertificate}, {rfc, "two hyphens", "--", mtls.ErrCertificate},

		{pemText, "percent-encoded", escaped, nil}, {pemText, "lower case, plus left alone", lower, nil}, {pemText, "as in a file", text, nil},
		{pemText, "folded with spaces", strings.ReplaceAll(text, "\n", " "), nil}, {pemText, "folded with tabs", strings.ReplaceAll(text, "\n", "\n\t"), nil},
		{pemText, "CRLF", strings.ReplaceAll(text, "\n", "\r\n"), nil},
		{pemText, "plus turned into space", url.QueryEscape(strings.ReplaceAll(text, "+", " ")), mtls.ErrCertificate},
		{pemText, "space turned into plus", url.QueryEscape(text), mtls.ErrCertificate},
		{pemText, "encoded twice", url.QueryEscape(escaped), mtls.ErrCertificate}, {pemText, "bad encoding", escaped + "%", mtls.ErrCertificate},
		{pemText, "two blocks", escaped + escaped, mtls.ErrCertificate}, {pemText, "another certificate after it", text + other, mtls.ErrCertificate},
		{pemText, "text before", "x" + escaped, mtls.ErrCertificate}, {pemText, "text after", escaped + "x", mtls.ErrCertificate},
		{pemText, "header in the block", strings.Replace(text, "-----\n", "-----\nA: b\n\n", 1), mtls.ErrCertificate},
		{pemText, "no end", strings.Split(text, "-----END")[0], mtls.ErrCertificate}, {pemText, "no begin", text[27:], mtls.ErrCertificate},
		{pemText, "private key", private, mtls.ErrCertificate}, {pemText, "private key after it", text + private, mtls.ErrCertificate},
		{pemText, "other label", strings.ReplaceAll(text, "CERTIFICATE", "TRUSTED CERTIFICATE"), mtls.ErrCertificate},
		{pemText, "only white space", "%20%0A", mtls.ErrCertificate}, {pemText, "no-break space", strings.Replace(escaped, "%0A", "%C2%A0", 1), mtls.ErrCertificate},
		{pemText, "base64 alone", der, mtls.ErrCertificate}, {pemText, "1 MiB", vast, mtls.ErrCertificate}, {pemText, "NUL", escaped + "%00", mtls.ErrCertificate},
		{pemText, "empty", "", mtls.ErrNoCertificate}, {pemText, "null", "(null)", mtls.ErrNoCertificate}, {pemText, "hyphen", "-", mtls.ErrNoCertificate},

		{bare, "whole", der, nil}, {bare, "percent-encoded", url.QueryEscape(der), nil}, {bare, "line break", der[:8] + "%0A" + der[8:], mtls.ErrCertificate},
		{bare, "plus turned into space", strings.ReplaceAll(der, "+", " "), mtls.ErrCertificate}, {bare, "colons", item, mtls.ErrCertificate},
		{bare, "URL alphabet", strings.ReplaceAll(der, "+", "-"), mtls.ErrCertificate}, {bare, "bad encoding", der + "%zz", mtls.ErrCertificate},
		{bare, "encoded comma", der + "%2C" + der, mtls.ErrCertificate}, {bare, "two in one", base64Join(leaf, authority.Leaf), mtls.ErrCertificate},
		{bare, "trailing octet", base64.StdEncoding.EncodeToString(append(leaf.Raw[:len(leaf.Raw):len(leaf.Raw)], 0)), mtls.ErrCertificate},
		{bare, "PEM", text, mtls.ErrCertificate}, {bare, "1 MiB", vast, mtls.ErrCertificate}, {bare, "empty", "", mtls.ErrNoCertificate},

		{xfcc, "empty", "", mtls.ErrNoCertificate}, {xfcc, "1 MiB", "By=" + vast, mtls.ErrCertificate},
	} {
		t.Run(fmt.Sprintf("M11 %d %s", c.config.Format, c.name), func(t *testing.T) {
			t.Parallel()
			field := c.config.Header
			switch c.config.Format {
			case mtls.RFC9440:
				field = "Client-Cert"
			case mtls.XFCC:
				field = "X-Forwarded-Client-Cert"
			}
			chain, err := fromProxy(t, c.config)(carrying(field, c.value))
			if c.rule != nil {
				requireRefused(t, c.rule, "invalid_request", err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []*x509.Certificate{leaf}, chain)
		})
	}
}

func base64Join(chain ...*x509.Certificate) string {
	var der []byte
	for _, c := range chain {
		der = append(der, c.Raw...)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// TestChain reads chains of every format up to the limits.
func TestChain(t *testing.T) {
	t.Parallel()
	authority := signedBy(t, nil, "authority", asAuthority)
	leaf, root := signedBy(t, &authority, "leaf").Leaf, authority.Leaf
	many := func(n int, separator string, write func(*x509.Certificate) string) string {
		return strings.Repeat(separator+write(root), n)
	}
	escaped := func(c *x509.Certificate) string { return escapedPEM(c) }
	rfc := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440, Chain: true})
	pemText := fromProxy(t, mtls.ProxyConfig{Format: mtls.PEM, Header: "X", Chain: true})
	der := fromProxy(t, mtls.ProxyConfig{Format: mtls.Base64, Header: "X", Chain: true})
	xfcc := fromProxy(t, mtls.ProxyConfig{Format: mtls.XFCC, Chain: true})
	element := func(chain string) string {
		return fmt.Sprintf(`Hash=%x;Cert="%s";Chain="%s"`, mtls.Thumbprint(leaf), escapedPEM(leaf), chain)
	}
	for n, rule := range map[int]error{0: nil, 1: nil, 9: nil, 10: mtls.ErrCertificate, 40: mtls.ErrCertificate} {
		list := many(n, ",", itemOf)
		for name, read := range map[string]func() ([]*x509.Certificate, error){
			"RFC9440": func() ([]*x509.Certificate, error) {
				if n == 0 {
					return rfc(carrying("Client-Cert", itemOf(leaf)))
				}
				return rfc(carrying("Client-Cert", itemOf(leaf), "Client-Cert-Chain", list[1:]))
			},
			"PEM":    func() ([]*x509.Certificate, error) { return pemText(carrying("X", escaped(leaf)+many(n, "", escaped))) },
			"Base64": func() ([]*x509.Certificate, error) { return der(carrying("X", base64Of(leaf)+many(n, ",", base64Of))) },
			"XFCC": func() ([]*x509.Certificate, error) {
				return xfcc(carrying("X-Forwarded-Client-Cert", element(escaped(leaf)+many(n, "", escaped))))
			},
		} {
			t.Run(fmt.Sprint(name, " ", n+1), func(t *testing.T) {
				t.Parallel()
				chain, err := read()
				if rule != nil {
					requireRefused(t, rule, "invalid_request", err)
					return
				}
				require.NoError(t, err)
				require.Equal(t, n+1, len(chain))
				require.Equal(t, leaf, chain[0])
				for _, c := range chain[1:] {
					require.Equal(t, root, c)
				}
			})
		}
	}
	t.Run("RFC 9440 lists", func(t *testing.T) {
		t.Parallel()
		for value, rule := range map[string]error{
			itemOf(root) + " ,\t" + itemOf(root): nil, "": nil, "::": nil,
			itemOf(root) + ",": mtls.ErrCertificate, "," + itemOf(root): mtls.ErrCertificate, itemOf(root) + ",," + itemOf(root): mtls.ErrCertificate,
			itemOf(leaf): mtls.ErrCertificate, base64Of(root): mtls.ErrCertificate, itemOf(root) + itemOf(root): mtls.ErrCertificate,
		} {
			_, err := rfc(carrying("Client-Cert", itemOf(leaf), "Client-Cert-Chain", value))
			if rule == nil {
				require.NoError(t, err)
			} else {
				requireRefused(t, rule, "invalid_request", err)
			}
		}
		for _, absent := range []string{"", "::", "(null)"} { // a chain with no certificate
			_, err := rfc(carrying("Client-Cert", absent, "Client-Cert-Chain", itemOf(root)))
			requireRefused(t, mtls.ErrProxy, "invalid_request", err)
			_, err = rfc(carrying("Client-Cert", absent, "Client-Cert-Chain", ""))
			requireRefused(t, mtls.ErrNoCertificate, "invalid_request", err)
		}
	})
	t.Run("limits come before parsing", func(t *testing.T) {
		t.Parallel()
		for cause, refused := range map[string]func() ([]*x509.Certificate, error){
			"too many certificates": func() ([]*x509.Certificate, error) {
				return rfc(carrying("Client-Cert", itemOf(leaf), "Client-Cert-Chain", strings.Repeat(",", 9)))
			},
			"field too long": func() ([]*x509.Certificate, error) {
				return rfc(carrying("Client-Cert", itemOf(leaf), "Client-Cert-Chain", strings.Repeat("a", 64<<10)))
			},
		} {
			_, err := refused()
			requireRefused(t, mtls.ErrCertificate, "invalid_request", err)
			require.Contains(t, err.(*mtls.Error).LogValue().String(), cause)
		}
		_, err := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440})(
			carrying("Client-Cert", itemOf(leaf), "Client-Cert-Chain", strings.Repeat("a", 64<<10)))
		require.NoError(t, err, "a chain that nobody asked for is not read")
	})
	t.Run("a chain under another leaf is another chain", func(t *testing.T) {
		t.Parallel()
		source := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440, Chain: true})
		for range 2 {
			chain, err := source(carrying("Client-Cert", itemOf(leaf), "Client-Cert-Chain", itemOf(root)))
			require.NoError(t, err)
			require.Equal(t, 2, len(chain))
			chain, err = source(carrying("Client-Cert", itemOf(leaf)))
			require.NoError(t, err)
			require.Equal(t, 1, len(chain))
		}
	})
	t.Run("large certificates", func(t *testing.T) {
		t.Parallel()
		source := fromProxy(t, mtls.ProxyConfig{Format: mtls.PEM, Header: "X"})
		for size, rule := range map[int]error{8 << 10: nil, 13 << 10: mtls.ErrCertificate} {
			noise := make([]byte, size)
			for i := range noise {
				noise[i] = byte(rand.Uint32())
			}
			large := signedBy(t, nil, "large", func(c *x509.Certificate) { c.SubjectKeyId = noise }).Leaf
			for range 2 {
				_, err := source(carrying("X", escapedPEM(large)))
				if rule == nil {
					require.NoError(t, err)
				} else {
					requireRefused(t, rule, "invalid_request", err)
				}
			}
		}
	})
}

// More clients than the table has slots are all read, each as itself.
func TestManyCertificates(t *testing.T) {
	t.Parallel()
	source := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440})
	leaf := selfSigned(t, "leaf").Leaf
	for range 2 {
		for i := range 6000 { // the same certificate in fields of different parameters
			chain, err := source(carrying("Client-Cert", fmt.Sprint(itemOf(leaf), ";n=", i)))
			require.NoError(t, err)
			require.Equal(t, leaf.Raw, chain[0].Raw)
		}
	}
}
