package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
)

// maxTrials bounds the private-key operations that one token can cause: enough
// for two keys in rotation, twice over.
const maxTrials = 4

// contentKey is the length, in octets, of the key of both content algorithms.
const contentKey = 32

// DecryptionKey is a private key, with the identifier under which its public
// half is published.
type DecryptionKey struct {
	Key   crypto.PrivateKey // *rsa.PrivateKey, or *ecdsa.PrivateKey on P-256
	KeyID string            // empty: only for tokens without a kid
}

// Decrypt decrypts a compact JWE whose content is a signed token, and returns
// that token: unverified, so that the caller's next step is [Parse]. The key is
// the one the kid names, compared exactly; for a token without one, the first
// four keys of its algorithm are tried in order.
//
// The error is [ErrLimit], [ErrMalformed] or [ErrAlgorithm] for what anybody
// can see of the token, [ErrDecrypt] for all that depends on key material,
// [ErrUnsigned] for content that is not "cty":"JWT" and a compact JWS, and
// [ErrKey] if one of keys is unfit, whether the token needs it or not.
func Decrypt(token string, keys []DecryptionKey) (jws string, err error) {
	shape, err := readEncrypted(token)
	if err != nil {
		return "", err
	}
	candidates, err := shape.candidates(keys)
	if err != nil {
		return "", err
	}
	for _, key := range candidates {
		content, err := open(token, shape.header.algorithm, key)
		if err != nil {
			continue
		}
		if !IsType(shape.header.contentType, "JWT") {
			return "", ErrUnsigned
		}
		if err := checkSigned(string(content)); err != nil {
			return "", err
		}
		return string(content), nil
	}
	return "", ErrDecrypt
}

// candidates are the keys that the token can be for.
func (s *encryptedShape) candidates(keys []DecryptionKey) ([]crypto.PrivateKey, error) {
	var fit []crypto.PrivateKey
	for _, key := range keys {
		algorithm, size, err := key.check()
		if err != nil {
			return nil, err
		}
		named := s.header.keyID == "" || s.header.keyID == key.KeyID
		if named && algorithm == s.header.algorithm && size == s.encryptedKey && len(fit) < maxTrials {
			fit = append(fit, key.Key)
		}
	}
	return fit, nil
}

// check returns the algorithm of a key and how long its encrypted keys are.
func (k *DecryptionKey) check() (algorithm string, size int, err error) {
	switch key := k.Key.(type) {
	case *rsa.PrivateKey:
		if key == nil || !isWhole(key) {
			return "", 0, badKey("private half missing")
		}
		algorithm, err = EncryptionAlgorithm(&key.PublicKey)
		if err == nil {
			size = key.Size()
		}
		return algorithm, size, err
	case *ecdsa.PrivateKey:
		if key == nil || !isWhole(key) {
			return "", 0, badKey("private half missing")
		}
		algorithm, err = EncryptionAlgorithm(&key.PublicKey)
		return algorithm, 0, err
	}
	return "", 0, errNotForEncryption
}

// open decrypts with one key. The input was checked, so no panic is known to be
// reachable; should one be, the token is refused and the process lives.
func open(token, algorithm string, key crypto.PrivateKey) (content []byte, err error) {
	defer func() {
		if recover() != nil {
			content, err = nil, ErrDecrypt
		}
	}()
	var unwrapping any = key
	if key, ok := key.(*rsa.PrivateKey); ok {
		unwrapping = oaepKey{key}
	}
	content, err = jwe.Decrypt([]byte(token), jwe.WithKey(jwa.KeyEncryptionAlgorithm(algorithm), unwrapping))
	if err != nil {
		return nil, ErrDecrypt
	}
	return content, nil
}

// oaepKey decrypts content keys with RSA-OAEP. One that does not decrypt, or is
// of a wrong length, becomes a random one, whose tag then fails: RFC 7516
// section 11.5, so that time does not tell the two failures apart.
type oaepKey struct{ private *rsa.PrivateKey }

// DecryptKey implements [jwe.KeyDecrypter].
func (k oaepKey) DecryptKey(_ jwa.KeyEncryptionAlgorithm, encrypted []byte, _ jwe.Recipient, _ *jwe.Message) ([]byte, error) {
	random := make([]byte, contentKey)
	if _, err := rand.Read(random); err != nil {
		return nil, err
	}
	key, err := rsa.DecryptOAEP(sha256.New(), nil, k.private, encrypted, nil)
	if err != nil || len(key) != contentKey {
		return random, nil
	}
	return key, nil
}
