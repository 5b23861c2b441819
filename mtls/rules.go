package mtls

import (
	"errors"
	"log/slog"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// The rules of the request that authenticates a client. They precede those of
// its certificate, and their code is invalid_request.
var (
	ErrRequest = errors.New("request is not a well-formed POST form")         // RFC 6749 3.2
	ErrMethods = errors.New("another client authentication method beside it") // RFC 6749 2.3
)

// formRule is ErrRequest together with the reason, which knows the status: 405,
// 413 or 400.
type formRule struct{ form *oauthhttp.FormError }

func (formRule) Error() string     { return ErrRequest.Error() }
func (r formRule) Unwrap() []error { return []error{ErrRequest, r.form} }

func refuseForm(form *oauthhttp.FormError) *Error {
	return refuse(formRule{form}, codeRequest, slog.Any("cause", form))
}
