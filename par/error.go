package par

import (
	"errors"
	"log/slog"

	"github.com/go-fapi/fapi/internal/fault"
)

// The rules, those of the push first, in the order of RFC 9126 and with the
// extensions it lets in. An [*Error] wraps exactly one of them. A Check, a
// ClientAuth or a Proof may return them bare.
var (
	ErrForm             = errors.New("request is not a well-formed POST form")                    // 2.3, RFC 6749 3.2
	ErrTooMany          = errors.New("the client sends too many requests")                        // 2.3
	ErrClientID         = errors.New("client_id is missing or not the authenticated client")      // 2.1
	ErrNested           = errors.New("request_uri must not be pushed")                            // 2.1-2
	ErrProof            = errors.New("DPoP proof is not of dpop_jkt's key, or none are taken")    // RFC 9449 10.1
	ErrUnsigned         = errors.New("a signed request object is required of this client")        // 2.3, RFC 9101 10.5
	ErrNoRequestObjects = errors.New("request objects are not supported")                         // 3, OpenID Connect Core 3.1.2.6
	ErrRequestObject    = errors.New("request object holds what it must not")                     // 3
	ErrResponseType     = errors.New("response_type is not code")                                 // FAPI 2.0 5.3.2.2-1
	ErrRedirectURI      = errors.New("redirect_uri is missing, malformed or not allowed")         // 2.3, FAPI 2.0 5.3.2.2-6, -8
	ErrChallenge        = errors.New("code_challenge with method S256 is missing or malformed")   // RFC 7636 4.4.1, FAPI 2.0 5.3.2.2-5
	ErrJKT              = errors.New("dpop_jkt is not a JWK SHA-256 thumbprint")                  // RFC 9449 10
	ErrResource         = errors.New("resource is not an absolute URI, unknown or not allowed")   // RFC 8707 2
	ErrDetails          = errors.New("authorization_details are malformed, unknown, not allowed") // RFC 9396 5
	ErrScope            = errors.New("scope is unknown, malformed or not allowed")                // RFC 6749 4.1.2.1
	ErrUnauthorized     = errors.New("the client may not ask for this")                           // RFC 6749 4.1.2.1
	ErrNotPushed        = errors.New("authorization request without a request_uri")               // 4, FAPI 2.0 5.3.2.2-3
	ErrRequestURI       = errors.New("request_uri is unknown, expired, used or another client's") // 4, 7.1-7.3
)

// ErrFull is the error of a [Memory] without room. It is the server's trouble, no
// refusal.
var ErrFull = errors.New("par: the store is full")

var errUnconstructed = errors.New("par: the handler was not made by NewHandler")

// Error is a refused request. Anything else that a method of [Handler] returns is
// a refusal of ClientAuth, Proof, RequestObjects or Check with an OAuthCode of its
// own, or a fault of the server (a store that is down) that deserves a 5xx.
type Error struct {
	rule  error
	cause error // the *oauthhttp.FormError, which knows the status, or nil
}

// Error names the rule.
func (e *Error) Error() string {
	if e.rule == nil {
		return "par: zero Error"
	}
	return "par: " + e.rule.Error()
}

// Unwrap returns the rule that refused, and beside [ErrForm] what knows the HTTP
// status.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.rule}
	}
	return []error{e.rule, e.cause}
}

// OAuthCode is the error code for the response (RFC 9126 section 2.3).
func (e *Error) OAuthCode() string {
	switch e.rule {
	case ErrTooMany:
		return "temporarily_unavailable"
	case ErrProof:
		return "invalid_dpop_proof"
	case ErrNoRequestObjects:
		return "request_not_supported"
	case ErrRequestObject:
		return "invalid_request_object"
	case ErrResponseType:
		return "unsupported_response_type"
	case ErrResource:
		return "invalid_target"
	case ErrDetails:
		return "invalid_authorization_details"
	case ErrScope:
		return "invalid_scope"
	case ErrUnauthorized:
		return "unauthorized_client"
	case ErrRequestURI:
		return "invalid_request_uri"
	}
	return "invalid_request"
}

// LogValue implements [slog.LogValuer]. Nothing of the request is in it.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Any("rule", e.rule), slog.String("code", e.OAuthCode())}
	if e.cause != nil {
		attrs = append(attrs, slog.Any("cause", e.cause))
	}
	return slog.GroupValue(attrs...)
}

func refuse(rule error) *Error { return &Error{rule: rule} }

func rules() []error {
	return []error{
		ErrForm, ErrTooMany, ErrClientID, ErrNested, ErrProof, ErrUnsigned, ErrNoRequestObjects, ErrRequestObject,
		ErrResponseType, ErrRedirectURI, ErrChallenge, ErrJKT, ErrResource, ErrDetails, ErrScope, ErrUnauthorized,
		ErrNotPushed, ErrRequestURI,
	}
}

// guarded runs the server's own code behind an interface. What it returns with an
// OAuthCode, or one of the rules, refuses the request; everything else, a panic
// too, is a fault.
func guarded[T any](what string, call func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Panic(what, p)
		}
	}()
	if result, err = call(); err != nil {
		err = judged(what, err)
	}
	return result, err
}

func judged(what string, err error) error {
	if refused, ok := errors.AsType[refusal](err); ok && refused.OAuthCode() != "" {
		return err
	}
	for _, rule := range rules() {
		if errors.Is(err, rule) {
			return refuse(rule)
		}
	}
	return fault.Of(what, err)
}

type refusal interface {
	error
	OAuthCode() string
}

// withoutInteraction keeps codes about the user out of the answer to a push, where
// there is no user yet (RFC 9126 section 2.3): such a policy is a mistake of the
// server.
func withoutInteraction(err error) error {
	refused, ok := errors.AsType[refusal](err)
	if !ok {
		return err
	}
	switch refused.OAuthCode() {
	case "access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required",
		"unmet_authentication_requirements":
		return fault.Of("par: an error about the user at the push", err)
	}
	return err
}
