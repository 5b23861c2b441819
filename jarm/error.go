package jarm

import (
	"errors"

	"github.com/go-fapi/fapi/internal/jose"
)

// The rules of the client's side, in the order in which they are checked. An
// [*Error] wraps exactly one of them. Sections are those of JARM final unless
// another standard is named.
var (
	ErrMode      = errors.New("not the response mode that was asked for")                     // 2.3
	ErrDecrypt   = errors.New("not encrypted to this client, or encrypted without agreement") // 2.4-1
	ErrMalformed = errors.New("not a well-formed authorization response")                     // 2.1; RFC 6749 4.1.2
	ErrAlgorithm = errors.New("alg not allowed, or not the key's")                            // 2.2; FAPI 2.0 5.4.1
	ErrType      = errors.New("typ is that of another kind of JWT")                           // RFC 8725 3.11
	ErrIssuer    = errors.New("iss is missing or another authorization server")               // 2.4-2; RFC 9207 2.4
	ErrAudience  = errors.New("aud does not hold this client")                                // 2.4-3
	ErrExpiry    = errors.New("exp is missing, past or too far ahead")                        // 2.1, 2.4-4
	ErrNotBefore = errors.New("nbf or iat lies ahead")                                        // RFC 7519 4.1.5, 4.1.6
	ErrState     = errors.New("state is not that of a request of this browser")               // 5.2; RFC 6749 10.12
	ErrKey       = errors.New("no key of the authorization server fits")                      // 2.4-5
	ErrSignature = errors.New("signature invalid")                                            // 2.4-5
)

// Error is a response that was refused: nothing in it may be used. Keep the
// pending request, since the genuine response may still come.
type Error struct {
	rule  error
	cause error
}

// Error describes the refusal, for logs. It holds nothing of the response.
func (e *Error) Error() string {
	switch {
	case e.rule == nil:
		return "jarm: zero Error"
	case e.cause == nil:
		return "jarm: " + e.rule.Error()
	}
	return "jarm: " + e.rule.Error() + ": " + e.cause.Error()
}

// Unwrap returns the rule that refused.
func (e *Error) Unwrap() error { return e.rule }

// OAuthCode is invalid_request, a 400, for whoever maps errors to responses.
func (e *Error) OAuthCode() string { return "invalid_request" }

func refuse(rule, cause error) error { return &Error{rule: rule, cause: cause} }

// refuseJOSE gives an error of the layer below the rule it breaks here. An
// *Error made while reading members stays what it is.
func refuseJOSE(err error) error {
	if done, ok := errors.AsType[*Error](err); ok {
		return done
	}
	switch {
	case errors.Is(err, jose.ErrAlgorithm):
		return refuse(ErrAlgorithm, nil)
	case errors.Is(err, jose.ErrKey):
		return refuse(ErrKey, err)
	case errors.Is(err, jose.ErrSignature):
		return refuse(ErrSignature, nil)
	}
	return refuse(ErrMalformed, err)
}

// AuthorizationError is a response that passed every check and says that the
// authorization server did not authorize (RFC 6749 section 4.1.2.1). It is the
// end of the pending request, and not an [*Error]: the client did nothing wrong
// by receiving it.
type AuthorizationError struct {
	code, description, uri, state string
}

// Error names the error code, which is of the characters RFC 6749 allows.
func (e *AuthorizationError) Error() string {
	return "jarm: the authorization server answered with the error " + e.code
}

// Code is error: access_denied, login_required and the like, never empty, at
// most 128 characters of printable ASCII without quotes and backslashes.
func (e *AuthorizationError) Code() string { return e.code }

// Description is error_description, for developers. It is any text, which in a
// plain response anybody may have written: escape it, and do not show it to
// users.
func (e *AuthorizationError) Description() string { return e.description }

// URI is error_uri: any text, also one that is no URL. Do not make it a link
// without looking.
func (e *AuthorizationError) URI() string { return e.uri }

// State is state, which [Decoder.Callback] has compared and [Decoder.Decode]
// has not.
func (e *AuthorizationError) State() string { return e.state }
