package mtls

import (
	"crypto/sha256"
	"crypto/x509"
)

// Thumbprint is the SHA-256 hash of a certificate's DER encoding: the value to
// bind an access token to, as cnf x5t#S256 (RFC 8705 section 3.1). It covers
// the whole certificate, so a reissued one with the same key has another.
//
// Without a certificate it is zero, which no certificate has and to which
// nothing is bound.
func Thumbprint(certificate *x509.Certificate) [32]byte {
	if certificate == nil || len(certificate.Raw) == 0 {
		return [32]byte{}
	}
	return sha256.Sum256(certificate.Raw)
}
