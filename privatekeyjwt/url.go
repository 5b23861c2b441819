package privatekeyjwt

import (
	"errors"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/internal/weburl"
)

var errIssuer = errors.New("privatekeyjwt: Issuer is required: the https URL without query and fragment that names the authorization server")

// isIssuer reports whether text can be an issuer identifier (RFC 8414 section
// 2). It is then used as it stands: audiences compare as strings.
func isIssuer(text string) bool {
	u, ok := parseURL(text)
	return ok && !strings.ContainsAny(text, "?#") && u.User == nil
}

// parseURL reads an absolute URL that is https, or http on a loopback address,
// where tests and developers have their servers.
func parseURL(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return nil, false
	}
	return u, weburl.IsSecure(u)
}

// endpointOf normalises an absolute URL for comparison: scheme and host in lower
// case, no default port, at least "/" as path, and neither query nor fragment.
// The path is compared as it is sent, since a server may tell any two spellings
// apart, and a spelling that matches nothing gets no assertion.
func endpointOf(u *url.URL) string {
	scheme, host, path := strings.ToLower(u.Scheme), strings.ToLower(u.Host), u.EscapedPath()
	switch scheme {
	case "https":
		host = strings.TrimSuffix(host, ":443")
	case "http":
		host = strings.TrimSuffix(host, ":80")
	}
	if path == "" {
		path = "/"
	}
	return scheme + "://" + strings.TrimSuffix(host, ":") + path
}
