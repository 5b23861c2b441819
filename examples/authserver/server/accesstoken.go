package server

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/internal/jose"
)

// accessToken makes an access token and its record.
func (s *Server) accessToken(ctx context.Context, client caller, order order) (*tokenResponse, error) {
	record := &accessToken{
		grant: order.grant, clientID: client.id, subject: client.id, // without a user: RFC 9068 section 2.2
		audience: order.audience, scopes: order.scopes, bound: client.bound,
	}
	var err error
	if record.opaque, err = s.isOpaque(order.audience); err != nil {
		return nil, err
	}
	if order.grant != nil {
		if record.subject, err = s.subjects.of(client.id, order.grant.user.Account); err != nil {
			return nil, err
		}
	}
	token, id, err := s.issue(ctx, record)
	if err != nil {
		return nil, err
	}
	if err := s.ledger.keep(token, id, record); err != nil {
		return nil, err
	}
	return &tokenResponse{
		AccessToken: token, TokenType: tokenType(client.bound),
		ExpiresIn: int(time.Until(record.expires).Seconds()), Scope: strings.Join(order.scopes, " "),
	}, nil
}

// isOpaque: the userinfo endpoint, which knows itself by the issuer, reads both
// kinds; no other API does.
func (s *Server) isOpaque(audience []string) (opaque bool, err error) {
	readable := false
	for _, api := range audience {
		switch {
		case slices.Contains(s.config.Opaque, api):
			opaque = true
		case api != s.config.Issuer:
			readable = true
		}
	}
	if opaque && readable {
		return false, errTarget // the client has to name one of them
	}
	return opaque, nil
}

// issue makes the token of a record, opaque or a JWT with an identifier, and notes
// its times.
func (s *Server) issue(ctx context.Context, record *accessToken) (token, id string, err error) {
	record.issued = time.Now()
	if record.opaque {
		record.expires = record.issued.Add(accessLife).Truncate(time.Second)
		return newSecret(), "", nil
	}
	if token, record.expires, err = s.tokens.Issue(ctx, record.content()); err != nil {
		return "", "", err
	}
	id, err = tokenID(token)
	return token, id, err
}

// content is what a JWT says of the record.
func (t *accessToken) content() accesstoken.Grant {
	content := accesstoken.Grant{
		Subject: t.subject, ClientID: t.clientID, Audience: t.audience, Scope: t.scopes, Confirmation: t.bound,
	}
	if t.grant != nil {
		content.AuthTime, content.ACR, content.AMR = t.grant.loggedIn, acrPassword, []string{amrPassword}
	}
	return content
}

// tokenID is the jti of a token of our own.
func tokenID(token string) (string, error) {
	parsed, err := jose.Parse(token)
	if err != nil {
		return "", err
	}
	claims, err := jose.ReadClaims(parsed.Payload, nil)
	return claims.ID, err
}
