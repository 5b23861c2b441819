package server

import (
	"context"
	"encoding/json"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

const idTokenLife = 5 * time.Minute // it tells of a login that just happened

// idTokens signs ID tokens. The algorithm follows from the key, so RS256, the
// default of OpenID Connect, does not come up (FAPI 2.0 5.4.1).
type idTokens struct {
	signer *jose.Signer
	header string
}

func newIDTokens(config Config) (*idTokens, error) {
	signer, err := jose.NewSigner(config.Key)
	if err != nil {
		return nil, err
	}
	thumbprint := signer.Thumbprint()
	header, err := signer.Header("JWT", jose.Encode(thumbprint[:]), false)
	return &idTokens{signer, header}, err
}

// idClaims are those of OpenID Connect Core section 2.
type idClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	Expires  int64    `json:"exp"`
	IssuedAt int64    `json:"iat"`
	AuthTime int64    `json:"auth_time"`
	Nonce    string   `json:"nonce,omitempty"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
}

// idToken makes the ID token that goes with a code.
func (s *Server) idToken(ctx context.Context, code *code) (string, error) {
	now := time.Now()
	claims, err := json.Marshal(idClaims{
		Issuer: s.config.Issuer, Subject: s.subject(code.grant.clientID, code.grant.user.Account),
		Audience: code.grant.clientID, Nonce: code.nonce,
		Expires: now.Add(idTokenLife).Unix(), IssuedAt: now.Unix(), AuthTime: code.grant.loggedIn.Unix(),
		ACR: acrPassword, AMR: []string{amrPassword},
	})
	if err != nil {
		return "", err
	}
	return s.flow.idTokens.signer.Sign(ctx, s.flow.idTokens.header, claims)
}
