package par_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/par"
)

func TestPush(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	w := s.push(form("client_assertion", "eyJ", "client_assertion_type", "jwt", "client_secret", "hush", "code_verifier", "hush",
		"code", "x", "refresh_token", "x", "grant_type", "x", "assertion", "x", "username", "x", "password", "x",
		"nonce", "n-1", "acr_values", "urn:loa:3").Encode())
	requestURI := requireCreated(t, w)
	require.JSONEq(t, `{"request_uri":"`+requestURI+`","expires_in":300}`, w.Body.String())
	require.Equal(t, par.Event{ClientID: "client-1"}, s.lastEvent())

	request := s.works(t, requestURI)
	require.Equal(t, "client-1", request.ClientID())
	require.Equal(t, form("nonce", "n-1", "acr_values", "urn:loa:3"), request.Params(), "and no credentials")
	_, bound := request.JKT()
	require.False(t, bound)
	require.WithinDuration(t, time.Now().Add(35*time.Minute), request.Expires(), time.Minute)

	request.Params()["scope"][0] = "everything"
	require.Equal(t, "accounts", request.Params().Get("scope"), "Params is a copy")
}

func TestPolicyHasParametersOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newServer(t, func(c *par.HandlerConfig) {
		c.Check = func(_ context.Context, _ string, params url.Values) error {
			params.Set("scope", "everything")
			params["state"][0] = "changed"
			return nil
		}
	})
	require.Equal(t, form(), s.works(t, s.pushed(t)).Params())
}

func TestPushTakesWhatFAPINeeds(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for name, changes := range map[string][]string{
		"B-14 nonce of 64":                {"nonce", string(bytes.Repeat([]byte("n"), 64))},
		"state of 4,000":                  {"state", string(bytes.Repeat([]byte("s"), 4000))},
		"details without scope":           {"scope", "", "authorization_details", `[{"type":"payment_initiation"}]`},
		"PAR-18 prompt is not for a push": {"prompt", "none"},
		"PAR-3 unknown extension":         {"x-anything", "\u00e9"},
	} {
		requestURI := s.pushed(t, changes...)
		require.Equal(t, form(changes...), s.works(t, requestURI).Params(), name)
	}
	r := pushRequest(form().Encode())
	r.URL.RawQuery = "state=evil&request_uri=urn:x"
	request := s.works(t, requireCreated(t, s.serve(r)))
	require.Equal(t, "af0ifjsldkj", request.Params().Get("state"), "the query is not read")
}

func TestPushRefused(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, c := range []struct {
		name    string
		rule    error
		code    string
		changes []string
	}{
		{"PAR-8 no client_id", par.ErrClientID, "invalid_request", []string{"client_id", ""}},
		{"PAR-7 par-request_uri", par.ErrNested, "invalid_request", []string{"request_uri", "urn:x"}},
		{"no response_type", par.ErrResponseType, "unsupported_response_type", []string{"response_type", ""}},
		{"SP-B1 token", par.ErrResponseType, "unsupported_response_type", []string{"response_type", "token"}},
		{"SP-B1 hybrid", par.ErrResponseType, "unsupported_response_type", []string{"response_type", "code id_token"}},
		{"SP-B5 no redirect_uri", par.ErrRedirectURI, "invalid_request", []string{"redirect_uri", ""}},
		{"SP-B4 no challenge", par.ErrChallenge, "invalid_request", []string{"code_challenge", ""}},
		{"PKCE-5 no method is plain", par.ErrChallenge, "invalid_request", []string{"code_challenge_method", ""}},
		{"PKCE-7 plain", par.ErrChallenge, "invalid_request", []string{"code_challenge_method", "plain"}},
		{"PKCE s256 in lower case", par.ErrChallenge, "invalid_request", []string{"code_challenge_method", "s256"}},
		{"PKCE 42 characters", par.ErrChallenge, "invalid_request", []string{"code_challenge", challenge[:42]}},
		{"PKCE 44 characters", par.ErrChallenge, "invalid_request", []string{"code_challenge", challenge + "A"}},
		{"PKCE 128 characters", par.ErrChallenge, "invalid_request", []string{"code_challenge", string(bytes.Repeat([]byte("a"), 128))}},
		{"PKCE other spelling of the last octet", par.ErrChallenge, "invalid_request", []string{"code_challenge", challenge[:42] + "N"}},
		{"jkt malformed", par.ErrJKT, "invalid_request", []string{"dpop_jkt", "abc"}},
		{"jkt of zeros", par.ErrJKT, "invalid_request", []string{"dpop_jkt", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}},
		{"RES scheme alone", par.ErrResource, "invalid_target", []string{"resource", "https://"}},
		{"RES relative", par.ErrResource, "invalid_target", []string{"resource", "/accounts"}},
		{"RAR no array", par.ErrDetails, "invalid_authorization_details", []string{"authorization_details", "{}"}},
		{"policy: scope", par.ErrScope, "invalid_scope", []string{"scope", "everything"}},
		{"request object nobody reads", par.ErrNoRequestObjects, "request_not_supported", []string{"request", "a.b.c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			newServer(t).refusesForm(t, c.rule, c.code, c.changes...)
		})
	}
	require.Equal(t, 0, s.store.puts())
}

// objects verifies a "request object" that is a form.
type objects struct{ calls int }

func (o *objects) Verify(_ context.Context, clientID string, form url.Values) (url.Values, error) {
	o.calls++
	if form.Get("request") == "bad" {
		return nil, coded("invalid_request_object")
	}
	inner, err := url.ParseQuery(form.Get("request"))
	if err != nil {
		return nil, coded("invalid_request_object")
	}
	return inner, nil
}

func TestRequestObject(t *testing.T) {
	t.Parallel()
	signed := func(c *par.HandlerConfig) {
		c.RequestObjects = &objects{}
		c.RequireSigned = func(_ context.Context, clientID string) (bool, error) {
			switch clientID {
			case "client-1":
				return true, nil
			case "broken":
				return false, errors.New("database")
			}
			return false, nil
		}
	}
	push := func(inner url.Values, more ...string) string {
		f := url.Values{"client_id": {"client-1"}, "request": {inner.Encode()}}
		for i := 0; i < len(more); i += 2 {
			f.Set(more[i], more[i+1])
		}
		return f.Encode()
	}
	t.Run("PAR-23 par-request+other: what is outside plays no part", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, signed)
		inner := form("client_id", "")
		request := s.works(t, requireCreated(t, s.push(push(inner, "state", "other", "scope", "everything"))))
		require.Equal(t, form(), request.Params())
	})
	t.Run("PAR-19 par-plain-ms: required", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, signed)
		requireOAuthError(t, s.push(form().Encode()), http.StatusBadRequest, "invalid_request")
		requireRule(t, par.ErrUnsigned, s.lastEvent().Err)
		r := pushRequest(form("client_id", "client-2", "redirect_uri", "https://other.example/cb").Encode())
		r.Header.Set("Test-Client", "client-2")
		requireCreated(t, s.serve(r))
		r = pushRequest(form("client_id", "broken").Encode())
		r.Header.Set("Test-Client", "broken")
		requireOAuthError(t, s.serve(r), http.StatusServiceUnavailable, "server_error")
	})
	for name, inner := range map[string]url.Values{
		"PAR-24 another client":      form("client_id", "client-2"),
		"request_uri inside":         form("request_uri", "urn:x"),
		"request inside":             form("request", "a.b.c"),
		"repeated":                   {"scope": {"a", "b"}},
		"NUL":                        form("state", "a\x00b"),
		"invalid UTF-8":              form("state", "\xff"),
		"two client_id, one is ours": {"client_id": {"client-1", "client-2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, signed)
			requireOAuthError(t, s.push(push(inner)), http.StatusBadRequest, "invalid_request_object")
			requireRule(t, par.ErrRequestObject, s.lastEvent().Err)
			requireCreated(t, s.push(push(form())))
		})
	}
	t.Run("the same checks inside", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, signed)
		requireOAuthError(t, s.push(push(form("code_challenge", ""))), http.StatusBadRequest, "invalid_request")
		requireOAuthError(t, s.push(push(form("redirect_uri", "https://evil.example"))), http.StatusBadRequest, "invalid_request")
		requireOAuthError(t, s.push(push(nil, "request", "bad")), http.StatusBadRequest, "invalid_request_object")
		requireOAuthError(t, s.push(push(url.Values{"state": {"x"}})), http.StatusBadRequest, "unsupported_response_type")
		require.Equal(t, 0, s.store.puts())
	})
}

func TestNewHandler(t *testing.T) {
	t.Parallel()
	memory, err := par.NewMemory(par.MemoryConfig{})
	require.NoError(t, err)
	sound := func() par.HandlerConfig {
		return par.HandlerConfig{Clients: byHeader{}, Store: memory, Check: (&registry{}).check}
	}
	_, err = par.NewHandler(sound())
	require.NoError(t, err)
	for want, change := range map[string]func(*par.HandlerConfig){
		"Clients": func(c *par.HandlerConfig) { c.Clients = nil },
		"Store":   func(c *par.HandlerConfig) { c.Store = nil },
		"Check":   func(c *par.HandlerConfig) { c.Check = nil },
		"RequestObjects": func(c *par.HandlerConfig) {
			c.RequireSigned = func(context.Context, string) (bool, error) { return true, nil }
		},
		"10 min":        func(c *par.HandlerConfig) { c.Lifetime = 10 * time.Minute },
		"5 s":           func(c *par.HandlerConfig) { c.Lifetime = 4 * time.Second },
		"whole seconds": func(c *par.HandlerConfig) { c.Lifetime = 5500 * time.Millisecond },
		"Lifetime":      func(c *par.HandlerConfig) { c.Lifetime = -time.Minute },
		"1 s":           func(c *par.HandlerConfig) { c.Interaction = time.Millisecond },
		"2 h":           func(c *par.HandlerConfig) { c.Interaction = 3 * time.Hour },
		"1 MiB":         func(c *par.HandlerConfig) { c.MaxBytes = 2 << 20 },
		"MaxBytes":      func(c *par.HandlerConfig) { c.MaxBytes = -1 },
	} {
		config := sound()
		change(&config)
		h, err := par.NewHandler(config)
		require.ErrorContains(t, err, want)
		require.Nil(t, h)
	}
}

func TestZeroValues(t *testing.T) {
	t.Parallel()
	var nobody *par.Handler
	for _, h := range []*par.Handler{nobody, {}} {
		s := &server{Handler: h}
		requireOAuthError(t, s.push(form().Encode()), http.StatusServiceUnavailable, "server_error")
		request, err := h.Load(t.Context(), "client-1", uriPrefix+challenge)
		requireFault(t, request, err)
		request, err = h.Consume(t.Context(), "client-1", uriPrefix+challenge)
		requireFault(t, request, err)
	}
	var none *par.Request
	_, bound := none.JKT()
	assert.False(t, bound)
	assert.Empty(t, none.ClientID())
	assert.Empty(t, none.Params())
	assert.NotNil(t, (&par.Request{}).Params)
	assert.True(t, none.Expires().IsZero())
	assert.Equal(t, "par: zero Error", (&par.Error{}).Error())
	assert.NotPanics(t, func() { slog.New(slog.DiscardHandler).Info("", "err", (&par.Error{}).LogValue()) })
}

// An error of the server's own code refuses, with the code it has, or is a fault.
func TestHookErrors(t *testing.T) {
	t.Parallel()
	hooks := map[string]func(*par.HandlerConfig, error){
		"Clients": func(c *par.HandlerConfig, err error) {
			c.Clients = clientAuth(func() (string, error) { return "", err })
		},
		"Check": func(c *par.HandlerConfig, err error) {
			c.Check = func(context.Context, string, url.Values) error { return err }
		},
		"Proof": func(c *par.HandlerConfig, err error) {
			c.Proof = func(http.Header, *http.Request) ([32]byte, error) { return [32]byte{}, err }
		},
	}
	for name, hook := range hooks {
		for _, c := range []struct {
			err    error
			status int
			code   string
		}{
			{coded("invalid_client"), 401, "invalid_client"},
			{coded("invalid_target"), 400, "invalid_target"},
			{par.ErrScope, 400, "invalid_scope"},
			{par.ErrTooMany, 429, "temporarily_unavailable"},
			{errors.New("database: secret"), 503, "server_error"},
			{coded(""), 503, "server_error"},
			{coded("login_required"), 503, "server_error"},
			{context.Canceled, 503, "server_error"},
		} {
			s := newServer(t, func(config *par.HandlerConfig) {
				config.Proof = func(http.Header, *http.Request) ([32]byte, error) { return [32]byte{1}, nil }
				hook(config, c.err)
			})
			r := pushRequest(form().Encode())
			r.Header.Set("DPoP", "proof")
			w := s.serve(r)
			requireOAuthError(t, w, c.status, c.code)
			require.NotContains(t, w.Body.String(), "secret", name)
			require.Equal(t, 0, s.store.puts())
		}
	}
	t.Run("a hook that panics or answers nothing", func(t *testing.T) {
		t.Parallel()
		for _, change := range []func(*par.HandlerConfig){
			func(c *par.HandlerConfig) { c.Clients = clientAuth(func() (string, error) { panic("secret") }) },
			func(c *par.HandlerConfig) { c.Clients = clientAuth(func() (string, error) { return "", nil }) },
			func(c *par.HandlerConfig) {
				c.Check = func(context.Context, string, url.Values) error { panic("secret") }
			},
			func(c *par.HandlerConfig) {
				c.Proof = func(http.Header, *http.Request) ([32]byte, error) { return [32]byte{}, nil }
			},
		} {
			s := newServer(t, func(c *par.HandlerConfig) {
				c.Proof = func(http.Header, *http.Request) ([32]byte, error) { return [32]byte{1}, nil }
				change(c)
			})
			r := pushRequest(form().Encode())
			r.Header.Set("DPoP", "proof")
			w := s.serve(r)
			requireOAuthError(t, w, http.StatusServiceUnavailable, "server_error")
			require.NotContains(t, w.Body.String()+s.lastEvent().Err.Error(), "secret")
		}
	})
}

type clientAuth func() (string, error)

func (c clientAuth) Authenticate(*http.Request) (string, error) { return c() }
