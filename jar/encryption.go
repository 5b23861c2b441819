package jar

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"

	"github.com/go-fapi/fapi/internal/jose"
)

// maxObject is the longest object, in octets, that is looked at: an encrypted
// one, which has a signed one of half that length inside.
const maxObject = jose.MaxEncrypted

// EncryptTo is the encryption key of an authorization server, as its jwks_uri
// publishes it with use "enc".
type EncryptTo struct {
	// Key is *rsa.PublicKey of 2048 to 8192 bits, for RSA-OAEP-256, or
	// *ecdsa.PublicKey on P-256, for ECDH-ES.
	Key crypto.PublicKey // required

	// KeyID is the kid of the key. Servers with several keys need it.
	KeyID string

	// Enc is the content encryption, A256GCM or A128CBC-HS256. Empty: A256GCM.
	Enc string
}

// DecryptionKey is a private key of the server, to which clients encrypt.
type DecryptionKey struct {
	// Key is *rsa.PrivateKey of 2048 to 8192 bits, for RSA-OAEP-256, or
	// *ecdsa.PrivateKey on P-256, for ECDH-ES. Use no key that also signs.
	Key crypto.PrivateKey // required

	// KeyID is the kid under which the public half is published. An object that
	// names a kid is decrypted with that key or not at all.
	KeyID string
}

// sampleJWS has the shape of a signed token, which is all that encryption needs.
const sampleJWS = "e30.e30.AA"

// checked copies the configuration once it has encrypted something.
func (e *EncryptTo) checked() (*EncryptTo, error) {
	if e == nil {
		return nil, nil
	}
	if _, err := jose.Encrypt(e.Key, e.KeyID, e.Enc, sampleJWS); err != nil {
		return nil, fmt.Errorf("jar: EncryptTo: %w", err)
	}
	same := *e
	return &same, nil
}

// encrypt makes a nested JWT of a signed one (RFC 9101 section 4).
func (e *EncryptTo) encrypt(token string) (string, error) {
	if e == nil {
		return token, nil
	}
	encrypted, err := jose.Encrypt(e.Key, e.KeyID, e.Enc, token)
	if err != nil {
		return "", fmt.Errorf("jar: %w", err)
	}
	return encrypted, nil
}

// checkedKeys lets each key look at a token that none of them can decrypt: one
// that is unfit says so.
func checkedKeys(keys []DecryptionKey) ([]jose.DecryptionKey, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("jar: %w", err)
	}
	sample, err := jose.Encrypt(stranger.Public(), "", "", sampleJWS)
	if err != nil {
		return nil, fmt.Errorf("jar: %w", err)
	}
	converted := make([]jose.DecryptionKey, len(keys))
	for i, key := range keys {
		converted[i] = jose.DecryptionKey(key)
		if _, err := jose.Decrypt(sample, converted[i:i+1]); !errors.Is(err, jose.ErrDecrypt) {
			return nil, fmt.Errorf("jar: DecryptionKeys: %w", err)
		}
	}
	return converted, nil
}

// decrypted returns the signed object of either form. Whatever fails is one
// refusal, so that no difference helps to guess at keys or content (RFC 7516
// section 11.5). An encrypted object without a signature inside fails too.
func (v *Verifier) decrypted(object string) (string, error) {
	if !jose.IsEncrypted(object) {
		return object, nil
	}
	signed, err := jose.Decrypt(object, v.decryptionKeys)
	if err != nil {
		return "", refuse(ErrDecryption, slog.Any("cause", err))
	}
	return signed, nil
}
