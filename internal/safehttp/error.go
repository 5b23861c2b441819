package safehttp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
)

// The ways a URL or its answer is refused. Each refusal is an [*Error] that
// wraps exactly one of them.
var (
	ErrURL         = errors.New("safehttp: not an acceptable https url")
	ErrAddress     = errors.New("safehttp: address is not public")
	ErrTransport   = errors.New("safehttp: resolution, connection, tls or http failed")
	ErrTimeout     = errors.New("safehttp: time limit exceeded")
	ErrRedirect    = errors.New("safehttp: redirects are not followed")
	ErrStatus      = errors.New("safehttp: status is not 200")
	ErrEncoding    = errors.New("safehttp: content coding is not accepted")
	ErrContentType = errors.New("safehttp: unexpected content type")
	ErrSize        = errors.New("safehttp: body is too large")
)

// ErrBusy says that [Config.MaxConcurrent] fetches are under way. The URL is not
// at fault, so no [*Error] wraps it.
var ErrBusy = errors.New("safehttp: too many fetches at once")

var errNotMade = errors.New("safehttp: client was not made by New")

// unreached is the one public text of everything that can happen before a
// server has answered. Texts that differed would turn the registration of a URL
// into a scanner: which internal names resolve, which ports are open.
const unreached = "safehttp: the url must name a public https server that answers in time"

// Error is a refusal for which the URL or its server is to blame.
//
// Its text may be shown to whoever registered the URL: it is the same whether a
// name does not resolve, an address is refused or a port is open, closed or
// filtered. It tells what the server answered, though, so an address inside
// [Config.AllowedPrefixes] can be seen to serve https under a valid certificate.
// The detail, which may name internal addresses, is for logs only: it is reached
// by [errors.As] and by logging the error with log/slog.
type Error struct {
	kind   error // one of the sentinels
	detail error
}

func refuse(kind error, detail string) *Error {
	return &Error{kind: kind, detail: errors.New(detail)}
}

// Error returns the text that is safe to show outside.
func (e *Error) Error() string {
	if e == nil || e.kind == nil {
		return unreached
	}
	switch e.kind {
	case ErrAddress, ErrTransport, ErrTimeout:
		return unreached
	case ErrURL:
		return e.kind.Error() + ": " + e.detail.Error() // the details of ErrURL are fixed texts
	}
	return e.kind.Error()
}

// Unwrap returns the sentinel and the detail for logs.
func (e *Error) Unwrap() []error {
	if e == nil || e.kind == nil {
		return nil
	}
	return []error{e.kind, e.detail}
}

// LogValue gives logs the sentinel and the detail that Error withholds, which is
// cut because a server can put long lines into it.
func (e *Error) LogValue() slog.Value {
	if e == nil || e.kind == nil {
		return slog.StringValue(unreached)
	}
	return slog.GroupValue(
		slog.String("refused", e.kind.Error()),
		slog.String("detail", fmt.Sprintf("%.300s", e.detail)),
	)
}

// failure tells whose fault a failed fetch is. A caller that has gone away or
// run out of its own time says nothing about the URL.
func failure(caller context.Context, err error) error {
	if caller.Err() != nil {
		return fmt.Errorf("safehttp: fetch abandoned: %w", caller.Err())
	}
	var address *addressError
	if errors.As(err, &address) {
		return &Error{kind: ErrAddress, detail: err}
	}
	var timed net.Error
	if errors.As(err, &timed) && timed.Timeout() {
		return &Error{kind: ErrTimeout, detail: err}
	}
	return &Error{kind: ErrTransport, detail: err}
}
