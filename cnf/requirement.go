package cnf

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// Requirement is what a route asks of a token beyond its being valid and
// confirmed. The zero Requirement asks nothing.
type Requirement struct {
	// Scope values that the token must all have (RFC 6749 section 3.3).
	Scope []string

	// ACR: the user's login must have one of these authentication context
	// classes (step-up, RFC 9470).
	ACR []string

	// MaxAge is how long ago the user may have logged in, in whole seconds
	// (RFC 9470). Zero: any time ago.
	MaxAge time.Duration
}

// checked returns a copy that the caller's later writes do not reach.
func (q Requirement) checked() (Requirement, error) {
	for _, value := range slices.Concat(q.Scope, q.ACR) {
		if !isScopeToken(value) {
			return Requirement{}, errors.New("cnf: a required scope or acr is empty or has characters RFC 6749 section 3.3 does not allow")
		}
	}
	if q.MaxAge < 0 || q.MaxAge%time.Second != 0 {
		return Requirement{}, errors.New("cnf: MaxAge must be whole seconds, not negative")
	}
	q.Scope, q.ACR = slices.Clone(q.Scope), slices.Clone(q.ACR)
	return q, nil
}

// isScopeToken is the grammar of one scope value: 1*( %x21 / %x23-5B / %x5D-7E ).
func isScopeToken(value string) bool {
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return value != ""
}

// refusal names the rule that claims do not meet, or nil.
func (q Requirement) refusal(claims Claims) error {
	for _, scope := range q.Scope {
		if !claims.HasScope(scope) {
			return ErrScope
		}
	}
	if len(q.ACR) > 0 && !slices.Contains(q.ACR, claims.ACR()) {
		return ErrAuthentication
	}
	if q.MaxAge > 0 && !isRecent(claims.AuthTime(), q.MaxAge) {
		return ErrAuthentication
	}
	return nil
}

// maxAhead forgives the clock of the machine the user logged in at.
const maxAhead = time.Minute

// isRecent is false for a login that lies ahead, which would pass for recent as
// long as it pleases whoever wrote it; and for the zero time, which is longer
// ago than any duration.
func isRecent(login time.Time, maxAge time.Duration) bool {
	age := time.Since(login)
	return age <= maxAge && age >= -maxAhead
}

func (q Requirement) scope() string { return strings.Join(q.Scope, " ") }
