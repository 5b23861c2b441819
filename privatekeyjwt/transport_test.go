package privatekeyjwt_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/privatekeyjwt"
)

// sent is a base transport that keeps what it was given.
type sent struct{ requests []*http.Request }

func (s *sent) RoundTrip(r *http.Request) (*http.Response, error) {
	s.requests = append(s.requests, r)
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
}

// form reads the body of the last request.
func (s *sent) form(t testing.TB) url.Values {
	t.Helper()
	last := s.requests[len(s.requests)-1]
	body, err := io.ReadAll(last.Body)
	require.NoError(t, err)
	require.EqualValues(t, len(body), last.ContentLength)
	again, err := last.GetBody()
	require.NoError(t, err)
	second, err := io.ReadAll(again)
	require.NoError(t, err)
	require.Equal(t, body, second)
	last.Body = io.NopCloser(bytes.NewReader(body))
	form, err := url.ParseQuery(string(body))
	require.NoError(t, err)
	return form
}

func newTransport(t testing.TB) (*privatekeyjwt.Transport, *sent) {
	t.Helper()
	base := &sent{}
	return &privatekeyjwt.Transport{Signer: newSigner(t), Endpoints: []string{tokenEndpoint, issuer + "/par"}, Base: base}, base
}

func formRequest(t testing.TB, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func TestTransport(t *testing.T) {
	t.Parallel()
	transport, base := newTransport(t)
	s := newServer(t)
	original := formRequest(t, tokenEndpoint, "grant_type=refresh_token&refresh_token=r%2B1&resource=a&resource=b")
	original.Header.Set("DPoP", "proof")
	before := original.Clone(t.Context())
	for attempt := range 3 { // an outer transport that tries again
		again := original.Clone(t.Context())
		again.Body, _ = original.GetBody()
		response, err := transport.RoundTrip(again)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		form := base.form(t)
		s.accepts(t, "client-1", form.Get("client_assertion")) // accepted once: it is a new one
		require.Equal(t, "r+1", form.Get("refresh_token"))
		require.Equal(t, []string{"a", "b"}, form["resource"])
		require.Equal(t, "proof", base.requests[attempt].Header.Get("DPoP"))
		require.Equal(t, before.Header, again.Header)
		require.Equal(t, before.ContentLength, again.ContentLength)
		require.NotSame(t, again, base.requests[attempt])
	}
	require.Len(t, s.store.used, 3)

	// An outer transport that hands on what we once made.
	old := base.form(t)
	_, err := transport.RoundTrip(formRequest(t, tokenEndpoint, old.Encode()))
	require.NoError(t, err)
	form := base.form(t)
	require.Len(t, form["client_assertion"], 1)
	require.NotEqual(t, old["client_assertion"], form["client_assertion"])
	s.accepts(t, "client-1", form.Get("client_assertion"))
}

func TestTransportTargets(t *testing.T) {
	t.Parallel()
	const body = "grant_type=client_credentials"
	for target, ours := range map[string]bool{
		tokenEndpoint:                         true,
		tokenEndpoint + "?tenant=1":           true,
		"https://AS.Example.com:443/token":    true,
		issuer + "/par":                       true,
		issuer + "/token/":                    false,
		issuer + "/TOKEN":                     false,
		issuer + "/%74oken":                   false,
		issuer + "/x/../token":                false,
		issuer + "/":                          false,
		issuer:                                false,
		"http://as.example.com/token":         false,
		"https://as.example.com:8443/token":   false,
		"https://as.example.com./token":       false,
		"https://evil.example/token":          false,
		"https://as.example.com.evil/token":   false,
		"https://as.example.com@evil/token":   false,
		"https://evil.example/?" + issuer:     false,
		"https://as.example.com%2Fevil/token": false,
	} {
		transport, base := newTransport(t)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tokenEndpoint, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if r.URL, err = url.Parse(target); err != nil {
			continue // cannot even be requested
		}
		_, err = transport.RoundTrip(r)
		require.NoError(t, err)
		if ours {
			require.True(t, base.form(t).Has("client_assertion"), target)
		} else {
			require.Same(t, r, base.requests[0], target)
		}
	}
	// Other methods pass as they are.
	transport, base := newTransport(t)
	r := formRequest(t, tokenEndpoint, body)
	r.Method = http.MethodGet
	_, err := transport.RoundTrip(r)
	require.NoError(t, err)
	require.Same(t, r, base.requests[0])
}

// watched tells whether it was closed.
type watched struct {
	io.Reader
	closed bool
}

func (w *watched) Close() error {
	w.closed = true
	return nil
}

func TestTransportRefuses(t *testing.T) {
	t.Parallel()
	const form = "grant_type=client_credentials"
	for text, c := range map[string]struct {
		body   string
		change func(*http.Request)
	}{
		"AuthStyleInParams":     {form, func(r *http.Request) { r.SetBasicAuth("client-1", "") }},
		"Authorization field":   {form, func(r *http.Request) { r.Header.Set("Authorization", "Bearer t") }},
		"client_secret":         {form + "&client_secret=s", nil},
		"client_id":             {form + "&client_id=client-2", nil},
		"malformed":             {form + "&a=%zz", nil},
		"larger than 1 MiB":     {strings.Repeat("a", 1<<20+1), nil},
		"plain form":            {"{}", func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }},
		"must be a plain form":  {form, func(r *http.Request) { r.Header.Del("Content-Type") }},
		"must be a plain":       {form, func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") }},
		"read form":             {form, func(r *http.Request) { r.Body.(*watched).Reader = broken{} }},
		"privatekeyjwt: signer": {form, nil},
	} {
		transport, base := newTransport(t)
		r := formRequest(t, tokenEndpoint, c.body)
		body := &watched{Reader: strings.NewReader(c.body)}
		r.Body = body
		if c.change != nil {
			c.change(r)
		} else if text == "privatekeyjwt: signer" {
			transport.Signer, text = new(privatekeyjwt.Signer), "not made by NewSigner"
		}
		_, err := transport.RoundTrip(r)
		assert.ErrorContains(t, err, text)
		assert.Empty(t, base.requests, text)
		assert.True(t, body.closed, text)
	}
	transport, base := newTransport(t) // control, with no body at all
	r := formRequest(t, tokenEndpoint, "")
	r.Body = nil
	_, err := transport.RoundTrip(r)
	require.NoError(t, err)
	require.True(t, base.form(t).Has("client_assertion"))
}

// TestTransportBody: the new body has its own length, and the old one is closed.
func TestTransportBody(t *testing.T) {
	t.Parallel()
	transport, base := newTransport(t)
	body := &watched{Reader: strings.NewReader("a=b")}
	r := formRequest(t, tokenEndpoint, "")
	r.Body, r.GetBody, r.ContentLength, r.TransferEncoding = body, nil, -1, []string{"chunked"}
	r.Header.Set("Content-Length", "3")
	_, err := transport.RoundTrip(r)
	require.NoError(t, err)
	require.Equal(t, "b", base.form(t).Get("a"))
	require.True(t, body.closed)
	require.Empty(t, base.requests[0].TransferEncoding)
	require.NotContains(t, base.requests[0].Header, "Content-Length")
	// Control: what passes is left to the base.
	body.closed = false
	r.URL = &url.URL{Scheme: "https", Host: "evil.example"}
	_, err = transport.RoundTrip(r)
	require.NoError(t, err)
	require.False(t, body.closed)
}

func TestTransportMisconfigured(t *testing.T) {
	t.Parallel()
	signer := newSigner(t)
	for name, transport := range map[string]*privatekeyjwt.Transport{
		"nil":          nil,
		"zero":         {},
		"no signer":    {Endpoints: []string{tokenEndpoint}},
		"no endpoints": {Signer: signer},
		"empty":        {Signer: signer, Endpoints: []string{tokenEndpoint, ""}},
		"relative":     {Signer: signer, Endpoints: []string{"/token"}},
		"http":         {Signer: signer, Endpoints: []string{"http://as.example.com/token"}},
		"no host":      {Signer: signer, Endpoints: []string{"https:///token"}},
	} {
		body := &watched{Reader: strings.NewReader("")}
		r := formRequest(t, tokenEndpoint, "")
		r.Body = body
		_, err := transport.RoundTrip(r)
		assert.ErrorContains(t, err, "privatekeyjwt: ", name)
		assert.True(t, body.closed, name)
	}
}

// TestTransportRedirects: a redirect makes http.Client post the caller's own
// body again, which holds no assertion.
func TestTransportRedirects(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	var stolen []byte
	evil := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { stolen, _ = io.ReadAll(r.Body) }))
	t.Cleanup(evil.Close)
	honest := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.Authenticate(r); err != nil {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		switch r.URL.Path {
		case "/token":
			http.Redirect(w, r, evil.URL+"/token", http.StatusTemporaryRedirect)
		case "/moved":
			http.Redirect(w, r, "/par", http.StatusPermanentRedirect)
		}
	}))
	t.Cleanup(honest.Close)
	client := http.Client{Transport: &privatekeyjwt.Transport{
		Signer: newSigner(t), Endpoints: []string{honest.URL + "/token", honest.URL + "/moved", honest.URL + "/par"},
	}}
	response, err := client.PostForm(honest.URL+"/token", url.Values{"grant_type": {"client_credentials"}})
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, "grant_type=client_credentials", string(stolen))
	// Control: from endpoint to endpoint it authenticates anew.
	response, err = client.PostForm(honest.URL+"/moved", url.Values{"grant_type": {"client_credentials"}})
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Len(t, s.store.used, 3)
	client.CloseIdleConnections()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// TestTransportErrors: what the base reports comes through.
func TestTransportErrors(t *testing.T) {
	t.Parallel()
	lost := errors.New("connection lost")
	transport := &privatekeyjwt.Transport{Signer: newSigner(t), Endpoints: []string{tokenEndpoint}, Base: failingBase{lost}}
	_, err := transport.RoundTrip(formRequest(t, tokenEndpoint, "a=b"))
	require.ErrorIs(t, err, lost)
}

type failingBase struct{ err error }

func (f failingBase) RoundTrip(r *http.Request) (*http.Response, error) {
	_, _ = io.Copy(&bytes.Buffer{}, r.Body)
	return nil, errors.Join(f.err, r.Body.Close())
}
