package server

import (
	"sync/atomic"
	"time"

	"github.com/go-fapi/fapi/cnf"
)

const (
	maxAccessTokens  = 200_000
	maxRefreshTokens = 100_000

	accessLife  = 5 * time.Minute
	refreshLife = 90 * 24 * time.Hour // unused
)

// grant is one decision of one user: what a client may do in their name. All
// tokens that come of it point here, so that revoking it ends them together.
type grant struct {
	clientID string
	user     User
	loggedIn time.Time
	scopes   []string
	apis     []string
	revoked  atomic.Bool
}

// accessToken is the record of an issued access token.
type accessToken struct {
	grant    *grant // nil: client credentials
	clientID string
	audience []string
	scopes   []string
	bound    cnf.Confirmation
	expires  time.Time
}

// refreshToken is not bound to a key: only its client can use it, who has to
// authenticate (RFC 9449 section 5). It is not rotated (FAPI 2.0 5.3.2.1-9).
type refreshToken struct{ grant *grant }

// ledger knows the tokens that are good: access tokens by their jti, refresh
// tokens by their digest.
type ledger struct {
	access  *shelf[*accessToken]
	refresh *shelf[*refreshToken]
}

func newLedger() *ledger {
	return &ledger{
		access:  newShelf[*accessToken](maxAccessTokens, accessLife),
		refresh: newShelf[*refreshToken](maxRefreshTokens, refreshLife),
	}
}

// find returns the record of an access token that is neither expired nor
// revoked.
func (l *ledger) find(tokenID string) (*accessToken, bool) {
	found, ok := l.access.get(tokenID)
	if !ok || !time.Now().Before(found.expires) || found.grant != nil && found.grant.revoked.Load() {
		return nil, false
	}
	return found, true
}

// Active reports whether an access token of this server, named by its jti, is
// neither expired nor revoked. It is for APIs in the same process, which have
// verified the token itself.
func (s *Server) Active(tokenID string) bool {
	_, ok := s.ledger.find(tokenID)
	return ok
}
