package program

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/internal/jose"
)

// Files is the folder of a configuration, in which it names files. What cannot be
// read is noted where it is named, and nil.
type Files string

// KeyPair is a certificate, with its intermediates, and its private key: the names
// of two PEM files.
type KeyPair struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

func (f Files) read(s strictjson.Section, name string) []byte {
	if name == "" {
		s.Refuse("required: a file name")
		return nil
	}
	path := name
	if !filepath.IsAbs(name) {
		path = filepath.Join(string(f), name)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		if failed, ok := errors.AsType[*fs.PathError](err); ok {
			err = failed.Err
		}
		s.Refuse("file %s: %v", name, err)
		return nil
	}
	return data
}

// KeyPair reads both files. An expired certificate is refused: it saves the search
// for the reason why all others hang up.
func (f Files) KeyPair(s strictjson.Section, pair KeyPair) (read tls.Certificate) {
	certificate := f.read(s.Field("certificate"), pair.Certificate)
	key := f.read(s.Field("key"), pair.Key)
	if certificate == nil || key == nil {
		return read
	}
	read, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		s.Refuse("must be PEM files of a certificate and its key: %v", err)
		return read
	}
	s.Field("certificate").Unless(time.Now().Before(read.Leaf.NotAfter), "expired on %s", read.Leaf.NotAfter.UTC().Format(time.RFC1123))
	return read
}

// Certificates reads a PEM file with at least one certificate and nothing else.
func (f Files) Certificates(s strictjson.Section, name string) (certificates []*x509.Certificate) {
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

// Pool is nil, the authorities of the system, without a name.
func (f Files) Pool(s strictjson.Section, name string) *x509.CertPool {
	if name == "" {
		return nil
	}
	pool := x509.NewCertPool()
	for _, certificate := range f.Certificates(s, name) {
		s.Unless(certificate.IsCA, "must be certificates of authorities")
		pool.AddCert(certificate)
	}
	return pool
}

// PrivateKey reads a key that signs with PS256, ES256 or EdDSA.
func (f Files) PrivateKey(s strictjson.Section, name string) crypto.Signer {
	data := f.read(s, name)
	if data == nil {
		return nil
	}
	key := parseKey(data)
	if key != nil {
		if _, err := jose.NewSigner(key); err == nil {
			return key
		}
	}
	s.Refuse("file %s: must be a private key, PKCS #8 in PEM or JWK, for PS256, ES256 or EdDSA (FAPI 2.0 SP 5.4.1)", name)
	return nil
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

// PublicKey reads a PEM file (PKIX).
func (f Files) PublicKey(s strictjson.Section, name string) crypto.PublicKey {
	data := f.read(s, name)
	if data == nil {
		return nil
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "PUBLIC KEY" {
		s.Refuse("file %s: must be a public key (PEM)", name)
		return nil
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	s.Unless(err == nil, "file %s: must be a public key (PEM)", name)
	return key
}
