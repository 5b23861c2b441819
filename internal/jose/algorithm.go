package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
)

// The closed set of signature algorithms (FAPI 2.0 Security Profile 5.4.1).
// RS256 and the HMAC family are not values that exist here.
const (
	ES256   = "ES256"
	PS256   = "PS256"
	EdDSA   = "EdDSA"
	Ed25519 = "Ed25519" // RFC 9864's name for EdDSA with Ed25519: accepted, never written
)

// Algorithms is the set in the form of metadata and challenge parameters.
const Algorithms = ES256 + " " + PS256 + " " + EdDSA + " " + Ed25519

// Supported reports whether alg, compared exactly, is in the closed set.
func Supported(alg string) bool {
	return alg == ES256 || alg == PS256 || alg == EdDSA || alg == Ed25519
}

// IsAlgorithmOf reports whether the alg of a header or JWK names the algorithm
// own of a key.
func IsAlgorithmOf(alg, own string) bool {
	return alg == own || alg == Ed25519 && own == EdDSA
}

// KeyAlgorithm is the one algorithm of a key, or [ErrKey] for a key of another
// kind, curve or strength. It is cheap enough to run before every signature
// check: a bound on the modulus has to stand before the arithmetic, since an
// RSA key of 65,536 bits costs a third of a second to use.
func KeyAlgorithm(key crypto.PublicKey) (string, error) {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		//lint:ignore SA1019 a key without coordinates panics in every method, so the fields have to be looked at
		if key == nil || key.Curve != elliptic.P256() || key.X == nil || key.Y == nil {
			return "", errUnusable
		}
		return ES256, nil
	case *rsa.PublicKey:
		return PS256, checkRSA(key, MaxRSABits)
	case ed25519.PublicKey:
		return EdDSA, checkEd25519(key)
	}
	return "", errUnusable
}

// Verify checks one signature. The algorithm of the header must be in the
// closed set and be the key's own; nothing else is ever tried.
func Verify(key crypto.PublicKey, alg, signingInput string, signature []byte) error {
	if !Supported(alg) {
		return ErrAlgorithm
	}
	own, err := KeyAlgorithm(key)
	if err != nil {
		return err
	}
	if !IsAlgorithmOf(alg, own) {
		return ErrAlgorithm
	}
	// The stack buffer keeps the usual input off the heap.
	var buffer [1024]byte
	input := append(buffer[:0], signingInput...)
	if !verify(key, input, signature) {
		return ErrSignature
	}
	return nil
}

func verify(key crypto.PublicKey, input, signature []byte) bool {
	if key, ok := key.(ed25519.PublicKey); ok {
		return ed25519.Verify(key, input, signature)
	}
	digest := sha256.Sum256(input)
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		var buffer [maxDER]byte
		der, ok := appendDER(buffer[:0], signature)
		return ok && ecdsa.VerifyASN1(key, digest[:], der)
	case *rsa.PublicKey:
		return rsa.VerifyPSS(key, crypto.SHA256, digest[:], signature, pssOptions) == nil
	}
	return false
}

// pssOptions: RFC 7518 section 3.5, the salt is as long as the hash.
var pssOptions = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
