package jose

import (
	"crypto"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
)

// The closed sets of encryption: two ways to agree on a content key, which
// follow from the recipient's key, and two ways to encrypt content. RSA1_5, key
// wrapping, passwords and shared keys are not values that exist here.
const (
	RSAOAEP256   = "RSA-OAEP-256"
	ECDHES       = "ECDH-ES" // direct key agreement, RFC 7518 section 4.6
	A256GCM      = "A256GCM"
	A128CBCHS256 = "A128CBC-HS256"
)

// MaxEncrypted is the longest compact JWE, in octets, that is looked at: room
// for a JWS of [MaxToken] octets and the base64url around it.
const MaxEncrypted = 32 << 10

var (
	// ErrDecrypt is the one error for everything that depends on key material:
	// an unknown kid, the wrong key, bad padding, a bad tag, an ephemeral key off
	// the curve. Telling them apart would make an oracle of the caller.
	ErrDecrypt = errors.New("cannot be decrypted")
	// ErrUnsigned is an [ErrMalformed]: authentic ciphertext whose content is not
	// a signed token. Whoever knows a public key can encrypt to it, so encryption
	// alone proves nothing about the sender.
	ErrUnsigned = fmt.Errorf("%w: the encrypted content is not a signed token", ErrMalformed)
)

// EncryptionAlgorithm is the one key management algorithm of a public key:
// [RSAOAEP256] for RSA of 2048 to 8192 bits, [ECDHES] for P-256, otherwise
// [ErrKey].
func EncryptionAlgorithm(key crypto.PublicKey) (string, error) {
	algorithm, err := KeyAlgorithm(key)
	switch {
	case errors.Is(err, errUnusable) || algorithm == EdDSA:
		return "", errNotForEncryption
	case err != nil:
		return "", err
	case algorithm == PS256:
		return RSAOAEP256, nil
	}
	if _, err := key.(*ecdsa.PublicKey).ECDH(); err != nil {
		return "", badKey("not a point on P-256")
	}
	return ECDHES, nil
}

// IsEncrypted reports whether a token has the five segments of a compact JWE
// (RFC 7516 section 7.1). It says nothing about what is in them.
func IsEncrypted(token string) bool { return strings.Count(token, ".") == 4 }

// Encrypt encrypts a compact JWS, and nothing else, to a public key. kid may be
// empty; enc is [A256GCM] or [A128CBCHS256], "" means A256GCM. The header
// states "cty":"JWT", as RFC 7519 section 5.2 demands of a nested token.
func Encrypt(to crypto.PublicKey, kid, enc, jws string) (string, error) {
	if enc == "" {
		enc = A256GCM
	}
	if !isContentAlgorithm(enc) {
		return "", ErrAlgorithm
	}
	algorithm, err := EncryptionAlgorithm(to)
	if err != nil {
		return "", err
	}
	if err := checkSigned(jws); err != nil {
		return "", err
	}
	if !utf8.ValidString(kid) {
		return "", malformed("invalid UTF-8")
	}
	return seal(to, algorithm, kid, enc, jws)
}

func seal(to crypto.PublicKey, algorithm, kid, enc, jws string) (string, error) {
	header := jwe.NewHeaders()
	if err := header.Set(jwe.ContentTypeKey, "JWT"); err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	if kid != "" {
		if err := header.Set(jwe.KeyIDKey, kid); err != nil {
			return "", fmt.Errorf("encrypting: %w", err)
		}
	}
	token, err := jwe.Encrypt([]byte(jws),
		jwe.WithKey(jwa.KeyEncryptionAlgorithm(algorithm), to),
		jwe.WithContentEncryption(jwa.ContentEncryptionAlgorithm(enc)),
		jwe.WithProtectedHeaders(header))
	if err != nil {
		return "", fmt.Errorf("encrypting: %w", err)
	}
	if len(token) > MaxEncrypted {
		return "", ErrLimit // an absurd kid
	}
	return string(token), nil
}

func isContentAlgorithm(enc string) bool { return enc == A256GCM || enc == A128CBCHS256 }

// checkSigned wants the shape of a signed compact JWS. Its header, algorithm
// and signature are [Parse]'s and [JWS.Verify]'s to judge.
func checkSigned(content string) error {
	c, err := Split(content)
	if errors.Is(err, ErrLimit) {
		return err
	}
	if err != nil || c.Signature == "" {
		return ErrUnsigned
	}
	for _, segment := range [...]string{c.Header, c.Payload, c.Signature} {
		if _, err := Decode(segment); err != nil {
			return ErrUnsigned
		}
	}
	return nil
}
