package mtls

import (
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// attr is an attribute of a certificate: an OID, a string type and its octets.
func attr(oid string, tag int, value string) derAttribute {
	var id asn1.ObjectIdentifier
	for arc := range strings.SplitSeq(oid, ".") {
		n, _ := strconv.Atoi(arc)
		id = append(id, n)
	}
	return derAttribute{id, asn1.RawValue{Tag: tag, Bytes: []byte(value)}}
}

func utf8Attr(oid, value string) derAttribute { return attr(oid, asn1.TagUTF8String, value) }

const (
	cn = "2.5.4.3"
	o  = "2.5.4.10"
	ou = "2.5.4.11"
	c  = "2.5.4.6"
)

// nameOf is the DER of a name; each set is one RDN.
func nameOf(t testing.TB, sets ...derRDNSET) []byte {
	t.Helper()
	der, err := asn1.Marshal(sets)
	require.NoError(t, err)
	return der
}

// format writes the string form of a name, with every character escaped that
// can be.
func format(name dn) string {
	var parts []string
	for _, set := range slices.Backward(name) {
		var attributes []string
		for _, a := range set {
			value := "#" + hex.EncodeToString([]byte(a.value))
			if a.text {
				value = ""
				for i := range len(a.value) {
					value += fmt.Sprintf(`\%02X`, a.value[i])
				}
			}
			attributes = append(attributes, a.kind+"="+value)
		}
		parts = append(parts, strings.Join(attributes, "+"))
	}
	return strings.Join(parts, ",")
}

func TestDNMatch(t *testing.T) {
	t.Parallel()
	bank := nameOf(t, derRDNSET{attr(c, asn1.TagPrintableString, "DE")}, derRDNSET{utf8Attr(o, "Lab, Inc.")}, derRDNSET{utf8Attr(cn, "Client  One")})
	multi := nameOf(t, derRDNSET{utf8Attr(o, "Lab")}, derRDNSET{utf8Attr(cn, "x"), utf8Attr(ou, "y")})
	foreign := nameOf(t, derRDNSET{utf8Attr("1.2.3.4", "Ab")}, derRDNSET{utf8Attr(cn, "x")})
	accents := nameOf(t, derRDNSET{utf8Attr(o, "Société Générale")})
	for _, test := range []struct {
		name string
		der  []byte
		text string
		want bool
	}{
		{"same", bank, `CN=Client  One,O=Lab\, Inc.,C=DE`, true},
		{"hexadecimal escape", bank, `CN=Client\20One,O=Lab\2C Inc.,C=DE`, true},
		{"escaped space, equals sign and number sign are plain", nameOf(t, derRDNSET{utf8Attr(cn, "#a=b c")}), `CN=\#a\=b\ c`, true},
		{"equals sign without escape", nameOf(t, derRDNSET{utf8Attr(cn, "a=b#c")}), `CN=a=b#c`, true},
		{"letter case", bank, `cn=CLIENT ONE,o=LAB\, INC.,c=de`, true},
		{"outer and inner spaces", bank, `CN=\ Client     One\ ,O=Lab\, Inc.,C=DE`, true},
		{"long names and OIDs", bank, `commonName=Client One,2.5.4.10=Lab\, Inc.,countryName=DE`, true},
		{"DER of another string type", bank, `CN=#130a436c69656e74204f6e65,O=Lab\, Inc.,C=#0c026465`, true},
		{"order", bank, `C=DE,O=Lab\, Inc.,CN=Client One`, false},
		{"missing part", bank, `CN=Client One,O=Lab\, Inc.`, false},
		{"additional part", bank, `CN=Client One,OU=x,O=Lab\, Inc.,C=DE`, false},
		{"part", bank, `CN=Client One`, false},
		{"prefix", bank, `CN=Client,O=Lab\, Inc.,C=DE`, false},
		{"space that is missing", bank, `CN=ClientOne,O=Lab\, Inc.,C=DE`, false},
		{"value under another type", bank, `OU=Client One,O=Lab\, Inc.,C=DE`, false},

		{"set", multi, `CN=x+OU=y,O=Lab`, true},
		{"set in another order", multi, `OU=Y+CN=X,O=Lab`, true},
		{"set split", multi, `CN=x,OU=y,O=Lab`, false},
		{"set joined", multi, `CN=x+OU=y+O=Lab`, false},
		{"smaller set", multi, `CN=x,O=Lab`, false},
		{"larger set", multi, `CN=x+OU=y+L=z,O=Lab`, false},

		{"unknown type", foreign, `CN=x,1.2.3.4=#0c024162`, true},
		{"unknown type, letter case", foreign, `CN=x,1.2.3.4=#0c024142`, false},
		{"unknown type, another string type", foreign, `CN=x,1.2.3.4=#13024162`, false},

		{"accents", accents, `O=Société Générale`, true},
		{"accents, letter case", accents, `O=SOCIÉTÉ GÉNÉRALE`, true},
		{"accents, hexadecimal", accents, `O=Soci\C3\A9t\C3\A9 G\C3\A9n\C3\A9rale`, true},
		{"accents, decomposed", accents, "O=Socie\u0301te\u0301 Ge\u0301ne\u0301rale", false},
		{"without accents", accents, `O=Societe Generale`, false},
		{"Kelvin sign", nameOf(t, derRDNSET{utf8Attr(cn, "\u212A")}), `CN=k`, false},
		{"Ohm sign", nameOf(t, derRDNSET{utf8Attr(cn, "\u2126")}), "CN=\u03A9", false},
		{"long s", nameOf(t, derRDNSET{utf8Attr(cn, "acce\u017F")}), `CN=acces`, false},
		{"dotted capital I", nameOf(t, derRDNSET{utf8Attr(cn, "\u0130d")}), `CN=id`, false},
		{"Cyrillic a", nameOf(t, derRDNSET{utf8Attr(cn, "b\u0430nk")}), `CN=bank`, false},
		{"zero width space", nameOf(t, derRDNSET{utf8Attr(cn, "ba\u200bnk")}), `CN=bank`, false},
		{"soft hyphen", nameOf(t, derRDNSET{utf8Attr(cn, "ba\u00adnk")}), `CN=bank`, false},
		{"no-break space", nameOf(t, derRDNSET{utf8Attr(cn, "a\u00a0b")}), `CN=a b`, false},
		{"full width letters", nameOf(t, derRDNSET{utf8Attr(cn, "ｂank")}), `CN=bank`, false},
		{"sharp s", nameOf(t, derRDNSET{utf8Attr(cn, "straße")}), `CN=strasse`, false},

		{"BMPString", nameOf(t, derRDNSET{attr(cn, asn1.TagBMPString, "\x00A\x00\xe9")}), `CN=aé`, true},
		{"BMPString with a surrogate", nameOf(t, derRDNSET{attr(cn, asn1.TagBMPString, "\xd8\x00\xdc\x00")}), "CN=\U00010000", false},
		{"half a BMPString", nameOf(t, derRDNSET{attr(cn, asn1.TagBMPString, "\x00A\x00")}), `CN=a`, false},
		{"UniversalString", nameOf(t, derRDNSET{attr(cn, tagUniversalString, "\x00\x01\x00\x00")}), "CN=\U00010000", true},
		{"UniversalString beyond Unicode", nameOf(t, derRDNSET{attr(cn, tagUniversalString, "\xff\x00\x00A")}), `CN=a`, false},
		{"T61String in ASCII", nameOf(t, derRDNSET{attr(cn, asn1.TagT61String, "bank")}), `CN=bank`, true},
		{"T61String beyond", nameOf(t, derRDNSET{attr(cn, asn1.TagT61String, "caf\xe9")}), `CN=café`, false},
		{"T61String beyond, as DER", nameOf(t, derRDNSET{attr(cn, asn1.TagT61String, "caf\xe9")}), `CN=#1404636166e9`, true},
		{"IA5String", nameOf(t, derRDNSET{attr("1.2.840.113549.1.9.1", asn1.TagIA5String, "A@example.com")}), `emailAddress=a@example.com`, true},
		{"BIT STRING", nameOf(t, derRDNSET{attr(cn, asn1.TagBitString, "\x00a")}), `CN=a`, false},
		{"BIT STRING, as DER", nameOf(t, derRDNSET{attr(cn, asn1.TagBitString, "\x00a")}), `CN=#03020061`, true},
		{"UTF8String of another class", bank, `CN=#8c0a436c69656e74204f6e65,O=Lab\, Inc.,C=DE`, false},
		{"UTF8String in parts", bank, `CN=#2c0c0c0a436c69656e74204f6e65,O=Lab\, Inc.,C=DE`, false},
		{"PrintableString that is not ASCII", nameOf(t, derRDNSET{attr(cn, asn1.TagPrintableString, "caf\xe9")}), `CN=#1304636166e9`, false},

		{"NUL", nameOf(t, derRDNSET{utf8Attr(cn, "bank\x00.evil")}), `CN=bank`, false},
		{"invalid UTF-8", nameOf(t, derRDNSET{utf8Attr(cn, "bank\xff")}), "CN=bank", false},
		{"other names in a value", nameOf(t, derRDNSET{utf8Attr(cn, "Client One,O=Lab\\, Inc.,C=DE")}), `CN=Client One,O=Lab\, Inc.,C=DE`, false},
		{"two of a type in a set", nameOf(t, derRDNSET{utf8Attr(cn, "a"), utf8Attr(cn, "b")}), `CN=a`, false},
		{"empty set", nameOf(t, derRDNSET{utf8Attr(cn, "a")}, derRDNSET{}), `CN=a`, false},
		{"empty name", nameOf(t), `CN=a`, false},
		{"empty value", nameOf(t, derRDNSET{utf8Attr(cn, " ")}), `CN=a`, false},
		{"data after the name", append(nameOf(t, derRDNSET{utf8Attr(cn, "a")}), 0, 0), `CN=a`, false},
		{"no DER", []byte("CN=a"), `CN=a`, false},
		{"too long", nameOf(t, derRDNSET{utf8Attr(cn, "a"+strings.Repeat(" ", maxDN))}), `CN=a`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			registered, err := parseDN(test.text)
			if err != nil {
				require.False(t, test.want, err)
				return
			}
			presented, err := parseName(test.der)
			require.Equal(t, test.want, err == nil && presented.equal(registered))
		})
	}
}

// TestDNSyntax lists what is refused when a client is registered, so that it
// does not wait for a certificate that cannot match.
func TestDNSyntax(t *testing.T) {
	t.Parallel()
	for text, complaint := range map[string]string{
		"":                                 "empty",
		"CN=" + strings.Repeat("a", 1<<13): "8 KiB",
		"CN":                               "equals sign",
		"CN=a,":                            "equals sign",
		",CN=a":                            "unknown attribute type",
		"CN=a, O=b":                        "is there a space",
		"CN = a":                           "unknown attribute type",
		"/C=DE/O=Lab, Inc./CN=a":           "unknown attribute type",
		"CN=a,X=b":                         "unknown attribute type",
		"\u0130nitials=a":                  "unknown attribute type",
		"02.5.4.3=a":                       "unknown attribute type",
		"2.5.4.=a":                         "unknown attribute type",
		"3.5.4=#0500":                      "unknown attribute type",
		"OID.2.5.4.3=a":                    "unknown attribute type",
		"CN=":                              "empty value",
		`CN=\20`:                           "empty value",
		"CN= a":                            "must be escaped",
		"CN=a ":                            "must be escaped",
		"CN=a ,O=b":                        "must be escaped",
		`CN="a"`:                           "must be escaped",
		"CN=a;O=b":                         "must be escaped",
		"CN=<a>":                           "must be escaped",
		"CN=a\x00":                         "must be escaped",
		"CN=a\nb":                          "control character",
		`CN=a\00`:                          "control character",
		`CN=a\C3`:                          "invalid UTF-8",
		"CN=a\xff":                         "invalid UTF-8",
		"CN=\uFFFD":                        "invalid UTF-8",
		`CN=a\`:                            "unknown escape",
		`CN=a\4`:                           "unknown escape",
		`CN=a\zz`:                          "unknown escape",
		"CN=#":                             "not the DER",
		"CN=#0c":                           "not the DER",
		"CN=#0c0161ff":                     "not the DER",
		"CN=#0c01zz":                       "not hexadecimal",
		"CN=#0c8101" + "61":                "not the DER", // length in two octets
		"CN=#0c01ff":                       "invalid UTF-8",
		"CN=#1301e9":                       "other characters",
		"CN=#1e0161":                       "half a character",
		"CN=#1c0400110000":                 "no character",
		"1.2.3.4=a":                        "hexadecimal digits",
		"CN=a+CN=b":                        "two attributes",
		"CN=a+2.5.4.3=#0c0162":             "two attributes",
	} {
		_, err := parseDN(text)
		require.ErrorContains(t, err, complaint, "%q", text)
		require.True(t, strings.HasPrefix(err.Error(), "mtls: subject DN: "), err)
	}
	_, err := parseDN("CN=a,O=secret name, Inc.")
	require.ErrorContains(t, err, "near octet 19")
	require.NotContains(t, err.Error(), "secret")
}

func FuzzDN(f *testing.F) {
	for _, text := range []string{
		`CN=client \"one\",OU=a\;b,O=Lab\, Inc.,C=DE`, `CN=\22\C3\A9+OU=y,1.2.3.4=#0c024162`, "CN=", `CN=a\`, "CN=#1e020041", "2.5.4.3=x",
	} {
		f.Add(text, []byte(text))
	}
	f.Add("CN=a", nameOf(f, derRDNSET{utf8Attr(cn, "x"), attr(ou, asn1.TagBMPString, "\x00A")}, derRDNSET{attr("1.2.3", asn1.TagInteger, "\x01")}))
	f.Fuzz(func(t *testing.T, text string, der []byte) {
		registered, textErr := parseDN(text)
		presented, derErr := parseName(der)
		if textErr == nil {
			requireStable(t, registered)
		}
		if derErr == nil && len(presented) > 0 {
			requireStable(t, presented)
		}
	})
}

// requireStable writes a name and reads it again.
func requireStable(t *testing.T, name dn) {
	t.Helper()
	text := format(name)
	if len(text) > maxDN {
		return // escapes take three octets for one
	}
	again, err := parseDN(text)
	require.NoError(t, err)
	require.True(t, again.equal(name), text)
	require.Equal(t, text, format(again))
}
