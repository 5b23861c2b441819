package jwks

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/safehttp"
)

func TestAttackMissStorm(t *testing.T) {
	t.Parallel()
	t.Run("C20 1,000 unknown kids", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var o origin
			o.serve(document(t, ec("good")))
			r := o.remote(t)
			requireKeys(t, r, "good", "ES256", ec("good"))
			o.slow(3 * time.Second)
			time.Sleep(time.Minute)

			var storm sync.WaitGroup
			for i := range 1000 {
				storm.Go(func() {
					time.Sleep(rand.N(20 * time.Second))
					keys, err := r.Keys(t.Context(), fmt.Sprintf("random-%d", i), "ES256")
					assert.Empty(t, keys)
					assert.NoError(t, err)
				})
			}
			for range 200 {
				time.Sleep(100 * time.Millisecond)
				asked := time.Now()
				requireKeys(t, r, "good", "ES256", ec("good"))
				require.Equal(t, asked, time.Now(), "a good kid does not wait")
			}
			storm.Wait()
			require.Equal(t, 2, o.fetches())

			o.serve(document(t, ec("good"), ec("new")))
			time.Sleep(time.Minute)
			requireKeys(t, r, "new", "ES256", ec("new")) // control: misses do fetch
		})
	})
	t.Run("C20 a storm of ten minutes at a failing server", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var o origin
			o.serve(document(t, ec("good")))
			r := o.remote(t)
			requireKeys(t, r, "good", "ES256", ec("good"))
			o.fail()
			for i := range 600 {
				time.Sleep(time.Second)
				_, _ = r.Keys(t.Context(), fmt.Sprint(i), "ES256")
				requireKeys(t, r, "good", "ES256", ec("good"))
			}
			for i := 1; i < len(o.started); i++ {
				require.GreaterOrEqual(t, o.started[i].Sub(o.started[i-1]), 30*time.Second)
			}
			require.LessOrEqual(t, o.fetches(), 7)
		})
	})
}

func TestAttackURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"http://client.example/jwks", "file:///etc/passwd", "ftp://client.example/", "//client.example/jwks", "jwks.json",
		"https://127.0.0.1/jwks", "https://[::1]/jwks", "https://[::ffff:10.0.0.1]/jwks", "https://10.0.0.1/jwks",
		"https://169.254.169.254/latest/meta-data", "https://2130706433/jwks", "https://0x7f.1/jwks",
		"https://user:password@client.example/jwks", "https://client.example/jwks#a", "https:///jwks",
	} {
		t.Run("C21 "+url, func(t *testing.T) {
			t.Parallel()
			_, err := NewRemote(RemoteConfig{URL: url})
			require.ErrorContains(t, err, "jwks: URL: ")
			require.NotContains(t, err.Error(), "password")
		})
	}
	t.Run("C21 control: a public https URL", func(t *testing.T) {
		t.Parallel()
		_, err := NewRemote(RemoteConfig{URL: "https://client.example:8443/jwks?tenant=1"})
		require.NoError(t, err)
	})

	t.Run("C21 a name of an internal address", func(t *testing.T) {
		t.Parallel()
		var hits atomic.Int32
		server := tlsServer(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) })
		url := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
		r, err := NewRemote(RemoteConfig{URL: url, RootCAs: pool(server)})
		require.NoError(t, err)
		err = requireFailure(t, r, "a", "ES256", ErrFetch)
		require.ErrorIs(t, err, safehttp.ErrAddress)
		require.NotContains(t, err.Error(), "127.0.0.1")
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Error("request failed", "err", err)
		require.Contains(t, log.String(), "127.0.0.1", "logs are told")
		require.Zero(t, hits.Load())
	})
	t.Run("C21 redirect", func(t *testing.T) {
		t.Parallel()
		var hits atomic.Int32
		handler := http.NewServeMux()
		handler.Handle("/jwks", http.RedirectHandler("/target", http.StatusFound))
		handler.HandleFunc("/target", func(w http.ResponseWriter, _ *http.Request) {
			hits.Add(1)
			w.Header().Set("Content-Type", mediaType)
			_, _ = w.Write(document(t, ec("mallory")))
		})
		server := tlsServer(t, handler.ServeHTTP)
		local := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		cfg := RemoteConfig{URL: server.URL + "/jwks", RootCAs: pool(server), AllowedPrefixes: local}
		r, err := NewRemote(cfg)
		require.NoError(t, err)
		err = requireFailure(t, r, "mallory", "ES256", ErrFetch)
		require.ErrorIs(t, err, safehttp.ErrRedirect)
		require.Zero(t, hits.Load())

		cfg.URL = server.URL + "/target"
		r, err = NewRemote(cfg)
		require.NoError(t, err)
		requireKeys(t, r, "mallory", "ES256", ec("mallory")) // control: the target itself answers
	})
	t.Run("C21 a certificate of nobody trusted", func(t *testing.T) {
		t.Parallel()
		server := tlsServer(t, func(http.ResponseWriter, *http.Request) {})
		local := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		r, err := NewRemote(RemoteConfig{URL: server.URL, AllowedPrefixes: local})
		require.NoError(t, err)
		require.ErrorIs(t, requireFailure(t, r, "a", "ES256", ErrFetch), safehttp.ErrTransport)
	})
}

func TestAttackBody(t *testing.T) {
	t.Parallel()
	good := document(t, ec("a"))
	body := func(contentType string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write(body)
		}
	}
	for name, c := range map[string]struct {
		attack http.HandlerFunc
		want   error
	}{
		"endless stream": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			block := bytes.Repeat([]byte(" "), 1<<16)
			for written := 0; written < 10<<30; written += len(block) {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		}, ErrFetch},
		"gzip": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(good)
		}, ErrFetch},
		"status 500":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, ErrFetch},
		"HTML":               {body("text/html", []byte("<html>")), ErrFetch},
		"a good set as HTML": {body("text/html", good), ErrFetch},
		"HTML as JSON":       {body("application/json", []byte("<html>")), ErrSet},
		"empty":              {body(mediaType, nil), ErrSet},
		"cut off":            {body(mediaType, good[:len(good)-1]), ErrSet},
		"10,000 keys":        {body(mediaType, []byte(`{"keys":[`+strings.Repeat(`{"kty":"x"},`, 9999)+`{"kty":"x"}]}`)), ErrSet},
		"300 KiB":            {body(mediaType, append(bytes.Repeat([]byte(" "), 300<<10), good...)), ErrFetch},
	} {
		t.Run("C22 "+name, func(t *testing.T) {
			t.Parallel()
			var attack atomic.Bool
			r := tlsRemote(t, 5*time.Second, func(w http.ResponseWriter, r *http.Request) {
				if attack.Load() {
					c.attack(w, r)
					return
				}
				body(mediaType, good)(w, r)
			})
			attack.Store(true)
			requireFailure(t, r, "a", "ES256", c.want)
			attack.Store(false)
			requireKeys(t, r, "a", "ES256", ec("a")) // control: a good set is taken
			attack.Store(true)
			requireKeys(t, r, "a", "ES256", ec("a"))
			requireFailure(t, r, "b", "ES256", c.want)
			attack.Store(false)
			requireKeys(t, r, "b", "ES256")
		})
	}
	t.Run("C22 slow-loris", func(t *testing.T) {
		t.Parallel()
		r := tlsRemote(t, 5*time.Second, body(mediaType, good))
		requireKeys(t, r, "a", "ES256", ec("a"))
		slow := tlsRemote(t, 50*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			_, _ = w.Write([]byte("{"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // without the end of the body
		})
		requireFailure(t, slow, "a", "ES256", ErrFetch)
		fetch := r.fetch
		r.fetch = slow.fetch
		requireKeys(t, r, "a", "ES256", ec("a"))
		requireFailure(t, r, "b", "ES256", ErrFetch)
		r.fetch = fetch
		requireKeys(t, r, "b", "ES256") // control: it recovers
	})
	t.Run("C22 duplicate kid", func(t *testing.T) {
		t.Parallel()
		twin := ec("twin")
		twin.KeyID = "a"
		r := tlsRemote(t, 5*time.Second, body("application/json; charset=utf-8", document(t, ec("a"), twin)))
		requireKeys(t, r, "a", "ES256", ec("a"), twin)
	})
}
