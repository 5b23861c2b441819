package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/gateway/demo"
	gateway "github.com/go-fapi/fapi/examples/gateway/server"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func decode(t *testing.T, body string) (s seen) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(body), &s), body)
	return s
}

func TestHealthAndKeys(t *testing.T) {
	t.Parallel()
	log := &buffer{}
	folder := t.TempDir()
	next, err := x509.MarshalPKIXPublicKey(testkeys.ES256("next").Public())
	require.NoError(t, err)
	block := &pem.Block{Type: "PUBLIC KEY", Bytes: next}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "next.pem"), pem.EncodeToMemory(block), 0o600))
	d, err := demo.Start(demo.Config{Folder: folder, Log: log, Gateway: func(c *gateway.Config) {
		c.Timeouts.Drain, c.Evidence.Others = "1s", []string{"next.pem"}
	}})
	require.NoError(t, err)
	p := newPerson(t, d, nil, nil)
	response, _ := p.get(d.Inside + "/health")
	require.Equal(t, 200, response.StatusCode)
	response, body := p.get(d.Inside + "/jwks")
	require.Equal(t, 200, response.StatusCode)
	require.Contains(t, body, `"Ed25519"`)
	require.Contains(t, body, `"P-256"`, "the next key is announced")
	require.NotContains(t, body, `"d"`)
	for _, path := range []string{"/health", "/jwks"} {
		response, _ = p.get(d.Origin + path)
		require.Equal(t, 404, response.StatusCode, "not for clients")
	}

	// While it drains, it says so, and serves.
	a := alice(t, d)
	closed := make(chan error, 1)
	go func() { closed <- d.Close() }()
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "draining") }, 5*time.Second, time.Millisecond)
	response, _ = p.get(d.Inside + "/health")
	require.Equal(t, 503, response.StatusCode)
	response, _ = a.get(d.Origin + "/nowhere")
	require.Equal(t, 404, response.StatusCode)
	require.NoError(t, <-closed)
	_, err = p.Do(t.Context(), "GET", d.Inside+"/health", nil)
	require.Error(t, err, "it has ended")
}

// Sessions of one listener are not resumed at the other, where a certificate would
// then be one that nobody showed.
func TestSessions(t *testing.T) {
	t.Parallel()
	d := start(t, demo.Config{})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		base := d.Transport(*selfSigned(t, "alice")).TLSClientConfig
		base.MinVersion, base.MaxVersion = version, version
		base.ServerName, base.ClientSessionCache = "localhost", tls.NewLRUClientSessionCache(1)
		resumed := func(origin string) bool {
			transport := &http.Transport{TLSClientConfig: base}
			defer transport.CloseIdleConnections()
			request, err := http.NewRequestWithContext(t.Context(), "GET", origin+"/", nil)
			require.NoError(t, err)
			response, err := transport.RoundTrip(request)
			require.NoError(t, err)
			_, _ = io.Copy(io.Discard, response.Body)
			require.NoError(t, response.Body.Close())
			return response.TLS.DidResume
		}
		require.False(t, resumed(d.MTLSOrigin))
		require.True(t, resumed(d.MTLSOrigin))
		require.False(t, resumed(d.Origin))
		require.True(t, resumed(d.Origin))
		require.False(t, resumed(d.MTLSOrigin))
	}
}
