package mtls

import (
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// parseDN reads the string form of RFC 4514 section 3, and only that: no spaces
// around separators, no quotes, no semicolons, no slashes. An operator who
// copies another form learns it when the client is registered, and not when
// nobody gets in. Errors name a position, since the text may name a person.
func parseDN(text string) (dn, error) {
	if text == "" || len(text) > maxDN {
		return nil, errors.New("mtls: subject DN: empty, or longer than 8 KiB")
	}
	p := dnParser{text: text}
	var name dn
	for {
		part, err := p.rdn()
		if err != nil {
			return nil, fmt.Errorf("mtls: subject DN: near octet %d: %w", p.at, err)
		}
		name = append(name, part)
		if p.at == len(text) {
			slices.Reverse(name)
			return name, nil
		}
		p.at++ // the comma
	}
}

type dnParser struct {
	text string
	at   int
}

// rdn reads up to a comma or the end.
func (p *dnParser) rdn() (rdn, error) {
	var attributes []attribute
	for {
		one, err := p.attribute()
		if err != nil {
			return nil, err
		}
		attributes = append(attributes, one)
		if p.at == len(p.text) || p.text[p.at] == ',' {
			return newRDN(attributes)
		}
		p.at++ // the plus
	}
}

func (p *dnParser) attribute() (attribute, error) {
	name, _, ok := strings.Cut(p.text[p.at:], "=")
	if !ok {
		return attribute{}, errors.New("no attribute type and equals sign")
	}
	kind, err := attributeType(name)
	if err != nil {
		return attribute{}, err
	}
	p.at += len(name) + 1
	if strings.HasPrefix(p.text[p.at:], "#") {
		value, err := p.hexValue()
		if err != nil {
			return attribute{}, err
		}
		return newAttribute(kind, value)
	}
	if !isTextType(kind) {
		return attribute{}, errors.New("the value of this attribute type has to be given as # and hexadecimal digits")
	}
	value, err := p.stringValue()
	if err != nil {
		return attribute{}, err
	}
	return textAttribute(kind, value)
}

// attributeType returns the OID. RFC 4514 wants a # value after a dotted OID;
// a string is accepted there too where its meaning is known.
func attributeType(name string) (string, error) {
	if oid, err := x509.ParseOID(name); err == nil && oid.String() == name {
		return name, nil
	}
	if kind, ok := textTypes[strings.ToLower(name)]; ok && isASCII(name) {
		return kind, nil
	}
	return "", errors.New("unknown attribute type; is there a space or an unescaped comma before it?")
}

// hexValue reads a # and the DER of one value (RFC 4514 section 2.4).
func (p *dnParser) hexValue() (value asn1.RawValue, err error) {
	digits := p.text[p.at+1:]
	if end := strings.IndexAny(digits, ",+"); end >= 0 {
		digits = digits[:end]
	}
	der, err := hex.DecodeString(digits)
	if err != nil {
		return value, errors.New("not hexadecimal after #")
	}
	if rest, err := asn1.Unmarshal(der, &value); err != nil || len(rest) > 0 {
		return value, errors.New("not the DER of one value after #")
	}
	p.at += 1 + len(digits)
	return value, nil
}

// stringValue reads a string and resolves its escapes.
func (p *dnParser) stringValue() (string, error) {
	var value []byte
	begin, bareSpace := p.at, false // whether the last octet is a space without escape
	for p.at < len(p.text) && p.text[p.at] != ',' && p.text[p.at] != '+' {
		c := p.text[p.at]
		if strings.IndexByte("\x00\";<>", c) >= 0 || c == ' ' && p.at == begin {
			return "", errors.New("a character that must be escaped")
		}
		if bareSpace = c == ' '; c == '\\' {
			var err error
			if c, err = p.escaped(); err != nil {
				return "", err
			}
		}
		value = append(value, c)
		p.at++
	}
	if bareSpace {
		return "", errors.New("a space at the end must be escaped")
	}
	return string(value), nil
}

// escaped reads what follows a backslash, and stops at its last octet.
func (p *dnParser) escaped() (byte, error) {
	rest := p.text[p.at+1:]
	if rest != "" && strings.IndexByte(`\"+,;<> #=`, rest[0]) >= 0 {
		p.at++
		return rest[0], nil
	}
	pair, err := hex.DecodeString(rest[:min(2, len(rest))])
	if err != nil || len(pair) != 1 {
		return 0, errors.New("unknown escape")
	}
	p.at += 2
	return pair[0], nil
}
