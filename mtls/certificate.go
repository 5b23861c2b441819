package mtls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"log/slog"
	"net/http"
)

// CertificateSource finds the certificate whose key the sender of a request
// proved to have, and the intermediates that came with it: the leaf first, then
// in the order received. Nothing about the chain has been verified.
//
// A request without a certificate is [ErrNoCertificate], never an empty chain
// without an error. An error that is not an [*Error] is a fault of the server.
// The certificates are shared between requests: do not change them.
//
// [FromTLS] is one, [FromProxy] makes others.
type CertificateSource func(r *http.Request) (chain []*x509.Certificate, err error)

// chainOf asks the source, by default [FromTLS], holds it to the limits below
// whoever made it, and gives refusals the code of the caller. The chain is
// never empty when err is nil.
func chainOf(source CertificateSource, r *http.Request, code string) ([]*x509.Certificate, error) {
	if r == nil {
		return nil, errNoRequest
	}
	if source == nil {
		source = FromTLS
	}
	chain, err := source(r)
	switch {
	case err != nil:
		return nil, withCode(err, code)
	case len(chain) == 0 || chain[0] == nil:
		return nil, refuse(ErrNoCertificate, code)
	}
	if err := checkChain(chain); err != nil {
		return nil, withCode(err, code)
	}
	return chain, nil
}

// Limits of a chain. A certificate authority's key of any size fits into a
// header, and verifying with 65,536 bits of RSA takes a third of a second.
const (
	maxChain   = 10   // certificates, the leaf included
	minRSABits = 2048 // FAPI 2.0 section 5.4.1; of the leaf
	maxRSABits = 8192 // what crypto/tls takes
)

// checkChain refuses leaves whose key is too weak to be possessed by one party
// only, and chains that are too costly to verify. Dates, usages and signatures
// are no matter here: RFC 8705 section 6.2 wants none of them for bound tokens.
func checkChain(chain []*x509.Certificate) error {
	if len(chain) > maxChain {
		return malformed("too many certificates")
	}
	for i, certificate := range chain {
		if certificate == nil {
			return malformed("a certificate is nil")
		}
		if bits, isRSA := rsaBits(certificate.PublicKey); isRSA && (bits > maxRSABits || i == 0 && bits < minRSABits) {
			return malformed("RSA key of the wrong size")
		}
	}
	switch chain[0].PublicKey.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return nil
	}
	return malformed("unknown kind of key")
}

func rsaBits(key crypto.PublicKey) (bits int, isRSA bool) {
	if rsaKey, ok := key.(*rsa.PublicKey); ok {
		return rsaKey.N.BitLen(), true
	}
	return 0, false
}

// malformed is a refused certificate. The cause names the kind of defect and
// quotes nothing.
func malformed(cause string) *Error {
	return refuse(ErrCertificate, codeRequest, slog.String("cause", cause))
}
