package dpop

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNonceMemoryIsBounded(t *testing.T) {
	t.Parallel()
	var m nonceMemory
	response := &http.Response{Header: http.Header{"Dpop-Nonce": {"n-1"}}}
	for i := range 3 * maxOrigins {
		origin := fmt.Sprintf("https://host-%d.example", i)
		require.Equal(t, "n-1", m.keep(origin, response))
		require.Equal(t, "n-1", m.get(origin), "the newest is always there")
		require.LessOrEqual(t, len(m.byOrigin), maxOrigins)
	}
	require.Len(t, m.byOrigin, maxOrigins)
	var known string
	for known = range m.byOrigin {
		break
	}
	response.Header.Set("DPoP-Nonce", "n-2")
	m.keep(known, response)
	require.Len(t, m.byOrigin, maxOrigins, "a known origin displaces nobody")
	require.Equal(t, "n-2", m.get(known))
}
