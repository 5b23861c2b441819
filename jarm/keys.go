package jarm

import (
	"context"
	"crypto"
	"errors"
	"fmt"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
)

// maxCandidates bounds the signature checks one response can cause. It is what
// package jwks returns at most.
const maxCandidates = 8

// KeySource finds public keys of the authorization server, as a rule in the JWK
// Set that its metadata names (JARM section 2.4-5).
//
// kid and alg are from the header of a response that is not verified yet: kid is
// any text, to be compared exactly, and empty if there is none; alg is one of
// ES256, PS256, EdDSA and Ed25519. The result are the keys that have this kid
// and can have made such a signature; more than eight refuse the response, since
// which of them to try would be a guess.
//
// No keys and no error mean that there is no such key. An error means that it
// could not be found out. Keys must return when ctx is done.
type KeySource interface {
	Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

// checkSignature treats a panic as a failure of the KeySource: its code and the
// keys it returns are the only things here that are not ours.
func (d *Decoder) checkSignature(ctx context.Context, token *jose.JWS) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Panic("jarm: key source or key", p)
		}
	}()
	keys, err := d.keys.Keys(ctx, token.Header.KeyID, token.Header.Algorithm)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fault.Of("jarm: key source", err)
	}
	if n := len(keys); n == 0 || n > maxCandidates {
		return refuse(ErrKey, fmt.Errorf("%d candidates", n))
	}
	return tryKeys(token, keys)
}

// tryKeys reports a wrong signature rather than a key that did not fit.
func tryKeys(token *jose.JWS, keys []crypto.PublicKey) error {
	var refusal error
	for _, key := range keys {
		err := token.Verify(key)
		if err == nil {
			return nil
		}
		if !errors.Is(refusal, jose.ErrSignature) {
			refusal = err
		}
	}
	return refuseJOSE(refusal)
}

// DecryptionKey is a private key that responses are encrypted to.
type DecryptionKey struct {
	Key   crypto.PrivateKey // *rsa.PrivateKey of 2048 to 8192 bits, or *ecdsa.PrivateKey on P-256
	KeyID string            // the kid under which its public half is published
}

// tryDecryption finds a key that is unfit, or that lacks its private half, before
// a user has logged in for nothing.
func tryDecryption(key DecryptionKey) (err error) {
	defer func() {
		if recover() != nil {
			err = errDecryptionKey
		}
	}()
	private, ok := key.Key.(interface{ Public() crypto.PublicKey })
	if !ok {
		return errDecryptionKey
	}
	token, err := jose.Encrypt(private.Public(), key.KeyID, "", "e30.e30.e30")
	if err == nil {
		_, err = jose.Decrypt(token, []jose.DecryptionKey{jose.DecryptionKey(key)})
	}
	if err != nil {
		return errDecryptionKey
	}
	return nil
}

var errDecryptionKey = errors.New("jarm: each of DecryptionKeys must be a whole RSA key of 2048 to 8192 bits or P-256 key")

func (d *Decoder) decrypt(response string) (string, error) {
	jws, err := jose.Decrypt(response, d.private)
	switch {
	case err == nil:
		return jws, nil
	case errors.Is(err, jose.ErrDecrypt):
		return "", refuse(ErrDecrypt, nil)
	case errors.Is(err, jose.ErrKey):
		return "", fault.Of("jarm: decryption", err) // ours, and found unfit
	}
	return "", refuseJOSE(err)
}
