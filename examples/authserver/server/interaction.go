package server

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// interaction is the way of one user through login and consent, in one browser,
// for one request.
type interaction struct {
	id      string
	browser string // digest of the browser's name
	csrf    string // in the form of the login page
	request asked
	opening *opening
	session atomic.Pointer[session]
}

// opening is what interactions for one request, in several browsers, have in common.
type opening struct {
	browsers atomic.Int32
	answered atomic.Bool // only if the request was not pushed, and so cannot be consumed
}

// session is a user who logged in, for this interaction and no other. The form
// of the consent page has its csrf: it is void once somebody else has logged in.
type session struct {
	user User
	at   time.Time
	csrf string
}

// begin keeps a new interaction. For the same request in the same browser there
// is one, which goes on. In how many browsers one request may begin is limited,
// or who has a single one could fill the server with it.
func (s *Server) begin(browser string, request asked) (*interaction, error) {
	id := digest("interaction", browser, request.clientID, request.reference)
	if known, ok := s.flow.interactions.get(id); ok {
		return known, nil
	}
	opening, err := s.flow.openings.put(digest("opening", request.clientID, request.reference), &opening{})
	if err != nil {
		return nil, err
	}
	if opening.browsers.Add(1) > maxBrowsers {
		return nil, errBusy
	}
	return s.flow.interactions.put(id, &interaction{
		id: id, browser: digest("browser", browser), csrf: newSecret(), request: request, opening: opening,
	})
}

// page is the URL of the page the user is at.
func (i *interaction) page() string {
	if i.session.Load() == nil {
		return i.url("/login")
	}
	return i.url("/consent")
}

func (i *interaction) url(page string) string {
	return page + "?" + url.Values{"interaction": {i.id}}.Encode()
}

// browserCookie holds the name of the browser. With the prefix __Host- no other
// host, not even a subdomain, can plant one of its own. Lax is as strict as a
// cookie can be that has to come along when a client sends the browser here.
const browserCookie = "__Host-browser"

// browserOf returns the browser's name, and gives it one if it has none. One name
// serves all tabs, and says nothing about who uses them.
func browserOf(w http.ResponseWriter, r *http.Request) string {
	if cookie, err := r.Cookie(browserCookie); err == nil && len(cookie.Value) == secretLength {
		return cookie.Value
	}
	name := newSecret()
	http.SetCookie(w, &http.Cookie{
		Name: browserCookie, Value: name, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	return name
}

// leavePage keeps the page that a form was on out of the browser's back/forward
// cache, where it would stay with the password still typed in: browsers keep pages
// there in spite of no-store, and give them up when a cookie changes. The value means
// nothing.
func leavePage(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{
		Name: "__Host-page", Value: newSecret(), Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// current is the interaction of a page, if it is this browser's, and its request.
func (s *Server) current(r *http.Request) (*interaction, asked, error) {
	i, ok := s.flow.interactions.get(r.URL.Query().Get("interaction"))
	cookie, err := r.Cookie(browserCookie)
	if !ok || err != nil || !equal(digest("browser", cookie.Value), i.browser) {
		return nil, asked{}, errRequest
	}
	request, err := s.reload(r.Context(), i)
	return i, request, err
}

// submitted is current for a form. The caller compares the token in it, which
// shows that the form is not another site's.
func (s *Server) submitted(w http.ResponseWriter, r *http.Request) (*interaction, asked, url.Values, error) {
	form, err := oauthhttp.ReadForm(w, r, 0)
	if err != nil {
		return nil, asked{}, nil, errRequest
	}
	i, request, err := s.current(r)
	return i, request, form, err
}

// equal compares secrets in constant time.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
