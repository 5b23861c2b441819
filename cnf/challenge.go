package cnf

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

const (
	schemeDPoP   = "DPoP"
	schemeBearer = "Bearer"
)

// WriteError answers a request that [Middleware.Check] did not admit: 401 with
// a challenge for every scheme in use here, and the error in that of the scheme
// the request used (RFC 9449 section 7.2); 400 or 403 where RFC 6750 says so;
// and 503 without any detail when the server is at fault.
func (m *Middleware[C]) WriteError(w http.ResponseWriter, err error) {
	refusal, ok := errors.AsType[*Error](err)
	if !ok || refusal == nil || m == nil {
		oauthhttp.WriteTokenError(w, http.StatusServiceUnavailable, "server_error", "")
		return
	}
	for _, challenge := range m.challenges(refusal) {
		w.Header().Add("WWW-Authenticate", challenge.String())
	}
	if refusal.code == "" {
		oauthhttp.NoStore(w.Header())
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	oauthhttp.WriteTokenError(w, statusOf(refusal.code), refusal.code, "")
}

func statusOf(code string) int {
	switch code {
	case "invalid_request":
		return http.StatusBadRequest
	case "insufficient_scope":
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

// challenges lists the schemes of the methods, and the scheme the request used
// where that is another: a bound token sent as Bearer learns its error there.
func (m *Middleware[C]) challenges(refusal *Error) []oauthhttp.Challenge {
	var list []oauthhttp.Challenge
	var schemes []string
	for _, method := range slices.Backward(m.config.Methods) {
		if scheme := method.Scheme(); !slices.Contains(schemes, scheme) {
			schemes = append(schemes, scheme)
			list = append(list, m.challenge(scheme, algorithmsOf(method), refusal))
		}
	}
	if refusal.scheme != "" && !slices.Contains(schemes, refusal.scheme) {
		list = slices.Insert(list, 0, m.challenge(refusal.scheme, "", refusal))
	}
	return list
}

// algorithmsOf asks a method for the algs parameter (RFC 9449 section 7.1).
func algorithmsOf(method Method) string {
	if m, ok := method.(interface{ Algorithms() string }); ok {
		return m.Algorithms()
	}
	return ""
}

func (m *Middleware[C]) challenge(scheme, algorithms string, refusal *Error) oauthhttp.Challenge {
	challenge := oauthhttp.Challenge{Scheme: scheme}
	add := func(name, value string) {
		if value != "" {
			challenge.Params = append(challenge.Params, oauthhttp.Param{Name: name, Value: value})
		}
	}
	// An ambiguous request, with no or several schemes, has its error in all.
	if refusal.scheme == "" || refusal.scheme == scheme {
		add("error", refusal.code)
		switch refusal.cause {
		case ErrScope:
			add("scope", refusal.needs.scope())
		case ErrAuthentication:
			add("acr_values", strings.Join(refusal.needs.ACR, " "))
			if age := refusal.needs.MaxAge; age > 0 {
				add("max_age", strconv.FormatInt(int64(age/time.Second), 10))
			}
		}
	}
	add("algs", algorithms)
	add("resource_metadata", m.config.ResourceMetadata)
	if len(challenge.Params) == 0 {
		add("realm", "api") // RFC 6750 section 3 wants a parameter
	}
	return challenge
}
