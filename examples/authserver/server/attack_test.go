package server_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/jarm"
)

func TestAuthorizationRequestAttacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	t.Run("P10 P11 another client's request_uri", func(t *testing.T) {
		t.Parallel()
		b, address := w.browser(t), w.start(t, c)
		for range 100 {
			isError(t, open(t, b, strings.Replace(address, "client_id=plain", "client_id=other", 1)), "invalid_request_uri")
			isError(t, open(t, b, strings.Replace(address, "client_id=plain", "client_id=nobody", 1)), "invalid_request_uri")
		}
		callback, err := b.Authorize(t.Context(), address, username, password)
		require.NoError(t, err)
		w.code(t, c, callback)
	})
	t.Run("P16 refused before the login page", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			address, late := w.start(t, c), w.start(t, c)
			_, err := w.browser(t).Authorize(t.Context(), address, username, password)
			require.NoError(t, err)
			isError(t, open(t, w.browser(t), address), "invalid_request_uri")
			time.Sleep(5 * time.Minute)
			isError(t, open(t, w.browser(t), late), "invalid_request_uri")
		})
	})
	t.Run("P18 another request of the client put in", func(t *testing.T) {
		t.Parallel()
		callback := w.authorize(t, c, "state", "the attacker's", "code_challenge", strings.Repeat("A", 43))
		_, err := w.response(t, c, callback, "af0ifjsldkj")
		require.ErrorIs(t, err, jarm.ErrState, "the client notices by its state")
		refuses(t, w.redeem(t, c, callback.URL.Query().Get("code")), http.StatusBadRequest, "invalid_grant") // and PKCE
		w.code(t, c, w.authorize(t, c))                                                                      // control
	})
	t.Run("P19 nothing was pushed", func(t *testing.T) {
		t.Parallel()
		for _, query := range []string{c.request().Encode(), "client_id=plain", "", "client_id=plain&request_uri=", "client_id=plain&request=e.y.J", "%zz"} {
			isError(t, open(t, w.browser(t), issuer+"/authorize?"+query), "invalid_request")
		}
		address := w.start(t, c)
		isError(t, open(t, w.browser(t), address+"&request_uri=x"), "invalid_request")
		isError(t, open(t, w.browser(t), address+"&client_id=plain"), "invalid_request")
		extra := "&scope=payments&redirect_uri=https%3A%2F%2Fevil.example&state=evil&response_mode=fragment"
		callback, err := w.browser(t).Authorize(t.Context(), address+extra, username, password)
		require.NoError(t, err)
		require.Equal(t, "openid profile accounts", tokensOf(t, w.redeem(t, c, w.code(t, c, callback))).Scope, "nothing else is read")
	})
	t.Run("P20 request_uri of elsewhere", func(t *testing.T) {
		t.Parallel()
		for _, uri := range []string{
			"https://evil.example/object", "http://169.254.169.254/", "urn:ietf:params:oauth:request_uri:x",
			"urn:example:other:" + challenge, "urn:ietf:params:oauth:request_uri:" + challenge,
		} {
			for _, id := range []string{"plain", "older"} {
				query := url.Values{"client_id": {id}, "request_uri": {uri}}
				isError(t, open(t, w.browser(t), issuer+"/authorize?"+query.Encode()), "invalid_request_uri")
			}
		}
	})
	t.Run("P21 the client changed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		address := w.start(t, c)
		consent := login(t, w.browser(t), address)
		before := w.config.Clients["plain"]
		for code, change := range map[string]func(*server.Client){
			"invalid_request":     func(c *server.Client) { c.RedirectURIs = []string{"https://moved.example/cb"} },
			"unauthorized_client": func(c *server.Client) { c.RedirectURIs = nil },
			"invalid_scope":       func(c *server.Client) { c.Scopes = nil },
		} {
			changed := before
			change(&changed)
			w.config.Clients["plain"] = changed
			isError(t, open(t, w.browser(t), address), code)
			isError(t, press(t, consent, "approve"), code)
		}
		w.config.Clients["plain"] = before
		w.code(t, c, press(t, consent, "approve").Callback)
	})
	t.Run("P22 X01 the store is down", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(c *server.Config) { c.Requests = failing{} })
		refuses(t, w.push(t, c, c.request()), http.StatusServiceUnavailable, "server_error")
		query := url.Values{"client_id": {"plain"}, "request_uri": {"urn:ietf:params:oauth:request_uri:" + challenge}}
		page := open(t, w.browser(t), issuer+"/authorize?"+query.Encode())
		isError(t, page, "server_error")
		require.Equal(t, http.StatusBadRequest, page.Status)
	})
	t.Run("P23 nothing of the request outside of it", func(t *testing.T) {
		t.Parallel()
		w.leaksNothing(t, c)
	})
}

// leaksNothing looks at all that a visit leaves in cookies, URLs of the server
// and error pages.
func (w *world) leaksNothing(t *testing.T, c *client) {
	t.Helper()
	address := w.start(t, c, "login_hint", "alice@example.org")
	first := w.get(address)
	page := open(t, w.browser(t), address)
	wrong, err := page.Login(t.Context(), username, "hunter2")
	require.NoError(t, err)
	consent := loginAt(t, page)
	failed := open(t, w.browser(t), consent.URL.String())
	seen := strings.Join(append(first.Header().Values("Set-Cookie"), first.Header().Get("Location"), first.Body.String(),
		page.URL.String(), consent.URL.String(), failed.URL.String(), failed.Body), "\n")
	requestURI, _ := url.ParseQuery(address[strings.Index(address, "?")+1:])
	for _, secret := range []string{
		requestURI.Get("request_uri")[34:], "af0ifjsldkj", "n-0S6_WzA2Mj", "accounts", "client.example", username,
		"alice@example.org", password, "4711",
	} {
		require.NotContains(t, seen, secret)
	}
	require.NotContains(t, wrong.Body, "hunter2")
	require.Equal(t, "no-referrer", consent.Header.Get("Referrer-Policy"))
	cookie := first.Header().Get("Set-Cookie")
	for _, attribute := range []string{"__Host-browser=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"} {
		require.Contains(t, cookie, attribute)
	}
	w.code(t, c, press(t, consent, "approve").Callback) // control: the visit was a real one
}

// What is wrong with a request is said where it is pushed.
func TestPushRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		client, code string
		changes      []string
	}{
		{"plain", "invalid_request", []string{"redirect_uri", "https://client.example/cb"}},
		{"plain", "invalid_request", []string{"redirect_uri", ""}},
		{"plain", "invalid_request", []string{"code_challenge", ""}},
		{"plain", "invalid_request", []string{"code_challenge_method", "plain"}},
		{"plain", "invalid_request", []string{"response_mode", "fragment"}},
		{"plain", "invalid_request", []string{"nonce", strings.Repeat("n", 513)}},
		{"plain", "invalid_request", []string{"prompt", "none login"}},
		{"plain", "invalid_request", []string{"max_age", "soon"}},
		{"plain", "invalid_request", []string{"scope", ""}},
		{"plain", "invalid_scope", []string{"scope", "openid admin"}},
		{"plain", "invalid_target", []string{"resource", "https://other.example"}},
		{"plain", "invalid_authorization_details", []string{"authorization_details", `[{"type":"payment_initiation"}]`}},
		{"plain", "unsupported_response_type", []string{"response_type", ""}},
		{"signing", "invalid_request", []string{"response_mode", ""}},
		{"signing", "invalid_request", []string{"response_mode", "query"}},
		{"older", "invalid_request", []string{"response_mode", ""}},
		{"older", "invalid_request", []string{"nonce", ""}},
		{"older", "invalid_request", []string{"scope", "accounts", "state", ""}},
	} {
		client := w.the(t, c.client)
		refuses(t, w.push(t, client, client.request(c.changes...)), http.StatusBadRequest, c.code)
		w.start(t, client) // control
	}
	for _, id := range []string{"signing", "older"} {
		c := w.the(t, id)
		refuses(t, w.post(t, c, "/par", c.request()), http.StatusBadRequest, "invalid_request") // unsigned
	}
	w.start(t, w.the(t, "plain"), "nonce", strings.Repeat("n", 512), "max_age", "0", "acr_values", "urn:unknown")
}

// A request that comes by value has its errors sent to the client, once it is
// known that the redirect URI is the client's.
func TestByValueRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "older")
	for _, refusal := range []struct {
		code    string
		changes []string
	}{
		{"invalid_scope", []string{"scope", "openid admin"}},
		{"invalid_request", []string{"response_mode", ""}},
		{"invalid_request", []string{"nonce", ""}},
		{"invalid_request", []string{"code_challenge", ""}},
		{"invalid_request", []string{"code_challenge_method", ""}},
		{"invalid_request", []string{"dpop_jkt", "x"}},
		{"unsupported_response_type", []string{"response_type", "code id_token"}},
	} {
		address := issuer + "/authorize?client_id=older&request=" + c.object(t, c.request(refusal.changes...))
		w.denied(t, c, open(t, w.browser(t), address).Callback, refusal.code)
	}
	evil := issuer + "/authorize?client_id=older&request=" + c.object(t, c.request("redirect_uri", "https://evil.example/cb"))
	isError(t, open(t, w.browser(t), evil), "invalid_request")
	forger := *c
	forger.key = plain().key
	forged := issuer + "/authorize?client_id=older&request=" + forger.object(t, c.request())
	isError(t, open(t, w.browser(t), forged), "invalid_request_object")
}

// FAPI 1.0 Advanced 5.2.2-18 asks for PKCE only of requests that are pushed. A
// verifier for a code without a challenge tells that somebody took it out of the
// request (RFC 9700 section 4.8.2).
func TestByValueWithoutPKCE(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "older")
	object := c.object(t, c.request("code_challenge", "", "code_challenge_method", ""))
	page := login(t, w.browser(t), issuer+"/authorize?client_id=older&request="+object)
	code := w.code(t, c, press(t, page, "approve").Callback)
	refuses(t, w.redeem(t, c, code), http.StatusBadRequest, "invalid_grant")
	tokensOf(t, w.redeem(t, c, code, "code_verifier", ""))
	refuses(t, w.push(t, c, c.request("code_challenge", "", "code_challenge_method", "")), http.StatusBadRequest, "invalid_request")
}

func TestMissingParameters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	code := w.code(t, c, w.authorize(t, c))
	for _, missing := range []string{"grant_type", "code"} {
		refuses(t, w.redeem(t, c, code, missing, ""), http.StatusBadRequest, "invalid_request")
	}
	tokensOf(t, w.redeem(t, c, code))
}

// failing is a store of pushed requests that is down.
type failing struct{}

var errDown = errors.New("the store is down")

func (failing) Put(context.Context, string, []byte, time.Time) error { return errDown }

func (failing) Keep(context.Context, string, time.Time) ([]byte, bool, error) {
	return nil, true, errDown
}

func (failing) Take(context.Context, string) (bool, error) { return true, errDown }

// moodyUsers cannot always look a password up.
type moodyUsers struct {
	users
	err error
}

func (m *moodyUsers) Authenticate(ctx context.Context, name, secret string) (server.User, bool, error) {
	user, ok, _ := m.users.Authenticate(ctx, name, secret)
	return user, ok, m.err
}

// codedFault is an error of the directory that looks like a refusal of ours.
type codedFault struct{}

func (codedFault) Error() string     { return "directory: invalid_client" }
func (codedFault) OAuthCode() string { return "invalid_client" }

func TestUsersDown(t *testing.T) {
	t.Parallel()
	directory := &moodyUsers{err: codedFault{}}
	w := newWorld(t, func(c *server.Config) { c.Users = directory })
	c := w.the(t, "plain")
	page := open(t, w.browser(t), w.start(t, c))
	failed, err := page.Login(t.Context(), username, password)
	require.NoError(t, err)
	isError(t, failed, "server_error")
	directory.err = nil
	w.code(t, c, press(t, loginAt(t, page), "approve").Callback)
}

// Whatever stands in the query: without a pushed request the browser goes to the
// error page and nowhere else.
func FuzzAuthorize(f *testing.F) {
	for _, seed := range []string{
		"", "client_id=plain", "client_id=plain&request_uri=urn:ietf:params:oauth:request_uri:" + challenge,
		"client_id=plain&redirect_uri=https://evil.example", "client_id=older&request=e.y.J", "client_id=a&client_id=b", "%zz", ";",
	} {
		f.Add(seed)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, query string) {
		r := httptest.NewRequest(http.MethodGet, issuer+"/authorize", nil)
		r.URL.RawQuery = query
		response := w.serve(r)
		require.Equal(t, http.StatusSeeOther, response.Code)
		require.Regexp(t, "^/error\\?error=[a-z_]+$", response.Header().Get("Location"))
	})
}
