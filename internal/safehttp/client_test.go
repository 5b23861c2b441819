package safehttp

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNew(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"timeout negative":    {Timeout: -1},
		"timeout too long":    {Timeout: 60*time.Second + 1},
		"bytes negative":      {MaxBytes: -1},
		"bytes too many":      {MaxBytes: 16<<20 + 1},
		"concurrent negative": {MaxConcurrent: -1},
		"concurrent too many": {MaxConcurrent: 1025},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := New(cfg)
			require.Nil(t, c)
			require.ErrorContains(t, err, "safehttp: ")
		})
	}
	c, err := New(Config{Timeout: 60 * time.Second, MaxBytes: 16 << 20, MaxConcurrent: 1024})
	require.NoError(t, err)
	require.Equal(t, 1024, cap(c.slots))
	c, err = New(Config{})
	require.NoError(t, err)
	require.Equal(t, 5*time.Second, c.timeout)
	require.Equal(t, 5*time.Second, c.dialer.Timeout)
	require.Equal(t, int64(256<<10), c.maxBytes)
	require.Equal(t, 64, cap(c.slots))
}

func TestZeroClient(t *testing.T) {
	t.Parallel()
	for _, c := range []*Client{nil, {}} {
		_, err := c.Get(t.Context(), "https://as.example/")
		require.ErrorContains(t, err, "not made by New")
		require.ErrorContains(t, c.Check("https://as.example/"), "not made by New")
	}
}

func TestGet(t *testing.T) {
	t.Parallel()
	var seen atomic.Pointer[http.Request]
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		seen.Store(r)
		w.Header().Set("Content-Type", "Application/JSON; charset=utf-8")
		w.Header().Set("Cache-Control", "max-age=60")
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
		_, _ = io.WriteString(w, goodBody)
	})
	c := newClient(t, Config{}, loopback4)
	for range 2 {
		response, err := c.Get(t.Context(), s.URL+"/a%2Fb?c=d", "application/jwk-set+json", jsonType)
		require.NoError(t, err)
		require.Equal(t, &Response{Body: []byte(goodBody), ContentType: jsonType, MaxAge: time.Minute, MaxAgeStated: true}, response)
	}
	r := seen.Load()
	assert.Equal(t, "GET /a%2Fb?c=d", r.Method+" "+r.RequestURI)
	assert.Equal(t, "application/jwk-set+json, application/json", r.Header.Get("Accept"))
	assert.Equal(t, "identity", r.Header.Get("Accept-Encoding"))
	assert.Empty(t, r.Header.Get("Cookie"))
	assert.Empty(t, r.Header.Get("Authorization"))
	assert.Empty(t, r.Header.Get("Referer"))
	assert.Nil(t, c.transport.Proxy, "not even from the environment")
}

func TestC21Address(t *testing.T) {
	t.Parallel()
	s := newServer(t, serveGood)
	loopback6 := netip.MustParsePrefix("::1/128")
	for name, tc := range map[string]struct{ url, resolved string }{
		"C21 127.0.0.1":                      {url: "https://127.0.0.1:" + s.port()},
		"C21 localhost":                      {url: "https://localhost:" + s.port()},
		"C21 name that resolves to loopback": {url: "https://" + testName + ":" + s.port(), resolved: "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed, open := newClient(t, Config{}), newClient(t, Config{}, loopback4, loopback6)
			if tc.resolved != "" {
				closed.dialer.Resolver, open.dialer.Resolver = resolveTo(tc.resolved), resolveTo(tc.resolved)
			}
			requireRefused(t, closed, tc.url, ErrAddress)
			requireGood(t, open, tc.url) // control
		})
	}
	t.Run("C21 ipv4-mapped loopback is refused even when loopback is allowed", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, Config{}, loopback4, loopback6)
		requireRefused(t, c, "https://[::ffff:127.0.0.1]:"+s.port(), ErrAddress)
		requireRefused(t, c, "https://[::ffff:10.0.0.1]:"+s.port(), ErrAddress)
		conn, err := net.Dial("tcp", "[::ffff:127.0.0.1]:"+s.port())
		require.NoError(t, err, "control: the address does reach the server")
		require.NoError(t, conn.Close())
	})
	t.Run("C21 http", func(t *testing.T) {
		t.Parallel()
		plain := httptest.NewServer(http.HandlerFunc(serveGood))
		t.Cleanup(plain.Close)
		requireRefused(t, newClient(t, Config{}, loopback4), plain.URL, ErrURL)
		status, _ := naiveGet(t, nil, plain.URL)
		require.Equal(t, http.StatusOK, status, "control: the server is there")
	})
}

func TestC21AddressIsCheckedBeforeConnecting(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	accepted := make(chan struct{})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			_ = conn.Close()
			accepted <- struct{}{}
		}
	}()
	url := "https://" + testName + ":" + portOf(l)
	c := newClient(t, Config{})
	c.dialer.Resolver = resolveTo("127.0.0.1")
	requireRefused(t, c, url, ErrAddress)

	control := newClient(t, Config{}, loopback4)
	control.dialer.Resolver = resolveTo("127.0.0.1")
	go func() { _, _ = control.Get(context.Background(), url) }()
	_, open := <-accepted
	require.True(t, open, "control: the first connection is the allowed one")
	require.NoError(t, l.Close())
	_, open = <-accepted
	require.False(t, open, "no other connection came")
}

func TestC21Rebinding(t *testing.T) {
	t.Parallel()
	s := newServer(t, serveGood)
	url := "https://" + testName + ":" + s.port()
	const public = "93.184.216.34"

	// A program that looks at the address first and connects by name afterwards.
	checked := func(t *testing.T, r *net.Resolver) *net.Resolver {
		ips, err := r.LookupNetIP(t.Context(), "ip4", testName)
		require.NoError(t, err)
		require.Equal(t, public, ips[0].Unmap().String(), "the check sees a public address")
		return r
	}
	t.Run("C21 public when checked, loopback when connected", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, Config{})
		c.dialer.Resolver = checked(t, resolveTo(public, "127.0.0.1"))
		requireRefused(t, c, url, ErrAddress)
	})
	t.Run("control: check then connect is fooled", func(t *testing.T) {
		t.Parallel()
		_, body := naiveGet(t, checked(t, resolveTo(public, "127.0.0.1")), url)
		require.Equal(t, goodBody, string(body))
	})
	t.Run("C21 allowed when fetched first, another address later", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, Config{}, loopback4)
		c.dialer.Resolver = resolveTo("127.0.0.1", "127.0.0.2")
		requireGood(t, c, url)
		requireRefused(t, c, url, ErrAddress)
	})
}

func TestC21Redirect(t *testing.T) {
	t.Parallel()
	inside := newServer(t, serveGood)
	for _, status := range []int{301, 302, 303, 307, 308, 300, 304} {
		for _, location := range []string{inside.URL, "https://169.254.169.254/latest/meta-data/", "/same-host", ""} {
			s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
				if location != "" {
					w.Header().Set("Location", location)
				}
				w.WriteHeader(status)
			})
			requireRefused(t, newClient(t, Config{}, loopback4), s.URL, ErrRedirect)
			require.Equal(t, int32(1), s.hits.Load())
		}
	}
	require.Zero(t, inside.hits.Load())

	front := newServer(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inside.URL, http.StatusFound) })
	_, body := naiveGet(t, nil, front.URL)
	require.Equal(t, goodBody, string(body), "control: an ordinary client follows")
	require.Equal(t, int32(1), inside.hits.Load())
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{201, 202, 203, 204, 206, 400, 401, 404, 500, 503} {
		s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", jsonType)
			w.WriteHeader(status)
		})
		requireRefused(t, newClient(t, Config{}, loopback4), s.URL, ErrStatus)
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	arrived, leave := make(chan struct{}), make(chan struct{})
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(arrived)
			<-leave
		}
		serveGood(w, r)
	})
	c := newClient(t, Config{MaxConcurrent: 1}, loopback4)
	done := make(chan error, 1)
	go func() {
		_, err := c.Get(context.Background(), s.URL+"/slow")
		done <- err
	}()
	<-arrived
	_, err := c.Get(t.Context(), s.URL)
	require.ErrorIs(t, err, ErrBusy)
	var refused *Error
	require.False(t, errors.As(err, &refused), "the url is not at fault")
	close(leave)
	require.NoError(t, <-done)
	requireGood(t, c, s.URL)
	requireRefused(t, c, s.URL, ErrContentType, "text/plain")
	requireGood(t, c, s.URL) // a refusal gives its place back
}

func TestCallerGone(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 2)
	s := newServer(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	c := newClient(t, Config{}, loopback4)
	var refused *Error

	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := c.Get(ctx, s.URL)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, errors.As(err, &refused))

	short, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	_, err = c.Get(short, s.URL)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.False(t, errors.As(err, &refused))
}

func TestTLS(t *testing.T) {
	t.Parallel()
	configure := func(f func(*tls.Config)) func(*httptest.Server) {
		return func(s *httptest.Server) { f(s.TLS) }
	}
	for name, f := range map[string]func(*tls.Config){
		"version 1.1": func(c *tls.Config) { c.MaxVersion = tls.VersionTLS11; c.MinVersion = tls.VersionTLS10 },
		"1.2 with a cbc suite": func(c *tls.Config) {
			c.MaxVersion = tls.VersionTLS12
			c.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
		},
		"speaks something else": func(c *tls.Config) { c.NextProtos = []string{"imap"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, serveGood, configure(f))
			requireRefused(t, newClient(t, Config{}, loopback4), s.URL, ErrTransport)
			require.Zero(t, s.hits.Load())
		})
	}
	t.Run("untrusted certificate", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, serveGood)
		c, err := New(Config{AllowedPrefixes: prefixes("127.0.0.1/32")})
		require.NoError(t, err)
		requireRefused(t, c, s.URL, ErrTransport)
	})
	t.Run("certificate of another name", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, serveGood)
		c := newClient(t, Config{}, loopback4)
		c.dialer.Resolver = resolveTo("127.0.0.1")
		requireRefused(t, c, "https://other.example:"+s.port(), ErrTransport)
		requireGood(t, c, "https://"+testName+":"+s.port()) // control
	})
	t.Run("control: 1.2 with gcm, and 1.3", func(t *testing.T) {
		t.Parallel()
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			s := newServer(t, serveGood, configure(func(c *tls.Config) { c.MinVersion, c.MaxVersion = version, version }))
			requireGood(t, newClient(t, Config{}, loopback4), s.URL)
		}
	})
	t.Run("http/2 servers are spoken to in http/1.1", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, serveGood, func(s *httptest.Server) { s.EnableHTTP2 = true })
		requireGood(t, newClient(t, Config{}, loopback4), s.URL)
	})
}

// Whatever the outcome, the connection is closed, so none is left idle.
func TestConnectionsAreClosed(t *testing.T) {
	t.Parallel()
	opened, closed := make(chan net.Conn, 16), make(chan net.Conn, 16)
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/status":
			w.WriteHeader(http.StatusNotFound)
		case "/size":
			_, _ = io.WriteString(w, strings.Repeat("a", 1<<20))
		default:
			serveGood(w, r)
		}
	}, func(s *httptest.Server) {
		s.Config.ConnState = func(conn net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				opened <- conn
			case http.StateClosed:
				closed <- conn
			}
		}
	})
	c := newClient(t, Config{}, loopback4)
	requireGood(t, c, s.URL)
	require.Equal(t, <-opened, <-closed)
	requireRefused(t, c, s.URL+"/status", ErrStatus)
	require.Equal(t, <-opened, <-closed)
	requireRefused(t, c, s.URL+"/size", ErrSize)
	require.Equal(t, <-opened, <-closed)
	requireRefused(t, c, s.URL, ErrContentType, "text/plain")
	require.Equal(t, <-opened, <-closed)
	require.Empty(t, opened)
}
