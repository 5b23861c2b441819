package introspection

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/go-fapi/fapi/internal/weburl"
)

const (
	defaultMaxAge      = 30 * time.Second
	maxMaxAge          = 5 * time.Minute
	defaultNegativeAge = time.Second
	maxNegativeAge     = 5 * time.Second
	defaultTimeout     = 2 * time.Second
	maxTimeout         = 30 * time.Second
	defaultEntries     = 10_000
	maxEntries         = 1 << 20
)

// limits are the settings that [ClientConfig] and [PhantomConfig] share.
type limits struct {
	endpoint    string
	audience    string
	clientID    string
	http        *http.Client
	maxAge      time.Duration
	negativeAge time.Duration
	timeout     time.Duration
	entries     int
	observe     func(Event)
}

// checked returns the limits with the defaults filled in.
func (l limits) checked() (limits, error) {
	switch {
	case !isEndpoint(l.endpoint):
		return l, errors.New("introspection: Endpoint is required: the https URL of the introspection endpoint")
	case l.audience == "":
		return l, errors.New("introspection: Audience is required: the API that tokens must be for")
	case l.http == nil || isNil(l.http.Transport):
		return l, errors.New("introspection: HTTP is required, with a Transport that authenticates: no server answers strangers")
	case l.entries < 0 || l.entries > maxEntries:
		return l, fmt.Errorf("introspection: MaxEntries %d is not between 0 and %d", l.entries, maxEntries)
	}
	if l.entries == 0 {
		l.entries = defaultEntries
	}
	for _, d := range []struct {
		name        string
		value       *time.Duration
		preset, max time.Duration
	}{
		{"MaxAge", &l.maxAge, defaultMaxAge, maxMaxAge},
		{"NegativeAge", &l.negativeAge, defaultNegativeAge, maxNegativeAge},
		{"Timeout", &l.timeout, defaultTimeout, maxTimeout},
	} {
		if *d.value < 0 || *d.value > d.max {
			return l, fmt.Errorf("introspection: %s %s is not between 0 and %s", d.name, *d.value, d.max)
		}
		if *d.value == 0 {
			*d.value = d.preset
		}
	}
	return l, nil
}

// isNil also sees a nil pointer, func or map inside the interface: the result of a
// constructor whose error was not looked at.
func isNil(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Func, reflect.Map:
		return v.IsNil()
	default:
		return false
	}
}

// isIssuer applies RFC 8414 section 2, and lets developers use loopback addresses.
func isIssuer(text string) bool { return isEndpoint(text) && !strings.Contains(text, "?") }

// isEndpoint: an endpoint may have a query and no fragment (RFC 6749 section 3.2).
func isEndpoint(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Contains(text, "#") {
		return false
	}
	return weburl.IsSecure(u)
}

// isToken is the b64token of RFC 6750 section 2.1, within the length that is taken.
func isToken(token string) bool {
	body := strings.TrimRight(token, "=")
	if body == "" || len(token) > maxToken {
		return false
	}
	for i := range len(body) {
		c := body[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return true
}

// maxToken is far above any opaque token, and room for most JWTs.
const maxToken = 4 << 10

// Event is the outcome of one question.
type Event struct {
	// Caller is who asked a [Handler]; empty unless authenticated, and in events of
	// a [Client] or [Phantom].
	Caller string
	// Active: the answer was yes. If it is false and Err is nil, a Handler has
	// answered no.
	Active bool
	// Cached: a Client or Phantom remembered the answer.
	Cached bool
	// Err is nil, a refusal with an OAuthCode (the "no" of a Client or Phantom is
	// an [*Error]), or a fault of a server.
	Err error
}
