package safehttp

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL is far above what anybody registers; request_uri is limited to 512
// characters by OpenID Connect Core 6.2.
const maxURL = 2048

// parse checks everything that can be told from the URL itself. One that passes
// can still resolve to an address that is refused.
func (a addresses) parse(raw string) (*url.URL, error) {
	if raw == "" || len(raw) > maxURL {
		return nil, refuse(ErrURL, "it is empty or too long")
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return nil, refuse(ErrURL, "it has characters outside RFC 3986")
		}
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, refuse(ErrURL, "it does not parse") // the parser's text repeats the URL
	case u.Scheme != "https":
		return nil, refuse(ErrURL, "its scheme is not https")
	case u.User != nil:
		return nil, refuse(ErrURL, "it has user information")
	case strings.Contains(raw, "#"):
		return nil, refuse(ErrURL, "it has a fragment")
	}
	if err := a.checkHost(u); err != nil {
		return nil, err
	}
	return u, nil
}

func (a addresses) checkHost(u *url.URL) error {
	host, bracketed := u.Hostname(), strings.HasPrefix(u.Host, "[")
	if !isPort(u) {
		return refuse(ErrURL, "its port is not a number from 1 to 65535")
	}
	ip, err := netip.ParseAddr(host)
	if err != nil && !bracketed && isName(host) {
		return nil
	}
	if err != nil || ip.Is6() != bracketed {
		return refuse(ErrURL, "its host is neither a dns name nor an ip address")
	}
	// Go connects ::ffff:a.b.c.d as a.b.c.d, so the socket does not show it.
	if !a.admit(ip) {
		return &Error{kind: ErrAddress, detail: &addressError{address: ip.String()}}
	}
	return nil
}

// isPort reports whether the port is absent altogether or the decimal digits of
// a port, without a zero in front.
func isPort(u *url.URL) bool {
	port := u.Port()
	if port == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	_, err := strconv.ParseUint(port, 10, 16)
	return err == nil && port[0] != '0'
}

// isName reports a DNS name of letters, digits and hyphens (RFC 1123 2.1), so
// internationalised names come as A-labels. A dot at the end is refused: with it
// one host has two names. The last label starts with a letter, as every top-level
// domain does: resolvers of the C library read 2130706433, 0x7f.1 and 0177.0.0.1
// as 127.0.0.1.
func isName(host string) bool {
	if len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if !isLabel(label) {
			return false
		}
	}
	return labels[len(labels)-1][0] > '9' // among the characters of a label: a letter
}

func isLabel(label string) bool {
	if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return false
	}
	for i := range len(label) {
		c := label[i] | 0x20
		if (c < 'a' || c > 'z') && (label[i] < '0' || label[i] > '9') && label[i] != '-' {
			return false
		}
	}
	return true
}
