package dpop

import (
	"bytes"
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/internal/weburl"
)

// origin is one public address of a server: where clients think they talk to.
type origin struct {
	base string // normalised scheme://authority
	path string // prefix that a proxy strips; normalised, empty or "/…" without trailing slash
}

func newOrigin(text string) (origin, error) {
	base, path, ok := splitTarget(text)
	if !ok || strings.ContainsAny(text, "?#") {
		return origin{}, errors.New("dpop: an origin must be an absolute URI without userinfo, query and fragment")
	}
	if !strings.HasPrefix(base, "https://") && !isLoopback(base) {
		return origin{}, errors.New("dpop: an origin must be https; http is for loopback addresses")
	}
	return origin{base: base, path: strings.TrimSuffix(path, "/")}, nil
}

func isLoopback(base string) bool {
	u, err := url.Parse(base)
	return err == nil && weburl.IsLoopback(u.Hostname())
}

// matches reports whether htu is the target of a request for the escaped path,
// as seen through this origin (4.3-9 and -13). The usual client spells it the
// way we do, and then no normalisation runs.
func (o origin) matches(htu []byte, path string) bool {
	if rest, ok := bytes.CutPrefix(htu, []byte(o.base)); ok && isPlain(path) {
		if rest, ok = bytes.CutPrefix(rest, []byte(o.path)); ok && string(rest) == path {
			return true
		}
	}
	base, have, ok := splitTarget(string(htu))
	if !ok || base != o.base {
		return false
	}
	want, ok := o.target(path)
	return ok && have == want
}

// target is the path of htu for a request's path. That is normalised by itself,
// so that no ".." in it climbs out of the prefix and into the neighbour's. It is
// empty if the prefix itself was asked for.
func (o origin) target(path string) (string, bool) {
	if path == "" && o.path != "" {
		return o.path, true
	}
	path, ok := normalPath(path)
	return o.path + path, ok
}

// isPlain reports whether a path is its own normal form by a mere look.
func isPlain(path string) bool {
	return path != "" && path[0] == '/' && strings.IndexByte(path, '%') < 0 && !strings.Contains(path, "/.")
}

// splitTarget normalises an absolute http or https URI after RFC 3986 6.2.2
// and 6.2.3, and drops its query and fragment. What it does not do matters as
// much: a trailing slash, "//", an encoded slash, the case of the path and a
// dot behind the host are all significant, userinfo is refused, and nothing
// is converted between the spellings of an internationalised host.
func splitTarget(text string) (base, path string, ok bool) {
	if !isURI(text) {
		return "", "", false
	}
	if end := strings.IndexAny(text, "?#"); end >= 0 {
		text = text[:end]
	}
	scheme, rest, ok := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "https" && scheme != "http" {
		return "", "", false
	}
	authority := rest
	if slash := strings.IndexByte(rest, '/'); slash >= 0 {
		authority, path = rest[:slash], rest[slash:]
	}
	authority, ok = normalAuthority(scheme, strings.ToLower(authority))
	if !ok {
		return "", "", false
	}
	path, ok = normalPath(path)
	return scheme + "://" + authority, path, ok
}

// isURI reports whether text has only characters that RFC 3986 lets stand in a
// URI. Raw spaces, non-ASCII, controls and backslashes are what lenient
// parsers disagree about.
func isURI(text string) bool {
	for i := range len(text) {
		if !uriOctet[text[i]] {
			return false
		}
	}
	return true
}

var uriOctet = func() (t [256]bool) {
	for c := '!'; c <= '~'; c++ {
		t[c] = !strings.ContainsRune("\"<>\\^`{|}", c)
	}
	return t
}()

// normalAuthority checks host and port and drops a default or empty port.
func normalAuthority(scheme, authority string) (string, bool) {
	host, port := authority, ""
	if bracket := strings.IndexByte(authority, ']'); bracket >= 0 {
		host, port = authority[:bracket+1], authority[bracket+1:]
		if address, err := netip.ParseAddr(strings.TrimPrefix(host[:bracket], "[")); err != nil || !address.Is6() || host[0] != '[' {
			return "", false
		}
	} else if colon := strings.IndexByte(authority, ':'); colon >= 0 {
		host, port = authority[:colon], authority[colon:]
	}
	if host == "" || strings.ContainsAny(host, "@%") || host[len(host)-1] != ']' && strings.IndexByte(host, '[') >= 0 {
		return "", false
	}
	if port != "" && (port[0] != ':' || strings.Trim(port[1:], "0123456789") != "") {
		return "", false
	}
	if port == ":" || scheme == "https" && port == ":443" || scheme == "http" && port == ":80" {
		port = ""
	}
	return host + port, true
}

// normalPath decodes unreserved octets, upper-cases the other escapes, and
// then removes dot segments, so that "%2E%2E" counts as one.
func normalPath(path string) (string, bool) {
	if path == "" {
		return "/", true
	}
	if path[0] != '/' {
		return "", false
	}
	if strings.IndexByte(path, '%') >= 0 {
		var ok bool
		if path, ok = normalEscapes(path); !ok {
			return "", false
		}
	}
	return removeDotSegments(path), true
}

func normalEscapes(path string) (string, bool) {
	out := make([]byte, 0, len(path))
	for i := 0; i < len(path); i++ {
		if path[i] != '%' {
			out = append(out, path[i])
			continue
		}
		if i+2 >= len(path) || unhex(path[i+1]) < 0 || unhex(path[i+2]) < 0 {
			return "", false
		}
		if c := byte(unhex(path[i+1])<<4 | unhex(path[i+2])); isUnreserved(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hexDigits[c>>4], hexDigits[c&15])
		}
		i += 2
	}
	return string(out), true
}

const hexDigits = "0123456789ABCDEF"

func unhex(c byte) int {
	if c >= 'a' && c <= 'f' {
		c -= 'a' - 'A'
	}
	return strings.IndexByte(hexDigits, c)
}

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// removeDotSegments is RFC 3986 section 5.2.4 for a path that starts with a
// slash. path.Clean is not it: that one also collapses "//" and drops a
// trailing slash.
func removeDotSegments(path string) string {
	if !strings.Contains(path, "/.") {
		return path
	}
	segments := strings.Split(path[1:], "/")
	kept := segments[:0]
	for i, segment := range segments {
		last := i == len(segments)-1
		switch {
		case segment == ".." && len(kept) > 0:
			kept = kept[:len(kept)-1]
		case segment != "." && segment != "..":
			kept = append(kept, segment)
			continue
		}
		if last {
			kept = append(kept, "")
		}
	}
	return "/" + strings.Join(kept, "/")
}
