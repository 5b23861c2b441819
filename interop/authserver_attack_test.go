package interop_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const hostileName = `</h1><script>alert(1)</script><img src=x onerror=alert(2)>"'`

// What somebody tries who has a browser, and no client's key.
func TestAuthserverStrangers(t *testing.T) {
	t.Parallel()
	as := startAuthserver(t, `"A shop"`, `"`+strings.ReplaceAll(hostileName, `"`, `\"`)+`"`)
	shop := as.shop(t)
	t.Run("forged forms", func(t *testing.T) { t.Parallel(); as.forgeForms(t, shop) })
	t.Run("redirects elsewhere", func(t *testing.T) { t.Parallel(); as.redirectElsewhere(t, shop) })
	t.Run("script in a page", func(t *testing.T) { t.Parallel(); as.injectScript(t, shop) })
	t.Run("header splitting", func(t *testing.T) { t.Parallel(); as.splitHeaders(t, shop) })
	t.Run("methods", func(t *testing.T) { t.Parallel(); as.tryMethods(t) })
	t.Run("too much", func(t *testing.T) { t.Parallel(); as.sendTooMuch(t, shop) })
	t.Run("headers", func(t *testing.T) { t.Parallel(); as.checkHeaders(t, shop) })
	t.Run("forged Host and Origin", func(t *testing.T) { t.Parallel(); as.forgeHost(t, shop) })
	t.Run("another browser", func(t *testing.T) { t.Parallel(); as.changeBrowser(t, shop) })
	t.Run("another user", func(t *testing.T) { t.Parallel(); as.changeUser(t, shop) })
	t.Run("many browsers", func(t *testing.T) { t.Parallel(); as.fillBrowsers(t, shop) })
}

// A form without the page's token does nothing, and costs the user nothing.
func (as *authserver) forgeForms(t *testing.T, shop *appClient) {
	v, other := as.newVisitor(t), as.newVisitor(t)
	login := v.open(t, shop.push(t))
	stolen := other.open(t, shop.push(t)).form(t).Get("csrf")
	good := url.Values{"username": {"alice"}, "password": {"wonderland"}, "login": {"1"}}
	for _, csrf := range []string{"", "x", stolen} {
		for _, form := range []url.Values{good, {"cancel": {"1"}}} {
			form.Set("csrf", csrf)
			isErrorPage(t, v.follow(t, v.send(t, http.MethodPost, login.url.String(), form)), "invalid_request")
		}
	}
	consent := v.login(t, login)
	for _, button := range []string{"approve", "deny"} {
		for _, csrf := range []string{"", "x", stolen} {
			form := url.Values{button: {"1"}, "csrf": {csrf}}
			isErrorPage(t, v.follow(t, v.send(t, http.MethodPost, consent.url.String(), form)), "invalid_request")
		}
	}
	inQuery := consent.url.String() + "&" + consent.form(t, "approve", "1").Encode()
	require.Nil(t, v.follow(t, v.send(t, http.MethodPost, inQuery, url.Values{})).callback)
	require.Nil(t, v.open(t, inQuery).callback)
	require.NotNil(t, v.submit(t, consent, "approve", "1").callback, "control")
}

func isErrorPage(t *testing.T, at visit, code string) {
	t.Helper()
	require.Nil(t, at.callback)
	require.Equal(t, "/error", at.url.Path, at.body)
	require.Contains(t, at.body, `<code id="error">`+code+`</code>`)
}

// No URL of the server leads to a place that is not registered.
func (as *authserver) redirectElsewhere(t *testing.T, shop *appClient) {
	evil := url.QueryEscape("https://evil.example/")
	v := as.newVisitor(t)
	for _, path := range []string{
		"/authorize?client_id=shop&response_type=code&redirect_uri=" + evil,
		"/authorize?client_id=shop&request_uri=" + evil,
		"/error?error=" + evil + "&redirect_uri=" + evil,
		"/login?interaction=" + evil, "/consent?interaction=" + evil,
		"//evil.example/", "//evil.example/..", "/%5Cevil.example/", "/.//evil.example/login", "/login/..//evil.example",
	} {
		at := v.send(t, http.MethodGet, as.issuer+path, nil)
		location, err := at.url.Parse(at.header.Get("Location"))
		require.NoError(t, err)
		assert.Equal(t, as.issuer, location.Scheme+"://"+location.Host, path)
	}
	for _, uri := range []string{
		"https://evil.example/", "https://localhost:8450/callback/", "https://localhost:8450/callback#", "https://localhost:8450/Callback",
		"https://localhost:8450/callback/../evil", "https://localhost:8450@evil.example/callback", "https://localhost:8450/callback?x",
		"https://LOCALHOST:8450/callback", "https://localhost:8450/callback%20", "javascript:alert(1)", "//localhost:8450/callback", "",
	} {
		refused := shop.post(t, "/par", shop.request("redirect_uri", uri))
		assert.Equal(t, http.StatusBadRequest, refused.status, uri)
		assert.Equal(t, "invalid_request", refused.body["error"], uri)
	}
}

func (as *authserver) injectScript(t *testing.T, shop *appClient) {
	v := as.newVisitor(t)
	hostile := url.QueryEscape(hostileName)
	login := v.open(t, shop.push(t, "state", hostileName))
	wrong := v.submit(t, login, "username", hostileName, "password", "x", "login", "1")
	consent := v.login(t, wrong)
	pages := []visit{
		login, wrong, consent, v.open(t, as.issuer+"/error?error="+hostile), v.open(t, as.issuer+"/login?interaction="+hostile),
		v.open(t, as.issuer+"/authorize?client_id="+hostile+"&request_uri="+hostile),
	}
	for _, page := range pages {
		assert.NotContains(t, page.body, "<script", page.url)
		assert.NotContains(t, page.body, "<img", page.url)
		assert.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'", page.url)
	}
	require.Contains(t, consent.body, "&lt;script&gt;", "control: the name is on the page")
	callback := v.submit(t, consent, "approve", "1").callback
	require.Equal(t, hostileName, callback.Query().Get("state"))
}

// State comes back octet by octet, and stays in its parameter.
func (as *authserver) splitHeaders(t *testing.T, shop *appClient) {
	for _, state := range []string{"a\r\nSet-Cookie: x=y", "a\nLocation: https://evil.example", "a&code=evil", "a#b", "a%0d%0ab", "ä €\u2028 +;=", strings.Repeat("s", 2000)} {
		v := as.newVisitor(t)
		consent := v.login(t, v.open(t, shop.push(t, "state", state)))
		sent := v.send(t, http.MethodPost, consent.url.String(), consent.form(t, "approve", "1"))
		require.Equal(t, http.StatusSeeOther, sent.status)
		require.NotContains(t, strings.Join(sent.header.Values("Set-Cookie"), "\n"), "x=y")
		callback, err := url.Parse(sent.header.Get("Location"))
		require.NoError(t, err)
		require.Equal(t, []string{state}, callback.Query()["state"])
		require.Len(t, callback.Query()["code"], 1)
		require.Empty(t, callback.Fragment)
	}
}

func (as *authserver) tryMethods(t *testing.T) {
	v := as.newVisitor(t)
	for path, allowed := range map[string]string{
		"/authorize": "GET HEAD POST", "/login": "GET HEAD POST", "/consent": "GET HEAD POST", "/error": "GET HEAD", "/token": "POST",
		"/par": "POST", "/userinfo": "GET HEAD POST", "/jwks": "GET HEAD", "/.well-known/openid-configuration": "GET HEAD",
		"/.well-known/oauth-authorization-server": "GET HEAD", "/accounts": "GET HEAD",
	} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"} {
			at := v.send(t, method, as.issuer+path, nil)
			if strings.Contains(" "+allowed+" ", " "+method+" ") {
				assert.NotEqual(t, http.StatusMethodNotAllowed, at.status, "%s %s", method, path)
				continue
			}
			assert.Equal(t, http.StatusMethodNotAllowed, at.status, "%s %s", method, path)
			assert.NotEmpty(t, at.header.Get("Allow"), "%s %s", method, path)
		}
	}
	for _, path := range []string{"/", "/login/", "/LOGIN", "/token/x", "/.well-known/", "/style.css", "/consent%00"} {
		assert.Equal(t, http.StatusNotFound, v.send(t, http.MethodGet, as.issuer+path, nil).status, path)
	}
}

// Whatever is too large is refused, and the user's login is still there after it.
func (as *authserver) sendTooMuch(t *testing.T, shop *appClient) {
	v := as.newVisitor(t)
	login := v.open(t, shop.push(t))
	huge := strings.Repeat("x", 1<<20)
	at := v.follow(t, v.send(t, http.MethodPost, login.url.String(), login.form(t, "username", huge, "password", "x", "login", "1")))
	isErrorPage(t, at, "invalid_request")
	many := login.form(t, "login", "1")
	for i := range 1000 {
		many.Set("p"+strings.Repeat("0", i), "1")
	}
	isErrorPage(t, v.follow(t, v.send(t, http.MethodPost, login.url.String(), many)), "invalid_request")
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, v.send(t, http.MethodGet, as.issuer+"/authorize?client_id="+huge, nil).status)
	isErrorPage(t, v.open(t, as.issuer+"/authorize?client_id=shop&request_uri="+huge[:30_000]), "invalid_request_uri")
	isErrorPage(t, v.open(t, as.issuer+"/authorize?client_id=shop"+strings.Repeat("&a=b", 8000)), "invalid_request")
	require.Equal(t, http.StatusRequestEntityTooLarge, shop.post(t, "/par", shop.request("state", huge)).status)
	require.NotNil(t, v.submit(t, v.login(t, login), "approve", "1").callback, "control")
}

func (as *authserver) checkHeaders(t *testing.T, shop *appClient) {
	v := as.newVisitor(t)
	first := v.send(t, http.MethodGet, shop.push(t), nil)
	require.Regexp(t, `^__Host-browser=[\w-]{43}; Path=/; HttpOnly; Secure; SameSite=Lax$`, first.header.Get("Set-Cookie"))
	login := v.follow(t, first)
	wrong := v.submit(t, login, "username", "alice", "password", "x", "login", "1")
	consent := v.login(t, login)
	for _, page := range []visit{login, wrong, consent, v.open(t, as.issuer+"/error?error=invalid_request")} {
		for name, value := range map[string]string{
			"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
			"Content-Type": "text/html; charset=utf-8", "Access-Control-Allow-Origin": "", "Server": "", "Set-Cookie": "",
		} {
			assert.Equal(t, value, page.header.Get(name), "%s of %s", name, page.url.Path)
		}
		assert.Contains(t, page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'")
		assert.NotEmpty(t, page.header.Get("Date"))
	}
	end := v.send(t, http.MethodPost, consent.url.String(), consent.form(t, "approve", "1"))
	for _, step := range []visit{first, end} {
		assert.Equal(t, "no-store", step.header.Get("Cache-Control"))
		assert.Equal(t, "no-referrer", step.header.Get("Referrer-Policy"))
	}
}

// Neither decides where anything goes.
func (as *authserver) forgeHost(t *testing.T, shop *appClient) {
	v := as.newVisitor(t)
	for path, want := range map[string]string{"/.well-known/openid-configuration": as.issuer + "/token", "/authorize": "/error?error=invalid_request"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, as.issuer+path, nil)
		require.NoError(t, err)
		r.Host = "evil.example"
		r.Header.Set("X-Forwarded-Host", "evil.example")
		r.Header.Set("Origin", "https://evil.example")
		response, err := v.client.Do(r)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Contains(t, string(body)+response.Header.Get("Location"), want)
		require.NotContains(t, string(body)+response.Header.Get("Location"), "evil")
		require.Empty(t, response.Header.Get("Access-Control-Allow-Origin"))
	}
}

// The URLs of a user's pages are of no use to anybody else.
func (as *authserver) changeBrowser(t *testing.T, shop *appClient) {
	v, other := as.newVisitor(t), as.newVisitor(t)
	login := v.open(t, shop.push(t))
	consent := v.login(t, login)
	other.open(t, shop.push(t)) // now it has a cookie of its own
	for _, at := range []visit{login, consent} {
		isErrorPage(t, other.open(t, at.url.String()), "invalid_request")
		for _, form := range []url.Values{consent.form(t, "approve", "1"), login.form(t, "username", "bob", "password", "builder")} {
			isErrorPage(t, other.follow(t, other.send(t, http.MethodPost, at.url.String(), form)), "invalid_request")
		}
	}
	require.NotNil(t, v.submit(t, consent, "approve", "1").callback, "control")
}

// What the page said when a user agreed holds for this user, and for nobody who
// logged in meanwhile.
func (as *authserver) changeUser(t *testing.T, shop *appClient) {
	v := as.newVisitor(t)
	login := v.open(t, shop.push(t))
	alice := v.login(t, login)
	require.Contains(t, alice.body, "Alice Example")
	bob := v.submit(t, login, "username", "bob", "password", "builder", "login", "1")
	require.Contains(t, bob.body, "Bob Example")
	isErrorPage(t, v.submit(t, alice, "approve", "1"), "invalid_request")
	require.NotNil(t, v.submit(t, bob, "approve", "1").callback, "control")
}

// Who has one request opens it without end, and takes no place from others.
func (as *authserver) fillBrowsers(t *testing.T, shop *appClient) {
	address := shop.push(t)
	v := as.newVisitor(t)
	login := v.open(t, address)
	refused := 0
	for range 60 {
		if as.newVisitor(t).open(t, address).url.Path == "/error" {
			refused++
		}
	}
	require.GreaterOrEqual(t, refused, 30)
	require.NotNil(t, v.submit(t, v.login(t, login), "approve", "1").callback, "control: who was there first goes on")
	as.newVisitor(t).authorize(t, shop.push(t)) // control: another request
}
