package cnf

import "errors"

// The rules of this package. An [*Error] wraps exactly one of them.
var (
	ErrCredentials    = errors.New("request does not hold exactly one access token") // RFC 6750 section 2
	ErrConfirmation   = errors.New("confirmation empty, malformed or unknown")       // RFC 7800 section 3.1
	ErrUnbound        = errors.New("token is not sender-constrained")                // FAPI 2.0 5.3.4-5
	ErrScheme         = errors.New("authentication scheme is not the token's")       // RFC 9449 section 7.2
	ErrScope          = errors.New("scope does not suffice")                         // RFC 6750 section 3.1
	ErrAuthentication = errors.New("user authentication does not suffice")           // RFC 9470 section 3
)

// Error is a refused request. Its text is for logs; responses carry fixed
// texts by OAuth code.
type Error struct {
	rule  error
	cause error
	code  string
}

// Error describes the refusal, for logs.
func (e *Error) Error() string {
	if e.cause == nil {
		return "cnf: " + e.rule.Error()
	}
	return "cnf: " + e.rule.Error() + ": " + e.cause.Error()
}

// Unwrap returns the rule that refused.
func (e *Error) Unwrap() error { return e.rule }

// OAuthCode is the error code for the challenge.
func (e *Error) OAuthCode() string { return e.code }

// codes maps the rules to the codes of RFC 6750 section 3.1 and RFC 9470.
var codes = map[error]string{
	ErrCredentials:    "invalid_request",
	ErrScope:          "insufficient_scope",
	ErrAuthentication: "insufficient_user_authentication",
}

func refuse(rule, cause error) *Error {
	code, ok := codes[rule]
	if !ok {
		code = "invalid_token"
	}
	return &Error{rule: rule, cause: cause, code: code}
}
