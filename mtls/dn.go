package mtls

import (
	"encoding/asn1"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDN bounds a distinguished name, as text and as DER.
const maxDN = 8 << 10

// dn is a distinguished name in the order of its DER encoding, the most general
// part first; RFC 4514 writes it the other way round. Two names are the same
// only if all parts are, in this order (RFC 4517 section 4.2.15).
type dn []rdn

// rdn is a set: its attributes are sorted. Most sets have one.
type rdn []attribute

// attribute is ready to be compared with ==.
type attribute struct {
	kind  string // the type's OID
	text  bool   // value is a prepared string, else DER
	value string
}

func (n dn) equal(other dn) bool {
	return slices.EqualFunc(n, other, func(a, b rdn) bool { return slices.Equal(a, b) })
}

// newRDN sorts the attributes. Two of one type are no RDN (X.501 section 9.3),
// and would let a set be taken for a smaller one.
func newRDN(attributes []attribute) (rdn, error) {
	slices.SortFunc(attributes, func(a, b attribute) int { return strings.Compare(a.kind, b.kind) })
	for i := range attributes[1:] {
		if attributes[i].kind == attributes[i+1].kind {
			return nil, errors.New("two attributes of one type in one RDN")
		}
	}
	return attributes, nil
}

type (
	derRDNSET    []derAttribute // encoding/asn1 knows a SET by the end of its name
	derAttribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
)

// parseName reads the DER of a Name (RFC 5280 section 4.1.2.4), every part of
// it: the fields of pkix.Name lose order and grouping.
func parseName(der []byte) (dn, error) {
	if len(der) > maxDN {
		return nil, errors.New("name too long")
	}
	var sets []derRDNSET
	if rest, err := asn1.Unmarshal(der, &sets); err != nil || len(rest) > 0 {
		return nil, errors.New("not the DER of a name")
	}
	name := make(dn, 0, len(sets))
	for _, set := range sets {
		if len(set) == 0 {
			return nil, errors.New("RDN without attributes")
		}
		attributes := make([]attribute, 0, len(set))
		for _, member := range set {
			one, err := newAttribute(member.Type.String(), member.Value)
			if err != nil {
				return nil, err
			}
			attributes = append(attributes, one)
		}
		part, err := newRDN(attributes)
		if err != nil {
			return nil, err
		}
		name = append(name, part)
	}
	return name, nil
}

// newAttribute compares strings of the types we know as strings, whichever
// ASN.1 type they have. Everything else is compared as DER: other attribute
// types may be case-sensitive or no strings at all.
func newAttribute(kind string, value asn1.RawValue) (attribute, error) {
	if !isTextType(kind) {
		return attribute{kind: kind, value: string(value.FullBytes)}, nil
	}
	text, isText, err := decodeString(value)
	if err != nil {
		return attribute{}, err
	}
	if !isText {
		return attribute{kind: kind, value: string(value.FullBytes)}, nil
	}
	return textAttribute(kind, text)
}

func textAttribute(kind, text string) (attribute, error) {
	prepared, err := prepare(text)
	return attribute{kind: kind, text: true, value: prepared}, err
}

// prepare makes strings comparable under caseIgnoreMatch (RFC 4517 section
// 4.2.11): one space for many, none at the ends, no capitals. Of the string
// preparation of RFC 4518 it leaves out the Unicode part: no normalisation, no
// invisible characters taken away. That equates fewer strings than the standard
// does, never more: who registers "é" as one code point is not matched by "e"
// and an accent, nor K by the Kelvin sign.
//
// Controls, NUL among them, are no part of a name.
func prepare(text string) (string, error) {
	var prepared strings.Builder
	space := false
	for _, c := range text {
		switch {
		case unicode.IsControl(c) || c == utf8.RuneError: // also what is not UTF-8
			return "", errors.New("control character or invalid UTF-8 in a value")
		case c == ' ':
			space = prepared.Len() > 0
			continue
		case space:
			prepared.WriteByte(' ')
			space = false
		}
		prepared.WriteRune(fold(c))
	}
	if prepared.Len() == 0 { // X.520: a DirectoryString has at least one character
		return "", errors.New("empty value")
	}
	return prepared.String(), nil
}

// fold is the small letter of a capital, if that is the capital of the small
// letter. Characters that merely look or sound like one of a pair, as the
// Kelvin and the Ohm sign, stay what they are.
func fold(c rune) rune {
	if small := unicode.ToLower(c); unicode.ToUpper(small) == c {
		return small
	}
	return c
}
