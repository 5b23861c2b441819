package privatekeyjwt

import (
	"errors"
	"log/slog"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// The rules, those of the request first and then RFC 7523 section 3 in its
// order. An [*Error] wraps exactly one of them.
var (
	ErrRequest   = errors.New("request is not a well-formed POST form")                // RFC 6749 3.2
	ErrMethods   = errors.New("more than one client authentication method")            // RFC 6749 2.3
	ErrAssertion = errors.New("client_assertion or its type missing or unknown")       // RFC 7523 2.2
	ErrClientID  = errors.New("client_id is not the client of the assertion")          // RFC 7521 4.2
	ErrMalformed = errors.New("assertion is not a strict compact JWS of claims")       // RFC 7523 3
	ErrType      = errors.New("typ is not that of a client assertion")                 // RFC 8725 3.11, rfc7523bis 4
	ErrIssuer    = errors.New("iss is missing or not a client identifier")             // RFC 7523 3-1
	ErrSubject   = errors.New("sub is missing or not iss")                             // RFC 7523 3-2
	ErrAudience  = errors.New("aud is not the issuer identifier as a string")          // RFC 7523 3-3, FAPI 2.0 5.3.2.1-8
	ErrExpiry    = errors.New("exp is missing, past or too far ahead")                 // RFC 7523 3-4
	ErrNotBefore = errors.New("nbf or iat lies ahead")                                 // RFC 7523 3-5, 3-6, FAPI 2.0 5.3.2.1-13
	ErrReplay    = errors.New("assertion was used before")                             // RFC 7523 3-7
	ErrID        = errors.New("jti is missing")                                        // OpenID Connect Core 9
	ErrAlgorithm = errors.New("algorithm is not allowed or not the registered one")    // FAPI 2.0 5.4.1, Registration 2
	ErrClient    = errors.New("no such client registered for this method")             // RFC 7521 4.2.1
	ErrKey       = errors.New("no key of the client fits the kid and alg of the JWS")  // RFC 8725 3.10
	ErrSignature = errors.New("signature does not verify with the keys of the client") // RFC 7523 3-9
)

// Error is a refused request. Anything else that a method of [Verifier] returns
// is a fault of the server (a store that is down, a verifier that was never
// constructed) and deserves a 5xx.
//
// Error is a [slog.LogValuer]: logged, it also tells how far the client's clock
// or lifetime is off, or what is wrong with the syntax. Nothing of the
// assertion is in there or in the text.
type Error struct {
	rule   error
	form   *oauthhttp.FormError // why the form was refused, or nil
	detail []slog.Attr
}

// Error names the rule.
func (e *Error) Error() string {
	if e.rule == nil {
		return "privatekeyjwt: zero Error"
	}
	return "privatekeyjwt: " + e.rule.Error()
}

// Unwrap returns the rule that refused, and beside [ErrRequest] what knows the
// HTTP status.
func (e *Error) Unwrap() []error {
	if e.form == nil {
		return []error{e.rule}
	}
	return []error{e.rule, e.form} // 405, 413 or 400
}

// OAuthCode is the error code for the response (RFC 6749 section 5.2):
// invalid_client, which is a 401, or for [ErrRequest] and [ErrMethods]
// invalid_request.
func (e *Error) OAuthCode() string {
	if e.rule == ErrRequest || e.rule == ErrMethods {
		return "invalid_request"
	}
	return "invalid_client"
}

// LogValue implements [slog.LogValuer].
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Any("rule", e.rule), slog.String("code", e.OAuthCode())}
	return slog.GroupValue(append(attrs, e.detail...)...)
}

func refuse(rule error, detail ...slog.Attr) *Error { return &Error{rule: rule, detail: detail} }

var errUnconstructed = errors.New("privatekeyjwt: no request, or a verifier not made by NewVerifier")
