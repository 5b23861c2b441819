package introspection_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
)

func TestNewClient(t *testing.T) {
	t.Parallel()
	h := newServer(always("")).client()
	for name, edit := range map[string]func(*introspection.ClientConfig){
		"Issuer missing":       func(c *introspection.ClientConfig) { c.Issuer = "" },
		"Issuer http":          func(c *introspection.ClientConfig) { c.Issuer = "http://as.bank.example" },
		"Issuer with query":    func(c *introspection.ClientConfig) { c.Issuer += "?x" },
		"Endpoint missing":     func(c *introspection.ClientConfig) { c.Endpoint = "" },
		"Endpoint http":        func(c *introspection.ClientConfig) { c.Endpoint = "http://as.bank.example/introspect" },
		"Endpoint user":        func(c *introspection.ClientConfig) { c.Endpoint = "https://a:b@as.bank.example/introspect" },
		"Endpoint fragment":    func(c *introspection.ClientConfig) { c.Endpoint += "#" },
		"Audience missing":     func(c *introspection.ClientConfig) { c.Audience = "" },
		"HTTP missing":         func(c *introspection.ClientConfig) { c.HTTP = nil },
		"HTTP nil Transport":   func(c *introspection.ClientConfig) { c.HTTP = &http.Client{Transport: (*http.Transport)(nil)} },
		"HTTP nil func":        func(c *introspection.ClientConfig) { c.HTTP = roundTrip(nil).client() },
		"Keys nil inside":      func(c *introspection.ClientConfig) { c.Keys = (*jwks.Static)(nil) },
		"HTTP unauthenticated": func(c *introspection.ClientConfig) { c.HTTP = http.DefaultClient },
		"MaxAge negative":      func(c *introspection.ClientConfig) { c.MaxAge = -1 },
		"MaxAge":               func(c *introspection.ClientConfig) { c.MaxAge = 5*time.Minute + 1 },
		"NegativeAge negative": func(c *introspection.ClientConfig) { c.NegativeAge = -1 },
		"NegativeAge":          func(c *introspection.ClientConfig) { c.NegativeAge = 5*time.Second + 1 },
		"Timeout negative":     func(c *introspection.ClientConfig) { c.Timeout = -1 },
		"Timeout":              func(c *introspection.ClientConfig) { c.Timeout = 30*time.Second + 1 },
		"MaxEntries negative":  func(c *introspection.ClientConfig) { c.MaxEntries = -1 },
		"MaxEntries":           func(c *introspection.ClientConfig) { c.MaxEntries = 1<<20 + 1 },
	} {
		config := introspection.ClientConfig{Issuer: issuer, Endpoint: endpoint, Audience: api, HTTP: h}
		edit(&config)
		_, err := introspection.NewClient(config)
		require.ErrorContains(t, err, "introspection: "+strings.Fields(name)[0], name)
	}
	newClient(t, h, func(c *introspection.ClientConfig) { c.Endpoint = "http://127.0.0.1:1/introspect?tenant=1" })
	_, err := introspection.NewPhantom(introspection.PhantomConfig[*accesstoken.Token]{Endpoint: endpoint, Audience: api, HTTP: h})
	require.ErrorContains(t, err, "introspection: Verify is required")
}

func TestZeroValuesAccept(t *testing.T) {
	t.Parallel()
	for _, client := range []*introspection.Client{nil, {}} {
		_, err := client.Introspect(context.Background(), opaque)
		require.Error(t, err)
		client.Forget(opaque)
	}
	for _, phantom := range []*introspection.Phantom[*accesstoken.Token]{nil, {}} {
		_, _, err := phantom.Exchange(context.Background(), opaque)
		require.Error(t, err)
		phantom.Forget(opaque)
	}
	var nowhere context.Context
	_, err := newClient(t, newServer(always("")).client()).Introspect(nowhere, opaque)
	require.Error(t, err)
	for _, token := range []*introspection.Token{nil, {}} {
		require.True(t, token.Confirmation().IsZero())
		require.False(t, token.HasScope(""))
		require.Nil(t, token.Scopes())
		require.Nil(t, token.Statement())
		_, ok := token.Claim("active")
		require.False(t, ok)
	}
	require.NotEmpty(t, (&introspection.Error{}).Error())
}

// The request is the token and nothing else, and every character of it arrives.
func TestRequest(t *testing.T) {
	t.Parallel()
	var got *http.Request
	var body string
	h := roundTrip(func(r *http.Request) (*http.Response, error) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
		return active(""), nil
	}).client()
	_, err := newClient(t, h).Introspect(context.Background(), opaque)
	require.NoError(t, err)
	require.Equal(t, http.MethodPost, got.Method)
	require.Equal(t, endpoint, got.URL.String())
	require.Equal(t, "token=gJ2k7Vv1xQ9sT4uW8yZ0bC3dE5fG6hI~%2B%2F%3D", body)
	t.Run("I16 nothing of the client's request is in the question", func(t *testing.T) {
		require.Equal(t, http.Header{
			"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {typeJSON},
		}, got.Header)
	})
}

func TestI16Context(t *testing.T) {
	t.Parallel()
	type key struct{}
	t.Run("I16 values in the context of a caller do not reach a shared question", func(t *testing.T) {
		t.Parallel()
		h := roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.Context().Value(key{}) != nil {
				return nil, errors.New("the caller's context")
			}
			return active(""), nil
		}).client()
		_, err := newClient(t, h).Introspect(context.WithValue(context.Background(), key{}, 1), opaque)
		require.NoError(t, err)
	})
}

func TestToken(t *testing.T) {
	t.Parallel()
	const thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	const members = `,"aud":["` + api + `","https://b.example"],"iss":"` + issuer + `","client_id":"app","jti":"j","iat":946684800,` +
		`"scope":"accounts payments","acr":"urn:sca","amr":["pwd","otp"],"auth_time":946684000,"username":"Alice",` +
		`"authorization_details":[{"type":"payment","amount":123456789012345678901}],"cnf":{"jkt":"` + thumbprint + `"}`
	token, err := newClient(t, newServer(always(members)).client()).Introspect(context.Background(), opaque)
	require.NoError(t, err)
	assert.Equal(t, issuer, token.Issuer())
	assert.Equal(t, "alice", token.Subject())
	assert.Equal(t, "app", token.ClientID())
	assert.Equal(t, []string{api, "https://b.example"}, token.Audience())
	assert.Equal(t, "j", token.ID())
	assert.Equal(t, int64(946684800), token.IssuedAt().Unix())
	assert.Equal(t, int64(946684000), token.AuthTime().Unix())
	assert.False(t, token.Expires().IsZero())
	assert.Equal(t, "urn:sca", token.ACR())
	assert.Equal(t, []string{"pwd", "otp"}, token.AMR())
	assert.Equal(t, []string{"accounts", "payments"}, token.Scopes())
	assert.True(t, token.HasScope("payments"))
	assert.False(t, token.HasScope("pay"))
	_, bound := token.Confirmation().Thumbprint(cnf.MemberJKT)
	assert.True(t, bound)
	details, ok := token.Claim("authorization_details")
	assert.True(t, ok)
	assert.Equal(t, `[{"type":"payment","amount":123456789012345678901}]`, string(details))
	_, ok = token.Claim("Username")
	assert.False(t, ok)
	assert.Nil(t, token.Statement())
}

// What RFC 7662 leaves out may be missing; what is there has to be right.
func TestAnswers(t *testing.T) {
	t.Parallel()
	for body, rule := range map[string]error{
		`{"active":true}`:  nil,
		`{"active":false}`: introspection.ErrInactive,
		`{"active":false,"active_":true,"exp":"x","aud":7}`:       introspection.ErrInactive, // nothing else counts
		`{"active":true,"scope":""}`:                              nil,
		`{"active":true,"iss":"https://as.bank.example/"}`:        introspection.ErrIssuer,
		`{"active":true,"aud":"https://b.example"}`:               introspection.ErrAudience,
		`{"active":true,"aud":[]}`:                                introspection.ErrAudience,
		`{"active":true,"aud":["https://API.bank.example"]}`:      introspection.ErrAudience,
		`{"active":true,"exp":1}`:                                 introspection.ErrInactive,
		`{"active":true,"nbf":4102444800}`:                        introspection.ErrInactive,
		`{"active":true,"iat":4102444800}`:                        introspection.ErrInactive,
		`{"active":true,"aud":["b","` + api + `"]}`:               nil,
		`{"active":true,"exp":4102444800,"iat":1,"nbf":1.5}`:      nil,
		`{"active":true,"username":{"any":["thing",null]},"x":1}`: nil,
	} {
		s := newServer(func(string) *http.Response { return respond(200, typeJSON+"; charset=UTF-8", body) })
		token, err := newClient(t, s.client()).Introspect(context.Background(), opaque)
		if rule == nil {
			require.NoError(t, err, body)
			require.Equal(t, issuer, token.Issuer())
			continue
		}
		require.Nil(t, token, body)
		requireRule(t, rule, err)
	}
}

// A token that cannot be one is refused without asking.
func TestTokenSyntax(t *testing.T) {
	t.Parallel()
	s := newServer(always(""))
	client := newClient(t, s.client())
	for _, token := range []string{"", "=", "a b", "a,b", "a\n", "a=b", "é", "a\x00", `a"`, "a&token=b", "a%20", strings.Repeat("a", 4097)} {
		_, err := client.Introspect(context.Background(), token)
		requireRule(t, introspection.ErrToken, err)
	}
	t.Run("I17 a token of 16 KiB is refused, not cut", func(t *testing.T) {
		_, err := client.Introspect(context.Background(), strings.Repeat("a", 16<<10))
		requireRule(t, introspection.ErrToken, err)
	})
	require.Zero(t, s.asked.Load())
	for _, token := range []string{"a", "a==", "-._~+/09AZaz", strings.Repeat("a", 4096)} {
		_, err := client.Introspect(context.Background(), token)
		require.NoError(t, err)
	}
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var events []introspection.Event
	s := newServer(func(token string) *http.Response {
		if token == "good" {
			return active("")
		}
		return inactive()
	})
	client := newClient(t, s.client(), func(c *introspection.ClientConfig) {
		c.Observe = func(e introspection.Event) { events = append(events, e) }
	})
	for _, token := range []string{"good", "good", "bad", "bad", " "} {
		_, _ = client.Introspect(context.Background(), token)
	}
	require.Len(t, events, 5)
	require.Equal(t, introspection.Event{Active: true}, events[0])
	require.Equal(t, introspection.Event{Active: true, Cached: true}, events[1])
	require.False(t, events[2].Cached)
	require.True(t, events[3].Cached)
	for _, e := range events[2:4] {
		requireRule(t, introspection.ErrInactive, e.Err)
	}
	requireRule(t, introspection.ErrToken, events[4].Err)
}
