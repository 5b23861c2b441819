package cnf_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/mtls"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*cnf.Config[claims]){
		"no Verify":                    func(c *cnf.Config[claims]) { c.Verify = nil },
		"no Methods":                   func(c *cnf.Config[claims]) { c.Methods = nil },
		"a nil Method":                 func(c *cnf.Config[claims]) { c.Methods = []cnf.Method{approving(), nil} },
		"an unknown member":            func(c *cnf.Config[claims]) { c.Methods = []cnf.Method{method{scheme: "DPoP", member: "kid"}} },
		"no member":                    func(c *cnf.Config[claims]) { c.Methods = []cnf.Method{method{scheme: "DPoP"}} },
		"no scheme":                    func(c *cnf.Config[claims]) { c.Methods = []cnf.Method{method{member: "jkt"}} },
		"a scheme no request can use":  func(c *cnf.Config[claims]) { c.Methods = []cnf.Method{method{scheme: "dpop", member: "jkt"}} },
		"a scheme that ends the line":  func(c *cnf.Config[claims]) { c.Methods = []cnf.Method{method{scheme: "DPoP\r\n", member: "jkt"}} },
		"a scheme of another standard": func(c *cnf.Config[claims]) { c.Methods = []cnf.Method{method{scheme: "Basic", member: "jkt"}} },
		"two Methods for one member":   func(c *cnf.Config[claims]) { c.Methods = []cnf.Method{approving(), approving()} },
		"a bad Requirement":            func(c *cnf.Config[claims]) { c.Require.Scope = []string{""} },
		"metadata over http":           func(c *cnf.Config[claims]) { c.ResourceMetadata = "http://api.bank.example/x" },
		"metadata without host":        func(c *cnf.Config[claims]) { c.ResourceMetadata = "https:///x" },
		"metadata with a user":         func(c *cnf.Config[claims]) { c.ResourceMetadata = "https://a@api.bank.example/x" },
		"metadata with a fragment":     func(c *cnf.Config[claims]) { c.ResourceMetadata = "https://api.bank.example/x#" },
		"metadata that is no URL":      func(c *cnf.Config[claims]) { c.ResourceMetadata = "https://api.bank.example/\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := cnf.Config[claims]{Verify: always(claims{}), Methods: []cnf.Method{approving()}}
			_, err := cnf.New(config)
			require.NoError(t, err, "control")
			change(&config)
			guard, err := cnf.New(config)
			require.Error(t, err)
			require.Nil(t, guard)
			require.Contains(t, err.Error(), "cnf: ")
		})
	}
}

// A middleware that New did not make admits nobody and does not panic.
func TestZeroMiddleware(t *testing.T) {
	t.Parallel()
	var zero cnf.Middleware[claims]
	for name, guard := range map[string]*cnf.Middleware[claims]{"nil": nil, "zero": &zero} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := check(t, guard)
			require.EqualError(t, err, "cnf: the middleware was not made by New")
			_, err = guard.With(cnf.Requirement{})
			require.Error(t, err)
			got := record(guard.Handler(unreachable(t)), httptest.NewRequest("GET", "/", nil))
			require.Equal(t, 503, got.status)
		})
	}
	t.Run("nil, given a refusal", func(t *testing.T) {
		t.Parallel()
		refusal := check(t, guarding(t, claims{}, cnf.Requirement{Scope: []string{"accounts"}}))
		w := httptest.NewRecorder()
		(*cnf.Middleware[claims])(nil).WriteError(w, refusal)
		require.Equal(t, 503, w.Code)
	})
	t.Run("a nil pointer among the methods", func(t *testing.T) {
		t.Parallel()
		for _, method := range []cnf.Method{(*dpop.Verifier)(nil), (*mtls.Binding)(nil)} {
			_, err := cnf.New(cnf.Config[claims]{Verify: always(claims{}), Methods: []cnf.Method{method}})
			require.ErrorContains(t, err, "a Method is nil")
		}
	})
	t.Run("errors of nobody", func(t *testing.T) {
		t.Parallel()
		guard := guarding(t, claims{}, cnf.Requirement{})
		for _, err := range []error{(*cnf.Error)(nil), nil, &cnf.Error{}, &dpop.Error{}, &mtls.Error{}, &accesstoken.Error{}} {
			w := httptest.NewRecorder()
			guard.WriteError(w, err)
			require.GreaterOrEqual(t, w.Code, 401)
			if err != nil {
				require.NotEmpty(t, err.Error())
			}
		}
	})
	t.Run("nil claims", func(t *testing.T) {
		t.Parallel()
		guard := newGuard(t, cnf.Config[cnf.Claims]{
			Verify:  func(context.Context, string) (cnf.Claims, error) { return nil, nil },
			Methods: []cnf.Method{approving()},
		})
		require.Error(t, check(t, guard))
	})
}

func TestObserve(t *testing.T) {
	t.Parallel()
	fault := errors.New("down")
	for name, verify := range map[string]func(context.Context, string) (claims, error){
		"admitted": always(claims{confirmation: cnf.Bind(cnf.MemberJKT, [32]byte{1})}),
		"refused":  always(claims{}),
		"fault":    func(context.Context, string) (claims, error) { return claims{}, fault },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var events []cnf.Event
			guard := newGuard(t, cnf.Config[claims]{
				Verify: verify, Methods: []cnf.Method{approving()}, Observe: func(e cnf.Event) { events = append(events, e) },
			})
			err := check(t, guard)
			require.Len(t, events, 1)
			require.Equal(t, err, events[0].Err)
			var refusal *cnf.Error
			require.Equal(t, name == "refused", errors.As(err, &refusal))
			require.Equal(t, name == "admitted", err == nil)
		})
	}
}

// The middleware's error keeps what the verifier knew, for logs.
func TestErrorDetail(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	r := b.honest(t)
	r.Method = "POST"
	_, err := b.guard.Check(http.Header{}, r)
	var refusal *cnf.Error
	require.ErrorAs(t, err, &refusal)
	assert.ErrorIs(t, err, dpop.ErrMethod)
	assert.Equal(t, "cnf: dpop: htm is not the request's method", err.Error())
	assert.Contains(t, refusal.LogValue().String(), "expected=POST")

	_, err = b.guard.Check(http.Header{}, request(t, "GET", accounts))
	require.ErrorIs(t, err, cnf.ErrNoCredentials)
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, slog.KindGroup, refusal.LogValue().Kind())
	assert.Contains(t, refusal.LogValue().String(), "no access token")
}
