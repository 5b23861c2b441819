package server

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/mtls"
)

// userToken is an access token that acts for a user. It implements [cnf.Claims].
type userToken struct{ *accessToken }

func (t userToken) Confirmation() cnf.Confirmation { return t.bound }
func (t userToken) HasScope(scope string) bool     { return slices.Contains(t.scopes, scope) }
func (t userToken) ACR() string                    { return acrPassword }
func (t userToken) AuthTime() time.Time            { return t.grant.loggedIn }

// newUserinfo is the userinfo endpoint (OpenID Connect Core section 5.3): an API
// like any other, whose identifier is the issuer. It looks every token up, and so
// needs to read none: opaque ones and JWTs are the same to it.
func newUserinfo(s *Server) (http.Handler, error) {
	guard, err := cnf.New(cnf.Config[userToken]{
		Verify: func(_ context.Context, text string) (userToken, error) {
			found, ok := s.ledger.find(text)
			if !ok || found.grant == nil || !slices.Contains(found.audience, s.config.Issuer) {
				return userToken{}, coded("invalid_token")
			}
			return userToken{found}, nil
		},
		Methods: []cnf.Method{s.proofs, mtls.Binding{}},
		Require: cnf.Requirement{Scope: []string{"openid"}},
	})
	if err != nil {
		return nil, err
	}
	return guard.Handler(http.HandlerFunc(writeUserinfo)), nil
}

func writeUserinfo(w http.ResponseWriter, r *http.Request) {
	token, _ := cnf.FromContext[userToken](r.Context())
	claims := map[string]string{"sub": token.subject}
	if token.HasScope("profile") {
		claims["name"] = token.grant.user.Name
	}
	writeJSON(w, claims)
}
