package introspection_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/oauthhttp"
	"github.com/go-fapi/fapi/introspection"
)

// A server that sends the question back where net/http quotes what it cannot read.
func TestNoEchoInErrors(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, test := range map[string]struct {
		format string // of the answer, with the form of the question
		kind   error
	}{
		"I16 in place of an answer":   {"%s\r\n\r\n", introspection.ErrUnavailable},
		"I16 in the status":           {"HTTP/1.1 %s\r\n\r\n", introspection.ErrUnavailable},
		"I16 in a field":              {"HTTP/1.1 200 OK\r\n%s\r\n\r\n", introspection.ErrUnavailable},
		"I16 in a trailer":            {head + "0\r\n%s\r\n\r\n", introspection.ErrUnavailable},
		"I16 in a redirect":           {"HTTP/1.1 302 Found\r\nLocation: https://x/%%zz?%s\r\nContent-Length: 0\r\n\r\n", introspection.ErrAnswer},
		"I16 in a redirect with body": {"HTTP/1.1 307 x\r\nLocation: https://x/%%zz?%s\r\nContent-Length: 0\r\n\r\n", introspection.ErrAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			as := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				form, _ := io.ReadAll(r.Body)
				connection, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer connection.Close()
				fmt.Fprintf(connection, test.format, form)
			}))
			defer as.Close()

			const token = "gJ2k7Vv1xQ9sT4uW8yZ0bC3dE5fG6hI"
			response, err := as.Client().PostForm(as.URL, url.Values{"token": {token}})
			if err == nil {
				_, err = io.ReadAll(response.Body)
				response.Body.Close()
			}
			require.ErrorContains(t, err, token[:8], "control: net/http quotes it")

			var seen error
			_, err = newClient(t, as.Client(), func(c *introspection.ClientConfig) {
				c.Endpoint = as.URL
				c.Observe = func(e introspection.Event) { seen = e.Err }
			}).Introspect(t.Context(), token)
			requireFault(t, test.kind, err)
			for _, text := range []string{err.Error(), seen.Error(), fmt.Sprintf("%+v", err)} {
				require.NotContains(t, text, token[:8])
			}
		})
	}
}

// The texts of the system's own errors stay, since operators need them; of others,
// the type does. Whatever is told, the cause is still found.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	const unavailable = "introspection: the authorization server cannot be asked: "
	cause := errors.New("about " + opaque)
	address := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	dial := &net.OpError{Op: "dial", Net: "tcp", Addr: address, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, test := range []struct {
		err  error
		want string
	}{
		{cause, "the exchange failed (*errors.errorString)"},
		{fmt.Errorf("%s: %w", opaque, cause), "the exchange failed (*errors.errorString)"},
		{fmt.Errorf("%s: %w", opaque, x509.UnknownAuthorityError{}), "the exchange failed (x509.UnknownAuthorityError)"},
		{fmt.Errorf("%s: %w", opaque, io.ErrUnexpectedEOF), "unexpected EOF"},
		{fmt.Errorf("%s: %w", opaque, context.DeadlineExceeded), "context deadline exceeded"},
		{fmt.Errorf("%s: %w", opaque, dial), "dial tcp 192.0.2.1:443: connect: connection refused"},
		{&net.OpError{Op: "proxyconnect", Net: "tcp", Err: dial}, "dial tcp 192.0.2.1:443: connect: connection refused"},
		{&net.OpError{Op: "proxyconnect", Net: "tcp", Err: cause}, "the exchange failed (*errors.errorString)"},
		{&net.DNSError{Err: opaque, Name: opaque, IsTimeout: true}, "it took too long"},
		{coded("invalid_token"), "the exchange failed (introspection_test.coded)"},
	} {
		h := roundTrip(func(*http.Request) (*http.Response, error) { return nil, test.err }).client()
		_, err := newClient(t, h).Introspect(t.Context(), opaque)
		requireFault(t, introspection.ErrUnavailable, err)
		require.Equal(t, unavailable+test.want, err.Error())
		_, foreign := errors.AsType[refusal](test.err)
		require.Equal(t, !foreign, errors.Is(err, test.err))
	}
}

// What a caller wrote is not told of it either.
func TestFormErrors(t *testing.T) {
	t.Parallel()
	cause := errors.New("malformed line: " + goodForm)
	failing := func() *http.Request {
		r := question("accounts", "", goodForm)
		r.ContentLength, r.Body = -1, io.NopCloser(iotest.ErrReader(cause))
		return r
	}
	_, err := oauthhttp.ReadForm(nil, failing(), 1<<10)
	require.ErrorContains(t, err, opaque[:8], "control")

	b := newBank(t)
	requireOAuthError(t, b.send(failing()), http.StatusServiceUnavailable, "server_error")
	require.ErrorIs(t, b.events[0].Err, cause)
	require.True(t, strings.HasPrefix(b.events[0].Err.Error(), "introspection: "))
	require.NotContains(t, b.events[0].Err.Error(), opaque[:8])
}
