package mtls

import (
	"errors"
	"log/slog"
)

// The rules: those of certificates and bound tokens first, then those of
// client authentication. An [*Error] wraps exactly one of them.
var (
	ErrNoCertificate = errors.New("no client certificate")                                      // RFC 8705 3-5, 2-6
	ErrCertificate   = errors.New("client certificate is malformed, too large or weak")         // RFC 8705 7.5, RFC 9440 2.1
	ErrProxy         = errors.New("certificate header is not the trusted proxy's one and only") // RFC 9440 2.2, 2.3, 4
	ErrBinding       = errors.New("certificate is not the one the token is bound to")           // RFC 8705 3-5

	ErrClientID   = errors.New("client_id is missing or malformed")                            // RFC 8705 2-3
	ErrClient     = errors.New("no such client registered for this method")                    // RFC 8705 2-1, 2-4
	ErrChain      = errors.New("certificate has no valid chain to an authority of the client") // RFC 8705 2.1-1
	ErrSubject    = errors.New("certificate does not have the registered subject")             // RFC 8705 2.1-1
	ErrRegistered = errors.New("certificate is not a registered one")                          // RFC 8705 2.2-2
)

// The error codes of RFC 6749 section 5.2 and RFC 6750 section 3.1.
const (
	codeRequest = "invalid_request" // a certificate source used by itself
	codeClient  = "invalid_client"  // client authentication
	codeToken   = "invalid_token"   // a bound token
)

// Error is a refused certificate. Anything else that this package returns is a
// fault of the server (a source of clients that is down, an authenticator that
// was never constructed) and deserves a 5xx.
//
// Error is a [slog.LogValuer]: logged, it tells what was wrong with a header,
// who sent it, or which thumbprints were compared. None of that is in the text,
// and nothing of a certificate is in either.
type Error struct {
	rule   error
	code   string
	detail []slog.Attr
}

// Error names the rule.
func (e *Error) Error() string {
	if e == nil || e.rule == nil {
		return "mtls: refused"
	}
	return "mtls: " + e.rule.Error()
}

// Unwrap returns the rule that refused.
func (e *Error) Unwrap() error { return e.rule }

// OAuthCode is the error code for the response: invalid_token from [Binding],
// invalid_client from client authentication, and invalid_request from a
// [CertificateSource] that was called by itself.
func (e *Error) OAuthCode() string { return e.code }

// LogValue implements [slog.LogValuer].
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("rule", e.Error()), slog.String("code", e.code)}
	return slog.GroupValue(append(attrs, e.detail...)...)
}

func refuse(rule error, code string, detail ...slog.Attr) *Error {
	return &Error{rule: rule, code: code, detail: detail}
}

// withCode gives a refusal the code of the place where it happened. A fault of
// the server stays what it is.
func withCode(err error, code string) error {
	if refusal, ok := errors.AsType[*Error](err); ok {
		return &Error{rule: refusal.rule, code: code, detail: refusal.detail}
	}
	return err
}

var errNoRequest = errors.New("mtls: no request")
