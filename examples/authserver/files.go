package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/internal/jose"
)

// files reads what the configuration names, relative to its folder.
type files struct {
	config  *config
	folder  string
	sectors sectors
}

func (f files) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(f.folder, name)
}

// read notes a file that cannot be read, and returns nil.
func (f files) read(s strictjson.Section, name string) []byte {
	if name == "" {
		s.Refuse("required: a file name")
		return nil
	}
	data, err := os.ReadFile(f.path(name))
	if err != nil {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err
		}
		s.Refuse("file %s: %v", name, err)
		return nil
	}
	return data
}

// keyPair is the certificate of both listeners.
func (f files) keyPair(s strictjson.Section) (pair tls.Certificate) {
	certificate := f.read(s.Field("certificate"), f.config.TLS.Certificate)
	key := f.read(s.Field("key"), f.config.TLS.Key)
	if certificate == nil || key == nil {
		return pair
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		s.Refuse("must be PEM files of a certificate and its key: %v", err)
		return pair
	}
	f.checkServerCertificate(s.Field("certificate"), pair.Leaf)
	return pair
}

// checkServerCertificate saves the search for the reason why all clients hang up.
func (f files) checkServerCertificate(s strictjson.Section, certificate *x509.Certificate) {
	s.Unless(time.Now().Before(certificate.NotAfter), "expired on %s (those of -init are good for a day)", certificate.NotAfter.UTC().Format(time.RFC1123))
	origins := map[string]string{"issuer": f.config.Issuer, "mtls_origin": f.config.MTLSOrigin}
	for _, name := range []string{"issuer", "mtls_origin"} {
		if u, err := url.Parse(origins[name]); err == nil && u.Hostname() != "" {
			s.Unless(certificate.VerifyHostname(u.Hostname()) == nil, "must be for the host of %s (FAPI 2.0 SP 5.2.1-5)", name)
		}
	}
}

// certificates reads a PEM file with at least one certificate and nothing else.
func (f files) certificates(s strictjson.Section, name string) (certificates []*x509.Certificate) {
	data := f.read(s, name)
	if data == nil {
		return nil
	}
	block, rest := pem.Decode(data)
	for ; block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			s.Refuse("file %s: must have certificates only", name)
			return nil
		}
		certificates = append(certificates, certificate)
	}
	s.Unless(len(certificates) > 0, "file %s: must have certificates (PEM)", name)
	return certificates
}

// clientRoots is nil without client_ca.
func (f files) clientRoots(s strictjson.Section) *x509.CertPool {
	if f.config.ClientCA == "" {
		return nil
	}
	pool := x509.NewCertPool()
	for _, certificate := range f.certificates(s, f.config.ClientCA) {
		s.Unless(certificate.IsCA, "must be certificates of authorities")
		pool.AddCert(certificate)
	}
	return pool
}

// signingKey is a new key if none is configured, and nil if it was refused.
func (f files) signingKey(s strictjson.Section) (key crypto.Signer, alg string) {
	if f.config.SigningKey == "" {
		fresh, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		s.Unless(err == nil, "no random key: %v", err)
		return fresh, jose.ES256
	}
	data := f.read(s, f.config.SigningKey)
	if data == nil {
		return nil, ""
	}
	key = parseKey(data)
	if alg = algorithmOf(key); alg == "" {
		s.Refuse("file %s: must be a private key, PKCS #8 in PEM or JWK, for PS256, ES256 or EdDSA (FAPI 2.0 SP 5.4.1)", f.config.SigningKey)
		return nil, ""
	}
	return key, alg
}

// subjectKey is nil, and the server makes its own, unless one is configured.
func (f files) subjectKey(s strictjson.Section) []byte {
	if f.config.SubjectKey == "" {
		return nil
	}
	key := f.read(s, f.config.SubjectKey)
	s.Unless(key == nil || len(key) >= 32, "file %s: must have 32 octets or more", f.config.SubjectKey)
	return key
}

// parseKey is nil for what is not a private key.
func parseKey(data []byte) crypto.Signer {
	block, _ := pem.Decode(data)
	if block == nil {
		key, err := jose.ParsePrivateJWK(data)
		if err != nil {
			return nil
		}
		return key
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil
	}
	key, _ := parsed.(crypto.Signer)
	return key
}

// algorithmOf is empty for keys that FAPI does not sign with.
func algorithmOf(key crypto.Signer) string {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		if key.Curve == elliptic.P256() {
			return jose.ES256
		}
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits >= jose.MinRSABits && bits <= jose.MaxRSABits {
			return jose.PS256
		}
	case ed25519.PrivateKey:
		return jose.EdDSA
	}
	return ""
}
