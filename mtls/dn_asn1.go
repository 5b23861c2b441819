package mtls

import (
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// ASN.1 string types that encoding/asn1 has no names for.
const (
	tagVisibleString   = 26
	tagUniversalString = 28
)

// decodeString reads the string types of a DirectoryString (X.520) and their
// like. isText is false for a value of another type, and for T.61 beyond ASCII,
// about whose characters implementations do not agree.
func decodeString(value asn1.RawValue) (text string, isText bool, err error) {
	if value.Class != asn1.ClassUniversal || value.IsCompound {
		return "", false, nil
	}
	switch value.Tag {
	case asn1.TagUTF8String:
		text, err = string(value.Bytes), validUTF8(value.Bytes)
	case asn1.TagPrintableString, asn1.TagIA5String, asn1.TagNumericString, tagVisibleString:
		if text = string(value.Bytes); !isASCII(text) {
			err = errors.New("an ASCII string type with other characters")
		}
	case asn1.TagT61String:
		text = string(value.Bytes)
		return text, isASCII(text), nil
	case asn1.TagBMPString:
		text, err = decodeWide(value.Bytes, 2)
	case tagUniversalString:
		text, err = decodeWide(value.Bytes, 4)
	default:
		return "", false, nil
	}
	return text, true, err
}

func validUTF8(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("invalid UTF-8 in a value")
	}
	return nil
}

// decodeWide reads UCS-2 or UCS-4. Surrogates are in neither.
func decodeWide(data []byte, size int) (string, error) {
	if len(data)%size != 0 {
		return "", errors.New("half a character in a value")
	}
	var text strings.Builder
	for ; len(data) > 0; data = data[size:] {
		c := uint32(binary.BigEndian.Uint16(data))
		if size == 4 {
			c = binary.BigEndian.Uint32(data)
		}
		if !utf8.ValidRune(rune(c)) { // nor is what overflows it
			return "", errors.New("no character in a value")
		}
		text.WriteRune(rune(c))
	}
	return text.String(), nil
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// textTypes are the attribute types with a directory string or IA5 string as
// value and a matching rule without case, by their names in lower case: those
// of RFC 4514 section 3 and RFC 4519, of X.520 for legal persons, and of the
// extended validation guidelines, with the spellings that tools print.
var textTypes = map[string]string{
	"cn": "2.5.4.3", "commonname": "2.5.4.3",
	"sn": "2.5.4.4", "surname": "2.5.4.4",
	"serialnumber": "2.5.4.5",
	"c":            "2.5.4.6", "countryname": "2.5.4.6",
	"l": "2.5.4.7", "localityname": "2.5.4.7",
	"st": "2.5.4.8", "stateorprovincename": "2.5.4.8",
	"street": "2.5.4.9", "streetaddress": "2.5.4.9",
	"o": "2.5.4.10", "organizationname": "2.5.4.10",
	"ou": "2.5.4.11", "organizationalunitname": "2.5.4.11",
	"title":            "2.5.4.12",
	"businesscategory": "2.5.4.15",
	"postalcode":       "2.5.4.17",
	"givenname":        "2.5.4.42", "gn": "2.5.4.42",
	"initials":               "2.5.4.43",
	"generationqualifier":    "2.5.4.44",
	"dnqualifier":            "2.5.4.46",
	"pseudonym":              "2.5.4.65",
	"organizationidentifier": "2.5.4.97",
	"uid":                    "0.9.2342.19200300.100.1.1", "userid": "0.9.2342.19200300.100.1.1",
	"dc": "0.9.2342.19200300.100.1.25", "domaincomponent": "0.9.2342.19200300.100.1.25",
	"emailaddress": "1.2.840.113549.1.9.1", "e": "1.2.840.113549.1.9.1",
	"jurisdictionlocalityname": "1.3.6.1.4.1.311.60.2.1.1", "jurisdictionl": "1.3.6.1.4.1.311.60.2.1.1",
	"jurisdictionstateorprovincename": "1.3.6.1.4.1.311.60.2.1.2", "jurisdictionst": "1.3.6.1.4.1.311.60.2.1.2",
	"jurisdictioncountryname": "1.3.6.1.4.1.311.60.2.1.3", "jurisdictionc": "1.3.6.1.4.1.311.60.2.1.3",
}

// textKinds are the OIDs.
var textKinds = slices.Collect(maps.Values(textTypes))

func isTextType(kind string) bool { return slices.Contains(textKinds, kind) }
