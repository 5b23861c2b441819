package program

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// CheckOrigin wants an https origin as browsers write it.
func CheckOrigin(s strictjson.Section, value string) {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		s.Refuse("must be an https URL (FAPI 2.0 SP 5.2.1-1)")
	case value != "https://"+u.Host || value != strings.ToLower(value):
		s.Refuse("must be an origin, https://host or https://host:port, in lower case and without a slash at the end")
	case u.Port() == "443" || strings.HasSuffix(u.Host, ":"):
		s.Refuse("must not have the port 443, nor an empty one: leave it out")
	}
}

// CheckURL wants an https URL without user information and fragment.
func CheckURL(s strictjson.Section, value string) {
	u, err := url.Parse(value)
	s.Unless(err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && !strings.Contains(value, "#"),
		"must be an https URL without user and fragment (FAPI 2.0 SP 5.2.1-1)")
}

// CheckAddress wants host:port.
func CheckAddress(s strictjson.Section, value string) {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	s.Unless(err == nil, `must be host:port or :port, with a number, such as "127.0.0.1:8443"`)
}

// CheckScopes wants scope values, each once.
func CheckScopes(s strictjson.Section, scopes []string) {
	outside := func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }
	for i, scope := range scopes {
		at := s.Index(i)
		at.Unless(scope != "" && !strings.ContainsFunc(scope, outside), "must be printable ASCII without space, quote and backslash (RFC 6749 3.3)")
		at.Unless(!slices.Contains(scopes[:i], scope), "must not be there twice")
	}
}

// Prefixes reads network prefixes, of which none may be everything.
func Prefixes(s strictjson.Section, texts []string) (prefixes []netip.Prefix) {
	for i, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		s.Index(i).Unless(err == nil && prefix.Bits() > 0 && prefix == prefix.Masked(),
			"must be a network such as 10.1.2.3/32, with zeros behind the prefix, and not everything")
		prefixes = append(prefixes, prefix)
	}
	return prefixes
}

// Duration reads a time such as "5s"; nothing is the usual one.
func Duration(s strictjson.Section, text string, usual, least, most time.Duration) time.Duration {
	if text == "" {
		return usual
	}
	d, err := time.ParseDuration(text)
	s.Unless(err == nil && d >= least && d <= most, "must be a duration from %v to %v, such as \"%v\"", least, most, usual)
	return d
}
