package server

import (
	"context"
	"time"
)

const idTokenLife = 5 * time.Minute // it tells of a login that just happened

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
	SID      string   `json:"sid,omitempty"` // OpenID Connect Back-Channel Logout section 2.1
}

// idToken makes the ID token that goes with a code.
func (s *Server) idToken(ctx context.Context, code *code) (string, error) {
	subject, err := s.subjects.of(code.grant.clientID, code.grant.user.Account)
	if err != nil {
		return "", err
	}
	now := time.Now()
	return s.jwts.sign(ctx, "JWT", idClaims{
		Issuer: s.config.Issuer, Subject: subject, Audience: code.grant.clientID, Nonce: code.nonce, SID: code.grant.sid,
		Expires: now.Add(idTokenLife).Unix(), IssuedAt: now.Unix(), AuthTime: code.grant.loggedIn.Unix(),
		ACR: acrPassword, AMR: []string{amrPassword},
	})
}
