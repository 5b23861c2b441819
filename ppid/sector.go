package ppid

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

const (
	maxURI  = 2048 // octets
	maxURIs = 1000
)

// Sector is a host name that clients share or not: without port, in lower case,
// as A-labels. Sectors are equal (==) when clients of theirs get the same
// identifiers. Only [SectorOf] makes one; the zero Sector is refused everywhere.
//
// Text is its form in a client record. Unmarshalling checks the form only: a host
// that was good when its client registered stays good, even if it has since become
// a public suffix or the tables of IDNA have changed. Never unmarshal one from what
// a client sent.
type Sector struct{ host string }

// String returns the host name, empty for the zero Sector.
func (s Sector) String() string { return s.host }

// MarshalText implements [encoding.TextMarshaler].
func (s Sector) MarshalText() ([]byte, error) { return []byte(s.host), nil }

// UnmarshalText accepts what MarshalText gave, and nothing else. Empty text gives
// the zero Sector.
func (s *Sector) UnmarshalText(text []byte) error {
	host := string(text)
	if host != "" && (!isName(host) || isNumeric(host) || !strings.Contains(host, ".")) {
		return errors.New("ppid: the text is not a stored sector")
	}
	s.host = host
	return nil
}

// SectorOf returns the sector of a client: the host of its sector_identifier_uri,
// or if that is empty, the one host of its redirect URIs (OpenID Connect Core
// section 8.1). All URIs are https and name a host that can belong to somebody:
// not loopback, an IP address, a public suffix or a private-use scheme, where
// unrelated clients would share a sector.
//
// It does not fetch the document behind sectorIdentifierURI. For a URI that the
// client chose use [Fetcher.SectorOf], or any client can join any sector.
//
// The error is an [*Error] with [ErrSector] that says what to register.
func SectorOf(sectorIdentifierURI string, redirectURIs []string) (Sector, error) {
	if sectorIdentifierURI != "" {
		redirectURIs = []string{sectorIdentifierURI}
	}
	switch {
	case len(redirectURIs) == 0:
		return Sector{}, refuseSector("without redirect_uris, register a sector_identifier_uri")
	case len(redirectURIs) > maxURIs:
		return Sector{}, refuseSector("register at most 1000 redirect_uris")
	}
	var sector Sector
	for _, uri := range redirectURIs {
		host, err := hostOf(uri)
		if err != nil {
			return Sector{}, err
		}
		if sector.host != "" && sector.host != host {
			return Sector{}, refuseSector("redirect_uris have several hosts, register a sector_identifier_uri")
		}
		sector.host = host
	}
	return sector, nil
}

func refuseSector(hint string) error { return &Error{rule: ErrSector, hint: hint} }

// hostOf returns the canonical host of an https URI.
func hostOf(uri string) (string, error) {
	if len(uri) > maxURI || !utf8.ValidString(uri) {
		return "", refuseSector("a uri is longer than 2048 octets or not utf-8")
	}
	u, err := url.Parse(uri)
	switch {
	case err != nil || u.Scheme == "":
		return "", refuseSector("a uri is not an absolute one")
	case u.User != nil || strings.Contains(uri, "#"):
		return "", refuseSector("a uri has user information or a fragment")
	case u.Scheme != "https" && u.Scheme != "http", u.Opaque != "", u.Hostname() == "":
		return "", refuseSector("a private-use uri has no host, register an https sector_identifier_uri")
	case strings.HasPrefix(u.Host, "["):
		return "", errAddress()
	}
	host, err := canonical(u.Hostname())
	if err != nil {
		return "", err
	}
	if u.Scheme != "https" {
		return "", refuseSector("a uri does not use https")
	}
	return host, nil
}

func errAddress() error {
	return refuseSector("ip addresses and loopback hosts are shared by unrelated clients, register a sector_identifier_uri on a host of yours")
}

// canonical returns the one form of a host name. Everything is judged after the
// mapping of IDNA, which makes dots and digits of others.
func canonical(host string) (string, error) {
	host, err := toASCII(strings.TrimSuffix(host, "."))
	if err != nil || !isName(host) {
		return "", refuseSector("a host is not a valid (internationalised) domain name")
	}
	if isNumeric(host) || host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return "", errAddress()
	}
	if suffix, _ := publicsuffix.PublicSuffix(host); suffix == host {
		return "", refuseSector("a host is a public suffix or has no domain, register a sector_identifier_uri on a host of yours")
	}
	return host, nil
}

// toASCII wants a result that is its own: of some hosts package idna makes labels
// that it refuses itself, and a sector has to be found again by its text.
func toASCII(host string) (string, error) {
	ascii, err := idna.Lookup.ToASCII(host)
	if err != nil {
		return "", err
	}
	if again, err := idna.Lookup.ToASCII(ascii); err != nil || again != ascii {
		return "", errors.New("ppid: the host has no stable form")
	}
	return ascii, nil
}

// isName reports a name of lower-case LDH labels (RFC 5890 section 2.3.1).
func isName(host string) bool {
	if len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if c := label[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}

// isNumeric reports a host that resolvers of the C library take for an IPv4
// address, such as 127.1 or 0x7f000001. No top-level domain starts with a digit.
func isNumeric(host string) bool {
	_, err := netip.ParseAddr(host)
	last := host[strings.LastIndexByte(host, '.')+1]
	return err == nil || last <= '9'
}
