package jarm

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/internal/weburl"
)

var (
	errIssuer   = errors.New("jarm: Issuer is required: the https URL without query and fragment that names the authorization server")
	errRedirect = errors.New("jarm: the redirect URI is not an absolute https URL without user and fragment, http on a loopback address, or a private-use scheme")
)

// isIssuer reports whether text can be an issuer identifier (RFC 8414 section
// 2): https, or http on a loopback address, where tests and developers have
// their servers. It is then used as it stands: issuers compare as strings.
func isIssuer(text string) bool {
	u, err := url.Parse(text)
	return err == nil && weburl.IsSecure(u) && u.User == nil && !strings.ContainsAny(text, "?#")
}

// parseRedirect checks what is about to become a Location or a form's action.
// That it is registered for the client is the caller's to know; this keeps a bad
// registration from becoming script, a header, or a foreign host.
func parseRedirect(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || !isURIText(text) || strings.Contains(text, "#") || u.User != nil {
		return nil, errRedirect
	}
	// A scheme with a dot is a reversed domain name (RFC 8252 section 7.1).
	private := strings.Contains(u.Scheme, ".")
	if !private && (!weburl.IsSecure(u) || !isHost(u.Hostname())) {
		return nil, errRedirect
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || query.Has(paramResponse) || hasAny(query, plainParams[:]...) {
		return nil, errors.New("jarm: the query of the redirect URI is malformed or holds a response parameter")
	}
	return u, nil
}

// isURIText keeps to the characters of RFC 3986 section 2. Browsers read a
// backslash as a slash, and so another host than net/url.
func isURIText(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return false
		}
	}
	return true
}

// isHost is narrower than RFC 3986, since a host also becomes a part of a
// Content-Security-Policy, where ";" and "," start something new.
func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return !strings.Contains(host, "%")
	}
	for i := range len(host) {
		c := host[i] | 0x20
		if (c < 'a' || c > 'z') && (host[i] < '0' || host[i] > '9') && host[i] != '-' && host[i] != '.' && host[i] != '_' {
			return false
		}
	}
	return host != ""
}
