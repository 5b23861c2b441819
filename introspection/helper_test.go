package introspection_test

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
)

const (
	issuer   = "https://as.bank.example"
	endpoint = issuer + "/introspect"
	api      = "https://api.bank.example"
	opaque   = "gJ2k7Vv1xQ9sT4uW8yZ0bC3dE5fG6hI~+/="
)

const (
	typeJSON      = "application/json"
	typeStatement = "application/token-introspection+jwt"
	typePhantom   = "application/jwt"
)

// rules are all sentinels of refusals: a refusal is exactly one of them.
var rules = []error{
	introspection.ErrToken, introspection.ErrInactive, introspection.ErrIssuer, introspection.ErrAudience,
	introspection.ErrForm, introspection.ErrFormat, introspection.ErrTooMany,
}

var faults = []error{introspection.ErrUnavailable, introspection.ErrCredentials, introspection.ErrAnswer}

type refusal interface {
	error
	OAuthCode() string
}

// coded is an error of somebody else's package.
type coded string

func (c coded) Error() string     { return "elsewhere: " + string(c) }
func (c coded) OAuthCode() string { return string(c) }

func requireRule(t testing.TB, rule, err error) {
	t.Helper()
	refused, ok := errors.AsType[*introspection.Error](err)
	require.True(t, ok, "%v", err)
	for _, other := range rules {
		require.Equal(t, other == rule, errors.Is(err, other), "%v is %v", err, other)
	}
	require.Equal(t, "invalid_token", refused.OAuthCode())
	require.True(t, strings.HasPrefix(err.Error(), "introspection: "), err.Error())
}

// requireFault: no refusal, of whatever make, is visible in it.
func requireFault(t testing.TB, kind, err error) {
	t.Helper()
	require.Error(t, err)
	_, ok := errors.AsType[refusal](err)
	require.False(t, ok, "%v has an OAuthCode", err)
	for _, other := range faults {
		require.Equal(t, other == kind, errors.Is(err, other), "%v is %v", err, other)
	}
	require.True(t, strings.HasPrefix(err.Error(), "introspection: "), err.Error())
	require.NotContains(t, err.Error(), opaque)
}

// roundTrip is an authorization server without a network. It fits into a synctest
// bubble.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func (f roundTrip) client() *http.Client { return &http.Client{Transport: f} }

func respond(status int, contentType, body string, header ...string) *http.Response {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// server answers every question alike, and counts them.
type server struct {
	asked  atomic.Int64
	answer atomic.Pointer[func(token string) *http.Response]
}

func newServer(answer func(token string) *http.Response) *server {
	s := &server{}
	s.set(answer)
	return s
}

func (s *server) set(answer func(token string) *http.Response) { s.answer.Store(&answer) }

func (s *server) client() *http.Client {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		s.asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		return (*s.answer.Load())(form.Get("token")), nil
	}).client()
}

const minute = "max-age=60"

// active is an answer that may be remembered for as long as everybody wants.
func active(members string) *http.Response {
	return respond(200, typeJSON, activeBody(members), "Cache-Control", minute)
}

func activeBody(members string) string {
	return fmt.Sprintf(`{"active":true,"exp":%d,"sub":"alice"%s}`, time.Now().Add(5*time.Minute).Unix(), members)
}

func inactive() *http.Response { return respond(200, typeJSON, `{"active":false}`) }

func always(members string) func(string) *http.Response {
	return func(string) *http.Response { return active(members) }
}

func newClient(t testing.TB, h *http.Client, edit ...func(*introspection.ClientConfig)) *introspection.Client {
	t.Helper()
	config := introspection.ClientConfig{Issuer: issuer, Endpoint: endpoint, Audience: api, HTTP: h}
	for _, f := range edit {
		f(&config)
	}
	client, err := introspection.NewClient(config)
	require.NoError(t, err)
	return client
}

func signed(t testing.TB) func(*introspection.ClientConfig) {
	keys := issuerKeys(t)
	return func(c *introspection.ClientConfig) { c.Keys = keys }
}

func issuerKeys(t testing.TB) *jwks.Static {
	t.Helper()
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: testkeys.ES256("issuer").Public(), KeyID: "as-1"})
	require.NoError(t, err)
	return keys
}

// sign makes a JWT with a header and payload of the test's choosing.
func sign(t testing.TB, key crypto.Signer, typ, payload string) string {
	t.Helper()
	signer, err := jose.NewSigner(key)
	require.NoError(t, err)
	header, err := signer.Header(typ, "as-1", false)
	require.NoError(t, err)
	token, err := signer.Sign(context.Background(), header, []byte(payload))
	require.NoError(t, err)
	return token
}

// statement is a good one, but for the members that replace its own.
func statement(t testing.TB, replace ...string) string {
	t.Helper()
	return sign(t, testkeys.ES256("issuer"), "token-introspection+jwt", object(map[string]string{
		"iss": `"` + issuer + `"`, "aud": `"` + api + `"`, "iat": fmt.Sprint(time.Now().Unix()),
		"token_introspection": activeBody(""),
	}, replace))
}

func accessToken(t testing.TB, replace ...string) string {
	t.Helper()
	return sign(t, testkeys.ES256("issuer"), "at+jwt", accessTokenPayload(replace...))
}

func accessTokenPayload(replace ...string) string {
	now := time.Now().Unix()
	return object(map[string]string{
		"iss": `"` + issuer + `"`, "aud": `"` + api + `"`, "iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 300),
		"sub": `"alice"`, "client_id": `"app"`, "jti": `"1"`,
	}, replace)
}

// object replaces members; an empty value leaves one out.
func object(members map[string]string, replace []string) string {
	for i := 0; i < len(replace); i += 2 {
		members[replace[i]] = replace[i+1]
	}
	var list []string
	for name, value := range members {
		if value != "" {
			list = append(list, fmt.Sprintf("%q:%s", name, value))
		}
	}
	return "{" + strings.Join(list, ",") + "}"
}

func newPhantom(t testing.TB, h *http.Client, edit ...func(*introspection.PhantomConfig[*accesstoken.Token])) *introspection.Phantom[*accesstoken.Token] {
	t.Helper()
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: issuer, Audience: api, Keys: issuerKeys(t)})
	require.NoError(t, err)
	config := introspection.PhantomConfig[*accesstoken.Token]{Endpoint: endpoint, Audience: api, HTTP: h, Verify: tokens.Verify}
	for _, f := range edit {
		f(&config)
	}
	phantom, err := introspection.NewPhantom(config)
	require.NoError(t, err)
	return phantom
}
