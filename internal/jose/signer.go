package jose

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"reflect"
)

// Signer signs compact JWS with one key. The algorithm follows from the key,
// which may live in a KMS or HSM: only crypto.Signer is asked of it. A Signer
// is safe for concurrent use if its crypto.Signer is.
type Signer struct {
	key        crypto.Signer
	public     crypto.PublicKey
	algorithm  string
	thumbprint [32]byte
}

// NewSigner checks the key: P-256, Ed25519, or RSA of 2048 to 8192 bits.
func NewSigner(key crypto.Signer) (*Signer, error) {
	if isNil(key) {
		return nil, badKey("no key")
	}
	if !isWhole(key) {
		return nil, badKey("private half missing")
	}
	public := key.Public()
	algorithm, err := KeyAlgorithm(public)
	if err != nil {
		return nil, err
	}
	thumbprint, err := Thumbprint(public)
	if err != nil {
		return nil, err
	}
	return &Signer{key: key, public: public, algorithm: algorithm, thumbprint: thumbprint}, nil
}

// isNil also sees a nil pointer inside the interface, whose methods would panic.
func isNil(key crypto.Signer) bool {
	if key == nil {
		return true
	}
	v := reflect.ValueOf(key)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

// isWhole refuses a key of the standard library without its private half, which
// would fail or panic only later, in the first request that signs.
func isWhole(key crypto.Signer) bool {
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		//lint:ignore SA1019 a key without its scalar panics when it signs, so the field has to be looked at
		return key.D != nil
	case *rsa.PrivateKey:
		return key.D != nil
	case ed25519.PrivateKey:
		return len(key) == ed25519.PrivateKeySize
	}
	return true
}

// Public is the verification key.
func (s *Signer) Public() crypto.PublicKey { return s.public }

// Algorithm is the JWS algorithm of the key.
func (s *Signer) Algorithm() string { return s.algorithm }

// Thumbprint is the SHA-256 JWK thumbprint of the key (RFC 7638).
func (s *Signer) Thumbprint() [32]byte { return s.thumbprint }

// Header encodes a protected header of alg, typ and kid; empty ones are left
// out. embed adds the public key, as a DPoP proof needs.
func (s *Signer) Header(typ, kid string, embed bool) (string, error) {
	if s == nil || s.key == nil {
		return "", badKey("no key")
	}
	header := []byte(`{"alg":"` + s.algorithm + `"`)
	for _, member := range [...]struct{ name, value string }{{"typ", typ}, {"kid", kid}} {
		if member.value == "" {
			continue
		}
		quoted, err := AppendQuoted(nil, member.value)
		if err != nil {
			return "", err
		}
		header = append(header, `,"`+member.name+`":`...)
		header = append(header, quoted...)
	}
	if embed {
		jwk, err := CanonicalJWK(s.public)
		if err != nil {
			return "", err
		}
		header = append(append(header, `,"jwk":`...), jwk...)
	}
	return Encode(append(header, '}')), nil
}

// Sign makes the compact JWS of an encoded header and a payload. A cancelled
// context stops it before the key is used; crypto.Signer itself takes none.
func (s *Signer) Sign(ctx context.Context, header string, payload []byte) (string, error) {
	if s == nil || s.key == nil {
		return "", badKey("no key")
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	const room = 90 // an ES256 or Ed25519 signature and two dots
	token := make([]byte, 0, len(header)+base64.RawURLEncoding.EncodedLen(len(payload))+room)
	token = append(append(token, header...), '.')
	token = base64.RawURLEncoding.AppendEncode(token, payload)
	signature, err := s.signature(token)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	token = append(token, '.')
	return string(base64.RawURLEncoding.AppendEncode(token, signature)), nil
}

func (s *Signer) signature(input []byte) ([]byte, error) {
	if s.algorithm == EdDSA {
		return s.key.Sign(rand.Reader, input, crypto.Hash(0))
	}
	digest := sha256.Sum256(input)
	if s.algorithm == PS256 {
		return s.key.Sign(rand.Reader, digest[:], pssOptions)
	}
	der, err := s.key.Sign(rand.Reader, digest[:], crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return fromDER(der)
}
