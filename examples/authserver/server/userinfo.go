package server

import (
	"context"
	"net/http"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/mtls"
)

// userToken is an access token that acts for a user.
type userToken struct {
	*accesstoken.Token
	grant *grant
}

// newUserinfo is the userinfo endpoint (OpenID Connect Core section 5.3): an API
// like any other, whose identifier is the issuer.
func newUserinfo(s *Server) (http.Handler, error) {
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{
		Issuer: s.config.Issuer, Audience: s.config.Issuer, Keys: s.keys,
	})
	if err != nil {
		return nil, err
	}
	guard, err := cnf.New(cnf.Config[userToken]{
		Verify: func(ctx context.Context, text string) (userToken, error) {
			token, err := tokens.Verify(ctx, text)
			if err != nil {
				return userToken{}, err
			}
			record, ok := s.ledger.find(token.ID())
			if !ok || record.grant == nil { // revoked, or a token of the client's own
				return userToken{}, coded("invalid_token")
			}
			return userToken{token, record.grant}, nil
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
	claims := map[string]string{"sub": token.Subject()}
	if token.HasScope("profile") {
		claims["name"] = token.grant.user.Name
	}
	writeJSON(w, claims)
}
