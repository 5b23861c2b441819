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
	sid      string // the client's name for the session; empty: it has none
	revoked  atomic.Bool
}

// accessToken is the record of an issued access token.
type accessToken struct {
	grant    *grant // nil: client credentials
	clientID string
	subject  string // as the client knows the user
	opaque   bool   // the client cannot read it
	audience []string
	scopes   []string
	bound    cnf.Confirmation
	issued   time.Time
	expires  time.Time
	revoked  atomic.Bool
}

func (t *accessToken) isGood() bool {
	return time.Now().Before(t.expires) && !t.revoked.Load() && (t.grant == nil || !t.grant.revoked.Load())
}

// refreshToken is not bound to a key: only its client can use it, who has to
// authenticate (RFC 9449 section 5). It is not rotated (FAPI 2.0 5.3.2.1-9).
type refreshToken struct{ grant *grant }

// ledger knows the tokens that are good, by their digests.
type ledger struct {
	access  *shelf[*accessToken]
	ids     *shelf[*accessToken] // JWTs once more, by jti
	refresh *shelf[*refreshToken]
}

func newLedger() *ledger {
	return &ledger{
		access:  newShelf[*accessToken](maxAccessTokens, accessLife),
		ids:     newShelf[*accessToken](maxAccessTokens, accessLife),
		refresh: newShelf[*refreshToken](maxRefreshTokens, refreshLife),
	}
}

// keep records an access token. An opaque one has no identifier.
func (l *ledger) keep(token, id string, record *accessToken) error {
	if id != "" {
		if _, err := l.ids.put(id, record); err != nil {
			return err
		}
	}
	_, err := l.access.put(accessName(token), record)
	return err
}

// find returns the record of an access token that is neither expired nor revoked.
// Nothing else that this server has ever signed or given out is among them.
func (l *ledger) find(token string) (*accessToken, bool) {
	found, ok := l.access.get(accessName(token))
	return found, ok && found.isGood()
}

func accessName(token string) string  { return digest("access token", token) }
func refreshName(token string) string { return digest("refresh token", token) }

// Active reports whether a JWT access token of this server, named by its jti, is
// neither expired nor revoked. It is for APIs in the same process, which have
// verified the token itself. JWTs that a gateway got for opaque tokens are not
// known here: the gateway asks again soon enough.
func (s *Server) Active(tokenID string) bool {
	found, ok := s.ledger.ids.get(tokenID)
	return ok && found.isGood()
}

// User returns the user in whose name a good JWT access token was issued, and false
// for a client's own. Like Active it is for APIs in the same process.
func (s *Server) User(tokenID string) (User, bool) {
	found, ok := s.ledger.ids.get(tokenID)
	if !ok || !found.isGood() || found.grant == nil {
		return User{}, false
	}
	return found.grant.user, true
}
