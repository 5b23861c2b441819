package accesstoken

import (
	"errors"

	"github.com/go-fapi/fapi/internal/jose"
)

// The rules of this package, in the order of the steps of RFC 9068 section 4.
// An [*Error] wraps exactly one of them.
var (
	ErrMalformed    = errors.New("not a strict compact JWS of a JSON object")        // RFC 7519 section 7.2
	ErrClaims       = errors.New("required claim missing, or a claim out of syntax") // RFC 9068 section 2.2
	ErrType         = errors.New("typ is not at+jwt")                                // RFC 9068 section 4, step 1
	ErrIssuer       = errors.New("iss is another issuer")                            // step 3
	ErrAudience     = errors.New("aud does not hold this API")                       // step 4
	ErrAlgorithm    = errors.New("alg not allowed, or not the key's")                // step 5; FAPI 2.0 5.4.1
	ErrKey          = errors.New("no key of the issuer fits")                        // step 5
	ErrSignature    = errors.New("signature invalid")                                // step 5
	ErrExpired      = errors.New("expired")                                          // step 6
	ErrNotYetValid  = errors.New("nbf or iat lies ahead")                            // RFC 7519 sections 4.1.5 and 4.1.6
	ErrConfirmation = errors.New("cnf empty, malformed or unknown")                  // RFC 7800 section 3.1
)

// Error is a refused token. Its text is for logs; responses carry fixed texts
// by OAuth code.
type Error struct {
	rule  error
	cause error
}

// Error describes the refusal, for logs. It holds nothing of the token.
func (e *Error) Error() string {
	if e == nil || e.rule == nil {
		return "accesstoken: refused"
	}
	if e.cause == nil {
		return "accesstoken: " + e.rule.Error()
	}
	return "accesstoken: " + e.rule.Error() + ": " + e.cause.Error()
}

// Unwrap returns the rule that refused.
func (e *Error) Unwrap() error { return e.rule }

// OAuthCode is the error code for the challenge, "invalid_token" for every rule
// (RFC 9068 section 4).
func (e *Error) OAuthCode() string { return "invalid_token" }

func refuse(rule, cause error) error { return &Error{rule: rule, cause: cause} }

// refuseJOSE gives an error of the layer below the rule it breaks here. An
// *Error made while reading claims stays what it is.
func refuseJOSE(err error) error {
	var done *Error
	switch {
	case errors.As(err, &done):
		return done
	case errors.Is(err, jose.ErrAlgorithm):
		return refuse(ErrAlgorithm, nil)
	case errors.Is(err, jose.ErrKey):
		return refuse(ErrKey, err)
	case errors.Is(err, jose.ErrSignature):
		return refuse(ErrSignature, nil)
	}
	return refuse(ErrMalformed, err)
}
