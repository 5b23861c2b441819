package safehttp

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxFresh bounds what a server can ask for. A client that must withdraw a key
// cannot wait for longer.
const maxFresh = 24 * time.Hour

const maxSeconds = 1<<31 - 1 // RFC 9111 1.2.2

// freshness reads how long the answer may be reused (RFC 9111 4.2). Stated is
// false when the server says nothing. A statement that cannot be read means not
// at all, as RFC 9111 4.2.1 encourages.
func freshness(h http.Header, now time.Time) (fresh time.Duration, stated bool) {
	lifetime, stated := cacheControl(h)
	if !stated {
		if lifetime, stated = expires(h, now); !stated {
			return 0, false
		}
	}
	lifetime = min(max(lifetime, 0), maxSeconds*time.Second) // before subtracting, which could overflow
	lifetime -= seconds(h.Get("Age"))                        // time already spent in a cache; RFC 9111 5.1
	return min(max(lifetime, 0), maxFresh), true
}

func cacheControl(h http.Header) (lifetime time.Duration, stated bool) {
	for _, line := range h.Values("Cache-Control") {
		for directive := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
			switch strings.ToLower(name) {
			case "no-store", "no-cache":
				return 0, true
			case "max-age":
				if !stated { // the first one counts; RFC 9111 4.2.1
					lifetime, stated = seconds(strings.Trim(value, `"`)), true
				}
			}
		}
	}
	return lifetime, stated
}

func expires(h http.Header, now time.Time) (lifetime time.Duration, stated bool) {
	value := h.Get("Expires")
	if value == "" {
		return 0, false
	}
	until, err := http.ParseTime(value)
	if err != nil {
		return 0, true // "0" is a common way to say already expired; RFC 9111 5.3
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date // the server's own clock, so its error cancels out
	}
	return until.Sub(now), true
}

// seconds reads delta-seconds (RFC 9111 1.2.2). A number too large to hold is
// cut, anything else that is not digits gives 0.
func seconds(text string) time.Duration {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		n = maxSeconds
	}
	return time.Duration(n) * time.Second
}
