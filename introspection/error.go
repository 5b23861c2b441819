package introspection

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"

	"github.com/go-fapi/fapi/internal/fault"
)

// The rules, those for tokens first. An [*Error] wraps exactly one of them.
var (
	ErrToken    = errors.New("not 1 to 4,096 characters of b64token syntax")                 // RFC 6750 section 2.1
	ErrInactive = errors.New("token is not active")                                          // RFC 7662 section 2.2
	ErrIssuer   = errors.New("token is of another issuer")                                   // RFC 7662 section 2.2
	ErrAudience = errors.New("token is for another audience")                                // RFC 7662 sections 2.2 and 4
	ErrForm     = errors.New("request is not a well-formed POST form with a token")          // RFC 7662 section 2.1
	ErrFormat   = errors.New("none of the accepted media types is available to this caller") // RFC 9110 section 12.5.1
	ErrTooMany  = errors.New("the caller asks too often")                                    // RFC 7662 section 4
)

// The ways in which a question can fail through no fault of the token. None of them
// is an [*Error]; they are a 5xx.
var (
	// ErrUnavailable: the server or its keys cannot be reached, it answers 429 or
	// 5xx, it takes too long, the caller's context is done, or too many questions
	// are under way. Worth a Retry-After.
	ErrUnavailable = errors.New("the authorization server cannot be asked")
	// ErrCredentials: the server refuses the credentials of this API or gateway
	// (401, 403, invalid_client). The client must not hear of a 401.
	ErrCredentials = errors.New("the authorization server refuses our own credentials")
	// ErrAnswer: a redirect, another content type or status, too large, no strict
	// JSON, active not a boolean, or a JWT that does not verify.
	ErrAnswer = errors.New("the answer of the authorization server cannot be used")
)

var errZero = errors.New("introspection: no context, or a value that no constructor made")

// Error is a refused token, or a refused request to a [Handler]. Its text is for
// logs and holds nothing of the token.
type Error struct {
	rule  error
	cause error // the *oauthhttp.FormError, which knows the status, or nil
}

// Error names the rule.
func (e *Error) Error() string {
	if e == nil || e.rule == nil {
		return "introspection: refused"
	}
	return "introspection: " + e.rule.Error()
}

// Unwrap returns the rule that refused, and beside [ErrForm] what knows the HTTP
// status.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.rule}
	}
	return []error{e.rule, e.cause}
}

// OAuthCode is the error code for the response: invalid_token for tokens (RFC 6750
// section 3.1), or a code of RFC 6749 section 5.2 for requests to a [Handler].
func (e *Error) OAuthCode() string {
	switch e.rule {
	case ErrForm, ErrFormat:
		return "invalid_request"
	case ErrTooMany:
		return "temporarily_unavailable"
	}
	return codeToken
}

// LogValue implements [slog.LogValuer].
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.Any("rule", e.rule), slog.String("code", e.OAuthCode()))
}

func refuse(rule error) *Error { return &Error{rule: rule} }

// failure is a fault of one of the three kinds. Like those of package fault it
// cannot be taken for a refusal: errors.As never gets past it.
type failure struct {
	kind  error
	cause error
}

func fail(kind, cause error) error {
	return &failure{kind: kind, cause: fault.Of(kind.Error(), cause)}
}

func (f *failure) Error() string { return "introspection: " + f.cause.Error() }

// Is also finds what caused it, so that a cancelled context is recognised.
func (f *failure) Is(target error) bool { return target == f.kind || errors.Is(f.cause, target) }

// muted has the cause of an error without its text: those of net/http quote what the
// other side wrote, which may be the token that was sent there.
func muted(err error) error { return &silent{text: textOf(err), cause: err} }

type silent struct {
	text  string
	cause error
}

func (s *silent) Error() string { return s.text }

func (s *silent) Unwrap() error { return s.cause }

// textOf is the text of an error of the system, which says at most an address, and
// the type of any other.
func textOf(err error) string {
	for _, fixed := range []error{context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, fixed) {
			return fixed.Error()
		}
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		if op.Op == "proxyconnect" {
			return textOf(op.Err) // the words of the proxy, unless it was not reached
		}
		return op.Error()
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() {
		return "it took too long"
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		err = inner
	}
	return fmt.Sprintf("the exchange failed (%T)", err)
}
