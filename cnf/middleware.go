package cnf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// Method proves that a request comes from whom its token is bound to.
// *dpop.Verifier and mtls.Binding are methods.
type Method interface {
	// Scheme is the authentication scheme of such tokens: "DPoP" or "Bearer".
	Scheme() string
	// Member is the confirmation member this method confirms.
	Member() string
	// Confirm checks the request against the thumbprint the token is bound to.
	// An error with an OAuthCode() string refuses the request; any other is a
	// fault of the server. h is the header of the response to come.
	Confirm(h http.Header, r *http.Request, accessToken string, bound [32]byte) error
}

// Config configures a [Middleware].
type Config[C Claims] struct {
	// Verify turns an access token into verified claims, for instance with
	// (*accesstoken.Verifier).Verify. An error with an OAuthCode() string
	// means the token is bad, unless that code is about another server's
	// client (invalid_client); any other is a fault of the server.
	Verify func(ctx context.Context, accessToken string) (C, error) // required

	// Methods are the ways in which tokens may be bound here. A token bound in
	// another way is refused.
	Methods []Method // required

	// Require holds for every route behind the middleware. For a single route
	// see [Middleware.With].
	Require Requirement

	// ResourceMetadata is the URL of this API's metadata (RFC 9728), named in
	// challenges. Optional.
	ResourceMetadata string

	// Observe, when set, is called once for every request, on its goroutine.
	// It must not block.
	Observe func(Event)
}

// Event is what a middleware did with one request.
type Event struct {
	Err error // nil: admitted. An *Error: refused. Else: a fault of the server
}

// Middleware admits a request only with a valid access token and proof that
// the caller is the one it was issued to. It is safe for concurrent use.
type Middleware[C Claims] struct {
	config Config[C]
}

// New checks the configuration.
func New[C Claims](config Config[C]) (*Middleware[C], error) {
	if config.Verify == nil || len(config.Methods) == 0 {
		return nil, errors.New("cnf: Verify and at least one Method are required; unbound tokens are not accepted")
	}
	config.Methods = slices.Clone(config.Methods)
	for i, method := range config.Methods {
		if isNil(method) || Bind(method.Member(), [32]byte{1}).IsZero() {
			return nil, errors.New("cnf: a Method is nil or of an unknown confirmation member")
		}
		if scheme := method.Scheme(); scheme != schemeDPoP && scheme != schemeBearer {
			return nil, fmt.Errorf("cnf: the Method for %q has a Scheme other than DPoP and Bearer", method.Member())
		}
		same := func(other Method) bool { return other.Member() == method.Member() }
		if slices.ContainsFunc(config.Methods[:i], same) {
			return nil, fmt.Errorf("cnf: two Methods for %q", method.Member())
		}
	}
	// A proof is single-use: what spends it runs last, after the checks that
	// leave no trace.
	slices.SortStableFunc(config.Methods, func(a, b Method) int { return bearerFirst(a) - bearerFirst(b) })
	if err := checkMetadataURL(config.ResourceMetadata); err != nil {
		return nil, err
	}
	require, err := config.Require.checked()
	if err != nil {
		return nil, err
	}
	config.Require = require
	return &Middleware[C]{config: config}, nil
}

// checkMetadataURL applies RFC 9728 section 3: https, and no fragment.
func checkMetadataURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Contains(text, "#") {
		return errors.New("cnf: ResourceMetadata must be an https URL without user and fragment")
	}
	return nil
}

// isNil also sees a nil pointer inside the interface: a verifier whose
// constructor failed and whose error was not looked at.
func isNil(method Method) bool {
	if method == nil {
		return true
	}
	v := reflect.ValueOf(method)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

func bearerFirst(m Method) int {
	if m.Scheme() == schemeBearer {
		return 0
	}
	return 1
}

// With returns a middleware that asks require instead of [Config.Require], for
// a route that needs more scope or a stronger login. Mount it in place of m and
// not behind it: a proof of possession passes only one of the two.
func (m *Middleware[C]) With(require Requirement) (*Middleware[C], error) {
	if m == nil || m.config.Verify == nil {
		return nil, errUnconstructed
	}
	require, err := require.checked()
	if err != nil {
		return nil, err
	}
	route := *m
	route.config.Require = require
	return &route, nil
}

var errUnconstructed = errors.New("cnf: the middleware was not made by New")

// Check admits or refuses a request. h is the header of the response to come:
// a method may put a fresh DPoP-Nonce there, also on success. Answer an error
// with [Middleware.WriteError]; when it is nil the claims are verified.
//
// Check is for programs with a router of their own; [Middleware.Handler] does
// all of it.
func (m *Middleware[C]) Check(h http.Header, r *http.Request) (C, error) {
	var none C
	if m == nil || m.config.Verify == nil {
		return none, errUnconstructed
	}
	claims, scheme, err := m.admit(h, r)
	if err != nil {
		claims = none
		if refusal, ok := err.(*Error); ok {
			refusal.scheme = scheme
		}
	}
	if m.config.Observe != nil {
		m.config.Observe(Event{Err: err})
	}
	return claims, err
}

// admit recovers from panics of the verifiers it was given, so that a bug in
// one is an error like any other: nobody is admitted.
func (m *Middleware[C]) admit(h http.Header, r *http.Request) (claims C, scheme string, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("cnf: a verifier panicked")
		}
	}()
	scheme, token, err := credentials(r)
	if err != nil {
		return claims, scheme, err
	}
	if claims, err = m.config.Verify(r.Context(), token); err != nil {
		return claims, scheme, refused(err)
	}
	if err := m.confirm(h, r, scheme, token, claims.Confirmation()); err != nil {
		return claims, scheme, err
	}
	// Possession comes before scope: who merely holds a stolen token must not
	// learn what it may do. So a 403 spends the proof; sent again with the same
	// token, the request would be refused in any case.
	if rule := m.config.Require.refusal(claims); rule != nil {
		refusal := refuse(rule)
		refusal.needs = m.config.Require
		return claims, scheme, refusal
	}
	return claims, scheme, nil
}

// credentials finds the one access token of a request. A token in the query or
// in an already parsed form is never taken, and spoils one in the header.
func credentials(r *http.Request) (scheme, token string, err error) {
	scheme, token, err = oauthhttp.Credentials(r)
	switch {
	case oauthhttp.TokenElsewhere(r):
		return "", "", refuse(ErrCredentials)
	case errors.Is(err, oauthhttp.ErrNoCredentials), err == nil && scheme != schemeDPoP && scheme != schemeBearer:
		return "", "", refuse(ErrNoCredentials)
	case err != nil:
		return "", "", refuse(ErrCredentials)
	}
	return scheme, token, nil
}

// confirm lets every member of the token's confirmation be proven. What is due
// follows from the token alone; the scheme only has to agree with it.
func (m *Middleware[C]) confirm(h http.Header, r *http.Request, scheme, token string, bound Confirmation) error {
	if bound.IsZero() {
		return refuse(ErrUnbound)
	}
	due, want := 0, schemeBearer
	for _, method := range m.config.Methods {
		if _, ok := bound.Thumbprint(method.Member()); ok {
			due++
			want = method.Scheme() // the last one wins, and Bearer comes first
		}
	}
	if due != bound.count() {
		return refuse(ErrConfirmation)
	}
	if scheme != want {
		return refuse(ErrScheme)
	}
	for _, method := range m.config.Methods {
		if thumbprint, ok := bound.Thumbprint(method.Member()); ok {
			if err := method.Confirm(h, r, token, thumbprint); err != nil {
				return refused(err)
			}
		}
	}
	return nil
}

// Handler admits requests to next and answers all others itself. next finds
// the claims with [FromContext].
//
// It guards every method, OPTIONS included. A CORS preflight carries no token
// and has to be answered in front of it.
func (m *Middleware[C]) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, err := m.Check(w.Header(), r)
		if err != nil {
			m.WriteError(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey[C]{}, claims)))
	})
}

type contextKey[C Claims] struct{}

// FromContext returns the claims of the request that [Middleware.Handler]
// admitted. Nothing a client sends can put claims there.
func FromContext[C Claims](ctx context.Context) (claims C, ok bool) {
	claims, ok = ctx.Value(contextKey[C]{}).(C)
	return claims, ok
}
