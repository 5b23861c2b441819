package phantom_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/phantom"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.requireHonest(t)
	got := w.received.last(t)
	assert.Equal(t, []string{"Bearer " + w.book.jwts[opaque]}, got.Header["Authorization"], "the JWT in place of the opaque token")
	assert.Len(t, got.Header[phantom.EvidenceHeader], 1)
	assert.Empty(t, got.Header["Dpop"], "the client's proof ends here")
	assert.Empty(t, got.Header["Client-Cert"])
	assert.Equal(t, []string{host}, got.Header["X-Forwarded-Host"])
	assert.Equal(t, phantom.Event{Status: 200}, w.events.last(t))
	for name, values := range got.Header {
		assert.NotContains(t, strings.Join(values, ","), opaque, name)
	}
}

func TestUnauthorized(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(r *http.Request)
		status int
		code   string
		rule   error
	}{
		"I18 no token":              {func(r *http.Request) { r.Header.Del("Authorization") }, 401, "", cnf.ErrNoCredentials},
		"I18 two fields":            {func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, 400, "invalid_request", cnf.ErrCredentials},
		"I18 two tokens":            {set("Authorization", "DPoP "+opaque+",y"), 400, "invalid_request", cnf.ErrCredentials},
		"I18 scheme only":           {set("Authorization", "DPoP"), 400, "invalid_request", cnf.ErrCredentials},
		"I18 tab":                   {set("Authorization", "DPoP\t"+opaque), 400, "invalid_request", cnf.ErrCredentials},
		"I18 not ASCII":             {set("Authorization", "DPoP ö"), 400, "invalid_request", cnf.ErrCredentials},
		"I18 scheme in the value":   {set("Authorization", "Basic bearer "+opaque), 400, "invalid_request", cnf.ErrCredentials},
		"I20, N15 token in query":   {func(r *http.Request) { r.URL.RawQuery = "access_token=" + opaque }, 400, "invalid_request", cnf.ErrCredentials},
		"N12 bound token as Bearer": {set("Authorization", "Bearer "+opaque), 401, "invalid_token", cnf.ErrScheme},
		"unknown token":             {set("Authorization", "DPoP unknown"), 401, "invalid_token", errInactive},
		"I17 token of 16 KiB":       {set("Authorization", "DPoP "+strings.Repeat("a", 16<<10-1)), 431, "invalid_request", phantom.ErrHeaderSize},
		"I17 token of 5 KiB":        {set("Authorization", "DPoP "+opaque+strings.Repeat("a", 5<<10)), 401, "invalid_token", phantom.ErrToken},
		"proof missing":             {func(r *http.Request) { r.Header.Del("DPoP") }, 401, "invalid_dpop_proof", dpop.ErrProofCount},
		"N13 proof in a trailer":    {func(r *http.Request) { r.Trailer = http.Header{"Dpop": r.Header["Dpop"]}; r.Header.Del("DPoP") }, 401, "invalid_dpop_proof", dpop.ErrProofCount},
		"N09 OPTIONS is guarded":    {func(r *http.Request) { r.Method = "OPTIONS"; r.Header.Del("Authorization") }, 401, "", cnf.ErrNoCredentials},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.request(t, "GET", "/accounts")
			test.change(r)
			answer := w.send(r)
			assert.Equal(t, test.status, answer.Code)
			assert.Contains(t, answer.Body.String(), test.code)
			assert.Equal(t, "no-store", answer.Header().Get("Cache-Control"), "I20")
			assert.ErrorIs(t, w.events.last(t).Err, test.rule)
			assert.Equal(t, test.status, w.events.last(t).Status)
			if answer.Code == 401 {
				assert.NotEmpty(t, answer.Header()["Www-Authenticate"])
			}
			assert.Empty(t, w.received.all(), "the API is not asked")
			w.requireHonest(t)
		})
	}
	t.Run("I18 scheme in any case, several spaces", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		r := w.request(t, "GET", "/accounts")
		r.Header.Set("Authorization", "dPoP   "+opaque)
		require.Equal(t, 200, w.send(r).Code)
	})
}

func set(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestPossession(t *testing.T) {
	t.Parallel()
	t.Run("I10 the exchange may be remembered, the proof is asked each time", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.requireHonest(t)
		r := w.request(t, "GET", "/accounts")
		r.Header.Del("DPoP")
		require.Equal(t, 401, w.send(r).Code)
		require.Len(t, w.received.all(), 1)
		w.requireHonest(t)
	})
	t.Run("stolen opaque token, thief's key", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		require.Equal(t, 401, w.send(signed(t, w.mallory, "GET", "/accounts", opaque)).Code)
		require.ErrorIs(t, w.events.last(t).Err, dpop.ErrBinding)
		w.requireHonest(t)
	})
	t.Run("replayed request", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		r := w.request(t, "GET", "/accounts")
		require.Equal(t, 200, w.send(r.Clone(t.Context())).Code)
		require.Equal(t, 401, w.send(r).Code)
	})
	t.Run("proof of the inner token", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		r := signed(t, w.alice, "GET", "/accounts", w.book.jwts[opaque])
		r.Header.Set("Authorization", "DPoP "+opaque)
		require.Equal(t, 401, w.send(r).Code)
		require.ErrorIs(t, w.events.last(t).Err, dpop.ErrTokenHash)
	})
}

// The inner JWT must work neither outside nor, alone, inside.
func TestInnerToken(t *testing.T) {
	t.Parallel()
	t.Run("I16 a JWT from outside is refused unasked", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		jwt := w.book.jwts[opaque]
		w.book.jwts[jwt] = jwt // an authorization server that would not mind
		answer := w.send(signed(t, w.alice, "GET", "/accounts", jwt))
		require.Equal(t, 401, answer.Code)
		require.Contains(t, answer.Header().Get("WWW-Authenticate"), "invalid_token")
		require.ErrorIs(t, w.events.last(t).Err, phantom.ErrToken)
		require.Zero(t, w.book.asked.Load())
		w.book.jwts["not-a-jwt.any-more"] = jwt
		require.Equal(t, 200, w.send(signed(t, w.alice, "GET", "/accounts", "not-a-jwt.any-more")).Code, "control")
	})
	t.Run("a JWE from outside", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		require.Equal(t, 401, w.send(signed(t, w.alice, "GET", "/accounts", "eyJh.b.c.d.e")).Code)
		require.Zero(t, w.book.asked.Load())
	})
	t.Run("inside, without evidence", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "GET", w.upstream.URL+"/accounts", nil))
		r.Header.Set("Authorization", "Bearer "+w.book.jwts[opaque])
		response := must[*http.Response](t)(w.upstream.Client().Do(r))
		response.Body.Close()
		require.Equal(t, 401, response.StatusCode)
		w.unguarded = true // control: an API that does not ask for evidence
		response = must[*http.Response](t)(w.upstream.Client().Do(r))
		response.Body.Close()
		require.Equal(t, 200, response.StatusCode)
	})
}

func TestExchange(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err    error
		jwt    string
		status int
	}{
		"authorization server down":       {err: introspection.ErrUnavailable, status: 503},
		"the gateway's own credentials":   {err: introspection.ErrCredentials, status: 503},
		"unusable answer":                 {err: introspection.ErrAnswer, status: 503},
		"another server's invalid_client": {err: coded("invalid_client"), status: 503},
		"context":                         {err: context.DeadlineExceeded, status: 503},
		"I15 JWT with another signature":  {jwt: issue(t, testkeys.ES256("mallory"), jktOf(t, testkeys.ES256("alice"))), status: 503},
		"I15 not a JWT":                   {jwt: "Bearer x\r\nX: y", status: 503},
		"N02 unbound JWT":                 {jwt: unbound(t), status: 401},
		"N08 JWT bound to another key":    {jwt: issue(t, testkeys.ES256("as"), jktOf(t, testkeys.ES256("mallory"))), status: 401},
		"control":                         {jwt: issue(t, testkeys.ES256("as"), jktOf(t, testkeys.ES256("alice"))), status: 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.book.err = test.err
			if test.jwt != "" {
				w.book.jwts[opaque] = test.jwt
			}
			answer := w.send(w.request(t, "GET", "/accounts"))
			require.Equal(t, test.status, answer.Code)
			assert.Equal(t, test.status == 200, len(w.received.all()) == 1)
			assert.Equal(t, test.status == 503, answer.Header().Get("Retry-After") != "")
			if test.status != 503 {
				return
			}
			assert.JSONEq(t, `{"error":"server_error"}`, answer.Body.String(), "nothing of the inside")
			assert.Empty(t, answer.Header()["Www-Authenticate"])
			event := w.events.last(t)
			_, refused := errors.AsType[*cnf.Error](event.Err)
			assert.False(t, refused, "a fault in the log")
			if test.err != nil {
				assert.ErrorIs(t, event.Err, test.err)
			}
		})
	}
}

// An exchange that does not look at what it got is no way to the API either.
func TestCarelessExchange(t *testing.T) {
	t.Parallel()
	for name, jwt := range map[string]string{
		"I15 not a JWT":      "x",
		"I15 a line break":   "e30.e30.e30\r\nX: y",
		"I15 alg none":       "eyJhbGciOiJub25lIn0.e30.",
		"I17 JWT of 64 KiB":  "e30." + strings.Repeat("a", 64<<10) + ".e30",
		"the opaque token":   opaque,
		"nothing, no claims": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			claims := must[token](t)(w.verifier.Verify(t.Context(), w.book.jwts[opaque]))
			w.book.verify = func(context.Context, string) (token, error) { return claims, nil }
			good := w.book.jwts[opaque]
			w.book.jwts[opaque] = jwt
			require.Equal(t, 503, w.send(w.request(t, "GET", "/accounts")).Code)
			require.Empty(t, w.received.all())
			w.book.jwts[opaque] = good
			w.requireHonest(t)
		})
	}
	t.Run("N14 it panics", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.book.verify = func(context.Context, string) (token, error) { panic("x") }
		require.Equal(t, 503, w.send(w.request(t, "GET", "/accounts")).Code)
	})
	t.Run("N02 JWT without claims", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		good := w.book.verify
		w.book.verify = func(context.Context, string) (token, error) { return nil, nil }
		answer := w.send(w.request(t, "GET", "/accounts"))
		require.Equal(t, 503, answer.Code, "a fault inside, for which no client needs a new token")
		require.NotEmpty(t, answer.Header().Get("Retry-After"))
		_, refused := errors.AsType[*cnf.Error](w.events.last(t).Err)
		require.False(t, refused)
		require.Empty(t, w.received.all())
		w.book.verify = good
		w.requireHonest(t)
	})
}

type coded string

func (c coded) Error() string     { return string(c) }
func (c coded) OAuthCode() string { return string(c) }

func TestNonce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		nonces := must[*dpop.Nonces](t)(dpop.NewNonces(dpop.NoncesConfig{Server: origin, Secrets: [][]byte{make([]byte, 32)}}))
		w.proofs = must[*dpop.Verifier](t)(dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{origin}, Replay: memory(t), Nonces: nonces}))
		w.config.Methods = []cnf.Method{w.proofs}
	})
	w.handle = func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("DPoP-Nonce", "the API's own")
		rw.WriteHeader(http.StatusEarlyHints)
		rw.WriteHeader(http.StatusNoContent)
	}
	client := &http.Client{Transport: &dpop.Transport{Signer: must[*dpop.Signer](t)(dpop.NewSigner(w.alice)), Base: local{w.gateway}}}
	challenge := w.send(w.request(t, "GET", "/accounts"))
	require.Equal(t, 401, challenge.Code)
	require.Contains(t, challenge.Header().Get("WWW-Authenticate"), "use_dpop_nonce")
	nonce := challenge.Header().Get("DPoP-Nonce")
	require.NotEmpty(t, nonce)

	r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "GET", origin+"/accounts", nil))
	r.Header.Set("Authorization", "DPoP "+opaque)
	response := must[*http.Response](t)(client.Do(r))
	response.Body.Close()
	require.Equal(t, 204, response.StatusCode)
	require.NotContains(t, response.Header["Dpop-Nonce"], "the API's own")
}

// local is a transport that goes straight to a handler.
type local struct{ handler http.Handler }

func (l local) RoundTrip(r *http.Request) (*http.Response, error) {
	recorder := httptest.NewRecorder()
	in := r.Clone(r.Context())
	in.Host, in.URL.Host, in.URL.Scheme = r.URL.Host, "", ""
	l.handler.ServeHTTP(recorder, in)
	return recorder.Result(), nil
}

func TestRequirements(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.config.APIs[0].Routes = []phantom.Route{
			{Path: "/", Methods: []string{"GET"}},
			{Path: "/accounts", Methods: []string{"GET", "HEAD"}, Require: cnf.Requirement{Scope: []string{"accounts"}}},
			{Path: "/accounts", Methods: []string{"DELETE"}, Require: cnf.Requirement{Scope: []string{"admin"}}},
			{Path: "/accounts/transfers", Require: cnf.Requirement{Scope: []string{"accounts"}, ACR: []string{"sca"}, MaxAge: time.Minute}},
			{Path: "/accounts/transfers", Methods: []string{"GET"}, Require: cnf.Requirement{MaxAge: time.Hour}},
		}
	})
	for _, test := range []struct {
		method, path string
		status       int
		challenge    string
	}{
		{"GET", "/accounts", 200, ""},
		{"GET", "/accounts/1", 200, ""},
		{"HEAD", "/accounts", 200, ""},
		{"DELETE", "/accounts/1", 403, `scope="admin"`},
		{"POST", "/accounts", 405, ""},
		{"GET", "/accountsX", 200, ""},
		{"DELETE", "/accountsX", 405, ""},
		{"GET", "/ACCOUNTS", 200, ""},
		{"POST", "/accounts/transfers", 401, `acr_values="sca", max_age="60"`},
		{"POST", "/accounts/transfers/", 401, `acr_values="sca"`},
		{"GET", "/accounts/transfers", 200, ""},
	} {
		answer := w.send(w.request(t, test.method, test.path))
		assert.Equal(t, test.status, answer.Code, "%s %s", test.method, test.path)
		assert.Contains(t, answer.Header().Get("WWW-Authenticate"), test.challenge)
	}
	answer := w.send(w.request(t, "PATCH", "/accounts"))
	require.Equal(t, "GET, HEAD, DELETE", answer.Header().Get("Allow"))
	require.ErrorIs(t, w.events.last(t).Err, phantom.ErrRoute)
	w = newWorld(t, func(w *world) { w.config.APIs[0].Routes = []phantom.Route{{Path: "/accounts"}} })
	require.Equal(t, 404, w.send(w.request(t, "GET", "/other")).Code)
	w.requireHonest(t)
}

func TestZero(t *testing.T) {
	t.Parallel()
	for _, g := range []*phantom.Gateway[token]{nil, {}} {
		recorder := httptest.NewRecorder()
		g.ServeHTTP(recorder, httptest.NewRequest("GET", origin, nil))
		require.Equal(t, 503, recorder.Code)
		recorder = httptest.NewRecorder()
		g.Health().ServeHTTP(recorder, httptest.NewRequest("GET", origin, nil))
		require.Equal(t, 503, recorder.Code)
		g.Drain()
	}
	require.Equal(t, "phantom: refused", new(phantom.Error).Error())
}

func TestHealth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	health := func() int {
		recorder := httptest.NewRecorder()
		w.gateway.Health().ServeHTTP(recorder, httptest.NewRequest("GET", "/healthz", nil))
		return recorder.Code
	}
	w.book.err = errors.New("down")
	require.Equal(t, 200, health(), "an outage elsewhere is not ours")
	w.book.err = nil
	w.gateway.Drain()
	require.Equal(t, 503, health())
	w.requireHonest(t)
}
