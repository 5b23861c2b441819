package jar

import (
	"errors"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/internal/weburl"
)

var errIssuer = errors.New("jar: Issuer is required: the https URL without query and fragment that names the authorization server")

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

// isClientID reports whether id is a client identifier: VSCHAR, at least one
// (RFC 6749 appendix A.1). It keeps line breaks and NUL from sources and logs.
func isClientID(id string) bool {
	for i := range len(id) {
		if id[i] < 0x20 || id[i] > 0x7e {
			return false
		}
	}
	return id != ""
}
