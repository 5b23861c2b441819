package ppid

import (
	"errors"
	"log/slog"
)

// What is refused. An [*Error] wraps exactly one of them, except ErrFull.
var (
	ErrSector   = errors.New("the registration names no sector")
	ErrDocument = errors.New("sector_identifier_uri must name a public https document of type application/json: one array of strings with every redirect uri")
	ErrSubject  = errors.New("not a subject identifier of this sector")
	ErrClient   = errors.New("not the client whose identifiers change")

	// ErrFull is the fault of a [Memory] at its limit. No [*Error] wraps it.
	ErrFull = errors.New("ppid: the memory store is full")
)

// Error is a refused registration or request. Any other error of this package is a
// fault of the server (a store that is down, an account without a name, an object
// that was not constructed) and deserves a 5xx.
//
// Its text may be shown to the client. What a server behind a sector_identifier_uri
// answered is not in it, or registration would be a scanner of the network; the
// reason is in the logs, because Error is a [slog.LogValuer].
type Error struct {
	rule  error
	hint  string // shown
	cause error  // logged
}

// Error names the rule and, if the registration can be mended, how.
func (e *Error) Error() string {
	if e == nil || e.rule == nil {
		return "ppid: refused"
	}
	if e.hint == "" {
		return "ppid: " + e.rule.Error()
	}
	return "ppid: " + e.rule.Error() + ": " + e.hint
}

// Unwrap returns the rule that refused.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.rule
}

// OAuthCode is the error code for the response: invalid_client_metadata (OpenID
// Connect Registration section 3.3), unauthorized_client or invalid_request.
func (e *Error) OAuthCode() string {
	switch e.Unwrap() {
	case ErrSector, ErrDocument:
		return "invalid_client_metadata"
	case ErrClient:
		return "unauthorized_client"
	}
	return "invalid_request"
}

// LogValue implements [slog.LogValuer].
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("refused", e.Error()), slog.String("code", e.OAuthCode())}
	if e != nil && e.cause != nil {
		attrs = append(attrs, slog.Any("cause", e.cause))
	}
	return slog.GroupValue(attrs...)
}
