package jwks

import (
	"errors"
	"log/slog"
	"strings"
)

// None of these errors is the fault of a token: verifiers answer 5xx, not an OAuth
// error, and accept nothing.
var (
	// ErrNotReady says that an object is nil or was not made by its constructor, or
	// that the context is nil.
	ErrNotReady = errors.New("jwks: nil or zero object, or nil context")

	// ErrFetch says that a [Remote] has not got its document.
	ErrFetch = errors.New("jwks: key set could not be fetched")

	// ErrSet says that a document or list is not an acceptable JWK Set: malformed,
	// too large, empty where that makes no sense, or with a private, symmetric or
	// malformed key in it.
	ErrSet = errors.New("jwks: key set is not acceptable")

	// ErrKey says that a key handed in by the program is private, malformed, of a
	// kind or strength not in use here, or there under another kid already.
	ErrKey = errors.New("jwks: key is not acceptable")

	// ErrKeyID says that two keys handed in have the same kid, or that a kid is not
	// valid UTF-8.
	ErrKeyID = errors.New("jwks: kid is taken or not valid utf-8")
)

// Error wraps exactly one of [ErrFetch], [ErrSet], [ErrKey] and [ErrKeyID]. Its
// text names neither keys nor addresses. The cause, which may, is for logs only:
// it is reached by [errors.As] and by logging the error with log/slog.
type Error struct {
	kind   error // one of the sentinels
	url    string
	detail error // may be nil
}

// Error returns the rule that was broken and, in general terms, how.
func (e *Error) Error() string {
	if e == nil || e.kind == nil {
		return ErrNotReady.Error()
	}
	if e.detail == nil {
		return e.kind.Error()
	}
	return e.kind.Error() + ": " + reason(e.detail)
}

// reason is the text of a cause inside a text of ours, where one package prefix is
// enough.
func reason(err error) string { return strings.TrimPrefix(err.Error(), "safehttp: ") }

// Unwrap returns the sentinel and, where there is one, the cause.
func (e *Error) Unwrap() []error {
	switch {
	case e == nil || e.kind == nil:
		return nil
	case e.detail == nil:
		return []error{e.kind}
	}
	return []error{e.kind, e.detail}
}

// LogValue gives logs the URL of a [Remote] and the details of the cause, neither
// of which is in the text.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("error", e.Error())}
	if e != nil && e.url != "" {
		attrs = append(attrs, slog.String("url", e.url))
	}
	var cause slog.LogValuer
	if e != nil && errors.As(e.detail, &cause) {
		attrs = append(attrs, slog.Any("cause", cause))
	}
	return slog.GroupValue(attrs...)
}
