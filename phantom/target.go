package phantom

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/go-fapi/fapi/internal/weburl"
)

// hosts are the values of Host under which clients may ask for this gateway.
type hosts map[string]bool

func newHosts(origins []string) (hosts, error) {
	known := hosts{}
	for _, text := range origins {
		u, err := parseOrigin(text)
		if err != nil {
			return nil, err
		}
		host := strings.ToLower(u.Host)
		port := defaultPort(u.Scheme)
		bare := strings.TrimSuffix(host, port)
		if known[host] = true; bare != host || u.Port() == "" {
			known[bare], known[bare+port] = true, true
		}
	}
	return known, nil
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return ":80"
	}
	return ":443"
}

// parseOrigin reads scheme and authority. http is for loopback addresses, as
// tokens travel there.
func parseOrigin(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || strings.ContainsAny(text, "?#") {
		return nil, errors.New("must be a scheme and an authority, such as https://api.bank.example")
	}
	if !weburl.IsSecure(u) {
		return nil, errors.New("must be https; http is for loopback addresses")
	}
	return u, nil
}

// check refuses targets that two servers could read in two ways, before
// anything is decided by them. What passes needs no normalisation any more, so
// that route, proof and API see the same octets.
func (known hosts) check(r *http.Request) error {
	switch {
	case !isMethod(r.Method):
		return refuse(ErrMethod, http.StatusNotImplemented)
	case r.Host == "" || r.URL.Host != "" && !known[strings.ToLower(r.URL.Host)]:
		return refuse(ErrHost, http.StatusBadRequest)
	case !known[strings.ToLower(r.Host)]:
		// A client that took this connection for that of another host may
		// open one.
		return refuse(ErrHost, http.StatusMisdirectedRequest)
	case !isScheme(r.URL.Scheme) || r.URL.Opaque != "" || r.URL.User != nil || !isPath(rawPath(r.URL)) || !isQuery(r.URL.RawQuery):
		return refuse(ErrTarget, http.StatusBadRequest)
	}
	return nil
}

// isMethod accepts the methods that can be served. TRACE would show the client
// the JWT, and CONNECT has no path. A small letter makes another method of one,
// with another route, which the API may yet take for the same.
func isMethod(method string) bool {
	return method != "" && method != http.MethodTrace && method != http.MethodConnect && consistsOf(&methodOctet, method)
}

// isScheme accepts what comes with the absolute form, and the usual form
// without any.
func isScheme(scheme string) bool { return scheme == "" || scheme == "https" || scheme == "http" }

// rawPath is the path as it was received: net/url keeps it only where its own
// spelling differs.
func rawPath(u *url.URL) string {
	if u.RawPath != "" {
		return u.RawPath
	}
	return u.EscapedPath()
}

// isPath accepts an absolute path that is its own normal form (RFC 3986 section
// 6.2.2) and that no decoding turns into one with other segments.
func isPath(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '%':
			if !isEscape(path[i:]) {
				return false
			}
			i += 2
		case !pathOctet[c]:
			return false
		}
	}
	return !hasOddSegment(path) && isText(path)
}

// isText refuses escapes that are not UTF-8, overlong dots and slashes among
// them: lenient decoders disagree about what they stand for.
func isText(path string) bool {
	if strings.IndexByte(path, '%') < 0 {
		return true
	}
	decoded, err := url.PathUnescape(path)
	return err == nil && utf8.ValidString(decoded)
}

// hasOddSegment knows empty segments, the last one excepted, and dots.
func hasOddSegment(path string) bool {
	if !strings.Contains(path, "/.") && !strings.Contains(path, "//") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return strings.Contains(path, "//")
}

// isEscape accepts %XX in upper case of an octet that needs it, and of none that
// means something once it is decoded: a slash, a semicolon, or the percent sign
// of another escape, which whoever decodes twice would see.
func isEscape(text string) bool {
	if len(text) < 3 {
		return false
	}
	high, low := strings.IndexByte(hexDigits, text[1]), strings.IndexByte(hexDigits, text[2])
	if high < 0 || low < 0 {
		return false
	}
	c := byte(high<<4 | low)
	if c == '%' && len(text) >= 5 && isHex(text[3]) && isHex(text[4]) {
		return false
	}
	return c >= ' ' && c != 0x7f && c != '/' && c != '\\' && c != ';' && !unreservedOctet[c]
}

const (
	hexDigits  = "0123456789ABCDEF"
	unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
)

// pathOctet is pchar and the slash, without the semicolon: behind it some
// servers see parameters, which others take for part of the segment.
var (
	pathOctet       = octets(unreserved + "/!$&'()*+,=:@")
	unreservedOctet = octets(unreserved)
	methodOctet     = octets("ABCDEFGHIJKLMNOPQRSTUVWXYZ-")
	fieldOctet      = octets("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
)

func octets(of string) (table [256]bool) {
	for i := range len(of) {
		table[of[i]] = true
	}
	return table
}

func consistsOf(table *[256]bool, text string) bool {
	for i := range len(text) {
		if !table[text[i]] {
			return false
		}
	}
	return true
}

// isQuery refuses what net/http/httputil would rewrite: a half escape, and the
// semicolon, which is a separator to some. And a fragment, which no request has.
func isQuery(query string) bool {
	if strings.ContainsAny(query, ";#") {
		return false
	}
	for {
		i := strings.IndexByte(query, '%')
		if i < 0 {
			return true
		}
		if query = query[i+1:]; len(query) < 2 || !isHex(query[0]) || !isHex(query[1]) {
			return false
		}
	}
}

func isHex(c byte) bool { return strings.IndexByte("0123456789ABCDEFabcdef", c) >= 0 }
