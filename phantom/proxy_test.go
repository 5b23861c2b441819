package phantom_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/phantom"
)

func TestUpstreamFailures(t *testing.T) {
	t.Parallel()
	answering := func(status int, challenge ...string) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Header: http.Header{"Www-Authenticate": challenge}, Body: http.NoBody, Request: r}, nil
		})
	}
	failing := func(err error) http.RoundTripper {
		return roundTrip(func(*http.Request) (*http.Response, error) { return nil, err })
	}
	for name, test := range map[string]struct {
		transport http.RoundTripper
		status    int
		challenge string
		fault     bool
	}{
		"down":                      {failing(errors.New("refused")), 502, "", true},
		"too slow":                  {failing(context.DeadlineExceeded), 504, "", true},
		"header too late":           {failing(&net.OpError{Err: late{}}), 504, "", true},
		"body too large":            {failing(&http.MaxBytesError{Limit: 1}), 413, "", true},
		"refusal of another server": {failing(coded("invalid_token")), 502, "", true},
		"401":                       {answering(401, `Bearer error="invalid_token"`), 502, "", true},
		"401 for want of scope":     {answering(401, `Bearer error="insufficient_scope"`), 502, "", true},
		"200 with a challenge":      {answering(200, `Bearer error="insufficient_scope"`), 200, "", false},
		"401 without a challenge":   {answering(401), 502, "", true},
		"step-up": {answering(401, `Bearer realm="x", error="insufficient_user_authentication", acr_values="sca", max_age="5"`), 401,
			`DPoP error="insufficient_user_authentication", acr_values="sca", max_age="5"`, false},
		"scope":           {answering(403, `Bearer error="insufficient_scope", scope="admin"`), 403, `DPoP error="insufficient_scope", scope="admin"`, false},
		"403":             {answering(403, `Basic realm="inner"`), 403, "", false},
		"500":             {answering(500), 500, "", false},
		"status 099":      {answering(99), 502, "", true},
		"status 0":        {answering(0), 502, "", true},
		"status 1000":     {answering(1000), 502, "", true},
		"103 and no more": {answering(103), 502, "", true},
		"switch, unasked": {answering(101), 502, "", true},
		"response of nobody": {roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		}), 502, "", true},
		"response of another": {roundTrip(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: httptest.NewRequest("GET", "/", nil)}, nil
		}), 502, "", true},
		"control": {answering(204), 204, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world) { w.config.Transport = test.transport })
			answer := w.send(w.request(t, "GET", "/accounts"))
			assert.Equal(t, test.status, answer.Code)
			assert.Equal(t, test.challenge, answer.Header().Get("WWW-Authenticate"))
			event := w.events.last(t)
			assert.Equal(t, test.status, event.Status)
			var refusal interface{ OAuthCode() string }
			assert.False(t, errors.As(event.Err, &refusal), "no refusal: %v", event.Err)
			assert.Equal(t, test.fault, event.Err != nil)
			assert.NotContains(t, answer.Body.String(), "refused")
		})
	}
}

// What the API writes may hold the JWT, so that no Event quotes it.
func TestUpstreamQuotes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ answer, text string }{
		"status line":     {"HTTP/1.1 2x0 %s\r\n\r\n", "*errors.errorString"},
		"no status line":  {"%s\r\n\r\n", "*errors.errorString"},
		"field":           {"HTTP/1.1 200 OK\r\n%s\r\n\r\n", "textproto.ProtocolError"},
		"length":          {"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n", "*errors.errorString"},
		"coding":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n", "*http.unsupportedTEError"},
		"other protocol":  {"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", "*errors.errorString"},
		"status 099":      {"HTTP/1.1 099 %s\r\nContent-Length: 0\r\n\r\n", "status 99"},
		"nothing, no JWT": {"", "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world) { w.config.Upgrades = true })
			w.unguarded = true
			w.handle = func(rw http.ResponseWriter, r *http.Request) {
				connection, _, err := http.NewResponseController(rw).Hijack()
				if assert.NoError(t, err) {
					defer connection.Close()
					_, _ = io.WriteString(connection, strings.ReplaceAll(test.answer, "%s", r.Header.Get("Authorization")))
				}
			}
			r := w.request(t, "POST", "/accounts") // net/http would repeat a GET
			if name == "other protocol" {
				r.Header.Set("Connection", "Upgrade")
				r.Header.Set("Upgrade", "websocket")
			}
			answer := w.send(r)
			assert.Equal(t, 502, answer.Code)
			assert.NotContains(t, answer.Body.String(), "eyJ")
			event := w.events.last(t)
			assert.Equal(t, 502, event.Status)
			require.ErrorContains(t, event.Err, test.text)
			assert.NotContains(t, event.Err.Error(), "eyJ")
			w.handle = nil
			w.requireHonest(t)
		})
	}
	quoting := errors.New("malformed response eyJ")
	for name, test := range map[string]struct {
		err  error
		text string
	}{
		"unknown":             {quoting, "it failed (*errors.errorString)"},
		"inside a url.Error":  {&url.Error{Op: "Get", URL: "https://x", Err: quoting}, "it failed (*errors.errorString)"},
		"beside a timeout":    {fmt.Errorf("eyJ: %w", late{}), "it took too long"},
		"beside a deadline":   {fmt.Errorf("eyJ: %w", context.DeadlineExceeded), context.DeadlineExceeded.Error()},
		"beside an address":   {fmt.Errorf("eyJ: %w", &net.OpError{Op: "dial", Err: errors.New("refused")}), "dial: refused"},
		"beside an end":       {fmt.Errorf("eyJ: %w", io.ErrUnexpectedEOF), io.ErrUnexpectedEOF.Error()},
		"beside a limit":      {fmt.Errorf("eyJ: %w", &http.MaxBytesError{Limit: 1}), "http: request body too large"},
		"its certificate":     {fmt.Errorf("eyJ: %w", &tls.CertificateVerificationError{Err: errors.New("expired")}), "tls: failed to verify certificate: expired"},
		"control: of the API": {coded("eyJ"), "it failed (phantom_test.coded)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world) {
				w.config.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, test.err })
			})
			w.send(w.request(t, "GET", "/accounts"))
			event := w.events.last(t)
			require.EqualError(t, event.Err, "phantom: upstream: "+test.text)
			if !strings.HasPrefix(name, "control") {
				require.ErrorIs(t, event.Err, test.err, "the cause is known all the same")
			}
		})
	}
}

type late struct{}

func (late) Error() string { return "timeout" }
func (late) Timeout() bool { return true }

func (late) Temporary() bool { return true }

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestUpstreamDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.Transport = nil })
	w.requireHonest(t)
	w.upstream.Close()
	require.Equal(t, 502, w.send(w.request(t, "GET", "/accounts")).Code)
}

// The deadline of a request, such as http.TimeoutHandler sets, reaches the API.
func TestDeadline(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := expiring{t.Context(), make(chan struct{})}
	w.handle = func(_ http.ResponseWriter, r *http.Request) {
		close(ctx.expired)
		<-r.Context().Done()
	}
	require.Equal(t, 504, w.send(w.request(t, "GET", "/accounts").WithContext(ctx)).Code)
	require.ErrorIs(t, w.events.last(t).Err, context.DeadlineExceeded)
}

// expiring is a context whose deadline comes when the test wants it.
type expiring struct {
	context.Context
	expired chan struct{}
}

func (c expiring) Done() <-chan struct{} { return c.expired }

func (c expiring) Err() error {
	select {
	case <-c.expired:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// A response reaches the client while it is still being made.
func TestStreaming(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	more := make(chan struct{})
	w.handle = func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, "data: 1\n")
		_ = http.NewResponseController(rw).Flush()
		select {
		case <-more:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(rw, "data: 2\n")
	}
	response := must[*http.Response](t)(w.client(t).Do(w.outside(t, "GET", "/accounts", nil)))
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	require.Equal(t, "data: 1\n", must[string](t)(lines.ReadString('\n')))
	close(more)
	require.Equal(t, "data: 2\n", must[string](t)(lines.ReadString('\n')))
}

func TestBodies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handle = func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = rw.Write(body)
	}
	large := strings.Repeat("0123456789abcdef", 16<<10)
	response := must[*http.Response](t)(w.client(t).Do(w.outside(t, "POST", "/accounts?x=%2f", strings.NewReader(large))))
	require.True(t, large == readAll(t, response))
	require.Equal(t, "/accounts?x=%2f", w.received.last(t).RequestURI)
}

func TestCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handle = func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "1")
		_ = http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	}
	response := must[*http.Response](t)(w.client(t).Do(w.outside(t, "GET", "/accounts", nil)))
	_, err := io.ReadAll(response.Body)
	response.Body.Close()
	require.Error(t, err)
	require.Eventually(t, func() bool { return len(w.events.all()) == 1 }, 5*time.Second, time.Millisecond)
	require.EqualError(t, w.events.last(t).Err, "phantom: the response was cut off")
	require.Equal(t, 200, w.events.last(t).Status)
}

// Trailers of a request, in which a second token or proof could hide, end here.
func TestRequestTrailer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var trailer http.Header
	w.handle = func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		trailer = r.Trailer
	}
	r := w.outside(t, "POST", "/accounts", struct{ io.Reader }{strings.NewReader("x")})
	r.Trailer = http.Header{"Client-Cert": {evil}, "X-Other": {evil}}
	response := must[*http.Response](t)(w.client(t).Do(r))
	readAll(t, response)
	require.Equal(t, 200, response.StatusCode)
	require.Empty(t, trailer)
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	echo := func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Connection", "Upgrade")
		rw.Header().Set("Upgrade", r.Header.Get("Upgrade"))
		rw.Header().Set("Authorization", r.Header.Get("Authorization"))
		rw.WriteHeader(http.StatusSwitchingProtocols)
		connection, buffered, err := http.NewResponseController(rw).Hijack()
		if err == nil {
			defer connection.Close()
			line, _ := buffered.ReadString('\n')
			_, _ = io.WriteString(connection, "echo "+line)
		}
	}
	fields := func(protocol string) string { return "Connection: Upgrade\r\nUpgrade: " + protocol + "\r\n" }
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.handle = echo
		require.Equal(t, 400, raw(t, w.serve(t), w.rawRequest(t, "GET", "/accounts", "/accounts", fields("websocket"), "")))
		require.ErrorIs(t, w.events.last(t).Err, phantom.ErrUpgrade)
		require.Empty(t, w.received.all())
	})
	t.Run("passed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(w *world) { w.config.Upgrades = true })
		w.handle = echo
		connection := must[net.Conn](t)(net.Dial("tcp", w.serve(t)))
		defer connection.Close()
		request := strings.Replace(w.rawRequest(t, "GET", "/accounts", "/accounts", fields("websocket"), ""), "Connection: close\r\n", "", 1)
		_, err := io.WriteString(connection, request)
		require.NoError(t, err)
		reader := bufio.NewReader(connection)
		response := must[*http.Response](t)(http.ReadResponse(reader, nil))
		require.Equal(t, 101, response.StatusCode)
		require.Empty(t, response.Header["Authorization"])
		_, err = io.WriteString(connection, "hello\n")
		require.NoError(t, err)
		require.Equal(t, "echo hello\n", must[string](t)(reader.ReadString('\n')))
		connection.Close()
		require.Eventually(t, func() bool { return len(w.events.all()) == 1 }, 5*time.Second, time.Millisecond)
		require.Equal(t, phantom.Event{Status: 101}, w.events.last(t))
	})
	t.Run("other protocols never", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(w *world) { w.config.Upgrades = true })
		w.handle = echo
		address := w.serve(t)
		for _, protocol := range []string{"h2c", "websocket, h2c", "websocket\r\nUpgrade: h2c", "", "websocket\r\nHTTP2-Settings: AAMAAABk"} {
			require.Equal(t, 400, raw(t, address, w.rawRequest(t, "GET", "/accounts", "/accounts", fields(protocol), "")), protocol)
		}
		require.Empty(t, w.received.all())
		w.handle = nil
		w.requireHonest(t)
	})
	t.Run("N09 without a proof", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(w *world) { w.config.Upgrades = true })
		r := w.request(t, "GET", "/accounts")
		r.Header.Del("DPoP")
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		require.Equal(t, 401, w.send(r).Code)
	})
}

// HTTP/2 on both sides, with TLS.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.upstream.Close()
		w.upstream = httptest.NewUnstartedServer(w.newAPI(t))
		w.upstream.EnableHTTP2 = true
		w.upstream.StartTLS()
		t.Cleanup(w.upstream.Close)
		w.config.Transport = w.upstream.Client().Transport
		w.config.APIs[0].Upstream = w.upstream.URL
	})
	server := httptest.NewUnstartedServer(w.gateway)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "example.com"}, ForceAttemptHTTP2: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	r := w.outside(t, "GET", "/accounts", nil)
	r.URL.Scheme = "https"
	response := must[*http.Response](t)((&http.Client{Transport: transport}).Do(r))
	require.Equal(t, "balance", readAll(t, response))
	require.Equal(t, 2, response.ProtoMajor)
	require.Equal(t, 2, w.received.last(t).ProtoMajor)
	r = w.outside(t, "GET", "/accounts", nil)
	r.URL.Scheme, r.Host = "https", "evil.example"
	response = must[*http.Response](t)((&http.Client{Transport: transport}).Do(r))
	readAll(t, response)
	require.Equal(t, 421, response.StatusCode)
}

// Shutdown waits for requests under way.
func TestShutdown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	started, finish := make(chan struct{}), make(chan struct{})
	w.handle = func(rw http.ResponseWriter, _ *http.Request) {
		close(started)
		<-finish
		_, _ = io.WriteString(rw, "done")
	}
	server := httptest.NewServer(w.gateway)
	defer server.Close()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
	}}
	defer transport.CloseIdleConnections()
	answered := make(chan string, 1)
	r := w.outside(t, "GET", "/accounts", nil)
	go func() {
		response, err := transport.RoundTrip(r)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answered <- string(body)
	}()
	<-started
	stopped := make(chan error, 1)
	go func() { stopped <- server.Config.Shutdown(context.Background()) }()
	close(finish)
	require.Equal(t, "done", <-answered)
	require.NoError(t, <-stopped)
}
