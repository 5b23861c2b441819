package oauthhttp

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// MaxTokenBytes is the longest token [Credentials] returns.
const MaxTokenBytes = 16 << 10

// What [Credentials] refuses. They are plain sentinels: the caller wraps them into
// its own typed error, because the answer differs. Without credentials it is 401 and
// a challenge without an error code (RFC 6750 3.1); the other two are 400
// invalid_request.
var (
	ErrNoCredentials        = errors.New("oauthhttp: no authorization field")
	ErrManyCredentials      = errors.New("oauthhttp: more than one set of credentials")         // RFC 6750 2
	ErrMalformedCredentials = errors.New("oauthhttp: credentials are not a scheme and a token") // RFC 6750 2.1, RFC 9449 7.1
)

// Credentials reads the one Authorization field of a request:
//
//	credentials = auth-scheme 1*SP token68
//	token68     = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
//
// The scheme compares without case, so "DPoP" and "Bearer" are returned in exactly
// that spelling; any other scheme is returned as sent. The token is returned as sent,
// never shortened.
//
// The error is one of [ErrNoCredentials] when there is no such field,
// [ErrManyCredentials] for two fields or a comma in the field, even if both tokens
// are equal, and [ErrMalformedCredentials] for everything else: an empty field, a
// scheme without token, two tokens, a character outside the grammar, a token longer
// than [MaxTokenBytes].
//
// A server that takes tokens from the Authorization field only, as FAPI demands,
// calls [TokenElsewhere] beside it. It does not allocate.
func Credentials(r *http.Request) (scheme, token string, err error) {
	lines := r.Header.Values("Authorization")
	switch len(lines) {
	case 0:
		return "", "", ErrNoCredentials
	case 1:
	default:
		return "", "", ErrManyCredentials
	}
	scheme, token, _ = strings.Cut(lines[0], " ")
	token = strings.TrimLeft(token, " ")
	switch {
	case len(token) > MaxTokenBytes:
	case token == "" || token68Len(token) != len(token):
	case strings.EqualFold(scheme, "DPoP"):
		return "DPoP", token, nil
	case strings.EqualFold(scheme, "Bearer"):
		return "Bearer", token, nil
	case isToken(scheme):
		return scheme, token, nil
	}
	if strings.Contains(lines[0], ",") {
		return "", "", ErrManyCredentials
	}
	return "", "", ErrMalformedCredentials
}

// TokenElsewhere reports whether the request carries an access_token parameter
// outside the Authorization field, with or without a value, so that the caller can
// refuse it: FAPI 2.0 takes none there, and together with the field it is 400
// invalid_request (RFC 6750 2 and 3.1).
//
// In the query, names are compared after percent-decoding, and both "&" and ";"
// separate parameters, because whoever parses the query later may do so.
//
// The body is not read: to look into it would consume what belongs to the handler,
// and would make the server read from anybody before authentication. So a token in a
// form body is never taken for authentication, but a second token there, beside a
// good one in the field, is seen only once somebody has parsed the form into
// r.PostForm. A handler that reads a form on a protected resource calls
// TokenElsewhere again afterwards.
func TokenElsewhere(r *http.Request) bool {
	const name = "access_token"
	return r.URL != nil && queryHas(r.URL.RawQuery, name) || r.PostForm.Has(name)
}

func queryHas(query, name string) bool {
	for query != "" {
		pair := query
		if i := strings.IndexAny(query, "&;"); i >= 0 {
			pair, query = query[:i], query[i+1:]
		} else {
			query = ""
		}
		key, _, _ := strings.Cut(pair, "=")
		if len(key) > 3*len(name) { // longer than fully encoded
			continue
		}
		if decoded, err := url.QueryUnescape(key); err == nil && decoded == name {
			return true
		}
	}
	return false
}

// token68Len returns the length of the token68 at the start of s, 0 for none.
func token68Len(s string) int {
	n := 0
	for n < len(s) && isToken68Byte(s[n]) {
		n++
	}
	if n == 0 {
		return 0
	}
	for n < len(s) && s[n] == '=' {
		n++
	}
	return n
}

func isToken68Byte(c byte) bool { return token68[c] }

// token68 is a table because every request scans its whole token.
var token68 = func() (t [256]bool) {
	for c := range t {
		c := byte(c)
		t[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '-' <= c && c <= '9' || c == '_' || c == '~' || c == '+'
	}
	return t
}()
