// Package browser is a browser without a window, for the examples' tests: it
// keeps cookies, follows redirects, fills in forms by the ids of their fields and
// presses buttons by theirs, and stops where it is sent to the client.
//
//	b, err := browser.New(issuer, transport)
//	callback, err := b.Authorize(ctx, authorizationURL, "alice", "password")
//
// Every [Page] stays as it was, like a tab or an entry of the history: a test
// goes back by using an older one, and opens a second tab by calling Open again.
package browser

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
)

const (
	maxRedirects = 10
	maxPage      = 1 << 20
)

// Browser is the browser of one user. It is safe for concurrent use.
type Browser struct {
	client *http.Client
	origin string
}

// New makes a browser with no cookies. It stays at the origin of issuer:
// wherever else it is sent is the client's. transport is nil for
// [http.DefaultTransport].
func New(issuer string, transport http.RoundTripper) (*Browser, error) {
	home, err := url.Parse(issuer)
	if err != nil {
		return nil, err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Browser{
		client: &http.Client{Transport: transport, Jar: jar, CheckRedirect: stay},
		origin: originOf(home),
	}, nil
}

func originOf(u *url.URL) string { return u.Scheme + "://" + u.Host }

// Send sends one request with the browser's cookies and keeps those it gets. It
// follows nothing: for a prefetch, or a request that no page would make.
func (b *Browser) Send(r *http.Request) (*http.Response, error) { return b.client.Do(r) }

// Open types a URL into the address bar.
func (b *Browser) Open(ctx context.Context, address string) (*Page, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	return b.visit(r)
}

// Authorize is the whole visit of a user who agrees: open the authorization URL,
// log in, approve. It returns the request that the browser then makes to the
// client's redirect URI. An error names the page at which it did not go on.
func (b *Browser) Authorize(ctx context.Context, authorizationURL, username, password string) (*http.Request, error) {
	page, err := b.Open(ctx, authorizationURL)
	if err != nil || page.Callback != nil {
		return callbackOf(page), err
	}
	if page, err = page.Login(ctx, username, password); err != nil || page.Callback != nil {
		return callbackOf(page), err
	}
	if page, err = page.Press(ctx, "approve"); err != nil {
		return nil, err
	}
	if page.Callback == nil {
		return nil, fmt.Errorf("browser: still at %s after the approval", page.URL.Path)
	}
	return page.Callback, nil
}

func callbackOf(page *Page) *http.Request {
	if page == nil {
		return nil
	}
	return page.Callback
}

// visit makes a request and those it leads to.
func (b *Browser) visit(r *http.Request) (*Page, error) {
	for range maxRedirects {
		if originOf(r.URL) != b.origin {
			return &Page{URL: r.URL, Callback: r}, nil
		}
		response, err := b.client.Do(r)
		if err != nil {
			return nil, err
		}
		page, err := b.read(response)
		if err != nil {
			return nil, err
		}
		if r, err = page.next(r); r == nil || err != nil {
			return page, err
		}
	}
	return nil, errors.New("browser: too many redirects")
}

func (b *Browser) read(response *http.Response) (*Page, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage))
	if err != nil {
		return nil, err
	}
	page := &Page{
		URL: response.Request.URL, Status: response.StatusCode, Header: response.Header, Body: string(body), browser: b,
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		page.forms, err = readForms(page.Body)
	}
	return page, err
}

// InProcess is a transport to a handler of this process, as if over TLS, for
// tests whose time stands still.
func InProcess(handler http.Handler) http.RoundTripper { return inProcess{handler} }

type inProcess struct{ handler http.Handler }

// RoundTrip implements [http.RoundTripper].
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	arriving := httptest.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), r.Body)
	arriving.Header = r.Header.Clone()
	recorder := httptest.NewRecorder()
	t.handler.ServeHTTP(recorder, arriving)
	response := recorder.Result()
	response.Request = r
	return response, nil
}
