package server

import (
	"crypto/sha256"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-fapi/fapi/cnf"
)

// code is an authorization code. It is kept under its digest.
type code struct {
	grant       *grant
	redirectURI string
	challenge   string   // S256
	jkt         [32]byte // the key it is bound to (RFC 9449 section 10); zero: none
	nonce       string
	expires     time.Time
	used        atomic.Bool
}

func (s *Server) newCode(request asked, session *session, sid string) (string, error) {
	value := newSecret()
	_, err := s.flow.codes.put(digest("code", value), &code{
		grant: &grant{
			clientID: request.clientID, user: session.user, loggedIn: session.at,
			scopes: scopesOf(request.params), apis: s.apis(request), sid: sid,
		},
		redirectURI: request.params.Get("redirect_uri"), challenge: request.params.Get("code_challenge"),
		jkt: request.jkt, nonce: request.params.Get("nonce"), expires: time.Now().Add(codeLife),
	})
	return value, err
}

// findCode finds a code that this client may redeem now, with this form and this
// key. A refusal leaves the code as it is: whoever has it and not the rest must
// not be able to spend it. Only a code that was spent before has consequences:
// one of two parties stole it, so what it gave is taken away (RFC 6749 section
// 4.1.2).
func (s *Server) findCode(client caller) (*code, error) {
	found, ok := s.flow.codes.get(digest("code", client.form.Get("code")))
	switch {
	case !ok:
		return nil, errGrant
	case found.grant.clientID != client.id:
		return nil, ErrCodeClient
	case found.used.Load():
		found.grant.revoked.Store(true)
		return nil, ErrCodeUsed
	case !time.Now().Before(found.expires), !equal(client.form.Get("redirect_uri"), found.redirectURI):
		return nil, errGrant
	case !verifies(client.form.Get("code_verifier"), found.challenge):
		return nil, ErrVerifier
	case !found.isBoundTo(client.bound):
		return nil, ErrCodeKey
	}
	return found, nil
}

// spend succeeds once.
func (c *code) spend() error {
	if c.used.CompareAndSwap(false, true) {
		return nil
	}
	c.grant.revoked.Store(true)
	return ErrCodeUsed
}

func (c *code) isBoundTo(bound cnf.Confirmation) bool {
	jkt, _ := bound.Thumbprint(cnf.MemberJKT)
	return c.jkt == [32]byte{} || jkt == c.jkt
}

// verifies is PKCE with S256 (RFC 7636 section 4.6). Without a challenge there must
// be no verifier: somebody took the challenge out of the request (RFC 9700 section
// 4.8.2).
func verifies(verifier, challenge string) bool {
	if challenge == "" {
		return verifier == ""
	}
	if len(verifier) < 43 || len(verifier) > 128 || strings.ContainsFunc(verifier, notUnreserved) {
		return false
	}
	hash := sha256.Sum256([]byte(verifier))
	return equal(encode(hash[:]), challenge)
}

// notUnreserved is RFC 3986 section 2.3.
func notUnreserved(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("-._~", r):
		return false
	}
	return true
}
