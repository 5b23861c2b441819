package browser_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/internal/browser"
)

const issuer = "https://as.example"

const loginPage = `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Log in</title></head><body>
<form method="post"><input type="hidden" name="csrf" value="a&amp;b"><input id="username" name="user" required>
<input id="password" name="pass" type="password"><button id="login" name="login" value="1">Log in</button>
<button id="cancel" name="cancel" value="1" formnovalidate>Cancel</button></form></body></html>`

const consentPage = `<!DOCTYPE html><html lang="en"><body><form method="post" action="/consent">
<button id="approve" name="approve" value="1">Approve</button></form></body></html>`

const postPage = `<!DOCTYPE html><html lang="en"><body><form method="post" action="https://client.example/cb">
<input type="hidden" name="response" value="e.y.J"><button>Continue</button></form><script>document.forms[0].submit()</script></body></html>`

// site is a server with the pages of a login.
func site() http.Handler {
	mux := http.NewServeMux()
	page := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, text)
		}
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusSeeOther) }
	}
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-browser", Value: "1", Path: "/", Secure: true, HttpOnly: true})
		http.Redirect(w, r, "/login?interaction=1", http.StatusSeeOther)
	})
	mux.HandleFunc("GET /login", page(loginPage))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, err := r.Cookie("__Host-browser")
		if string(body) == "csrf=a%26b&login=1&pass=secret&user=alice" && err == nil && r.URL.RawQuery == "interaction=1" {
			redirect("/consent")(w, r)
			return
		}
		page(loginPage)(w, r)
	})
	mux.HandleFunc("GET /consent", page(consentPage))
	mux.HandleFunc("POST /consent", redirect("https://client.example/cb?code=1"))
	mux.HandleFunc("GET /post", page(postPage))
	mux.HandleFunc("GET /loop", redirect("/loop"))
	mux.HandleFunc("GET /found", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/post", http.StatusFound) })
	return mux
}

func newBrowser(t *testing.T) *browser.Browser {
	t.Helper()
	b, err := browser.New(issuer, browser.InProcess(site()))
	require.NoError(t, err)
	return b
}

func TestAuthorize(t *testing.T) {
	t.Parallel()
	callback, err := newBrowser(t).Authorize(t.Context(), issuer+"/authorize", "alice", "secret")
	require.NoError(t, err)
	require.Equal(t, "https://client.example/cb?code=1", callback.URL.String())

	_, err = newBrowser(t).Authorize(t.Context(), issuer+"/authorize", "alice", "wrong")
	require.ErrorContains(t, err, `no button with the id "approve" at https://as.example/login`)
}

func TestPagesStayAsTheyWere(t *testing.T) {
	t.Parallel()
	login, err := newBrowser(t).Open(t.Context(), issuer+"/authorize")
	require.NoError(t, err)
	require.Equal(t, "/login", login.URL.Path)
	for range 2 { // forward, back, forward
		consent, err := login.Login(t.Context(), "alice", "secret")
		require.NoError(t, err)
		require.Equal(t, "/consent", consent.URL.Path)
	}
	require.Error(t, login.Fill("login", "a button is no field"))
	again, err := login.Reload(t.Context())
	require.NoError(t, err)
	require.Equal(t, login.Body, again.Body)
}

func TestFormPost(t *testing.T) {
	t.Parallel()
	page, err := newBrowser(t).Open(t.Context(), issuer+"/post")
	require.NoError(t, err)
	require.Equal(t, http.MethodPost, page.Callback.Method)
	require.NoError(t, page.Callback.ParseForm())
	require.Equal(t, "e.y.J", page.Callback.PostForm.Get("response"))
}

func TestRedirectsThatAreWrong(t *testing.T) {
	t.Parallel()
	_, err := newBrowser(t).Open(t.Context(), issuer+"/loop")
	require.ErrorContains(t, err, "too many redirects")
	_, err = newBrowser(t).Open(t.Context(), issuer+"/found")
	require.ErrorContains(t, err, "status 302 instead of 303")
}
