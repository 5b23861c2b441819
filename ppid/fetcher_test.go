package ppid

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/safehttp"
)

const documentURI = "https://sector.example.com/redirects.json"

var redirects = []string{"https://a.example.org/cb", "com.example.app:/cb"}

// rerouted sends requests for documentURI's host to the test server, which has no
// name of its own: this stands in for the DNS.
type rerouted struct {
	*safehttp.Client
	server string
}

func (r rerouted) Get(ctx context.Context, uri string, mediaTypes ...string) (*safehttp.Response, error) {
	return r.Client.Get(ctx, strings.Replace(uri, "https://sector.example.com", r.server, 1), mediaTypes...)
}

type site struct {
	*httptest.Server
	hits atomic.Int32
}

func newSite(t *testing.T, handler http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		handler(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// newFetcher reaches the site at the host of documentURI; if allowed is false, as
// an address that is not public.
func newFetcher(t *testing.T, s *site, config FetcherConfig, allowed bool) *Fetcher {
	t.Helper()
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AddCert(s.Certificate())
	if allowed {
		config.AllowedPrefixes = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	}
	f, err := NewFetcher(config)
	require.NoError(t, err)
	f.source = rerouted{f.source.(*safehttp.Client), s.URL}
	return f
}

func answer(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	}
}

func document(uris ...string) string {
	data, _ := json.Marshal(uris)
	return string(data)
}

func TestFetcher(t *testing.T) {
	t.Parallel()
	good := newSite(t, answer("application/json; charset=utf-8", document(append(redirects, "https://more.example.net/")...)))
	f := newFetcher(t, good, FetcherConfig{}, true)

	sector, err := f.SectorOf(t.Context(), documentURI, redirects)
	require.NoError(t, err)
	require.Equal(t, "sector.example.com", sector.String())
	require.EqualValues(t, 1, good.hits.Load())

	t.Run("no document without a sector_identifier_uri", func(t *testing.T) {
		before := good.hits.Load()
		sector, err := f.SectorOf(t.Context(), "", redirects[:1])
		require.NoError(t, err)
		require.Equal(t, "a.example.org", sector.String())
		require.Equal(t, before, good.hits.Load())
	})
	t.Run("U05 a redirect uri is not listed", func(t *testing.T) {
		for _, uri := range []string{"https://evil.example/cb", redirects[0] + "/", strings.ToUpper(redirects[0]), ""} {
			sector, err := f.SectorOf(t.Context(), documentURI, append(redirects[:1:1], uri))
			requireRefused(t, err, ErrDocument, "invalid_client_metadata")
			require.Equal(t, Sector{}, sector)
		}
		_, err := f.SectorOf(t.Context(), documentURI, redirects)
		require.NoError(t, err, "control")
	})
	t.Run("U05 nothing to look for in the document", func(t *testing.T) {
		for _, uris := range [][]string{nil, {}, make([]string, maxURIs+1)} {
			_, err := f.SectorOf(t.Context(), documentURI, uris)
			requireRefused(t, err, ErrSector, "invalid_client_metadata")
		}
	})
	t.Run("U06 other ports only if allowed", func(t *testing.T) {
		before, uri := good.hits.Load(), "https://sector.example.com:8443/redirects.json"
		_, err := f.SectorOf(t.Context(), uri, redirects)
		requireRefused(t, err, ErrDocument, "invalid_client_metadata")
		require.Equal(t, before, good.hits.Load())
		require.True(t, f.allowsPort("https://sector.example.com:443/"))
		allowed := &Fetcher{source: f.source, ports: []uint16{443, 8443}}
		require.True(t, allowed.allowsPort(uri), "control")
	})
	t.Run("U06 refused before any dial", func(t *testing.T) {
		before := good.hits.Load()
		for _, uri := range []string{
			"http://sector.example.com/redirects.json", "file:///etc/passwd", "https://127.0.0.1/", "https://localhost/", "https://[::1]/",
			"https://10.0.0.1/", "https://169.254.169.254/latest", "https://[::ffff:127.0.0.1]/", "https://[::ffff:10.0.0.1]/",
			"https://[64:ff9b::127.0.0.1]/", "https://[64:ff9b:1::10.0.0.1]/", "https://[2002:7f00:1::]/", "https://2130706433/",
			"https://user@sector.example.com/", "https://sector.example.com/#a", good.URL,
		} {
			_, err := f.SectorOf(t.Context(), uri, redirects)
			requireRefused(t, err, ErrSector, "invalid_client_metadata")
		}
		require.Equal(t, before, good.hits.Load())
	})
	t.Run("U06 a name that leads inside", func(t *testing.T) {
		before := good.hits.Load()
		_, err := newFetcher(t, good, FetcherConfig{}, false).SectorOf(t.Context(), documentURI, redirects)
		requireRefused(t, err, ErrDocument, "invalid_client_metadata")
		require.Equal(t, before, good.hits.Load())
		_, err = f.SectorOf(t.Context(), documentURI, redirects)
		require.NoError(t, err, "control")
	})
	t.Run("the end of ctx is not the registrant's fault", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := f.SectorOf(ctx, documentURI, redirects)
		requireFault(t, err)
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("too many fetches are not the registrant's fault", func(t *testing.T) {
		_, err := (&Fetcher{source: busy{}}).SectorOf(t.Context(), documentURI, redirects)
		requireFault(t, err)
		require.ErrorIs(t, err, safehttp.ErrBusy)
	})
}

type busy struct{}

func (busy) Get(context.Context, string, ...string) (*safehttp.Response, error) {
	return nil, safehttp.ErrBusy
}

func TestFetcherAnswers(t *testing.T) {
	t.Parallel()
	listed := document(redirects...)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, listed)
	_ = z.Close()
	many := make([]string, maxURIs+1)
	for i := range many {
		many[i] = fmt.Sprint("https://a.example.org/", i)
	}
	copy(many, redirects)
	inner := newSite(t, answer("application/json", listed))

	for name, handler := range map[string]http.HandlerFunc{
		"U05 an object":                    answer("application/json", `{"redirect_uris":`+listed+`}`),
		"U05 numbers":                      answer("application/json", `[1,2]`),
		"U05 a number among strings":       answer("application/json", strings.Replace(listed, "]", ",1]", 1)),
		"U05 null among strings":           answer("application/json", strings.Replace(listed, "]", ",null]", 1)),
		"U05 nested":                       answer("application/json", "["+listed+"]"),
		"U05 null":                         answer("application/json", `null`),
		"U05 empty":                        answer("application/json", ``),
		"U05 an empty array":               answer("application/json", `[]`),
		"U05 trailing data":                answer("application/json", listed+` garbage`),
		"U05 two arrays":                   answer("application/json", listed+listed),
		"U05 cut off":                      answer("application/json", listed[:len(listed)-1]),
		"U05 not utf-8":                    answer("application/json", strings.Replace(listed, "]", ",\"\xff\"]", 1)),
		"U05 html":                         answer("text/html", listed),
		"U05 no type":                      answer("", listed),
		"U05 too many":                     answer("application/json", document(many...)),
		"U05 a long element":               answer("application/json", document(append(redirects, strings.Repeat("a", maxURI+1))...)),
		"U05 too large":                    answer("application/json", listed+strings.Repeat(" ", maxDocument)),
		"U06 endless":                      func(w http.ResponseWriter, _ *http.Request) { endless(w) },
		"U06 redirect":                     http.RedirectHandler(inner.URL, http.StatusFound).ServeHTTP,
		"U06 redirect with the document":   redirectWith(inner.URL, listed),
		"U06 error status with a document": statusWith(http.StatusNotFound, listed),
		"U06 gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			answer("application/json", zipped.String())(w, nil)
		},
		"U06 slow body": func(w http.ResponseWriter, r *http.Request) {
			answer("application/json", listed[:4])(w, r)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := FetcherConfig{}
			if name == "U06 slow body" {
				config.Timeout = 300 * time.Millisecond
			}
			f := newFetcher(t, newSite(t, handler), config, true)
			sector, err := f.SectorOf(t.Context(), documentURI, redirects)
			requireRefused(t, err, ErrDocument, "invalid_client_metadata")
			require.Equal(t, Sector{}, sector)
			require.Equal(t, "ppid: "+ErrDocument.Error(), err.Error(), "one text, whatever happened")
			var logged strings.Builder
			slog.New(slog.NewTextHandler(&logged, nil)).Error("refused", "error", err)
			require.Contains(t, logged.String(), "cause")
		})
	}
	t.Run("control: the limits themselves", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{listed + strings.Repeat(" ", maxDocument-len(listed)), document(many[:maxURIs]...),
			document(append(redirects, strings.Repeat("a", maxURI))...)} {
			f := newFetcher(t, newSite(t, answer("application/json", body)), FetcherConfig{}, true)
			_, err := f.SectorOf(t.Context(), documentURI, redirects)
			require.NoError(t, err)
		}
		require.Zero(t, inner.hits.Load(), "no redirect was followed")
	})
}

func endless(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	for {
		if _, err := io.WriteString(w, strings.Repeat(" ", 4096)); err != nil {
			return
		}
	}
}

func redirectWith(target, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", target)
		statusWith(http.StatusTemporaryRedirect, body)(w, nil)
	}
}

func statusWith(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestNewFetcher(t *testing.T) {
	t.Parallel()
	for _, config := range []FetcherConfig{
		{Timeout: -1},
		{Timeout: time.Hour},
		{Ports: []uint16{0}},
		{AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}},
	} {
		_, err := NewFetcher(config)
		requireFault(t, err)
	}
	f, err := NewFetcher(FetcherConfig{Ports: []uint16{8443}})
	require.NoError(t, err)
	require.True(t, f.allowsPort("https://sector.example.com:8443/"))
	require.False(t, f.allowsPort("https://sector.example.com:8444/"))
}
