package jose

import (
	"crypto"
	"errors"
	"fmt"
	"slices"
)

// errNotForEncryption is [errUnusable] for keys that content is encrypted to.
var errNotForEncryption = fmt.Errorf("%w: not an encryption key of a supported kind and strength", ErrKey)

// ParseEncryptionJWK reads a public JWK to encrypt to, as strictly as
// [ParseJWK] reads one to verify with. If it says of itself what it is for,
// that must be encryption, and the algorithm the one of [EncryptionAlgorithm],
// which is the Algorithm of the result.
func ParseEncryptionJWK(data []byte) (JWK, error) {
	key, err := parseEncryptionJWK(data)
	if errors.Is(err, errUnusable) {
		err = errNotForEncryption
	}
	return key, err
}

func parseEncryptionJWK(data []byte) (JWK, error) {
	var m jwkMembers
	if err := ReadObject(data, m.member); err != nil {
		return JWK{}, err
	}
	key, err := m.publicKey(MaxRSABits)
	if err != nil {
		return JWK{}, err
	}
	algorithm, err := m.agreesToEncrypt(key)
	if err != nil {
		return JWK{}, err
	}
	thumbprint, err := Thumbprint(key)
	return JWK{Key: key, KeyID: m.kid, Algorithm: algorithm, Thumbprint: thumbprint}, err
}

// agreesToEncrypt is agrees for encryption.
func (m *jwkMembers) agreesToEncrypt(key crypto.PublicKey) (string, error) {
	algorithm, err := EncryptionAlgorithm(key)
	if err != nil {
		return "", err
	}
	if m.alg != "" && m.alg != algorithm || m.use != "" && m.use != "enc" {
		return "", errUnusable
	}
	operations := [2]string{"wrapKey", "encrypt"}
	if algorithm == ECDHES {
		operations = [2]string{"deriveKey", "deriveBits"}
	}
	fits := func(operation string) bool { return slices.Contains(operations[:], operation) }
	if m.keyOps != nil && !slices.ContainsFunc(m.keyOps, fits) {
		return "", errUnusable
	}
	if m.certificates != nil {
		err = checkCertificate(m.certificates, key)
	}
	return algorithm, err
}
