//go:build linux

package interop_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// framings are requests whose end servers may see at different places. In the body
// of each is another request; SIZE and CHUNK frame that one.
func framings() []edgeRow {
	return []edgeRow{
		{name: "length and chunked", text: "Content-Length: SIZE\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nINNER"},
		{name: "chunked and length", text: "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\nINNER"},
		{name: "length of the start", text: "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nCHUNK\r\nINNER\r\n0\r\n\r\n"},
		{name: "two lengths", text: "Content-Length: SIZE\r\nContent-Length: 0\r\n\r\n0\r\n\r\nINNER"},
		{name: "two lengths, other order", text: "Content-Length: 0\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "list of lengths", text: "Content-Length: 0, SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "length with a sign", text: "Content-Length: +0\r\n\r\nINNER"},
		{name: "length in hex", text: "Content-Length: 0x0\r\n\r\nINNER"},
		{name: "chunked twice", text: "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nINNER"},
		{name: "chunked, identity", text: "Transfer-Encoding: chunked, identity\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "identity and chunked", text: "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "unknown coding", text: "Transfer-Encoding: xchunked\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "space before the colon", text: "Transfer-Encoding : chunked\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "tab before the value", text: "Transfer-Encoding:\tchunked\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "folded", text: "Transfer-Encoding:\r\n chunked\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "vertical tab", text: "Transfer-Encoding: \x0bchunked\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "bare line feeds", text: "X-A: b\nTransfer-Encoding: chunked\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "bare carriage return", text: "X-A: b\rTransfer-Encoding: chunked\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "underscore", text: "Transfer_Encoding: chunked\r\nContent-Length: SIZE\r\n\r\n0\r\n\r\nINNER"},
		{name: "chunk extension with a line feed", text: "Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\nCHUNK\r\nINNER\r\n0\r\n\r\n"},
		{name: "chunk size with a sign", text: "Transfer-Encoding: chunked\r\n\r\n+0\r\n\r\nINNER"},
		{name: "chunk size too large", text: "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\nINNER"},
		{name: "chunk without its end", text: "Transfer-Encoding: chunked\r\n\r\n1\r\nZZ0\r\n\r\nINNER"},
		{name: "trailer", text: "Transfer-Encoding: chunked\r\nTrailer: Client-Cert\r\n\r\n0\r\nClient-Cert: " + edgeMarker + "\r\n\r\nINNER"},
		{name: "HTTP/1.0 and chunked", text: "HTTP10Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nINNER"},
	}
}

// smuggling sends them as a client of its own right, with certificate and token. The
// inner request has a stolen token and the forged field, which the gateway would
// believe if it took it for a request of the proxy's.
func (e *edge) smuggling(t *testing.T) {
	t.Run("I16 smuggled requests", func(t *testing.T) {
		t.Parallel()
		own, stolen := e.token(e.colleague), e.token(e.client)
		thief := edgeClient{edge: e, t: t, at: "careful", shows: &e.colleague}
		target := func(i int) string { return fmt.Sprintf("/echo/smuggled/%d", i) }
		for i, row := range framings() {
			replies := thief.raws(e.framed(row.text, own, e.forgedRequest(target(i), stolen)))
			e.requireOutcome(t, "I16 smuggled requests", row.name, replies[0])
			if replies[0].status == 200 {
				replies[0].requireClean(t, e.colleague, own, row.name)
			}
			for _, further := range replies[1:] {
				require.NotEqual(t, 200, further.status, row.name)
			}
			// Whatever was left on a connection would be the answer to somebody else.
			require.Equal(t, "gateway 401", thief.get("/echo", stolen).String(), row.name)
			require.Equal(t, "200", thief.get("/echo", own).String(), row.name)
		}
		for i, row := range framings() {
			require.Zero(t, e.echoed.count(target(i)), row.name)
		}
		if e.format != "" {
			control := edgeClient{edge: e, t: t, at: "proxied", shows: &e.proxy}
			require.Equal(t, "200", control.raw(e.forgedRequest("/echo/control", stolen)).String(), "what would have come of it")
			require.Equal(t, 1, e.echoed.count("/echo/control"))
		}
	})
}

// forgedRequest is what a thief would like to be a request of the proxy's.
func (e *edge) forgedRequest(target, stolen string) string {
	return "GET " + target + " HTTP/1.1\r\nHost: " + siteName + "\r\nAuthorization: Bearer " + stolen + "\r\n" +
		e.header() + ": " + e.forge(e.client) + "\r\nConnection: close\r\n\r\n"
}

// framed fills in a framing. SIZE also counts the five octets of the last chunk.
func (e *edge) framed(text, token, inner string) string {
	version := "HTTP/1.1"
	if rest, old := strings.CutPrefix(text, "HTTP10"); old {
		version, text = "HTTP/1.0", rest
	}
	fill := strings.NewReplacer("INNER", inner, "SIZE", fmt.Sprint(len(inner)+5), "CHUNK", fmt.Sprintf("%x", len(inner)))
	return "POST /echo " + version + "\r\nHost: " + siteName + "\r\nAuthorization: Bearer " + token + "\r\n" + fill.Replace(text)
}
