//go:build linux

package interop_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/phantom"
)

// edgeClient sends requests to an edge, with a certificate or without, as they are
// written: no client would send some of them.
type edgeClient struct {
	*edge
	t     *testing.T
	at    string // careful, careless, or proxied: straight to the gateway, as its proxy
	shows *tls.Certificate
}

// edgeReply is what came back.
type edgeReply struct {
	status int    // 0: the connection was closed
	own    bool   // it is the gateway's own answer, and not that of an HTTP server
	body   string // of the API, if status is 200
}

// String is how tables write it.
func (r edgeReply) String() string {
	switch {
	case r.status == 0:
		return "closed"
	case r.status == http.StatusOK:
		return "200"
	case r.own:
		return fmt.Sprint("gateway ", r.status)
	}
	return fmt.Sprint("server ", r.status)
}

// raw sends octets and reads one response.
func (v edgeClient) raw(text string) edgeReply {
	v.t.Helper()
	connection := v.dial()
	defer connection.Close()
	_, err := io.WriteString(connection, text)
	if err != nil {
		return edgeReply{}
	}
	return readReply(bufio.NewReader(connection))
}

// raws sends octets and reads all responses, the first one at least.
func (v edgeClient) raws(text string) (replies []edgeReply) {
	v.t.Helper()
	connection := v.dial()
	defer connection.Close()
	if _, err := io.WriteString(connection, text); err != nil {
		return []edgeReply{{}}
	}
	for from := bufio.NewReader(connection); ; {
		got := readReply(from)
		if got.status == 0 && len(replies) > 0 {
			return replies
		}
		if replies = append(replies, got); got.status == 0 {
			return replies
		}
		// Some wait for more of a body.
		require.NoError(v.t, connection.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
	}
}

func (v edgeClient) dial() net.Conn {
	v.t.Helper()
	connection, err := tls.Dial("tcp", v.addresses[v.at], v.tlsConfig())
	require.NoError(v.t, err)
	require.NoError(v.t, connection.SetDeadline(time.Now().Add(patience)))
	return connection
}

func (v edgeClient) tlsConfig() *tls.Config {
	return caller{t: v.t, certificate: v.shows}.tlsConfig()
}

func readReply(from *bufio.Reader) edgeReply {
	response, err := http.ReadResponse(from, nil)
	if err != nil {
		return edgeReply{}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return edgeReply{}
	}
	return edgeReply{status: response.StatusCode, own: response.Header.Get("Cache-Control") == "no-store", body: string(body)}
}

// get is a GET with a token and further lines, each with its end.
func (v edgeClient) get(target, token string, lines ...string) edgeReply {
	v.t.Helper()
	return v.raw("GET " + target + " HTTP/1.1\r\nHost: " + siteName + "\r\nAuthorization: Bearer " + token + "\r\n" +
		strings.Join(lines, "") + "Connection: close\r\n\r\n")
}

// http2 is get with other lines, over HTTP/2.
func (v edgeClient) http2(token string, fields ...string) edgeReply {
	v.t.Helper()
	transport := &http.Transport{
		TLSClientConfig: v.tlsConfig(), ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", v.addresses[v.at])
		},
	}
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+siteName+"/echo", nil)
	require.NoError(v.t, err)
	request.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i < len(fields); i += 2 {
		request.Header[fields[i]] = append(request.Header[fields[i]], fields[i+1])
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return edgeReply{}
	}
	defer response.Body.Close()
	require.Equal(v.t, 2, response.ProtoMajor)
	body, err := io.ReadAll(response.Body)
	require.NoError(v.t, err)
	return edgeReply{status: response.StatusCode, own: response.Header.Get("Cache-Control") == "no-store", body: string(body)}
}

// edgeMarker stands in all that clients make up.
const edgeMarker = "spoofed"

// requireClean looks at what reached the API: nothing but the gateway's own word on
// who the client is, and a target that all servers read alike.
func (r edgeReply) requireClean(t *testing.T, certificate tls.Certificate, token, row string) {
	t.Helper()
	var got echoedRequest
	require.NoError(t, json.Unmarshal([]byte(r.body), &got), row)
	require.NotContains(t, r.body, edgeMarker, row)
	require.NotContains(t, r.body, token, row)
	require.True(t, strings.HasPrefix(got.Target, "/echo"), "%s: %s", row, got.Target)
	for _, odd := range []string{"//", "..", "%2F", "%2f", "%5", "%00", ";", `\`} {
		path, _, _ := strings.Cut(got.Target, "?")
		require.NotContains(t, path, odd, row)
	}
	require.Len(t, got.Header["Authorization"], 1, row)
	jwt, ok := strings.CutPrefix(got.Header["Authorization"][0], "Bearer ")
	require.True(t, ok && strings.Count(jwt, ".") == 2, row)
	own := proxyForm{}
	own.config.Format = 1 // RFC 9440, whatever the front writes
	require.Equal(t, []string{own.forge(certificate)}, got.Header["Client-Cert"], row)
	require.Empty(t, got.Header[phantom.EvidenceHeader], row)
	for name := range got.Header {
		require.NotContains(t, name, "_", row)
	}
}
