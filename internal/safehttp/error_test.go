package safehttp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func silentDNS(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	return ours, nil
}

// Someone who registers URLs must not be able to map the internal network by the
// texts of the refusals.
func TestErrorTextIsTheSame(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(serveGood))
	t.Cleanup(plain.Close)
	plain.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	secure := newServer(t, serveGood)

	for name, tc := range map[string]struct {
		resolved, port string
		allowed        bool
		timeout        time.Duration
		kind           error
		detail         string
	}{
		"no such name":                       {resolved: "", port: "443", kind: ErrTransport, detail: "no such host"},
		"internal name":                      {resolved: "10.0.0.1", port: "443", kind: ErrAddress, detail: "10.0.0.1:443 is not public"},
		"refused address, open":              {resolved: "127.0.0.1", port: secure.port(), kind: ErrAddress, detail: "127.0.0.1"},
		"refused address, closed":            {resolved: "127.0.0.1", port: portOf(gone), kind: ErrAddress, detail: "127.0.0.1"},
		"allowed address, closed":            {resolved: "127.0.0.1", port: portOf(gone), allowed: true, kind: ErrTransport, detail: "127.0.0.1"},
		"allowed address, plaintext":         {resolved: "127.0.0.1", port: portOf(plain.Listener), allowed: true, kind: ErrTransport, detail: "tls: "},
		"allowed address, other certificate": {resolved: "127.0.0.1", port: secure.port(), allowed: true, kind: ErrTransport, detail: "x509: "},
		"allowed address, silent":            {resolved: "127.0.0.1", port: portOf(silentListener(t)), allowed: true, timeout: 50 * time.Millisecond, kind: ErrTimeout, detail: "deadline"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, Config{Timeout: tc.timeout})
			if tc.allowed {
				c = newClient(t, Config{Timeout: tc.timeout}, loopback4)
			}
			c.dialer.Resolver = resolveTo(tc.resolved)
			refused := requireRefused(t, c, "https://inside.example:"+tc.port+"/secret", tc.kind)
			require.Equal(t, unreached, refused.Error())

			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Error("refused", "err", refused)
			assert.Contains(t, log.String(), tc.kind.Error())
			assert.NotContains(t, log.String(), "secret")
			assert.Contains(t, log.String(), tc.detail, "the detail is for logs")
		})
	}
}

func TestErrorTexts(t *testing.T) {
	t.Parallel()
	for kind, text := range map[error]string{
		ErrURL:         "safehttp: not an acceptable https url: why",
		ErrAddress:     unreached,
		ErrTransport:   unreached,
		ErrTimeout:     unreached,
		ErrRedirect:    "safehttp: redirects are not followed",
		ErrStatus:      "safehttp: status is not 200",
		ErrEncoding:    "safehttp: content coding is not accepted",
		ErrContentType: "safehttp: unexpected content type",
		ErrSize:        "safehttp: body is too large",
	} {
		refused := refuse(kind, "why")
		assert.Equal(t, text, refused.Error())
		assert.Contains(t, refused.LogValue().String(), "detail=why")
	}
}

func TestErrorZero(t *testing.T) {
	t.Parallel()
	for _, e := range []*Error{nil, {}} {
		assert.Equal(t, unreached, e.Error())
		assert.Nil(t, e.Unwrap())
		assert.Equal(t, unreached, e.LogValue().String())
	}
}

func TestErrorIsOneSentinel(t *testing.T) {
	t.Parallel()
	all := []error{ErrURL, ErrAddress, ErrTransport, ErrTimeout, ErrRedirect, ErrStatus, ErrEncoding, ErrContentType, ErrSize, ErrBusy}
	for _, kind := range all[:len(all)-1] {
		matches := 0
		for _, other := range all {
			if errors.Is(refuse(kind, "why"), other) {
				matches++
			}
		}
		assert.Equal(t, 1, matches, kind)
	}
}

func TestErrorDetailIsCutInLogs(t *testing.T) {
	t.Parallel()
	long := refuse(ErrTransport, string(bytes.Repeat([]byte("a"), 30000)))
	assert.Less(t, len(long.LogValue().String()), 500)
}
