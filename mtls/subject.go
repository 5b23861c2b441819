package mtls

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"net/netip"
	"net/url"
	"strings"
)

// Subject is the one value by which the certificates of a tls_client_auth
// client are recognised (RFC 8705 section 2.1.2). It is made by [SubjectDN],
// [SubjectDNS], [SubjectURI], [SubjectIP] or [SubjectEmail], when the client is
// registered; an error there is invalid_client_metadata. The zero Subject
// matches no certificate.
//
// A subject alternative name is compared with all names of its own type that
// the certificate has, and with nothing else: no wildcard is expanded, and the
// common name is no host name.
type Subject struct {
	kind subjectKind
	name dn     // of a subjectDN
	text string // of all others, as it stands in a certificate
}

// subjectKind is the tag of a GeneralName (RFC 5280 section 4.2.1.6), or
// subjectDN.
type subjectKind int

const (
	subjectNone  subjectKind = 0 // otherName, which cannot be registered
	subjectEmail subjectKind = 1
	subjectDNS   subjectKind = 2
	subjectURI   subjectKind = 6
	subjectIP    subjectKind = 7
	subjectDN    subjectKind = -1
)

// SubjectDN is tls_client_auth_subject_dn: the whole distinguished name in the
// form of RFC 4514, the most specific part first, at most 8 KiB. Other forms,
// such as those with a space after the comma or with slashes, are errors;
// "openssl x509 -noout -subject -nameopt RFC2253" prints the right one.
//
// Names are compared part by part and in order. Attributes that are known to be
// strings (those of RFC 4514 and RFC 4519, emailAddress, and those of legal
// persons) compare without regard to letter case, to the number of spaces, and
// to the ASN.1 type of the string. They can be written by name, or by OID. Of
// all other attributes the value is compared octet by octet, and can only be
// written as # and its DER in hexadecimal. Unicode is not normalised: accented
// letters must be composed as in the certificate.
func SubjectDN(rfc4514 string) (Subject, error) {
	name, err := parseDN(rfc4514)
	if err != nil {
		return Subject{}, err
	}
	return Subject{kind: subjectDN, name: name}, nil
}

// SubjectDNS is tls_client_auth_san_dns: a host name in ASCII (an A-label, if
// it is international), without wildcard or dot at the end. Letter case does
// not matter.
func SubjectDNS(name string) (Subject, error) {
	if _, err := netip.ParseAddr(name); err == nil || !isHostName(name) {
		return Subject{}, errors.New("mtls: subject DNS: not a host name of letters, digits, hyphens and underscores")
	}
	return Subject{kind: subjectDNS, text: lowerASCII(name)}, nil
}

// SubjectURI is tls_client_auth_san_uri: an absolute URI in ASCII. It compares
// octet by octet.
func SubjectURI(uri string) (Subject, error) {
	parsed, err := url.Parse(uri)
	if err != nil || !parsed.IsAbs() || !isGraphic(uri, maxURL) {
		return Subject{}, errors.New("mtls: subject URI: not an absolute URI in ASCII")
	}
	return Subject{kind: subjectURI, text: uri}, nil
}

// SubjectIP is tls_client_auth_san_ip: an IPv4 address with dots or an IPv6
// address without zone. Its 4 or 16 octets are compared, so an IPv4 address is
// not the IPv6 address that maps it.
func SubjectIP(address string) (Subject, error) {
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Zone() != "" {
		return Subject{}, errors.New("mtls: subject IP: not an IP address without zone")
	}
	return Subject{kind: subjectIP, text: string(parsed.AsSlice())}, nil
}

// SubjectEmail is tls_client_auth_san_email: a mail address in ASCII. Letter
// case matters before the @, not after it (RFC 5280 section 7.5).
func SubjectEmail(address string) (Subject, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || !isGraphic(address, 320) || !isHostName(address[at+1:]) {
		return Subject{}, errors.New("mtls: subject email: not a mail address in ASCII")
	}
	return Subject{kind: subjectEmail, text: canonicalEmail(address)}, nil
}

// matches reports whether the certificate has this subject. It says nothing
// about who issued the certificate.
func (s Subject) matches(certificate *x509.Certificate) bool {
	switch s.kind {
	case subjectNone:
		return false
	case subjectDN:
		name, err := parseName(certificate.RawSubject)
		return err == nil && name.equal(s.name)
	}
	for _, text := range alternativeNames(certificate, s.kind) {
		switch s.kind {
		case subjectDNS:
			text = lowerASCII(text)
		case subjectEmail:
			text = canonicalEmail(text)
		}
		if text == s.text {
			return true
		}
	}
	return false
}

// alternativeNames are the subject alternative names of one type as they stand
// in the extension: crypto/x509 would hand out URIs that it has parsed, and
// addresses that compare equal when they are not.
func alternativeNames(certificate *x509.Certificate, kind subjectKind) (texts []string) {
	for _, extension := range certificate.Extensions {
		if !extension.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names []asn1.RawValue
		if rest, err := asn1.Unmarshal(extension.Value, &names); err != nil || len(rest) > 0 {
			return nil
		}
		for _, name := range names {
			if name.Class == asn1.ClassContextSpecific && name.Tag == int(kind) && !name.IsCompound {
				texts = append(texts, string(name.Bytes))
			}
		}
	}
	return texts
}

func canonicalEmail(address string) string {
	at := strings.LastIndexByte(address, '@') + 1
	return address[:at] + lowerASCII(address[at:])
}

// lowerASCII leaves everything but A to Z alone, as DNS does (RFC 4343).
func lowerASCII(text string) string {
	return strings.Map(func(c rune) rune {
		if 'A' <= c && c <= 'Z' {
			return c + 'a' - 'A'
		}
		return c
	}, text)
}

func isHostName(name string) bool {
	if len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(lowerASCII(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

const maxURL = 2048 // octets

// isGraphic is true for visible ASCII without spaces.
func isGraphic(text string, limit int) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f {
			return false
		}
	}
	return text != "" && len(text) <= limit
}
