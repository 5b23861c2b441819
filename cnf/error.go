package cnf

import (
	"errors"
	"log/slog"
)

// The rules of this package. Tokens and proofs have rules of their own, in the
// packages that verify them.
var (
	ErrNoCredentials  = errors.New("no access token in the request")                       // RFC 6750 section 3.1
	ErrCredentials    = errors.New("not exactly one access token, in Authorization alone") // RFC 6750 section 2
	ErrConfirmation   = errors.New("confirmation is empty, malformed or unknown here")     // RFC 7800 section 3.1
	ErrUnbound        = errors.New("token is not sender-constrained")                      // FAPI 2.0 5.3.4-5
	ErrScheme         = errors.New("authentication scheme is not the token's")             // RFC 9449 section 7.2
	ErrScope          = errors.New("scope does not suffice")                               // RFC 6750 section 3.1
	ErrAuthentication = errors.New("user authentication does not suffice")                 // RFC 9470 section 3
)

// Error is a refused request. It wraps one of the rules above, or the error
// with which the token's or the proof's verifier refused; [errors.Is] finds
// either. Its text is for logs: responses carry fixed texts only.
type Error struct {
	cause  error
	code   string
	scheme string // the scheme the request used, empty if none
	needs  Requirement
}

// Error names the rule.
func (e *Error) Error() string {
	if e == nil || e.cause == nil {
		return "cnf: refused"
	}
	return "cnf: " + e.cause.Error()
}

// Unwrap returns the rule, or the verifier's error.
func (e *Error) Unwrap() error { return e.cause }

// OAuthCode is the error code of the challenge. It is empty when the request
// had no token: then RFC 6750 section 3.1 wants no code.
func (e *Error) OAuthCode() string { return e.code }

// LogValue implements [slog.LogValuer]; it passes on the detail of a verifier.
func (e *Error) LogValue() slog.Value {
	if detail, ok := e.cause.(slog.LogValuer); ok {
		return detail.LogValue()
	}
	return slog.GroupValue(slog.String("rule", e.Error()), slog.String("code", e.code))
}

func refuse(rule error) *Error {
	code := "invalid_token"
	switch rule {
	case ErrNoCredentials:
		code = ""
	case ErrCredentials:
		code = "invalid_request"
	case ErrScope:
		code = "insufficient_scope"
	case ErrAuthentication:
		code = "insufficient_user_authentication"
	}
	return &Error{cause: rule, code: code}
}

// refused turns the error of a verifier into ours if it says that the input
// was at fault, and leaves it as it is if the server was. A verifier that asks
// another server may hand on what that one says about us: our bad credentials
// there are no reason for the client here to fetch a new token.
func refused(err error) error {
	coded, ok := errors.AsType[interface {
		error
		OAuthCode() string
	}](err)
	if !ok {
		return err
	}
	code := coded.OAuthCode()
	switch code {
	case "invalid_client", "unauthorized_client", "server_error", "temporarily_unavailable":
		return err
	case "": // only a request without a token may be left without a reason
		code = "invalid_token"
	}
	return &Error{cause: err, code: code}
}
