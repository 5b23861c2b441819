package jar_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
)

const objectType = "application/oauth-authz-req+jwt"

// host is where a client hosts its request objects, on this machine.
type host struct {
	*httptest.Server
	hits atomic.Int32
}

func newHost(t testing.TB, handler http.HandlerFunc) *host {
	t.Helper()
	h := &host{}
	h.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.hits.Add(1)
		handler(w, r)
	}))
	h.Config.ErrorLog = log.New(io.Discard, "", 0)
	h.StartTLS()
	t.Cleanup(h.Close)
	return h
}

func serve(contentType string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = w.Write(body)
	}
}

// fetcher reaches the host, unless a change closes this machine to it.
func (h *host) fetcher(t testing.TB, changes ...func(*jar.FetcherConfig)) *jar.Fetcher {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(h.Certificate())
	config := jar.FetcherConfig{RootCAs: roots, AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}
	for _, change := range changes {
		change(&config)
	}
	fetcher, err := jar.NewFetcher(config)
	require.NoError(t, err)
	return fetcher
}

func publicOnly(c *jar.FetcherConfig) { c.AllowedPrefixes = nil }

// newFetching is a server at which client-1 has registered the URIs.
func newFetching(t testing.TB, fetcher *jar.Fetcher, registered ...string) *server {
	t.Helper()
	s := newServer(t, func(c *jar.VerifierConfig) { c.Fetcher = fetcher })
	client := s.clients["client-1"]
	client.RequestURIs = registered
	s.clients["client-1"] = client
	return s
}

func byReference(uri string) url.Values {
	return url.Values{"client_id": {"client-1"}, "request_uri": {uri}, "state": {"outside"}}
}

func (s *server) acceptsReference(t testing.TB, uri string) {
	t.Helper()
	params, err := s.Verify(t.Context(), "client-1", byReference(uri))
	require.NoError(t, err)
	require.Equal(t, soundParams("client-1"), params)
}

func TestReferenceAttacks(t *testing.T) {
	t.Parallel()
	t.Run("R11 by reference is off by default", func(t *testing.T) {
		t.Parallel()
		h := newHost(t, serve(objectType, []byte(object(t, claimsOf("client-1")))))
		off := newFetching(t, nil, h.URL+"/r")
		off.refusesForm(t, jar.ErrByReference, "request_uri_not_supported", byReference(h.URL+"/r"))
		off.refusesForm(t, jar.ErrByReference, "request_uri_not_supported", byReference("urn:ietf:params:oauth:request_uri:a"))
		require.Zero(t, h.hits.Load())
		newFetching(t, h.fetcher(t), h.URL+"/r").acceptsReference(t, h.URL+"/r")
	})
	t.Run("R11 a request_uri that is not registered", func(t *testing.T) {
		t.Parallel()
		h := newHost(t, serve(objectType, []byte(object(t, claimsOf("client-1")))))
		s := newFetching(t, h.fetcher(t), h.URL+"/r")
		client := s.clients["client-2"]
		client.RequestURIs = []string{h.URL + "/other"}
		s.clients["client-2"] = client
		for _, uri := range []string{h.URL, h.URL + "/", h.URL + "/R", h.URL + "/r/", h.URL + "/r?a=b", h.URL + "/other", h.URL + "/x/../r",
			strings.ToUpper(h.URL[:5]) + h.URL[5:] + "/r", "urn:ietf:params:oauth:request_uri:a", "#", "x", strings.Repeat("h", 60<<10)} {
			s.refusesForm(t, jar.ErrRequestURI, invalidURI, byReference(uri))
		}
		require.Zero(t, h.hits.Load())
		s.acceptsReference(t, h.URL+"/r")
	})
	t.Run("R11 registered addresses inside", func(t *testing.T) {
		t.Parallel()
		h := newHost(t, serve(objectType, []byte(object(t, claimsOf("client-1")))))
		port := h.URL[strings.LastIndexByte(h.URL, ':'):]
		uris := []string{"http://127.0.0.1" + port + "/r", "https://127.0.0.1" + port + "/r", "https://localhost" + port + "/r",
			"https://[::ffff:127.0.0.1]" + port + "/r", "https://2130706433" + port + "/r", "https://0177.0.0.1" + port + "/r",
			"https://127.1" + port + "/r", "https://169.254.169.254/latest/meta-data", "https://10.0.0.1:22/", "https://[::1]" + port + "/r",
			"https://user@127.0.0.1" + port + "/r", "file:///etc/passwd", "gopher://127.0.0.1:6379/_x", "https:///r"}
		strict := newFetching(t, h.fetcher(t, publicOnly), uris...)
		for _, uri := range uris {
			strict.refusesForm(t, jar.ErrFetch, invalidURI, byReference(uri))
		}
		require.Zero(t, h.hits.Load())
		newFetching(t, h.fetcher(t), uris...).acceptsReference(t, uris[1]) // control: only the address rule stands in the way
	})
	t.Run("R11 R13 redirect", func(t *testing.T) {
		t.Parallel()
		handler := http.NewServeMux()
		handler.Handle("/r", http.RedirectHandler("/target", http.StatusFound))
		handler.Handle("/target", serve(objectType, []byte(object(t, claimsOf("client-1")))))
		h := newHost(t, handler.ServeHTTP)
		s := newFetching(t, h.fetcher(t), h.URL+"/r", h.URL+"/target")
		s.refusesForm(t, jar.ErrFetch, invalidURI, byReference(h.URL+"/r"))
		require.EqualValues(t, 1, h.hits.Load())
		s.acceptsReference(t, h.URL+"/target")
	})
	t.Run("R13 hostile documents", func(t *testing.T) {
		t.Parallel()
		sound := []byte(object(t, claimsOf("client-1")))
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		_, err := w.Write(sound)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		done := make(chan struct{})
		defer close(done)
		for name, attack := range map[string]http.HandlerFunc{
			"HTML":        serve("text/html", sound),
			"JSON":        serve("application/json", sound),
			"another JWT": serve("application/jwt", sound),
			"no type":     func(w http.ResponseWriter, _ *http.Request) { w.Header()["Content-Type"] = nil; _, _ = w.Write(sound) },
			"404": func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write(sound)
			},
			"too large": serve(objectType, append(sound, bytes.Repeat([]byte("A"), 32<<10)...)),
			"endless": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", objectType)
				for r.Context().Err() == nil {
					if _, err := w.Write(sound); err != nil {
						return
					}
				}
			},
			"gzip": func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				serve(objectType, zipped.Bytes())(w, nil)
			},
			"slow": func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", objectType)
				_, _ = w.Write(sound[:10])
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-done:
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				h := newHost(t, attack)
				s := newFetching(t, h.fetcher(t, func(c *jar.FetcherConfig) {
					if name == "slow" {
						c.Timeout = 100 * time.Millisecond
					}
				}), h.URL)
				start := time.Now()
				s.refusesForm(t, jar.ErrFetch, invalidURI, byReference(h.URL))
				require.Less(t, time.Since(start), 5*time.Second)
				h.Config.Handler = serve(objectType+"; charset=utf-8", sound)
				s.acceptsReference(t, h.URL)
			})
		}
	})
	t.Run("what is fetched is checked like any object", func(t *testing.T) {
		t.Parallel()
		sound := claimsOf("client-1")
		for rule, body := range map[error]string{
			jar.ErrMalformed: object(t, sound) + "\n",
			jar.ErrSignature: sign(t, testkeys.ES256("attacker"), es256Header, sound.json(t)),
			jar.ErrIssuer:    sign(t, testkeys.ES256("client-2"), es256Header, claimsOf("client-2").json(t)),
			jar.ErrNested:    object(t, sound.with("request_uri", "https://client.example.org/r")),
			jar.ErrExpiry:    object(t, sound.with("exp", 1)),
		} {
			h := newHost(t, serve(objectType, []byte(body)))
			newFetching(t, h.fetcher(t), h.URL).refusesForm(t, rule, invalidObject, byReference(h.URL))
		}
	})
}

// TestFragment: the fragment of a request_uri is the hash of the document.
func TestFragment(t *testing.T) {
	t.Parallel()
	body := object(t, claimsOf("client-1"))
	sum := sha256.Sum256([]byte(body))
	hash := jose.Encode(sum[:])
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		assert.NotContains(t, r.RequestURI, "#")
		serve(objectType, []byte(body))(w, r)
	})
	s := newFetching(t, h.fetcher(t), h.URL+"/a", h.URL+"/b#"+jose.Encode(make([]byte, 32)))
	for _, path := range []string{"/a", "/b"} {
		s.acceptsReference(t, h.URL+path)
		s.acceptsReference(t, h.URL+path+"#"+hash)
		for _, wrong := range []string{"", "x", hash + "=", strings.ToLower(hash), hash + "#" + hash, jose.Encode(make([]byte, 32))} {
			s.refusesForm(t, jar.ErrHash, invalidURI, byReference(h.URL+path+"#"+wrong))
		}
	}
}

// TestPublishedReference serves an object at the path of the standard's example,
// in an encrypted form too.
func TestPublishedReference(t *testing.T) {
	t.Parallel()
	var file struct {
		ByReference struct {
			RequestURI  string `json:"request_uri"`
			ContentType string `json:"response_content_type"`
		} `json:"by_reference"`
	}
	readFile(t, "rfc9101.json", &file)
	published, err := url.Parse(file.ByReference.RequestURI)
	require.NoError(t, err)
	signer := newSigner(t, func(c *jar.SignerConfig) { c.EncryptTo = &jar.EncryptTo{Key: testkeys.PS256().Public(), KeyID: "enc"} })
	encrypted, err := signer.Sign(t.Context(), soundParams("client-1"))
	require.NoError(t, err)
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, http.MethodGet, r.Method)
		assert.Equal(t, published.Path, r.URL.Path)
		serve(file.ByReference.ContentType, []byte(encrypted))(w, r)
	})
	uri := h.URL + published.Path
	s := newServer(t, func(c *jar.VerifierConfig) {
		c.Fetcher, c.DecryptionKeys, c.ByReferenceOnly = h.fetcher(t), []jar.DecryptionKey{{Key: testkeys.PS256(), KeyID: "enc"}}, true
	})
	client := s.clients["client-1"]
	client.RequestURIs = []string{uri}
	s.clients["client-1"] = client
	s.acceptsReference(t, uri)
	s.refusesForm(t, jar.ErrByValue, "request_not_supported", pushed("client-1", object(t, claimsOf("client-1"))))
}

func TestFetcher(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]jar.FetcherConfig{
		"negative timeout": {Timeout: -1},
		"long timeout":     {Timeout: time.Minute + 1},
		"negative number":  {MaxConcurrent: -1},
		"public prefix":    {AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}},
	} {
		fetcher, err := jar.NewFetcher(config)
		assert.ErrorContains(t, err, "jar: ", name)
		assert.Nil(t, fetcher, name)
	}
	fetcher, err := jar.NewFetcher(jar.FetcherConfig{})
	require.NoError(t, err)
	require.NoError(t, fetcher.Check("https://client.example.org/r#hash"))
	for _, uri := range []string{"", "http://client.example.org/r", "https://127.0.0.1/r", "urn:x", "https://user@client.example.org/r"} {
		require.ErrorContains(t, fetcher.Check(uri), "jar: ", uri)
	}
	require.Error(t, (*jar.Fetcher)(nil).Check("https://client.example.org/r"))
	require.Error(t, new(jar.Fetcher).Check("https://client.example.org/r"))
}

// TestFetchFaults: neither a busy server nor an impatient caller is the
// client's fault.
func TestFetchFaults(t *testing.T) {
	t.Parallel()
	arrived, done := make(chan struct{}), make(chan struct{})
	sound := []byte(object(t, claimsOf("client-1")))
	h := newHost(t, func(w http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-done
		serve(objectType, sound)(w, r)
	})
	s := newFetching(t, h.fetcher(t, func(c *jar.FetcherConfig) { c.MaxConcurrent = 1 }), h.URL)
	first := make(chan error, 1)
	go func() {
		_, err := s.Verify(context.Background(), "client-1", byReference(h.URL))
		first <- err
	}()
	<-arrived
	params, err := s.Verify(t.Context(), "client-1", byReference(h.URL))
	requireFault(t, params, err)
	close(done)
	require.NoError(t, <-first)

	impatient, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	slow := newHost(t, func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	s = newFetching(t, slow.fetcher(t), slow.URL)
	params, err = s.Verify(impatient, "client-1", byReference(slow.URL))
	requireFault(t, params, err)
	require.ErrorIs(t, err, context.Canceled)
}
