package par_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/par"
)

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // of challenge

func oauthConfig() *oauth2.Config {
	return &oauth2.Config{
		ClientID: "client-1", ClientSecret: "hush", RedirectURL: callback, Scopes: []string{"accounts", "openid"},
		Endpoint: oauth2.Endpoint{AuthURL: "https://as.example/authorize", TokenURL: "https://as.example/token"},
	}
}

// endpoint answers pushes, and remembers the last one.
type endpoint struct {
	status      int
	contentType string
	body        string
	location    string

	form   url.Values
	header http.Header
	calls  int
}

func (e *endpoint) RoundTrip(r *http.Request) (*http.Response, error) {
	e.calls++
	body, _ := io.ReadAll(r.Body)
	e.form, _ = url.ParseQuery(string(body))
	e.header = r.Header
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", e.contentType)
	if e.location != "" {
		w.Header().Set("Location", e.location)
	}
	w.WriteHeader(e.status)
	_, _ = w.WriteString(e.body)
	response := w.Result()
	response.Request = r
	return response, nil
}

func created() *endpoint {
	return &endpoint{status: 201, contentType: "application/json", body: `{"request_uri":"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c","expires_in":60,"x":[1]}`}
}

func newClient(t testing.TB, e *endpoint, changes ...func(*par.ClientConfig)) *par.Client {
	t.Helper()
	config := par.ClientConfig{Config: oauthConfig(), Endpoint: "https://as.example/as/par", HTTP: &http.Client{Transport: e}}
	for _, change := range changes {
		change(&config)
	}
	client, err := par.NewClient(config)
	require.NoError(t, err)
	return client
}

func TestAuthCodeURL(t *testing.T) {
	t.Parallel()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oauth2.AccessTypeOffline, oauth2.SetAuthURLParam("nonce", "n-1")}
	t.Run("SP-C13 the browser gets client_id and request_uri alone", func(t *testing.T) {
		t.Parallel()
		e := created()
		got, err := newClient(t, e).AuthCodeURL(t.Context(), "s t&te", options...)
		require.NoError(t, err)
		require.Equal(t, "https://as.example/authorize?client_id=client-1&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3A6esc_11ACC5bwc014ltc14eY22c", got)

		plain, err := url.Parse(oauthConfig().AuthCodeURL("s t&te", options...))
		require.NoError(t, err)
		require.Equal(t, plain.Query(), e.form, "everything AuthCodeURL of x/oauth2 would show")
		require.NotContains(t, e.form, "client_secret")
		require.Empty(t, e.header.Get("Authorization"))
		require.Equal(t, contentType, e.header.Get("Content-Type"))
	})
	t.Run("an authorization endpoint with a query of its own", func(t *testing.T) {
		t.Parallel()
		e := created()
		client := newClient(t, e, func(c *par.ClientConfig) { c.Config.Endpoint.AuthURL = "https://as.example/authorize?tenant=a%20b" })
		got, err := client.AuthCodeURL(t.Context(), "state", options...)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(got, "https://as.example/authorize?tenant=a%20b&client_id=client-1&request_uri=urn%3A"), got)
		require.NotContains(t, e.form, "tenant")
	})
	t.Run("PAR-23 a request object goes alone", func(t *testing.T) {
		t.Parallel()
		e := created()
		client := newClient(t, e, func(c *par.ClientConfig) {
			c.Signer = signer(func(p url.Values) (string, error) { return p.Encode(), nil })
		})
		_, err := client.AuthCodeURL(t.Context(), "state", options...)
		require.NoError(t, err)
		require.Len(t, e.form, 2)
		require.Equal(t, "client-1", e.form.Get("client_id"))
		require.Contains(t, e.form.Get("request"), "state=state")
	})
	t.Run("a signer that fails", func(t *testing.T) {
		t.Parallel()
		kms := errors.New("kms")
		for _, sign := range []signer{
			func(url.Values) (string, error) { return "object", kms },
			func(url.Values) (string, error) { return "", nil },
		} {
			e := created()
			got, err := newClient(t, e, func(c *par.ClientConfig) { c.Signer = sign }).AuthCodeURL(t.Context(), "state", options...)
			require.Error(t, err)
			require.Empty(t, got)
			require.Equal(t, 0, e.calls)
		}
	})
	t.Run("the client of the context", func(t *testing.T) {
		t.Parallel()
		e := created()
		client := newClient(t, nil, func(c *par.ClientConfig) { c.HTTP = nil })
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: e})
		_, err := client.AuthCodeURL(ctx, "state", options...)
		require.NoError(t, err)
		require.Equal(t, 1, e.calls)
	})
	for name, more := range map[string][]oauth2.AuthCodeOption{
		"SP-C11 no challenge": {oauth2.SetAuthURLParam("code_challenge", "")},
		"SP-C11 plain":        {oauth2.SetAuthURLParam("code_challenge_method", "plain")},
		"another client_id":   {oauth2.SetAuthURLParam("client_id", "client-2")},
		"PAR-7 request_uri":   {oauth2.SetAuthURLParam("request_uri", "urn:x")},
		"request":             {oauth2.SetAuthURLParam("request", "a.b.c")},
		"SP-B5 no redirect":   {oauth2.SetAuthURLParam("redirect_uri", "")},
		"a verifier":          {oauth2.VerifierOption(verifier)},
		"a secret":            {oauth2.SetAuthURLParam("client_secret", "hush")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := created()
			got, err := newClient(t, e).AuthCodeURL(t.Context(), "state", append(options, more...)...)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "hush")
			require.Empty(t, got)
			require.Equal(t, 0, e.calls, "nothing was sent")
		})
	}
}

type signer func(url.Values) (string, error)

func (s signer) Sign(_ context.Context, params url.Values) (string, error) { return s(params) }

func TestAnswers(t *testing.T) {
	t.Parallel()
	const good = `{"request_uri":"urn:x:1","expires_in":60}`
	ask := func(t *testing.T, e *endpoint) (string, error) {
		return newClient(t, e).AuthCodeURL(t.Context(), "state", oauth2.S256ChallengeOption(verifier))
	}
	got, err := ask(t, &endpoint{status: 201, contentType: "application/json; charset=utf-8", body: good})
	require.NoError(t, err, "control")
	require.True(t, strings.HasSuffix(got, "request_uri=urn%3Ax%3A1"))
	for name, e := range map[string]*endpoint{
		"200":                  {status: 200, contentType: "application/json", body: good},
		"HTML":                 {status: 201, contentType: "text/html", body: good},
		"no type":              {status: 201, body: good},
		"empty":                {status: 201, contentType: "application/json"},
		"not JSON":             {status: 201, contentType: "application/json", body: good + "x"},
		"twice":                {status: 201, contentType: "application/json", body: `{"request_uri":"urn:x:1","request_uri":"urn:x:2","expires_in":60}`},
		"no request_uri":       {status: 201, contentType: "application/json", body: `{"expires_in":60}`},
		"other case":           {status: 201, contentType: "application/json", body: `{"Request_URI":"urn:x:1","expires_in":60}`},
		"relative":             {status: 201, contentType: "application/json", body: `{"request_uri":"x","expires_in":60}`},
		"long":                 {status: 201, contentType: "application/json", body: `{"request_uri":"urn:` + strings.Repeat("x", 2048) + `","expires_in":60}`},
		"line break":           {status: 201, contentType: "application/json", body: `{"request_uri":"urn:x\r\ny","expires_in":60}`},
		"no expires_in":        {status: 201, contentType: "application/json", body: `{"request_uri":"urn:x:1"}`},
		"PAR-15 text":          {status: 201, contentType: "application/json", body: `{"request_uri":"urn:x:1","expires_in":"60"}`},
		"PAR-15 zero":          {status: 201, contentType: "application/json", body: `{"request_uri":"urn:x:1","expires_in":0}`},
		"PAR-15 negative":      {status: 201, contentType: "application/json", body: `{"request_uri":"urn:x:1","expires_in":-1}`},
		"space":                {status: 201, contentType: "application/json", body: `{"request_uri":"urn:x y","expires_in":60}`},
		"huge":                 {status: 201, contentType: "application/json", body: good + strings.Repeat(" ", 64<<10)},
		"a page with an error": {status: 502, contentType: "text/html", body: "<html>secret"},
		"error without code":   {status: 400, contentType: "application/json", body: `{"x":"secret"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := ask(t, e)
			require.Error(t, err)
			require.True(t, strings.HasPrefix(err.Error(), "par: "))
			require.NotContains(t, err.Error(), "secret")
			require.Empty(t, got)
			var refused *oauth2.RetrieveError
			require.NotErrorAs(t, err, &refused)
		})
	}
	t.Run("a refusal", func(t *testing.T) {
		t.Parallel()
		_, err := ask(t, &endpoint{status: 400, contentType: "application/json", body: `{"error":"invalid_scope","error_description":"no","error_uri":"https://as.example/e"}`})
		var refused *oauth2.RetrieveError
		require.ErrorAs(t, err, &refused)
		require.Equal(t, "invalid_scope", refused.ErrorCode)
		require.Equal(t, "no", refused.ErrorDescription)
		require.Equal(t, 400, refused.Response.StatusCode)
	})
	t.Run("P23 a redirect takes the request nowhere", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{301, 302, 303, 307, 308} {
			e := &endpoint{status: status, location: "https://evil.example/par"}
			_, err := ask(t, e)
			require.ErrorContains(t, err, fmt.Sprint(status))
			require.Equal(t, 1, e.calls)
		}
	})
	t.Run("P23 control: a plain http.Client hands it on", func(t *testing.T) {
		t.Parallel()
		e := &endpoint{status: 307, location: "https://evil.example/par"}
		_, err := (&http.Client{Transport: e}).PostForm("https://as.example/as/par", form())
		require.Error(t, err, "after ten redirects")
		require.Greater(t, e.calls, 1)
		require.Equal(t, form(), e.form)
	})
	t.Run("the caller's http.Client stays as it is", func(t *testing.T) {
		t.Parallel()
		own := &http.Client{Transport: created(), Timeout: time.Minute}
		_, err := newClient(t, nil, func(c *par.ClientConfig) { c.HTTP = own }).AuthCodeURL(t.Context(), "s", oauth2.S256ChallengeOption(verifier))
		require.NoError(t, err)
		require.Nil(t, own.CheckRedirect)
	})
}

func TestNewClient(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*par.ClientConfig){
		"Config with a ClientID": func(c *par.ClientConfig) { c.Config = nil },
		"ClientID":               func(c *par.ClientConfig) { c.Config.ClientID = "" },
		"Endpoint is required":   func(c *par.ClientConfig) { c.Endpoint = "" },
		"https URL of the push":  func(c *par.ClientConfig) { c.Endpoint = "http://as.example/par" },
		"par: Endpoint":          func(c *par.ClientConfig) { c.Endpoint = "https://as.example/par#x" },
		"AuthURL is required":    func(c *par.ClientConfig) { c.Config.Endpoint.AuthURL = "" },
		"AuthURL":                func(c *par.ClientConfig) { c.Config.Endpoint.AuthURL = "http://as.example/authorize" },
		"URL of the pushed":      func(c *par.ClientConfig) { c.Endpoint = "https://user@as.example/par" },
		"hold client_id":         func(c *par.ClientConfig) { c.Config.Endpoint.AuthURL += "?client_id=x" },
		"must not hold":          func(c *par.ClientConfig) { c.Config.Endpoint.AuthURL += "?request_uri=x" },
	} {
		config := par.ClientConfig{Config: oauthConfig(), Endpoint: "https://as.example/par"}
		change(&config)
		client, err := par.NewClient(config)
		require.ErrorContains(t, err, want)
		require.Nil(t, client)
	}
	var none *par.Client
	for _, client := range []*par.Client{none, {}} {
		_, err := client.AuthCodeURL(t.Context(), "state")
		require.Error(t, err)
	}
}
