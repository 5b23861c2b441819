package par_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/par"
)

const (
	challenge   = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" // RFC 7636 appendix B
	callback    = "https://client.example/cb"
	uriPrefix   = "urn:ietf:params:oauth:request_uri:"
	contentType = "application/x-www-form-urlencoded"
)

// rules are all sentinels: a refusal is exactly one of them.
var rules = []error{
	par.ErrForm, par.ErrTooMany, par.ErrClientID, par.ErrNested, par.ErrProof, par.ErrUnsigned, par.ErrNoRequestObjects,
	par.ErrRequestObject, par.ErrResponseType, par.ErrRedirectURI, par.ErrChallenge, par.ErrJKT, par.ErrResource,
	par.ErrDetails, par.ErrScope, par.ErrUnauthorized, par.ErrNotPushed, par.ErrRequestURI,
}

// coded is an error of somebody else's package.
type coded string

func (c coded) Error() string     { return "elsewhere: " + string(c) }
func (c coded) OAuthCode() string { return string(c) }

// byHeader authenticates whoever says so.
type byHeader struct{}

func (byHeader) Authenticate(r *http.Request) (string, error) {
	if id := r.Header.Get("Test-Client"); id != "" {
		return id, nil
	}
	return "", coded("invalid_client")
}

// registry is the policy: redirect URIs by client.
type registry struct {
	mu       sync.Mutex
	redirect map[string][]string
}

func (g *registry) check(_ context.Context, clientID string, params url.Values) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	uris, ok := g.redirect[clientID]
	switch {
	case !ok:
		return par.ErrUnauthorized
	case !slices.Contains(uris, params.Get("redirect_uri")):
		return par.ErrRedirectURI
	case params.Has("scope") && !strings.HasPrefix(params.Get("scope"), "account"):
		return par.ErrScope
	}
	return nil
}

// ledger is a memory store that counts, and fails on demand.
type ledger struct {
	*par.Memory
	mu     sync.Mutex
	put    int
	taken  int
	sealed [][]byte
	keys   []string
	script func(call string) error // before the call; "after Put" after it
}

func (l *ledger) trouble(call string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.script == nil {
		return nil
	}
	return l.script(call)
}

func (l *ledger) set(script func(string) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.script = script
}

func (l *ledger) Put(ctx context.Context, key string, record []byte, until time.Time) error {
	if err := l.trouble("Put"); err != nil {
		return err
	}
	err := l.Memory.Put(ctx, key, record, until)
	if err == nil {
		l.mu.Lock()
		l.put++
		l.keys, l.sealed = append(l.keys, key), append(l.sealed, record)
		l.mu.Unlock()
	}
	return errors.Join(err, l.trouble("after Put"))
}

func (l *ledger) Keep(ctx context.Context, key string, until time.Time) ([]byte, bool, error) {
	if err := l.trouble("Keep"); err != nil {
		return nil, true, err
	}
	return l.Memory.Keep(ctx, key, until)
}

func (l *ledger) Take(ctx context.Context, key string) (bool, error) {
	if err := l.trouble("Take"); err != nil {
		return true, err
	}
	ok, err := l.Memory.Take(ctx, key)
	if ok {
		l.mu.Lock()
		l.taken++
		l.mu.Unlock()
	}
	if late := l.trouble("after Take"); late != nil {
		return ok, late
	}
	return ok, err
}

func (l *ledger) puts() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.put
}

// server is a handler with two clients.
type server struct {
	*par.Handler
	store    *ledger
	registry *registry
	mu       sync.Mutex
	events   []par.Event
}

func newServer(t testing.TB, changes ...func(*par.HandlerConfig)) *server {
	t.Helper()
	memory, err := par.NewMemory(par.MemoryConfig{})
	require.NoError(t, err)
	s := &server{
		store:    &ledger{Memory: memory},
		registry: &registry{redirect: map[string][]string{"client-1": {callback}, "client-2": {"https://other.example/cb"}}},
	}
	config := par.HandlerConfig{
		Clients: byHeader{}, Store: s.store, Check: s.registry.check,
		Observe: func(e par.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, e)
		},
	}
	for _, change := range changes {
		change(&config)
	}
	s.Handler, err = par.NewHandler(config)
	require.NoError(t, err)
	return s
}

func (s *server) lastEvent() par.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.events[len(s.events)-1]
}

// form is a sound request of client-1, with names and values in turn on top; an
// empty value takes a parameter out.
func form(changes ...string) url.Values {
	f := url.Values{
		"client_id": {"client-1"}, "response_type": {"code"}, "redirect_uri": {callback}, "scope": {"accounts"},
		"state": {"af0ifjsldkj"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(changes); i += 2 {
		if f.Set(changes[i], changes[i+1]); changes[i+1] == "" {
			f.Del(changes[i])
		}
	}
	return f
}

// pushRequest is a push of client-1.
func pushRequest(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://as.example/par", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Test-Client", "client-1")
	return r
}

func (s *server) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

func (s *server) push(body string) *httptest.ResponseRecorder { return s.serve(pushRequest(body)) }

// pushed is a push that succeeds.
func (s *server) pushed(t testing.TB, changes ...string) (requestURI string) {
	t.Helper()
	return requireCreated(t, s.push(form(changes...).Encode()))
}

func requireCreated(t testing.TB, w *httptest.ResponseRecorder) (requestURI string) {
	t.Helper()
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	var body struct {
		RequestURI string `json:"request_uri"`
		ExpiresIn  int    `json:"expires_in"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.True(t, strings.HasPrefix(body.RequestURI, uriPrefix))
	require.Len(t, body.RequestURI, len(uriPrefix)+43)
	require.GreaterOrEqual(t, body.ExpiresIn, 5)
	require.Less(t, body.ExpiresIn, 600)
	return body.RequestURI
}

func requireOAuthError(t testing.TB, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	var body map[string]string
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.Equal(t, code, body["error"])
}

// refuses checks that a push is refused and stores nothing, and that a sound one
// succeeds afterwards.
func (s *server) refuses(t testing.TB, rule error, status int, code string, r *http.Request) {
	t.Helper()
	before := s.store.puts()
	requireOAuthError(t, s.serve(r), status, code)
	requireRule(t, rule, s.lastEvent().Err)
	require.Equal(t, before, s.store.puts(), "a refused request was stored")
	s.pushed(t)
}

func (s *server) refusesForm(t testing.TB, rule error, code string, changes ...string) {
	t.Helper()
	s.refuses(t, rule, http.StatusBadRequest, code, pushRequest(form(changes...).Encode()))
}

// requireRule checks that err is a refusal by one rule and no other.
func requireRule(t testing.TB, rule, err error) {
	t.Helper()
	_, ok := errors.AsType[*par.Error](err)
	require.True(t, ok, "want %v, got %v", rule, err)
	for _, r := range rules {
		require.Equal(t, r == rule, errors.Is(err, r), "want %v, got %v", rule, err)
	}
	require.True(t, strings.HasPrefix(err.Error(), "par: "))
}

// requireFault checks that err is the server's own fault.
func requireFault(t testing.TB, request *par.Request, err error) {
	t.Helper()
	require.Error(t, err)
	require.Nil(t, request)
	var refused interface{ OAuthCode() string }
	require.NotErrorAs(t, err, &refused)
}

// works checks that a request can be loaded and consumed, once.
func (s *server) works(t testing.TB, requestURI string) *par.Request {
	t.Helper()
	_, err := s.Load(t.Context(), "client-1", requestURI)
	require.NoError(t, err)
	request, err := s.Consume(t.Context(), "client-1", requestURI)
	require.NoError(t, err)
	s.dead(t, requestURI)
	return request
}

// dead checks that a request_uri is refused as an unknown one is.
func (s *server) dead(t testing.TB, requestURI string) {
	t.Helper()
	_, unknown := s.Load(t.Context(), "client-1", uriPrefix+challenge)
	for _, call := range []func(context.Context, string, string) (*par.Request, error){s.Load, s.Consume} {
		request, err := call(t.Context(), "client-1", requestURI)
		requireRule(t, par.ErrRequestURI, err)
		require.Equal(t, unknown, err)
		require.Nil(t, request)
	}
}

func readFile(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

// checkPrefix is the policy of a careless server.
func (g *registry) checkPrefix(_ context.Context, _ string, params url.Values) error {
	uri := params.Get("redirect_uri")
	for _, prefix := range []string{"https://client.example", "http://127.0.0.1", "http://localhost", "http://[::1]"} {
		if strings.HasPrefix(uri, prefix) {
			return nil
		}
	}
	return par.ErrRedirectURI
}
