package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Page is what the browser shows. Where it was sent away from the issuer, to
// the client, only URL and Callback are set.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string

	// Callback is the request that the browser was about to make to the client:
	// a GET of its redirect URI, or the POST of response mode form_post.jwt. It
	// was not sent.
	Callback *http.Request

	browser *Browser
	forms   []form
}

// selfSubmitting is the script of the page that posts a response to the client.
const selfSubmitting = "document.forms[0].submit()"

// next is the request that a browser makes by itself after r gave this page.
func (p *Page) next(r *http.Request) (*http.Request, error) {
	if strings.Contains(p.Body, selfSubmitting) && len(p.forms) == 1 {
		return p.submission(r.Context(), p.forms[0], nil)
	}
	location := p.Header.Get("Location")
	if location == "" {
		return nil, nil
	}
	if p.Status != http.StatusSeeOther {
		return nil, fmt.Errorf("browser: a redirect with status %d instead of 303", p.Status)
	}
	target, err := p.URL.Parse(location)
	if err != nil {
		return nil, err
	}
	return http.NewRequestWithContext(r.Context(), http.MethodGet, target.String(), nil)
}

// Fill types a value into the field with this id. It changes the page.
func (p *Page) Fill(id, value string) error {
	for _, form := range p.forms {
		if field := form.byID(id); field != nil && !field.button {
			field.value = value
			return nil
		}
	}
	return fmt.Errorf("browser: no field with the id %q at %s", id, p.URL.Path)
}

// Press presses the button with this id, which submits its form.
func (p *Page) Press(ctx context.Context, id string) (*Page, error) {
	for _, form := range p.forms {
		if button := form.byID(id); button != nil && button.button {
			r, err := p.submission(ctx, form, button)
			if err != nil {
				return nil, err
			}
			return p.browser.visit(r)
		}
	}
	return nil, fmt.Errorf("browser: no button with the id %q at %s", id, p.URL)
}

// Login fills in the login page and presses login.
func (p *Page) Login(ctx context.Context, username, password string) (*Page, error) {
	if err := p.Fill("username", username); err != nil {
		return nil, err
	}
	if err := p.Fill("password", password); err != nil {
		return nil, err
	}
	return p.Press(ctx, "login")
}

// Reload asks for the page again, with GET.
func (p *Page) Reload(ctx context.Context) (*Page, error) { return p.browser.Open(ctx, p.URL.String()) }

// submission is the request of a form; pressed is nil when a script submits it.
func (p *Page) submission(ctx context.Context, form form, pressed *field) (*http.Request, error) {
	target, err := p.URL.Parse(form.action)
	if err != nil {
		return nil, err
	}
	values := form.values(pressed)
	if !strings.EqualFold(form.method, http.MethodPost) {
		target.RawQuery = values.Encode()
		return http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), strings.NewReader(values.Encode()))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", originOf(p.URL))
	return r, nil
}
