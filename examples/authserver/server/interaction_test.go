package server_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/internal/browser"
	"github.com/go-fapi/fapi/jarm"
)

func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	t.Run("P13 every page can be reloaded before the decision", func(t *testing.T) {
		t.Parallel()
		b, address := w.browser(t), w.start(t, c)
		first, again := open(t, b, address), open(t, b, address)
		require.Equal(t, first.URL, again.URL, "one interaction")
		require.Equal(t, first.Body, again.Body)
		consent := loginAt(t, first)
		reloaded, err := consent.Reload(t.Context())
		require.NoError(t, err)
		require.Equal(t, consent.Body, reloaded.Body)
		require.Equal(t, "/consent", open(t, b, address).URL.Path, "the user is not asked again")
		w.code(t, c, press(t, consent, "approve").Callback)
	})
	t.Run("P12 used after the decision", func(t *testing.T) {
		t.Parallel()
		b, address := w.browser(t), w.start(t, c)
		consent := login(t, b, address)
		w.code(t, c, press(t, consent, "approve").Callback)
		isError(t, press(t, consent, "approve"), "invalid_request_uri")
		isError(t, press(t, consent, "deny"), "invalid_request_uri")
		isError(t, open(t, b, address), "invalid_request_uri")
		isError(t, open(t, w.browser(t), address), "invalid_request_uri")
		isError(t, open(t, b, consent.URL.String()), "invalid_request_uri")
	})
	t.Run("back to the login and on again", func(t *testing.T) {
		t.Parallel()
		b := w.browser(t)
		page := open(t, b, w.start(t, c))
		loginAt(t, page)
		require.Equal(t, "/consent", open(t, b, page.URL.String()).URL.Path)
		w.code(t, c, press(t, loginAt(t, page), "approve").Callback)
	})
	t.Run("nobody has logged in yet", func(t *testing.T) {
		t.Parallel()
		b := w.browser(t)
		page := open(t, b, w.start(t, c))
		early := strings.Replace(page.URL.String(), "/login", "/consent", 1)
		require.Equal(t, page.URL, open(t, b, early).URL)
		response, err := b.Send(formRequest(t, early, "approve=1&csrf="+between(page.Body, `name="csrf" value="`, `"`)))
		require.NoError(t, err)
		require.Equal(t, "/error?error=invalid_request", response.Header.Get("Location"))
		w.code(t, c, press(t, loginAt(t, page), "approve").Callback)
	})
	t.Run("a consent page of the user before", func(t *testing.T) {
		t.Parallel()
		page := open(t, w.browser(t), w.start(t, c))
		before, after := loginAt(t, page), loginAt(t, page)
		isError(t, press(t, before, "approve"), "invalid_request")
		w.code(t, c, press(t, after, "approve").Callback)
	})
	t.Run("X18 one request opened everywhere does not fill the server", func(t *testing.T) {
		t.Parallel()
		address, b := w.start(t, c), w.browser(t)
		page := open(t, b, address)
		for range 19 {
			require.Equal(t, "/login", open(t, w.browser(t), address).URL.Path)
		}
		for range 5 {
			isError(t, open(t, w.browser(t), address), "temporarily_unavailable")
		}
		require.Equal(t, page.URL, open(t, b, address).URL, "who has begun goes on")
		w.code(t, c, press(t, loginAt(t, page), "approve").Callback)
	})
	t.Run("a second tab", func(t *testing.T) {
		t.Parallel()
		b := w.browser(t)
		left, right := open(t, b, w.start(t, c)), open(t, b, w.start(t, c))
		require.NotEqual(t, left.URL, right.URL)
		consents := []*browser.Page{loginAt(t, right), loginAt(t, left)}
		for _, consent := range consents {
			w.code(t, c, press(t, consent, "approve").Callback)
		}
	})
	t.Run("preloads spend nothing", func(t *testing.T) {
		t.Parallel()
		b, address := w.browser(t), w.start(t, c)
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			r, err := http.NewRequestWithContext(t.Context(), method, address, nil)
			require.NoError(t, err)
			r.Header.Set("Sec-Purpose", "prefetch")
			response, err := b.Send(r)
			require.NoError(t, err)
			require.Equal(t, http.StatusSeeOther, response.StatusCode)
		}
		w.code(t, c, press(t, login(t, b, address), "approve").Callback)
	})
	t.Run("by POST from the client's site", func(t *testing.T) {
		t.Parallel()
		b, address := w.browser(t), w.start(t, c)
		page := open(t, b, address)
		form := strings.TrimPrefix(address, issuer+"/authorize?") + "&scope=everything"
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/authorize", strings.NewReader(form))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response := w.serve(r) // without the cookie: it is another site's form
		require.Equal(t, http.StatusSeeOther, response.Code)
		require.Empty(t, response.Header().Values("Set-Cookie"), "the browser keeps its name")
		require.Equal(t, page.URL, open(t, b, issuer+response.Header().Get("Location")).URL)
	})
}

func TestOtherBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	b, address := w.browser(t), w.start(t, c)
	consent := login(t, b, address)

	stranger := w.browser(t)
	isError(t, open(t, stranger, consent.URL.String()), "invalid_request")
	require.Equal(t, "/login", open(t, stranger, address).URL.Path, "a login of its own, and not the user's")
	isError(t, open(t, stranger, consent.URL.String()), "invalid_request")
	isError(t, open(t, stranger, issuer+"/login?interaction=x"), "invalid_request")
	isError(t, open(t, stranger, issuer+"/login"), "invalid_request")

	form := "approve=1&csrf=" + between(consent.Body, `name="csrf" value="`, `"`)
	for name, send := range map[string]func(*http.Request) (*http.Response, error){
		"another browser": stranger.Send, "none": browser.InProcess(w).RoundTrip,
	} {
		response, err := send(formRequest(t, consent.URL.String(), form))
		require.NoError(t, err)
		require.Equal(t, "/error?error=invalid_request", response.Header.Get("Location"), name)
	}
	w.code(t, c, press(t, consent, "approve").Callback) // control
}

func TestForgedForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	b := w.browser(t)
	consent := login(t, b, w.start(t, c))
	other := login(t, b, w.start(t, c))
	stolen := between(other.Body, `name="csrf" value="`, `"`)
	for _, form := range []string{"approve=1", "approve=1&csrf=x", "approve=1&csrf=" + stolen, "approve=1&csrf=a&csrf=b", "%zz"} {
		response, err := b.Send(formRequest(t, consent.URL.String(), form))
		require.NoError(t, err)
		require.Equal(t, "/error?error=invalid_request", response.Header.Get("Location"), form)
	}
	response, err := b.Send(formRequest(t, consent.URL.String(), "csrf="+between(consent.Body, `name="csrf" value="`, `"`)))
	require.NoError(t, err)
	require.Equal(t, "/error?error=invalid_request", response.Header.Get("Location"), "neither button is no decision")
	w.code(t, c, press(t, consent, "approve").Callback) // control
}

func formRequest(t *testing.T, address, form string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func between(text, before, after string) string {
	_, text, _ = strings.Cut(text, before)
	text, _, _ = strings.Cut(text, after)
	return text
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"plain", "signing", "older"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			c := w.the(t, id)
			page := open(t, w.browser(t), w.start(t, c))
			wrong, err := page.Login(t.Context(), username, "wrong")
			require.NoError(t, err)
			require.Contains(t, wrong.Body, `role="alert"`)
			unknown, err := page.Login(t.Context(), "nobody", password)
			require.NoError(t, err)
			require.Equal(t, wrong.Body, unknown.Body, "whether the name exists is not told")
			w.denied(t, c, press(t, loginAt(t, page), "deny").Callback, "access_denied")

			page = open(t, w.browser(t), w.start(t, c))
			w.denied(t, c, press(t, page, "cancel").Callback, "access_denied")
			isError(t, press(t, page, "cancel"), "invalid_request_uri")

			for _, prompt := range []string{"none", " none"} {
				address := w.start(t, c, "prompt", prompt)
				for range 2 {
					w.denied(t, c, open(t, w.browser(t), address).Callback, "login_required")
				}
			}
		})
	}
}

// denied checks an error response, to which iss and state belong as to any other.
func (w *world) denied(t *testing.T, c *client, callback *http.Request, code string) {
	t.Helper()
	require.NotNil(t, callback)
	require.True(t, strings.HasPrefix(callback.URL.String(), c.redirectURI))
	require.Equal(t, c.jarm(), callback.URL.Query().Get("iss") == "", "with JARM iss is inside")
	_, err := w.response(t, c, callback, "af0ifjsldkj")
	var refused *jarm.AuthorizationError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.Code())
}

func TestOneCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for id, address := range map[string]string{
		"plain": w.start(t, w.the(t, "plain")),
		"older": issuer + "/authorize?client_id=older&request=" + w.the(t, "older").object(t, w.the(t, "older").request()),
	} {
		t.Run("P14 100 approvals at once of "+id, func(t *testing.T) {
			t.Parallel()
			consent := login(t, w.browser(t), address)
			var codes, errors atomic.Int32
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() {
					page, err := consent.Press(t.Context(), "approve")
					switch {
					case err == nil && page.Callback != nil:
						codes.Add(1)
					case err == nil && page.URL.Path == "/error":
						errors.Add(1)
					}
				})
			}
			all.Wait()
			require.EqualValues(t, 1, codes.Load())
			require.EqualValues(t, 99, errors.Load())
		})
	}
}

// cookies notes which pages changed the cookie that keeps pages out of caches.
type cookies struct {
	http.RoundTripper
	changed map[string]string
}

func (c cookies) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := c.RoundTripper.RoundTrip(r)
	for _, cookie := range response.Cookies() {
		if cookie.Name == "__Host-page" {
			c.changed[r.Method+" "+r.URL.Path] = cookie.Value
		}
	}
	return response, err
}

// Browsers keep a page with a form, and what was typed, until a cookie changes.
func TestLeftPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := cookies{browser.InProcess(w), map[string]string{}}
	b, err := browser.New(issuer, seen)
	require.NoError(t, err)
	_, err = b.Authorize(t.Context(), w.start(t, w.the(t, "plain")), username, password)
	require.NoError(t, err)
	require.Len(t, seen.changed, 2)
	require.NotEmpty(t, seen.changed["POST /login"])
	require.NotEqual(t, seen.changed["POST /login"], seen.changed["POST /consent"])
}

func TestInteractionTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.the(t, "plain")
		b := w.browser(t)
		slow, late, unopened := open(t, b, w.start(t, c)), open(t, b, w.start(t, c)), w.start(t, c)
		time.Sleep(29 * time.Minute)
		w.code(t, c, press(t, loginAt(t, slow), "approve").Callback) // a user may take their time
		isError(t, open(t, b, unopened), "invalid_request_uri")
		time.Sleep(2 * time.Minute)
		isError(t, open(t, b, late.URL.String()), "invalid_request_uri")
		time.Sleep(5 * time.Minute)
		isError(t, open(t, b, late.URL.String()), "invalid_request")
	})
}

func TestResponse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("the query of the redirect URI stays as it is", func(t *testing.T) {
		t.Parallel()
		callback := w.authorize(t, w.the(t, "plain"))
		require.Contains(t, callback.URL.String(), "https://client.example/cb?tenant=a%2Fb&code=")
		require.Equal(t, []string{issuer}, callback.URL.Query()["iss"])
	})
	t.Run("state and nonce come back octet by octet", func(t *testing.T) {
		t.Parallel()
		state := strings.Repeat("&=+ %20;\"'<>\\é\u2028\n#?/", 100)[:2000]
		nonce := strings.Repeat(`n+/="<é&`, 8)[:64]
		state, nonce = strings.ToValidUTF8(state, "."), strings.ToValidUTF8(nonce, ".")
		for _, id := range []string{"plain", "signing"} {
			c := w.the(t, id)
			params, err := w.response(t, c, w.authorize(t, c, "state", state, "nonce", nonce), state)
			require.NoError(t, err)
			got := tokensOf(t, w.redeem(t, c, params.Get("code")))
			require.Equal(t, nonce, claims(t, got.IDToken)["nonce"])
		}
	})
	t.Run("no state, no openid", func(t *testing.T) {
		t.Parallel()
		c := w.the(t, "plain")
		callback := w.authorize(t, c, "state", "", "scope", "accounts", "nonce", "")
		require.False(t, callback.URL.Query().Has("state"))
		got := tokensOf(t, w.redeem(t, c, callback.URL.Query().Get("code")))
		require.Empty(t, got.IDToken)
		require.Equal(t, []any{accounts}, claimsList(t, got, "aud"))
		require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, got).Code)
	})
	for mode, method := range map[string]string{
		"jwt": "GET", "query.jwt": "GET", "fragment.jwt": "GET", "form_post.jwt": "POST",
	} {
		t.Run("mode "+mode, func(t *testing.T) {
			t.Parallel()
			c := w.the(t, "plain")
			callback := w.authorize(t, c, "response_mode", mode)
			require.Equal(t, method, callback.Method)
			require.False(t, callback.URL.Query().Has("code"))
			require.Equal(t, mode == "fragment.jwt", callback.URL.Fragment != "")
		})
	}
}

// claimsList is aud as a list, which may also be a string.
func claimsList(t *testing.T, got tokens, name string) []any {
	t.Helper()
	if list, ok := claims(t, got.AccessToken)[name].([]any); ok {
		return list
	}
	return []any{claims(t, got.AccessToken)[name]}
}

func TestPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	consent := login(t, w.browser(t), w.start(t, w.the(t, "plain")))
	require.Contains(t, consent.Body, "The plain client")
	require.Contains(t, consent.Body, "Alice Example")
	require.Contains(t, consent.Body, accounts)
	for _, scope := range []string{"openid", "profile", "accounts"} {
		require.Contains(t, consent.Body, "<li>"+scope+"</li>")
	}
	for name, value := range map[string]string{
		"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Strict-Transport-Security": "max-age=31536000", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "",
	} {
		require.Equal(t, value, consent.Header.Get(name), name)
	}
	policy := consent.Header.Get("Content-Security-Policy")
	hash := sha256.Sum256([]byte(between(consent.Body, "<style>", "</style>")))
	require.Contains(t, policy, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+"';")
	require.Contains(t, policy, "frame-ancestors 'none'")
	require.NotContains(t, policy, "form-action", "it would stop the redirect to the client")

	page := w.get(issuer + "/error?" + url.Values{"error": {`<script>x`}}.Encode())
	require.Equal(t, http.StatusBadRequest, page.Code)
	require.NotContains(t, page.Body.String(), "script")
}
