package mtls

import (
	"crypto/x509"
	"net/http"
)

// FromTLS is the [CertificateSource] of a server that terminates TLS itself.
// The listener has to ask for certificates, without checking them:
// [crypto/tls.RequestClientCert] serves clients of all methods, bound tokens
// and browsers alike (RFC 8705 sections 6.1 and 6.2).
//
// A resumed session has the certificate of the full handshake, and only who
// was part of that can resume it.
//
// Behind a proxy the connection is the proxy's, and so is a certificate on it:
// use [FromProxy] there, and never both.
func FromTLS(r *http.Request) ([]*x509.Certificate, error) {
	if r == nil {
		return nil, errNoRequest
	}
	// Before the handshake is complete (early data) nothing has been proven.
	if r.TLS == nil || !r.TLS.HandshakeComplete || len(r.TLS.PeerCertificates) == 0 {
		return nil, refuse(ErrNoCertificate, codeRequest)
	}
	if err := checkChain(r.TLS.PeerCertificates); err != nil {
		return nil, err
	}
	return r.TLS.PeerCertificates, nil
}
