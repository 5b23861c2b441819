package safehttp

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestC22Size(t *testing.T) {
	t.Parallel()
	const limit = 1000
	cfg := Config{MaxBytes: limit}

	t.Run("C22 endless stream", func(t *testing.T) {
		t.Parallel()
		var sent atomic.Int64
		ended := make(chan struct{})
		s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			defer close(ended)
			chunk := []byte(strings.Repeat("a", 32<<10))
			for {
				n, err := w.Write(chunk)
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
		requireRefused(t, newClient(t, cfg, loopback4), s.URL, ErrSize)
		<-ended // the connection was closed
		require.Less(t, sent.Load(), int64(64<<20), "buffers of the sockets, not a stream")
	})
	t.Run("C22 declared length, nothing is read", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10000000000")
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		})
		requireRefused(t, newClient(t, cfg, loopback4), s.URL, ErrSize)
	})
	for _, chunked := range []bool{false, true} {
		t.Run(fmt.Sprintf("C22 one byte more, and the control at the limit; chunked %t", chunked), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				n, _ := strconv.Atoi(r.URL.Query().Get("n"))
				if chunked {
					w.(http.Flusher).Flush()
				}
				_, _ = io.WriteString(w, strings.Repeat("a", n))
			})
			c := newClient(t, cfg, loopback4)
			requireRefused(t, c, s.URL+"?n=1001", ErrSize)
			response, err := c.Get(t.Context(), s.URL+"?n=1000")
			require.NoError(t, err)
			require.Len(t, response.Body, limit)
			response, err = c.Get(t.Context(), s.URL+"?n=0")
			require.NoError(t, err)
			require.Empty(t, response.Body)
		})
	}
	t.Run("C22 header flood", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			n, _ := strconv.Atoi(r.URL.Query().Get("n"))
			for i := range n {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("a", 1000))
			}
			serveGood(w, r)
		})
		c := newClient(t, Config{}, loopback4)
		requireRefused(t, c, s.URL+"?n=40", ErrTransport)
		requireGood(t, c, s.URL+"?n=20")
	})
	t.Run("C22 body cut short", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, goodBody)
		})
		refused := requireRefused(t, newClient(t, cfg, loopback4), s.URL, ErrTransport)
		require.ErrorIs(t, refused, io.ErrUnexpectedEOF)
	})
}

func TestC22Compression(t *testing.T) {
	t.Parallel()
	const inflated = 4 << 20
	bomb := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", jsonType)
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		zeros := make([]byte, 1<<20)
		for range inflated / len(zeros) {
			_, _ = z.Write(zeros)
		}
		_ = z.Close()
	}
	t.Run("C22 gzip bomb", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, bomb)
		requireRefused(t, newClient(t, Config{}, loopback4), s.URL, ErrEncoding, jsonType)
	})
	t.Run("control: an ordinary client inflates it", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, bomb)
		_, body := naiveGet(t, nil, s.URL)
		require.Len(t, body, inflated)
	})
	t.Run("C22 any coding, in any line", func(t *testing.T) {
		t.Parallel()
		for _, codings := range [][]string{{"br"}, {"GZIP"}, {"identity", "gzip"}, {"identity, gzip"}, {"x"}} {
			s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Content-Encoding"] = codings
				serveGood(w, r)
			})
			requireRefused(t, newClient(t, Config{}, loopback4), s.URL, ErrEncoding, jsonType)
		}
	})
	t.Run("control: identity is no coding", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "Identity")
			serveGood(w, r)
		})
		requireGood(t, newClient(t, Config{}, loopback4), s.URL)
	})
}

func TestC22ContentType(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = r.URL.Query()["t"] // nil: none, and none is guessed
		_, _ = io.WriteString(w, goodBody)
	})
	c := newClient(t, Config{}, loopback4)
	for _, query := range []string{"t=text/html", "t=text/html%3Bcharset=utf-8", "", "t=", "t=json", "t=application/jsonx", "t=application/json&t=text/html", "t=text/html,application/json", "t=application/json%3Bcharset"} {
		requireRefused(t, c, s.URL+"?"+query, ErrContentType, jsonType, "application/jwk-set+json")
	}
	for _, query := range []string{"t=application/json", "t=Application/JSON", "t=application/json%3Bcharset=utf-8", "t=application/json%3B"} {
		requireGood(t, c, s.URL+"?"+query)
	}
	response, err := c.Get(t.Context(), s.URL+"?t=text/html%3Bcharset=utf-8")
	require.NoError(t, err, "control: no media type demanded")
	require.Equal(t, "text/html", response.ContentType)
}

func TestC22Time(t *testing.T) {
	t.Parallel()
	const timeout = 60 * time.Millisecond
	requireTimeout := func(t *testing.T, url string) {
		t.Helper()
		c := newClient(t, Config{Timeout: timeout}, loopback4)
		start := time.Now()
		requireRefused(t, c, url, ErrTimeout)
		assert.GreaterOrEqual(t, time.Since(start), timeout)
	}
	t.Run("C22 slow-loris body", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			drip := time.NewTicker(5 * time.Millisecond)
			defer drip.Stop()
			for i := 0; ; i++ {
				select {
				case <-r.Context().Done():
					return
				case <-drip.C:
					if r.URL.Path == "/ends" && i == 3 {
						return
					}
					_, _ = io.WriteString(w, " ")
					w.(http.Flusher).Flush()
				}
			}
		})
		requireTimeout(t, s.URL)
		_, err := newClient(t, Config{}, loopback4).Get(t.Context(), s.URL+"/ends")
		require.NoError(t, err, "control: slow but finite")
	})
	t.Run("C22 no answer", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		requireTimeout(t, s.URL)
	})
	t.Run("C22 no handshake", func(t *testing.T) {
		t.Parallel()
		requireTimeout(t, "https://"+silentListener(t).Addr().String())
	})
	t.Run("C22 no name server", func(t *testing.T) {
		t.Parallel()
		c := newClient(t, Config{Timeout: timeout}, loopback4)
		c.dialer.Resolver = &net.Resolver{PreferGo: true, Dial: silentDNS}
		requireRefused(t, c, "https://"+testName, ErrTimeout)
	})
}

// goodbyeConn is a connection whose server ends its answer when it learns that the
// client is leaving, which a TLS client says before it closes the connection.
type goodbyeConn struct {
	net.Conn
	answer, ending io.Reader
	asked, leaving chan struct{}
	ask, leave     sync.Once
}

func (c *goodbyeConn) Write(p []byte) (int, error) {
	c.ask.Do(func() { close(c.asked) })
	return len(p), nil
}

func (c *goodbyeConn) Read(p []byte) (int, error) {
	<-c.asked
	if n, err := c.answer.Read(p); err == nil {
		return n, nil
	}
	<-c.leaving
	return c.ending.Read(p)
}

func (c *goodbyeConn) Close() error {
	c.leave.Do(func() { close(c.leaving) })
	return nil
}

func TestC22AnswerEndedByOurTimeoutIsNotWhole(t *testing.T) {
	t.Parallel()
	get := func(t *testing.T, answer string) (*Response, error) {
		c := newClient(t, Config{}, loopback4)
		c.transport.DialTLSContext = func(context.Context, string, string) (net.Conn, error) {
			return &goodbyeConn{
				answer:  strings.NewReader("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + answer),
				ending:  strings.NewReader("0\r\n\r\n"),
				asked:   make(chan struct{}),
				leaving: make(chan struct{}),
			}, nil
		}
		return c.Get(t.Context(), "https://127.0.0.1/")
	}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		response, err := get(t, "4\r\nhalf\r\n")
		require.Nil(t, response)
		require.ErrorIs(t, err, ErrTimeout)
		require.Equal(t, defaultTimeout, time.Since(start))
	})
	synctest.Test(t, func(t *testing.T) { // control
		response, err := get(t, "4\r\nhalf\r\n4\r\nhalf\r\n0\r\n\r\n")
		require.NoError(t, err)
		require.Equal(t, "halfhalf", string(response.Body))
	})
}

// silentListener accepts connections and says nothing on them.
func silentListener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(io.Discard, conn) // ends when the client does
			}()
		}
	}()
	return l
}

// An attempt that has timed out leaves nothing behind that outlives the timeout
// by much: the transport itself would go on dialling.
func TestC22NothingStaysBehind(t *testing.T) {
	l := silentListener(t)
	c := newClient(t, Config{Timeout: 30 * time.Millisecond}, loopback4)
	for range 5 {
		requireRefused(t, c, "https://"+l.Addr().String(), ErrTimeout)
	}
	require.Eventually(t, func() bool { return transportGoroutines() == 0 }, 10*time.Second, 5*time.Millisecond)
}

func transportGoroutines() int {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return strings.Count(string(stacks), "net/http.(*Transport).dialConn")
}
