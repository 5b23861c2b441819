package mtls

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sanOf is a certificate that has nothing but subject alternative names.
func sanOf(t testing.TB, names ...asn1.RawValue) *x509.Certificate {
	t.Helper()
	der, err := asn1.Marshal(names)
	require.NoError(t, err)
	return withSAN(der)
}

func withSAN(der []byte) *x509.Certificate {
	return &x509.Certificate{Extensions: []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 5, 29, 15}, Value: []byte{3, 2, 7, 128}},
		{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: der},
	}}
}

func generalName(kind subjectKind, value string) asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: int(kind), Bytes: []byte(value)}
}

func TestSubjectSyntax(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	for name, test := range map[string]struct {
		make func(string) (Subject, error)
		good []string
		bad  []string
	}{
		"DN": {SubjectDN, []string{"CN=a"}, []string{"", "a", "CN=a, O=b"}},
		"DNS": {
			SubjectDNS, []string{"a", "client.example", "CLIENT.example", "_x.a-b.example", "xn--strae-oqa.example"},
			[]string{
				"", ".", "a.", ".a", "a..b", "*.example", "straße.example", "a b", "a\x00", "a/b", "a:1", "192.0.2.7", "::1",
				long + ".example", strings.Repeat("abc.", 64) + "d",
			},
		},
		"URI": {
			SubjectURI, []string{"spiffe://lab/client", "urn:a:b", "https://a.example/?q#f", "a:b"},
			[]string{"", "a", "/a", "//a", "https://a.example/a b", "https://straße.example", "https://a\x00", "a:" + strings.Repeat("b", 2048), ":a"},
		},
		"IP": {
			SubjectIP, []string{"192.0.2.7", "::1", "2001:DB8::7", "::ffff:192.0.2.7"},
			[]string{"", "192.0.2", "192.0.2.07", "192.0.2.7/32", "fe80::1%eth0", "[::1]", "a", "192.0.2.7 "},
		},
		"email": {
			SubjectEmail, []string{"a@b", "A.b+c@example.com", `"a@b"@example.com`},
			[]string{"", "a", "@", "a@", "@b", "a@b c", "a b@c", "a@b.", "é@b", "a@é", "a@b\x00", "a@*.b", strings.Repeat("a", 320) + "@b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range test.good {
				_, err := test.make(text)
				require.NoError(t, err, text)
			}
			for _, text := range test.bad {
				subject, err := test.make(text)
				require.Error(t, err, "%q", text)
				require.True(t, strings.HasPrefix(err.Error(), "mtls: subject "), err)
				require.Equal(t, Subject{}, subject)
			}
		})
	}
}

func TestSubjectZero(t *testing.T) {
	t.Parallel()
	for name, certificate := range map[string]*x509.Certificate{
		"nothing":    {},
		"empty name": {RawSubject: nameOf(t)},
		"other name": sanOf(t, generalName(subjectNone, "")),
	} {
		require.False(t, Subject{}.matches(certificate), name)
	}
}

// TestSANExtension builds extensions that crypto/x509 would not make.
func TestSANExtension(t *testing.T) {
	t.Parallel()
	dns, err := SubjectDNS("client.example")
	require.NoError(t, err)
	own := generalName(subjectDNS, "client.example")
	require.True(t, dns.matches(sanOf(t, generalName(subjectURI, "a:b"), generalName(subjectDNS, "x"), own)), "all names are looked at")
	require.False(t, dns.matches(&x509.Certificate{}), "no extension")
	require.False(t, dns.matches(withSAN(nil)), "empty extension")
	constructed, universal := own, own
	constructed.IsCompound = true
	universal.Class = asn1.ClassUniversal
	require.False(t, dns.matches(sanOf(t, constructed)), "constructed")
	require.False(t, dns.matches(sanOf(t, universal)), "another class")
	der, err := asn1.Marshal([]asn1.RawValue{own})
	require.NoError(t, err)
	require.True(t, dns.matches(withSAN(der)))
	require.False(t, dns.matches(withSAN(append(der, 5, 0))), "data behind")
	require.False(t, dns.matches(withSAN(der[:len(der)-1])), "cut off")
}

// FuzzSubject: what can be registered matches a certificate with exactly that,
// and no certificate of any content makes the comparison fail otherwise than by
// saying no.
func FuzzSubject(f *testing.F) {
	san, err := asn1.Marshal([]asn1.RawValue{generalName(subjectEmail, "A@b.example"), generalName(subjectIP, "\x7f\x00\x00\x01")})
	require.NoError(f, err)
	for _, text := range []string{"client.example", "spiffe://lab/client", "::ffff:192.0.2.7", "a@b", `CN=a\,b`, "*.example", "\x00"} {
		f.Add(text, san, []byte(text))
	}
	f.Fuzz(func(t *testing.T, text string, san, name []byte) {
		certificate := withSAN(san)
		certificate.RawSubject = name
		for kind, register := range map[subjectKind]func(string) (Subject, error){
			subjectDN: SubjectDN, subjectDNS: SubjectDNS, subjectURI: SubjectURI, subjectIP: SubjectIP, subjectEmail: SubjectEmail,
		} {
			subject, err := register(text)
			if err != nil {
				require.Equal(t, Subject{}, subject)
				continue
			}
			subject.matches(certificate)
			require.False(t, subject.matches(&x509.Certificate{}))
			value := text
			switch kind {
			case subjectDN:
				continue
			case subjectIP:
				value = subject.text
			}
			require.True(t, subject.matches(sanOf(t, generalName(kind, value))))
			require.False(t, subject.matches(sanOf(t, generalName(kind, value+"."), generalName(kind, "*"), generalName(9, value))))
		}
	})
}
