package phantom

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// errUpstream is trouble with what an API answered; [fail] gets it.
type errUpstream string

func (e errUpstream) Error() string { return "the API answered with " + string(e) }

// fail answers for an API that could not, or for a client that ended badly.
func fail(w http.ResponseWriter, r *http.Request, err error) {
	p := passageOf(r)
	p.err = fault.Of("phantom: upstream", &trouble{text: tell(err), cause: err})
	status, code := http.StatusBadGateway, "server_error"
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok { // a limit that somebody put around the gateway
		status, code = http.StatusRequestEntityTooLarge, "invalid_request"
	} else if p.upload.failed.Load() {
		status, code = http.StatusBadRequest, "invalid_request"
		p.err = refuse(ErrBody, status)
	} else if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		status = http.StatusGatewayTimeout
	}
	maps.Copy(w.Header(), p.header)
	oauthhttp.WriteTokenError(w, status, code, "")
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// trouble has a text of its own in place of the cause's, for logs.
type trouble struct {
	text  string
	cause error
}

func (t *trouble) Error() string { return t.text }
func (t *trouble) Unwrap() error { return t.cause }

// tell names what went wrong. Other errors quote what the API wrote, which may
// hold the JWT that it was sent: of those, only the innermost type is told.
func tell(err error) string {
	for _, known := range [...]error{context.Canceled, context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	if own, ok := errors.AsType[errUpstream](err); ok {
		return own.Error()
	}
	if network, ok := errors.AsType[*net.OpError](err); ok { // addresses
		return network.Error()
	}
	if certificate, ok := errors.AsType[*tls.CertificateVerificationError](err); ok { // its names, from before any request
		return certificate.Error()
	}
	if limit, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return limit.Error()
	}
	if isTimeout(err) {
		return "it took too long"
	}
	inner := err
	for next := err; next != nil; next = errors.Unwrap(next) {
		inner = next
	}
	return fmt.Sprintf("it failed (%T)", inner)
}
