package mtls

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"

	"github.com/go-fapi/fapi/internal/jose"
)

// Method is a way to authenticate by certificate: the client's registered
// token_endpoint_auth_method (RFC 8705 sections 2.1.1 and 2.2.1).
type Method string

// The methods. There are no others.
const (
	TLSClientAuth           Method = "tls_client_auth"
	SelfSignedTLSClientAuth Method = "self_signed_tls_client_auth"
)

// Client is the registration of a client that authenticates by certificate.
type Client struct {
	// Method says which of the other fields count.
	Method Method // required

	// Subject is what the certificates of a tls_client_auth client are
	// recognised by.
	Subject Subject // required for TLSClientAuth

	// Roots are the authorities that may issue the certificates of this
	// tls_client_auth client; an intermediate can be one. nil: those of the
	// [ClientAuthenticator]. It must not be empty, and not change while it is
	// in use.
	Roots *x509.CertPool

	// Certificates are those of a self_signed_tls_client_auth client, as
	// [RegisteredCertificates] reads them from its jwks. Without any, the
	// client cannot authenticate.
	Certificates []*x509.Certificate
}

// ClientSource finds registrations.
type ClientSource interface {
	// Client returns the client with this identifier. ok is false when there
	// is none, or when it is registered for another authentication method. An
	// error means that it could not be found out. The identifier is what a
	// stranger sent: printable ASCII, up to 2048 octets. Client must return
	// when ctx is done.
	Client(ctx context.Context, clientID string) (client Client, ok bool, err error)
}

// checkIssued is tls_client_auth: first the subject, which is cheap, then the
// chain. A registration that this server cannot check is a fault of its own.
func (a *ClientAuthenticator) checkIssued(client Client, chain []*x509.Certificate) error {
	roots := client.Roots
	if roots == nil {
		roots = a.roots
	}
	switch {
	case client.Subject.kind == subjectNone:
		return errors.New("mtls: client source: a tls_client_auth client without Subject")
	case roots == nil || isEmpty(roots): // nil would be the system's for crypto/x509
		return errors.New("mtls: a tls_client_auth client, and no Roots to check its certificates")
	case !client.Subject.matches(chain[0]):
		return refuse(ErrSubject, codeClient, presented(chain[0]))
	}
	return verifyChain(chain, roots)
}

// verifyChain makes the checks of RFC 5280 for a client certificate, whatever
// the TLS listener or a proxy may have checked before: a listener that asks for
// certificates of all methods checks none.
func verifyChain(chain []*x509.Certificate, roots *x509.CertPool) error {
	leaf := chain[0]
	if !isSound(leaf) {
		return withCode(malformed("weak key or signature"), codeClient)
	}
	if !maySign(leaf) {
		return refuseChain(leaf, "not for signatures")
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		if isSound(certificate) {
			intermediates.AddCert(certificate)
		}
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: intermediates,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, // the default is a server's
	})
	if err != nil {
		return refuseChain(leaf, chainCause(err))
	}
	return nil
}

func refuseChain(leaf *x509.Certificate, cause string) *Error {
	return refuse(ErrChain, codeClient, presented(leaf), slog.String("cause", cause))
}

// isSound is a closed list, so that what crypto learns to read in future is not
// let in unseen.
func isSound(certificate *x509.Certificate) bool {
	switch certificate.SignatureAlgorithm {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512, x509.PureEd25519:
	default:
		return false
	}
	bits, isRSA := rsaBits(certificate.PublicKey)
	return !isRSA || bits >= minRSABits
}

// maySign is RFC 5280 section 4.2.1.3, which crypto/x509 leaves to its users.
func maySign(certificate *x509.Certificate) bool {
	return certificate.KeyUsage == 0 || certificate.KeyUsage&x509.KeyUsageDigitalSignature != 0
}

// presented identifies a certificate for the log, by what tokens are bound to.
func presented(certificate *x509.Certificate) slog.Attr {
	thumbprint := Thumbprint(certificate)
	return slog.String("presented", jose.Encode(thumbprint[:]))
}

// chainCause says what crypto/x509 objected to. Its own text quotes names.
func chainCause(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "issued by nobody known"
	}
	if _, ok := errors.AsType[x509.UnhandledCriticalExtension](err); ok {
		return "unknown critical extension"
	}
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	switch {
	case ok && invalid.Reason == x509.Expired:
		return "expired or not yet valid"
	case ok && invalid.Reason == x509.IncompatibleUsage:
		return "not for client authentication"
	}
	return "invalid"
}
