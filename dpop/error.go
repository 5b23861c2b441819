package dpop

import (
	"errors"
	"log/slog"
)

// The rules of RFC 9449 section 4.3 in its order, then those of other
// sections. An [*Error] wraps exactly one of them.
var (
	ErrProofCount = errors.New("not exactly one DPoP header field")                     // 4.3-1
	ErrMalformed  = errors.New("proof is not a strict compact JWS")                     // 4.3-2
	ErrClaims     = errors.New("a claim is missing, malformed or too long")             // 4.3-3
	ErrType       = errors.New("typ is not dpop+jwt")                                   // 4.3-4
	ErrAlgorithm  = errors.New("algorithm is not allowed")                              // 4.3-5
	ErrSignature  = errors.New("signature does not verify")                             // 4.3-6
	ErrKey        = errors.New("jwk is missing, private, malformed, weak or not alg's") // 4.3-7
	ErrMethod     = errors.New("htm is not the request's method")                       // 4.3-8
	ErrTarget     = errors.New("htu is not the request's target URI")                   // 4.3-9
	ErrNonce      = errors.New("nonce is missing or not a current one")                 // 4.3-10
	ErrTime       = errors.New("proof is outside its time window")                      // 4.3-11
	ErrTokenHash  = errors.New("ath is not the hash of the access token")               // 4.3-12a
	ErrBinding    = errors.New("key is not the one bound")                              // 4.3-12b, 10
	ErrReplay     = errors.New("proof was used before")                                 // 11.1
	ErrJKT        = errors.New("dpop_jkt is not a JWK SHA-256 thumbprint")              // 10
)

// The error codes of RFC 9449 section 12.2, and those of RFC 6750 and RFC 6749
// it relies on.
const (
	codeProof   = "invalid_dpop_proof"
	codeNonce   = "use_dpop_nonce"
	codeToken   = "invalid_token"
	codeRequest = "invalid_request"
)

// Error is a refused proof. Anything else that a method of this package
// returns is a fault of the server (a store that is down, a verifier that was
// never constructed) and deserves a 5xx.
//
// Error is a [slog.LogValuer]: logged, it tells what was expected and what was
// received, for instance the two target URIs or how far the client's clock is
// off. None of that is in Error(), and nothing of the proof is in a response.
type Error struct {
	rule   error
	code   string
	detail []slog.Attr
}

// Error names the rule.
func (e *Error) Error() string {
	if e == nil || e.rule == nil {
		return "dpop: refused"
	}
	return "dpop: " + e.rule.Error()
}

// Unwrap returns the rule that refused.
func (e *Error) Unwrap() error { return e.rule }

// OAuthCode is the error code for the response: use_dpop_nonce,
// invalid_dpop_proof, invalid_token when the proof is sound but its key is not
// the token's, or invalid_request for a malformed dpop_jkt parameter.
func (e *Error) OAuthCode() string { return e.code }

// LogValue implements [slog.LogValuer].
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("rule", e.Error()), slog.String("code", e.code)}
	return slog.GroupValue(append(attrs, e.detail...)...)
}

func refuse(rule error, detail ...slog.Attr) *Error {
	code := codeProof
	switch rule {
	case ErrNonce:
		code = codeNonce
	case ErrJKT:
		code = codeRequest
	}
	return &Error{rule: rule, code: code, detail: detail}
}

var errUnconstructed = errors.New("dpop: the verifier was not made by NewVerifier")
