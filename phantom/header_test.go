package phantom_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/phantom"
)

// forged are fields that only the inside may write.
func forged() []string {
	return []string{
		"Client-Cert", "Client-Cert-Chain", phantom.EvidenceHeader, "DPoP-Nonce", "Proxy-Authorization",
		"X-SSL-Client-Cert", "X-SSL-Verify", "SSL-Client-Cert", "X-Client-Cert", "X-Client-Verify", "X-Forwarded-For",
		"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Client-Cert", "X-Forwarded", "Forwarded", "X-Real-IP",
		"X-Original-URL", "X-Original-Method", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Method-Override", "X-TLS-Client-Cert",
		"X-Amzn-Mtls-Clientcert", "X-ARR-ClientCert", "X-Envoy-Original-Path", "X-Remote-User", "Remote-User",
		"X-Verified", "X-Verified-Sub", "True-Client-IP", "Authorization-Bearer",
		"X-ClientCert", "X-SSLClientCert", "SSLClientCert", "CF-Connecting-IP", "CF-Access-Jwt-Assertion", "Via",
		"Fastly-Client-IP", "WL-Proxy-Client-Cert", "X-Azure-ClientIP",
	}
}

const evil = "evil-value"

// No inbound value of any inner field ever appears at the API.
func TestStrip(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.Internal = []string{"X-Verified"} })
	connection := func(name string) map[string][]string {
		return map[string][]string{"Connection": {name + ", Authorization, " + phantom.EvidenceHeader}}
	}
	for _, name := range forged() {
		for spelling, fields := range map[string]map[string][]string{
			"as is":            {http.CanonicalHeaderKey(name): {evil}},
			"lower case":       {strings.ToLower(name): {evil}},
			"upper case":       {strings.ToUpper(name): {evil}},
			"underscores":      {strings.ReplaceAll(name, "-", "_") + "_": {evil}},
			"dots":             {strings.ReplaceAll(name, "-", ".") + ".": {evil}},
			"one tilde":        {strings.Replace(name+"-x", "-", "~", 1): {evil}},
			"one underscore":   {strings.Replace(name+"-x", "-", "_", 1): {evil}},
			"twice":            {http.CanonicalHeaderKey(name): {"", evil}},
			"in two spellings": {http.CanonicalHeaderKey(name): {evil}, strings.ToUpper(name): {evil}},
			"listed":           connection(name),
			"with a suffix":    {http.CanonicalHeaderKey(name + "-Extra"): {evil}},
		} {
			r := w.request(t, "GET", "/accounts")
			for field, values := range fields {
				r.Header[field] = values
			}
			answer := w.send(r)
			require.Equal(t, 200, answer.Code, "%s %s: %s", name, spelling, answer.Body)
			assertClean(t, w.received.last(t), name+" "+spelling)
		}
	}
	t.Run("I16, N10 control: other fields pass", func(t *testing.T) {
		t.Parallel()
		r := w.request(t, "GET", "/accounts")
		r.Header.Set("X-Fapi-Interaction-Id", "7")
		r.Header.Set("Accept", "text/csv")
		r.Header.Set("X-Verifier", "kept")
		w.send(r)
		got := w.received.last(t).Header
		require.Equal(t, []string{"7", "text/csv", "kept"}, []string{got.Get("X-Fapi-Interaction-Id"), got.Get("Accept"), got.Get("X-Verifier")})
	})
}

// What the gateway keeps out, a proxy without it lets in.
func TestStripControl(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unguarded = true
	target := must[*url.URL](t)(url.Parse(w.upstream.URL))
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: w.config.Transport}
	for _, name := range []string{"Client-Cert", "Client_cert", phantom.EvidenceHeader, "Dpop", "X-Real-Ip", "X-Original-Url"} {
		r := httptest.NewRequest("GET", "/accounts", nil)
		r.Header[name] = []string{evil}
		proxy.ServeHTTP(httptest.NewRecorder(), r)
		require.Equal(t, []string{evil}, w.received.last(t).Header[name])
	}
}

func assertClean(t *testing.T, got *http.Request, what string) {
	t.Helper()
	for field, values := range got.Header {
		assert.NotContains(t, strings.Join(values, ","), evil, "%s: %s", what, field)
		assert.Empty(t, strings.Trim(strings.ToLower(field), "abcdefghijklmnopqrstuvwxyz0123456789-"), what)
	}
	assert.Len(t, got.Header["Authorization"], 1, what)
	assert.Len(t, got.Header[phantom.EvidenceHeader], 1, what)
}

func FuzzStrip(f *testing.F) {
	for _, name := range forged() {
		f.Add(name, uint64(1))
	}
	w := newWorld(f, func(w *world) { w.config.Internal = []string{"X-Verified"} })
	f.Fuzz(func(t *testing.T, name string, seed uint64) {
		random := rand.New(rand.NewPCG(seed, 0))
		mangled := strings.Map(func(c rune) rune {
			switch random.IntN(4) {
			case 0:
				return []rune(strings.ToUpper(string(c)))[0]
			case 1:
				return []rune(strings.ToLower(string(c)))[0]
			case 2:
				if c == '-' {
					return rune("_.~+"[random.IntN(4)])
				}
			}
			return c
		}, name)
		inner := slices.ContainsFunc(forged(), func(own string) bool { return strings.EqualFold(own, name) })
		r := w.request(t, "GET", "/accounts")
		r.Header[mangled] = append(r.Header[mangled], evil)
		before := len(w.received.all())
		w.send(r)
		if after := w.received.all(); len(after) > before && (inner || strings.ContainsAny(mangled, "_.~+")) {
			assertClean(t, after[len(after)-1], mangled)
		}
	})
}

func TestStripResponse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.handle = func(rw http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"Authorization", phantom.EvidenceHeader, "Client-Cert", "X-Forwarded-For", "Dpop", "DPoP-Nonce", "Alt-Svc", "X-Accel-Redirect"} {
			rw.Header().Set(name, r.Header.Get("Authorization"))
		}
		rw.Header()["Client_cert"] = []string{r.Header.Get("Authorization")}
		rw.Header().Set("Trailer", "Authorization, X-Checksum")
		rw.Header().Set("X-Kept", "1")
		rw.Header().Set("Link", "</a>")
		rw.WriteHeader(http.StatusEarlyHints)
		_, _ = rw.Write([]byte("balance"))
		rw.Header().Set("Authorization", r.Header.Get("Authorization"))
		rw.Header().Set("X-Checksum", "7")
		rw.Header().Set(http.TrailerPrefix+phantom.EvidenceHeader, r.Header.Get(phantom.EvidenceHeader))
	}
	response := must[*http.Response](t)(w.client(t).Do(w.outside(t, "GET", "/accounts", nil)))
	body := readAll(t, response)
	require.Equal(t, "balance", body)
	require.Equal(t, "1", response.Header.Get("X-Kept"))
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
	require.Equal(t, "7", response.Trailer.Get("X-Checksum"))
	for _, header := range []http.Header{response.Header, response.Trailer} {
		for field, values := range header {
			require.NotContains(t, strings.Join(values, ","), "eyJ", field)
		}
	}
}

func TestHeaderSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.MaxHeaderBytes = 4 << 10 })
	for name, change := range map[string]func(*http.Request){
		"one large field":    set("X-Large", strings.Repeat("a", 4<<10)),
		"many fields":        func(r *http.Request) { r.Header["X-Many"] = slices.Repeat([]string{"abcdefgh"}, 512) },
		"a long target":      func(r *http.Request) { r.RequestURI = "/" + strings.Repeat("a", 4<<10) },
		"a large unread one": set("Cookie", strings.Repeat("a", 4<<10)),
	} {
		r := w.request(t, "GET", "/accounts")
		change(r)
		require.Equal(t, 431, w.send(r).Code, name)
		require.ErrorIs(t, w.events.last(t).Err, phantom.ErrHeaderSize)
	}
	require.Empty(t, w.received.all())
	w.requireHonest(t)
}
