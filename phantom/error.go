package phantom

import "errors"

// The rules of the gateway for requests. Those of tokens and proofs are package
// cnf's.
var (
	ErrHeaderSize = errors.New("header section is too large")                         // RFC 6585 section 5
	ErrHost       = errors.New("host is not one of this gateway's")                   // RFC 9110 section 7.4
	ErrTarget     = errors.New("target is not in the one form that all servers read") // RFC 3986 section 6.2.2
	ErrMethod     = errors.New("method is not served")                                // RFC 9110 section 9.3
	ErrUpgrade    = errors.New("protocol switch is not served")                       // RFC 9110 section 7.8
	ErrRoute      = errors.New("no route for path and method")                        // RFC 9110 section 15.5
	ErrBody       = errors.New("body is malformed or was cut off")                    // RFC 9112 sections 7.1 and 8
	ErrToken      = errors.New("token is too long, or has the form of a JWT")         // RFC 6750 section 3.1
)

// The rules of evidence, in the order in which they are checked. The sections
// are those of RFC 9449 for the same rules of a proof.
var (
	ErrCount     = errors.New("not exactly one evidence field")              // 4.3-1
	ErrMalformed = errors.New("evidence is not a strict compact JWS")        // 4.3-2
	ErrType      = errors.New("typ is not phantom-evidence+jwt")             // 4.3-4
	ErrClaims    = errors.New("a claim of the evidence is missing or wrong") // 4.3-3
	ErrIssuer    = errors.New("iss is not the gateway")                      // RFC 7519 4.1.1
	ErrAudience  = errors.New("aud is not this API")                         // RFC 7519 4.1.3
	ErrTime      = errors.New("evidence is outside its time window")         // 4.3-11
	ErrRequest   = errors.New("evidence is for another method or path")      // 4.3-8, 9
	ErrTokenHash = errors.New("ath is not the hash of the access token")     // 4.3-12a
	ErrBinding   = errors.New("key is not the one the token is bound to")    // 4.3-12b
	ErrKey       = errors.New("no key of the gateway fits")                  // 4.3-7
	ErrSignature = errors.New("signature of the evidence does not verify")   // 4.3-6
	ErrReplay    = errors.New("evidence was used before")                    // 11.1
)

// Error is a refused request. It wraps one of the rules above. Anything else
// that goes wrong is a fault of the server.
type Error struct {
	rule   error
	code   string
	status int // of the gateway's answer; 0 if that is package cnf's
}

// Error names the rule.
func (e *Error) Error() string {
	if e == nil || e.rule == nil {
		return "phantom: refused"
	}
	return "phantom: " + e.rule.Error()
}

// Unwrap returns the rule that refused.
func (e *Error) Unwrap() error { return e.rule }

// OAuthCode is invalid_token for a token or evidence, invalid_request for all
// else.
func (e *Error) OAuthCode() string { return e.code }

// refuse is for what a request is refused for whatever its token is.
func refuse(rule error, status int) *Error {
	return &Error{rule: rule, code: "invalid_request", status: status}
}

// refuseToken is for what package cnf answers.
func refuseToken(rule error) *Error { return &Error{rule: rule, code: "invalid_token"} }
