package mtls_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
)

var registers = map[string]func(string) (mtls.Subject, error){
	"tls_client_auth_subject_dn": mtls.SubjectDN, "tls_client_auth_san_dns": mtls.SubjectDNS,
	"tls_client_auth_san_uri": mtls.SubjectURI, "tls_client_auth_san_ip": mtls.SubjectIP,
	"tls_client_auth_san_email": mtls.SubjectEmail,
}

// signers are keys of all the kinds that may authenticate.
func signers(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	p521, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	require.NoError(t, err)
	return map[string]crypto.Signer{
		"P-256": testkeys.ES256("fintech"), "P-384": p384, "P-521": p521,
		"Ed25519": testkeys.EdDSA("fintech"), "RSA": testkeys.PS256(),
	}
}

func extension(oid string, critical bool, value []byte) pkix.Extension {
	return pkix.Extension{Id: oidOf(oid), Critical: critical, Value: value}
}

func oidOf(text string) (oid asn1.ObjectIdentifier) {
	for arc := range strings.SplitSeq(text, ".") {
		n, _ := strconv.Atoi(arc)
		oid = append(oid, n)
	}
	return oid
}

// at runs f in a bubble whose clock shows the given time.
func at(t *testing.T, now time.Time, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(now))
		f(t)
	})
}

// TestSubjectTable runs the table of subjects against the certificate it was
// made for, chain and all.
func TestSubjectTable(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID           string
			Cert         string `json:"cert_pem"`
			Intermediate string `json:"intermediate_pem"`
			Root         string `json:"root_pem"`
			Match        any
		}
	}
	readVectors(t, "rfc8705-mtls.json", &file)
	for _, vector := range file.Vectors {
		rows, ok := vector.Match.([]any)
		if !ok {
			continue
		}
		require.Equal(t, "gen-tls-client-auth", vector.ID)
		require.Len(t, rows, 20)
		leaf, intermediate := parsePEM(t, vector.Cert), parsePEM(t, vector.Intermediate)
		roots := x509.NewCertPool()
		roots.AddCert(parsePEM(t, vector.Root))
		for _, row := range rows {
			row := row.(map[string]any)
			param, value, want := row["param"].(string), row["value"].(string), row["match"].(bool)
			t.Run(param+" "+value, func(t *testing.T) {
				t.Parallel()
				s, err := registers[param](value)
				if err != nil { // learnt at registration already
					require.False(t, want, err)
					return
				}
				at(t, leaf.NotBefore.Add(24*time.Hour), func(t *testing.T) {
					a := newAuthenticator(t, registry{"fintech": {Method: mtls.TLSClientAuth, Subject: s, Roots: roots}})
					r := over(formOf("fintech"), leaf, intermediate)
					if want {
						requireAuthenticated(t, a, "fintech", r)
					} else {
						requireUnknown(t, a, mtls.ErrSubject, invalidClient, r)
					}
				})
			})
		}
		return
	}
	t.Fatal("no table")
}

// named gives a template a subject, one set of attributes after the other.
func named(t testing.TB, sets ...pkix.RelativeDistinguishedNameSET) func(*x509.Certificate) {
	t.Helper()
	der, err := asn1.Marshal(pkix.RDNSequence(sets))
	require.NoError(t, err)
	return func(c *x509.Certificate) { c.RawSubject = der }
}

// set is an RDN of types and UTF8String values in turn.
func set(pairs ...string) (rdn pkix.RelativeDistinguishedNameSET) {
	for i := 0; i < len(pairs); i += 2 {
		value := asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(pairs[i+1])}
		rdn = append(rdn, pkix.AttributeTypeAndValue{Type: oidOf(pairs[i]), Value: value})
	}
	return rdn
}

func printable(oid, value string) pkix.RelativeDistinguishedNameSET {
	return pkix.RelativeDistinguishedNameSET{{Type: oidOf(oid), Value: asn1.RawValue{Tag: asn1.TagPrintableString, Bytes: []byte(value)}}}
}

func TestM16SubjectDN(t *testing.T) {
	t.Parallel()
	const c, o, ou, cn = "2.5.4.6", "2.5.4.10", "2.5.4.11", "2.5.4.3"
	ca := newAuthority(t, "ca")
	a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=bank client,O=Bank,C=DE", poolOf(ca))})
	genuine := signedBy(t, &ca, "x", forClients, named(t, printable(c, "DE"), set(o, "Bank"), set(cn, "bank client")))
	for name, change := range map[string]func(*x509.Certificate){
		"order reversed":       named(t, set(cn, "bank client"), set(o, "Bank"), set(c, "DE")),
		"one set":              named(t, set(c, "DE", o, "Bank", cn, "bank client")),
		"two in a set":         named(t, set(c, "DE"), set(o, "Bank", cn, "bank client")),
		"more in a set":        named(t, set(c, "DE"), set(o, "Bank"), set(cn, "bank client", ou, "x")),
		"twice in a set":       named(t, set(c, "DE"), set(o, "Bank"), set(cn, "bank client", cn, "x")),
		"embedded in one CN":   named(t, set(cn, "bank client,O=Bank,C=DE")),
		"embedded with escape": named(t, set(c, "DE"), set(cn, "bank client,O=Bank")),
		"additional part":      named(t, set(c, "DE"), set(o, "Bank"), set(cn, "Mallory"), set(cn, "bank client")),
		"missing part":         named(t, set(o, "Bank"), set(cn, "bank client")),
		"NUL":                  named(t, set(c, "DE"), set(o, "Bank"), set(cn, "bank client\x00.evil")),
		"NUL at the end":       named(t, set(c, "DE"), set(o, "Bank"), set(cn, "bank client\x00")),
		"line break":           named(t, set(c, "DE"), set(o, "Bank"), set(cn, "bank\nclient")),
		"homoglyph":            named(t, set(c, "DE"), set(o, "Bank"), set(cn, "b\u0430nk client")),
		"Kelvin sign":          named(t, set(c, "DE"), set(o, "Ban\u212A"), set(cn, "bank client")),
		"zero width joiner":    named(t, set(c, "DE"), set(o, "Ba\u200dnk"), set(cn, "bank client")),
		"value in another RDN": named(t, set(c, "DE"), set(ou, "Bank"), set(cn, "bank client")),
		"empty":                named(t),
	} {
		forged := signedBy(t, &ca, "x", forClients, change)
		t.Run("M16 "+name, func(t *testing.T) {
			t.Parallel()
			requireUnknown(t, a, mtls.ErrSubject, invalidClient, over(formOf("fintech"), forged.Leaf))
			requireAuthenticated(t, a, "fintech", over(formOf("fintech"), genuine.Leaf))
		})
	}
	for name, change := range map[string]func(*x509.Certificate){
		"UTF8String":      named(t, set(c, "DE"), set(o, "Bank"), set(cn, "bank client")),
		"PrintableString": named(t, printable(c, "DE"), printable(o, "Bank"), printable(cn, "bank client")),
		"letter case":     named(t, set(c, "de"), set(o, "BANK"), set(cn, "Bank Client")),
		"spaces":          named(t, set(c, "DE"), set(o, " Bank "), set(cn, "bank   client")),
	} {
		same := signedBy(t, &ca, "x", forClients, change)
		t.Run("M16 same: "+name, func(t *testing.T) {
			t.Parallel()
			requireAuthenticated(t, a, "fintech", over(formOf("fintech"), same.Leaf))
		})
	}
}

func TestM17AlternativeName(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	dns := func(names ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = names }
	}
	emails := func(names ...string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.EmailAddresses = names }
	}
	uri := func(text string) func(*x509.Certificate) {
		u, err := url.Parse(text)
		require.NoError(t, err)
		return func(c *x509.Certificate) { c.URIs = []*url.URL{u} }
	}
	ip := func(octets ...byte) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.IPAddresses = []net.IP{octets} }
	}
	raw := func(tag int, value string) func(*x509.Certificate) {
		der, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: tag, Bytes: []byte(value)}})
		require.NoError(t, err)
		return func(c *x509.Certificate) {
			c.ExtraExtensions = append(c.ExtraExtensions, extension("2.5.29.17", false, der))
		}
	}
	mapped := []byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xc0\x00\x02\x07")
	for _, group := range []struct {
		param, value string
		genuine      []func(*x509.Certificate)
		forged       map[string]func(*x509.Certificate)
	}{
		{
			"tls_client_auth_san_dns", "client.example.com",
			[]func(*x509.Certificate){dns("client.example.com"), dns("other.example", "CLIENT.Example.com")},
			map[string]func(*x509.Certificate){
				"wildcard": dns("*.example.com"), "trailing dot": dns("client.example.com."), "below": dns("a.client.example.com"),
				"above": dns("example.com"), "prefix": dns("client.example.com.evil.example"), "in a URI": uri("https://client.example.com"),
				"as a URI": raw(6, "x:client.example.com"), "as an email": emails("client.example.com@x"), "NUL": raw(2, "client.example.com\x00"),
				"CN": func(c *x509.Certificate) { c.Subject.CommonName = "client.example.com" }, "none": func(*x509.Certificate) {},
			},
		},
		{
			"tls_client_auth_san_uri", "https://client.example.com/a%2Fb?q",
			[]func(*x509.Certificate){uri("https://client.example.com/a%2Fb?q")},
			map[string]func(*x509.Certificate){
				"host in capitals": raw(6, "https://CLIENT.example.com/a%2Fb?q"), "scheme in capitals": raw(6, "HTTPS://client.example.com/a%2Fb?q"),
				"escape in small letters": raw(6, "https://client.example.com/a%2fb?q"), "decoded": raw(6, "https://client.example.com/a/b?q"),
				"trailing slash": raw(6, "https://client.example.com/a%2Fb?q/"), "default port": raw(6, "https://client.example.com:443/a%2Fb?q"),
				"dot segment": raw(6, "https://client.example.com/./a%2Fb?q"), "fragment": raw(6, "https://client.example.com/a%2Fb?q#"),
				"as DNS": raw(2, "https://client.example.com/a%2Fb?q"), "host only": dns("client.example.com"),
			},
		},
		{
			"tls_client_auth_san_ip", "192.0.2.7",
			[]func(*x509.Certificate){ip(192, 0, 2, 7)},
			map[string]func(*x509.Certificate){
				"mapped IPv6": raw(7, string(mapped)), "another": ip(192, 0, 2, 8), "as DNS": dns("192.0.2.7"), "as a URI": uri("https://192.0.2.7"),
			},
		},
		{
			"tls_client_auth_san_ip", "::ffff:192.0.2.7",
			[]func(*x509.Certificate){raw(7, string(mapped))},
			map[string]func(*x509.Certificate){"IPv4": ip(192, 0, 2, 7)},
		},
		{
			"tls_client_auth_san_email", "Client@example.com",
			[]func(*x509.Certificate){emails("Client@example.com"), emails("x@y", "Client@EXAMPLE.com")},
			map[string]func(*x509.Certificate){
				"local part in small letters": emails("client@example.com"), "host below": emails("Client@a.example.com"),
				"as DNS": raw(2, "Client@example.com"), "as a URI": uri("mailto:Client@example.com"), "two at signs": emails("Client@example.com@example.com"),
				"in the subject": func(c *x509.Certificate) {
					c.Subject.ExtraNames = []pkix.AttributeTypeAndValue{{Type: oidOf("1.2.840.113549.1.9.1"), Value: "Client@example.com"}}
				},
			},
		},
	} {
		client := mtls.Client{Method: mtls.TLSClientAuth, Subject: subject(t, registers[group.param], group.value), Roots: poolOf(ca)}
		a := newAuthenticator(t, registry{"fintech": client})
		for _, change := range group.genuine {
			genuine := signedBy(t, &ca, "x", forClients, change)
			requireAuthenticated(t, a, "fintech", over(formOf("fintech"), genuine.Leaf))
		}
		for name, change := range group.forged {
			forged := signedBy(t, &ca, "x", forClients, change)
			t.Run("M17 "+group.param+" "+name, func(t *testing.T) {
				t.Parallel()
				requireUnknown(t, a, mtls.ErrSubject, invalidClient, over(formOf("fintech"), forged.Leaf))
			})
		}
	}
	t.Run("M17 over TLS", func(t *testing.T) {
		t.Parallel()
		client := mtls.Client{Method: mtls.TLSClientAuth, Subject: subject(t, mtls.SubjectDNS, "client.example.com"), Roots: poolOf(ca)}
		e := newTokenEndpoint(t, newAuthenticator(t, registry{"fintech": client}))
		for name, admitted := range map[string]bool{"*.example.com": false, "client.example.com": true} {
			certificate := signedBy(t, &ca, "client.example.com", forClients, dns(name))
			if by := (e.client(t, &certificate)); admitted {
				e.admits(t, by, "fintech")
			} else {
				e.refuses(t, by, "fintech")
			}
		}
	})
}
