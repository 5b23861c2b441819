package cnf

import "time"

// Claims is what the middleware has to know of a verified token. The verified
// type of accesstoken has these methods; so can yours.
type Claims interface {
	// Confirmation is the token's cnf. Zero: the token is not bound.
	Confirmation() Confirmation
	// HasScope reports whether the token was granted a scope value (RFC 6749
	// section 3.3), compared exactly.
	HasScope(scope string) bool
	// ACR is the authentication context class of the user's login; empty if
	// the token does not say.
	ACR() string
	// AuthTime is when the user last logged in; zero if the token does not say.
	AuthTime() time.Time
}
