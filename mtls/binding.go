package mtls

import (
	"log/slog"
	"net/http"

	"github.com/go-fapi/fapi/internal/jose"
)

// Binding is the cnf.Method of certificate-bound access tokens (RFC 8705
// section 3). The zero Binding reads the TLS connection.
//
// Possession of the certificate's key is all it asks. Dates, issuer and
// revocation of the certificate do not matter (section 6.2): they were the
// authorization server's concern.
type Binding struct {
	// Certificate finds the client's certificate. nil: [FromTLS].
	Certificate CertificateSource
}

// Scheme is Bearer: such tokens are sent as bearer tokens, and are none.
func (Binding) Scheme() string { return "Bearer" }

// Member is x5t#S256 (RFC 8705 section 3.1).
func (Binding) Member() string { return "x5t#S256" }

// Confirm checks that the request comes with the certificate a token is bound
// to. It looks at every request anew, whatever the listener, the host or the
// session promised. A refusal is an [*Error] with the code invalid_token:
// [ErrBinding], or why there is no usable certificate.
//
// If the certificate may be in a header, Confirm sets Cache-Control: no-store
// in h, since a cache between the proxy and this server must not answer for it
// (RFC 9440 section 2.4). A handler that knows better can replace it.
func (b Binding) Confirm(h http.Header, r *http.Request, _ string, bound [32]byte) error {
	if b.Certificate != nil && h != nil {
		h.Set("Cache-Control", "no-store")
	}
	chain, err := chainOf(b.Certificate, r, codeToken)
	if err != nil {
		return err
	}
	presented := Thumbprint(chain[0])
	if presented != bound || bound == [32]byte{} {
		return refuse(ErrBinding, codeToken,
			slog.String("bound", jose.Encode(bound[:])), slog.String("presented", jose.Encode(presented[:])))
	}
	return nil
}
