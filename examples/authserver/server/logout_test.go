package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/browser"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/jwks"
)

// listener is where clients hear of logouts.
type listener struct {
	*httptest.Server
	status int // answered

	count atomic.Int32

	mu     sync.Mutex
	tokens map[string]string // by path
}

func newListener(t testing.TB) *listener {
	t.Helper()
	l := &listener{status: http.StatusOK, tokens: map[string]string{}}
	l.Server = httptest.NewUnstartedServer(l)
	l.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are meant to fail
	l.StartTLS()
	t.Cleanup(l.Close)
	return l
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.count.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.Method == http.MethodPost {
		l.tokens[r.URL.Path] = r.PostFormValue("logout_token")
	}
	if l.status == http.StatusFound {
		w.Header().Set("Location", l.URL+"/elsewhere")
	}
	w.WriteHeader(l.status)
}

func (l *listener) token(path string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tokens[path]
}

// configure registers clients there.
func (l *listener) configure(ids ...string) func(*server.Config) {
	return func(c *server.Config) {
		c.Logout = l.Client()
		for _, id := range ids {
			register(id, func(client *server.Client) { client.BackchannelLogoutURI = l.URL + "/" + id })(c)
		}
	}
}

// logoutFor registers clients at a listener that nobody reaches.
func logoutFor(ids ...string) func(*server.Config) {
	l := &listener{Server: &httptest.Server{URL: "https://listener.example"}}
	return func(c *server.Config) {
		l.configure(ids...)(c)
		c.Logout = &http.Client{Transport: refusing{}}
	}
}

type refusing struct{}

func (refusing) RoundTrip(*http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// enter is a login in a browser, up to the tokens.
func (w *world) enter(t testing.TB, b *browser.Browser, c *client) tokens {
	t.Helper()
	callback, err := b.Authorize(t.Context(), w.start(t, c), username, password)
	require.NoError(t, err)
	return tokensOf(t, w.redeem(t, c, w.code(t, c, callback)))
}

func TestLogout(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	w := newWorld(t, pairwise(t), l.configure("plain", "other"))
	b := w.browser(t)
	plain, other, silent := w.the(t, "plain"), w.the(t, "other"), w.the(t, "signing")
	got := map[string]tokens{"plain": w.enter(t, b, plain), "other": w.enter(t, b, other)}
	again := w.enter(t, b, plain)
	require.Nil(t, claims(t, w.enter(t, b, silent).IDToken)["sid"])
	require.Equal(t, claims(t, got["plain"].IDToken)["sid"], claims(t, again.IDToken)["sid"], "one session")
	elsewhere := w.enter(t, w.browser(t), plain)
	require.NotEqual(t, claims(t, got["plain"].IDToken)["sid"], claims(t, elsewhere.IDToken)["sid"], "another browser")
	half := login(t, b, w.start(t, plain))

	page := press(t, open(t, b, issuer+"/logout"), "logout")
	require.Equal(t, http.StatusOK, page.Status)
	require.Contains(t, page.Body, "<h1>Logged out</h1>")
	require.NotContains(t, page.Body, "could not be told")
	require.EqualValues(t, 2, l.count.Load())
	seen := map[any]bool{}
	for id, tokens := range got {
		isLogoutToken(t, w, l.token("/"+id), id, claims(t, tokens.IDToken), seen)
	}
	require.Equal(t, http.StatusOK, w.userinfo(t, plain, http.MethodGet, got["plain"]).Code, "what was approved stays")
	isError(t, press(t, half, "approve"), "invalid_request") // a login that was half done is over

	require.Contains(t, open(t, b, issuer+"/logout").Body, "You are not logged in")
	w.enter(t, b, plain)
	page = press(t, open(t, b, issuer+"/logout"), "logout")
	require.Equal(t, http.StatusOK, page.Status)
	require.EqualValues(t, 3, l.count.Load(), "a new session, of one client")
}

// isLogoutToken checks a logout token against the ID token of its session (OpenID
// Connect Back-Channel Logout section 2.4).
func isLogoutToken(t *testing.T, w *world, token, id string, idToken map[string]any, seen map[any]bool) {
	t.Helper()
	parsed, err := jose.Parse(token)
	require.NoError(t, err)
	require.Equal(t, "logout+jwt", parsed.Header.Type)
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: w.config.Key.Public()})
	require.NoError(t, err)
	found, err := keys.Keys(t.Context(), parsed.Header.KeyID, parsed.Header.Algorithm)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.NoError(t, parsed.Verify(found[0]))
	content := claims(t, token)
	for _, name := range []string{"iss", "sub", "sid"} {
		assert.Equal(t, idToken[name], content[name], name)
	}
	assert.Equal(t, id, content["aud"])
	assert.Equal(t, map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}, content["events"])
	assert.InDelta(t, 120, content["exp"].(float64)-content["iat"].(float64), 0)
	assert.InDelta(t, time.Now().Unix(), content["iat"], 10)
	assert.NotContains(t, content, "nonce")
	for _, name := range []string{"sub", "sid", "jti"} {
		assert.False(t, seen[content[name]], "%s is another client's, too", name)
		seen[content[name]] = true
	}
}

func TestLogoutFailures(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"refused": http.StatusBadRequest, "redirected": http.StatusFound} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newListener(t)
			l.status = status
			var observed error
			w := newWorld(t, l.configure("plain"), func(c *server.Config) { c.ObserveRefusal = func(err error) { observed = err } })
			b := w.browser(t)
			w.enter(t, b, w.the(t, "plain"))
			page := press(t, open(t, b, issuer+"/logout"), "logout")
			require.Contains(t, page.Body, "<li>The plain client</li>")
			require.ErrorContains(t, observed, `client "plain" answers`)
			require.EqualValues(t, 1, l.count.Load(), "redirects are not followed")
		})
	}
	t.Run("unreachable", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, logoutFor("plain"))
		b := w.browser(t)
		w.enter(t, b, w.the(t, "plain"))
		require.Contains(t, press(t, open(t, b, issuer+"/logout"), "logout").Body, "<li>The plain client</li>")
	})
	t.Run("a certificate that the sender does not trust", func(t *testing.T) {
		t.Parallel()
		l := newListener(t)
		w := newWorld(t, l.configure("plain"), func(c *server.Config) {
			strict := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: x509.NewCertPool()}}
			t.Cleanup(strict.CloseIdleConnections)
			c.Logout = &http.Client{Transport: strict}
		})
		b := w.browser(t)
		w.enter(t, b, w.the(t, "plain"))
		require.Contains(t, press(t, open(t, b, issuer+"/logout"), "logout").Body, "could not be told")
		require.Zero(t, l.count.Load())
	})
}

// Another site cannot log a user out.
func TestLogoutForgery(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	w := newWorld(t, l.configure("plain"))
	b := w.browser(t)
	w.enter(t, b, w.the(t, "plain"))
	page := open(t, b, issuer+"/logout")
	cookie := &http.Cookie{Name: "__Host-browser", Value: strings.Repeat("A", 43)}
	for name, form := range map[string]url.Values{
		"no token": {}, "a wrong one": {"csrf": {strings.Repeat("A", 43)}}, "without the cookie": {"csrf": {page.Body}},
	} {
		r := httptest.NewRequest(http.MethodPost, issuer+"/logout", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if name != "without the cookie" {
			r.AddCookie(cookie)
		}
		response := w.serve(r)
		require.Equal(t, "/error?error=invalid_request", response.Header().Get("Location"), name)
	}
	require.Zero(t, l.count.Load())
	press(t, page, "logout") // control
	require.EqualValues(t, 1, l.count.Load())
}
