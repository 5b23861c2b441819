package jar

import (
	"errors"
	"log/slog"
)

// The rules, those of the request first, then those of a request object in the
// order in which they are checked. An [*Error] wraps exactly one of them.
var (
	ErrRepeated      = errors.New("a parameter of the request is repeated")                       // RFC 6749 3.1
	ErrMissing       = errors.New("neither request nor request_uri")                              // RFC 9101 10.5, FAPI 2.0 Message Signing 5.3.1-1
	ErrBoth          = errors.New("both request and request_uri")                                 // RFC 9101 5
	ErrClientID      = errors.New("client_id is missing, malformed or another client's")          // RFC 9101 5
	ErrClient        = errors.New("no such client registered")                                    // RFC 6749 4.1.2.1
	ErrByValue       = errors.New("request objects are not taken by value")                       // RFC 9101 7
	ErrByReference   = errors.New("request objects are not taken by reference")                   // RFC 9101 7
	ErrRequestURI    = errors.New("request_uri is not registered for the client")                 // RFC 9101 10.4
	ErrFetch         = errors.New("request_uri could not be fetched")                             // RFC 9101 5.2.3, 7
	ErrHash          = errors.New("document is not the one of the fragment of request_uri")       // OpenID Connect Core 6.2
	ErrDecryption    = errors.New("request object could not be decrypted to a signed one")        // RFC 9101 6.1
	ErrAlgorithm     = errors.New("algorithm is not allowed or not the registered one")           // RFC 9101 6.2, FAPI 2.0 5.4.1
	ErrMalformed     = errors.New("request object is not a strict compact JWS of claims")         // RFC 9101 4, 6.2
	ErrType          = errors.New("typ is not that of a request object")                          // RFC 9101 10.8
	ErrNested        = errors.New("request object holds request or request_uri")                  // RFC 9101 4
	ErrParameter     = errors.New("a parameter in the request object is of the wrong JSON type")  // RFC 9101 4
	ErrIssuer        = errors.New("iss is missing or not the client")                             // RFC 9101 4
	ErrSubject       = errors.New("sub is the client, as in a client assertion")                  // RFC 9101 10.8
	ErrInnerClientID = errors.New("client_id in the request object is missing or not the client") // RFC 9101 6.3
	ErrAudience      = errors.New("aud does not hold the issuer identifier")                      // RFC 9101 4, FAPI 2.0 Message Signing 5.3.1-2
	ErrNotBefore     = errors.New("nbf is missing, or nbf or iat lies ahead")                     // FAPI 2.0 Message Signing 5.3.1-3, FAPI 2.0 5.3.2.1-13
	ErrExpiry        = errors.New("exp is missing, past or too long after nbf")                   // FAPI 2.0 Message Signing 5.3.1-3, 5.3.1-4
	ErrKey           = errors.New("no key of the client fits the kid and alg of the JWS")         // RFC 9101 6.2
	ErrSignature     = errors.New("signature does not verify with the keys of the client")        // RFC 9101 6.2
)

// Error is a refused request. Anything else that a method of [Verifier] returns
// is a fault of the server (a key source that is down, a verifier that was
// never constructed) and deserves a 5xx.
//
// The refusal of a request object says nothing that could be trusted about
// where to send it: whatever redirect_uri and state the request came with,
// answer with an error page at the authorization endpoint, and with status 400
// at the pushed authorization request endpoint.
//
// Error is a [slog.LogValuer]: logged, it also tells how far the client's clock
// or lifetime is off, or what is wrong with the syntax or the fetch. Nothing of
// the request is in there or in the text, except that a fetch that failed may
// name the address it went to.
type Error struct {
	rule   error
	detail []slog.Attr
}

// Error names the rule.
func (e *Error) Error() string {
	if e.rule == nil {
		return "jar: zero Error"
	}
	return "jar: " + e.rule.Error()
}

// Unwrap returns the rule that refused.
func (e *Error) Unwrap() error { return e.rule }

// OAuthCode is the error code for the response (RFC 9101 section 7):
// invalid_request, request_not_supported, request_uri_not_supported,
// invalid_request_uri, and for whatever is wrong with the object itself, however
// it came, invalid_request_object (sections 6.1 and 6.2).
func (e *Error) OAuthCode() string {
	switch e.rule {
	case ErrRepeated, ErrMissing, ErrBoth, ErrClientID, ErrClient:
		return "invalid_request"
	case ErrByValue:
		return "request_not_supported"
	case ErrByReference:
		return "request_uri_not_supported"
	case ErrRequestURI, ErrFetch, ErrHash:
		return "invalid_request_uri"
	}
	return "invalid_request_object"
}

// LogValue implements [slog.LogValuer].
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Any("rule", e.rule), slog.String("code", e.OAuthCode())}
	return slog.GroupValue(append(attrs, e.detail...)...)
}

func refuse(rule error, detail ...slog.Attr) *Error { return &Error{rule: rule, detail: detail} }
