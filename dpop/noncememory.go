package dpop

import (
	"net/http"
	"sync"
)

// nonceMemory holds the newest nonce of each server a client talks to. Nonces
// never cross origins (section 9). Forgetting one costs a round trip, so when
// the memory is full any entry may go.
type nonceMemory struct {
	mu       sync.Mutex
	byOrigin map[string]string
}

const maxOrigins = 100

func (m *nonceMemory) get(origin string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byOrigin[origin]
}

// keep remembers the nonce of a response and returns it. A response without
// exactly one well-formed nonce changes nothing.
func (m *nonceMemory) keep(origin string, response *http.Response) string {
	fields := response.Header.Values("DPoP-Nonce")
	if len(fields) != 1 || !isNonce(fields[0]) {
		return ""
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byOrigin == nil {
		m.byOrigin = make(map[string]string)
	}
	if _, known := m.byOrigin[origin]; !known && len(m.byOrigin) >= maxOrigins {
		for any := range m.byOrigin {
			delete(m.byOrigin, any)
			break
		}
	}
	m.byOrigin[origin] = fields[0]
	return fields[0]
}

// originOf is the normalised scheme and authority of a request's URL.
func originOf(r *http.Request) string {
	base, _, ok := splitTarget(r.URL.Scheme + "://" + r.URL.Host)
	if !ok {
		return r.URL.Scheme + "://" + r.URL.Host
	}
	return base
}
