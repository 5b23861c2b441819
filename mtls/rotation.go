package mtls

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Rotator holds the certificate that a client shows at present, and lets the
// next one take its place without a request being lost. It is safe for
// concurrent use.
//
// An access token is bound to the certificate with which it was asked for: to
// another one it is of no use (RFC 8705 section 6.3). After Rotate, get new
// access tokens, for instance by refresh: the refresh token of a confidential
// client stays good. A self-signed certificate has to be registered before it
// is rotated in.
type Rotator struct {
	current atomic.Pointer[tls.Certificate]
}

// NewRotator starts with a certificate: the leaf and then its intermediates, as
// tls.LoadX509KeyPair reads them. The private key can be any [crypto.Signer],
// also one whose key stays in a module.
func NewRotator(certificate tls.Certificate) (*Rotator, error) {
	r := &Rotator{}
	if err := r.Rotate(certificate); err != nil {
		return nil, err
	}
	return r, nil
}

// Rotate puts another certificate in place for all requests that begin from now
// on. Those under way end as they began.
//
// It is an error, and the present certificate stays, if the private key is not
// that of the certificate, or if the certificate has expired: that is the file
// of last time.
func (r *Rotator) Rotate(certificate tls.Certificate) error {
	if r == nil {
		return errRotator
	}
	if err := checkPair(&certificate); err != nil {
		return err
	}
	r.current.Store(&certificate)
	return nil
}

// Certificate is the present certificate, for instance to compare its
// [Thumbprint] with that of a token. It is nil in a Rotator that was not made
// by [NewRotator].
func (r *Rotator) Certificate() *x509.Certificate {
	if r == nil || r.current.Load() == nil {
		return nil
	}
	return r.current.Load().Leaf
}

// GetClientCertificate is for [tls.Config], where requests are not made with
// [Rotator.Transport]. It has the present certificate sent to every server that
// asks for one, whichever authorities that server names.
//
// A connection keeps the certificate of its handshake, and so does a TLS
// session that is resumed: after Rotate, close idle connections, and do not
// share a ClientSessionCache between certificates.
func (r *Rotator) GetClientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	if r == nil || r.current.Load() == nil {
		return nil, errRotator
	}
	return r.current.Load(), nil
}

var errRotator = errors.New("mtls: a Rotator not made by NewRotator")

// checkPair also sets the leaf.
func checkPair(certificate *tls.Certificate) error {
	if len(certificate.Certificate) == 0 {
		return errors.New("mtls: no certificate")
	}
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		return fmt.Errorf("mtls: certificate: %w", err)
	}
	signer, ok := certificate.PrivateKey.(crypto.Signer)
	if !ok {
		return errors.New("mtls: the private key is required, as a crypto.Signer")
	}
	public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(leaf.PublicKey) {
		return errors.New("mtls: the private key is not that of the certificate")
	}
	if time.Now().After(leaf.NotAfter) {
		return errors.New("mtls: the certificate has expired")
	}
	certificate.Leaf = leaf
	return nil
}
