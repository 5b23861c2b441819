package interop_test

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// visitor is a user with a browser that knows only the pages of authserver.
type visitor struct {
	client *http.Client
	issuer string
}

// visit is one page, or the way out to the client.
type visit struct {
	url      *url.URL
	status   int
	header   http.Header
	body     string
	callback *url.URL // with the parameters of a posted form in its query
}

func (as *authserver) newVisitor(t *testing.T) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{client: &http.Client{Transport: as.transport(t), Jar: jar, CheckRedirect: stay}, issuer: as.issuer}
}

// send sends one request and follows nothing.
func (v *visitor) send(t *testing.T, method, address string, form url.Values) visit {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := v.client.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return visit{url: r.URL, status: response.StatusCode, header: response.Header, body: string(body)}
}

// open opens a page and goes where it leads.
func (v *visitor) open(t *testing.T, address string) visit {
	t.Helper()
	return v.follow(t, v.send(t, http.MethodGet, address, nil))
}

var postedForm = regexp.MustCompile(`<form method="post" action="([^"]*)"><input type="hidden" name="response" value="([^"]*)">`)

func (v *visitor) follow(t *testing.T, at visit) visit {
	t.Helper()
	for range 5 {
		if form := postedForm.FindStringSubmatch(at.body); form != nil {
			target, err := url.Parse(html.UnescapeString(form[1]))
			require.NoError(t, err)
			target.RawQuery = url.Values{"response": {form[2]}}.Encode()
			return visit{callback: target}
		}
		if at.status != http.StatusSeeOther {
			return at
		}
		target, err := at.url.Parse(at.header.Get("Location"))
		require.NoError(t, err)
		if target.Scheme+"://"+target.Host != v.issuer {
			return visit{callback: target}
		}
		at = v.send(t, http.MethodGet, target.String(), nil)
	}
	require.Fail(t, "too many redirects")
	return at
}

var csrfField = regexp.MustCompile(`name="csrf" value="([^"]*)"`)

// form is what the page sends with fields filled in, given as names and values in
// turn.
func (at visit) form(t *testing.T, fields ...string) url.Values {
	t.Helper()
	csrf := csrfField.FindStringSubmatch(at.body)
	require.NotNil(t, csrf, "%s: %s", at.url, at.body)
	form := url.Values{"csrf": {csrf[1]}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form
}

func (v *visitor) submit(t *testing.T, at visit, fields ...string) visit {
	t.Helper()
	return v.follow(t, v.send(t, http.MethodPost, at.url.String(), at.form(t, fields...)))
}

func (v *visitor) login(t *testing.T, at visit) visit {
	t.Helper()
	consent := v.submit(t, at, "username", "alice", "password", "wonderland", "login", "1")
	require.Equal(t, "/consent", consent.url.Path, consent.body)
	return consent
}

// authorize is the whole visit of a user who agrees.
func (v *visitor) authorize(t *testing.T, address string) *url.URL {
	t.Helper()
	end := v.submit(t, v.login(t, v.open(t, address)), "approve", "1")
	require.NotNil(t, end.callback, end.body)
	return end.callback
}
