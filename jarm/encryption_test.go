package jarm_test

import (
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jarm"
)

// registry is an EncryptionSource.
type registry map[string]jarm.EncryptionKey

func (r registry) EncryptionKey(_ context.Context, clientID string) (jarm.EncryptionKey, bool, error) {
	if clientID == "broken" {
		return jarm.EncryptionKey{}, false, errors.New("no key served")
	}
	key, ok := r[clientID]
	return key, ok, nil
}

func decrypting(keys ...jarm.DecryptionKey) func(*jarm.DecoderConfig) {
	return func(c *jarm.DecoderConfig) { c.DecryptionKeys = keys }
}

func ecKey() jarm.DecryptionKey {
	return jarm.DecryptionKey{Key: testkeys.ES256("client enc"), KeyID: "enc-ec"}
}

func rsaKey() jarm.DecryptionKey {
	return jarm.DecryptionKey{Key: testkeys.PS256(), KeyID: "enc-rsa"}
}

func publicOf(key jarm.DecryptionKey) crypto.PublicKey {
	return key.Key.(crypto.Signer).Public()
}

func encrypted(t testing.TB, key jarm.DecryptionKey, jws string) string {
	t.Helper()
	token, err := jose.Encrypt(publicOf(key), key.KeyID, "", jws)
	require.NoError(t, err)
	return token
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]jarm.DecryptionKey{"ECDH-ES": ecKey(), "RSA-OAEP-256": rsaKey()} {
		for _, enc := range []string{"", "A128CBC-HS256", "A256GCM"} {
			t.Run(name+" "+enc, func(t *testing.T) {
				t.Parallel()
				encoder := newEncoder(t, func(c *jarm.EncoderConfig) {
					c.Encryption = registry{client: {Key: publicOf(key), KeyID: key.KeyID, ContentEncryption: enc}}
				})
				got, err := encoder.Encode(t.Context(), client, granted())
				require.NoError(t, err)
				require.NotContains(t, got, jose.Encode([]byte(`{"iss"`))[:6])
				header, err := jose.Decode(strings.Split(got, ".")[0])
				require.NoError(t, err)
				var members map[string]any
				require.NoError(t, json.Unmarshal(header, &members))
				if enc == "" {
					enc = "A128CBC-HS256" // JARM section 3
				}
				require.Equal(t, []any{name, enc, "JWT", key.KeyID}, []any{members["alg"], members["enc"], members["cty"], members["kid"]})
				newRP(t, decrypting(ecKey(), rsaKey())).accepts(t, getResponse(got))

				got, err = encoder.Encode(t.Context(), "client-2", granted())
				require.NoError(t, err)
				require.False(t, jose.IsEncrypted(got), "did not register encryption")
			})
		}
	}
}

// A client that registered encryption is never sent a response in the clear.
func TestEncryptionFaults(t *testing.T) {
	t.Parallel()
	for name, source := range map[string]jarm.EncryptionSource{
		"the source errs":          registry{},
		"no key":                   registry{"broken-1": {}},
		"a key for signatures":     registry{"broken-1": {Key: testkeys.EdDSA("a").Public()}},
		"an unknown encryption":    registry{"broken-1": {Key: publicOf(ecKey()), ContentEncryption: "A128GCM"}},
		"the source panics":        (*panicking)(nil),
		"a key without its fields": registry{"broken-1": {Key: &rsa.PublicKey{}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encoder := newEncoder(t, func(c *jarm.EncoderConfig) { c.Encryption = source })
			id := "broken-1"
			if name == "the source errs" {
				id = "broken"
			}
			got, err := encoder.Encode(t.Context(), id, granted())
			require.ErrorContains(t, err, "jarm: ")
			require.Empty(t, got)
		})
	}
}

type panicking struct{ key jarm.EncryptionKey }

func (p *panicking) EncryptionKey(context.Context, string) (jarm.EncryptionKey, bool, error) {
	return p.key, true, nil
}

func TestAttackEncryption(t *testing.T) {
	t.Parallel()
	token := response(t, sound())
	t.Run("J13 not encrypted, or without agreement", func(t *testing.T) {
		t.Parallel()
		p := newRP(t, decrypting(ecKey()))
		p.refuses(t, jarm.ErrDecrypt, token)
		newRP(t).refuses(t, jarm.ErrDecrypt, encrypted(t, ecKey(), token))
		p.accepts(t, getResponse(encrypted(t, ecKey(), token)))
		newRP(t).accepts(t, getResponse(token))
	})
	t.Run("J13 to another key", func(t *testing.T) {
		t.Parallel()
		p := newRP(t, decrypting(ecKey()))
		other := jarm.DecryptionKey{Key: testkeys.ES256("other"), KeyID: "enc-ec"}
		p.refuses(t, jarm.ErrDecrypt, encrypted(t, other, token))
		p.refuses(t, jarm.ErrDecrypt, encrypted(t, rsaKey(), token))
		p.accepts(t, getResponse(encrypted(t, ecKey(), token)))
	})
	t.Run("J13, S59 what is inside is checked like anything else", func(t *testing.T) {
		t.Parallel()
		p := newRP(t, decrypting(ecKey()))
		p.refuses(t, jarm.ErrSignature, encrypted(t, ecKey(), sign(t, testkeys.ES256("evil"), es256Header, sound().json(t))))
		p.refuses(t, jarm.ErrIssuer, encrypted(t, ecKey(), response(t, sound().with("iss", "https://evil.example"))))
		p.refuses(t, jarm.ErrAlgorithm, encrypted(t, ecKey(), sign(t, serverKey(), `{"alg":"none"}`, sound().json(t))))
		p.accepts(t, getResponse(encrypted(t, ecKey(), token)))
	})
	t.Run("J13, S59 a JWE of claims, of an unsecured JWT, of a JWE", func(t *testing.T) {
		t.Parallel()
		p := newRP(t, decrypting(rsaKey()))
		unsecured := jose.Encode([]byte(`{"alg":"none"}`)) + "." + jose.Encode([]byte(sound().json(t))) + "."
		for _, content := range []string{sound().json(t), unsecured, encrypted(t, rsaKey(), token), ""} {
			p.refuses(t, jarm.ErrMalformed, seal(t, `{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}`, content))
		}
		p.refuses(t, jarm.ErrMalformed, seal(t, `{"alg":"RSA-OAEP-256","enc":"A256GCM"}`, token))
		p.accepts(t, getResponse(seal(t, `{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}`, token)))
	})
	t.Run("J13, S42, S54, S56, S57 headers of other kinds", func(t *testing.T) {
		t.Parallel()
		p := newRP(t, decrypting(rsaKey()))
		p.refuses(t, jarm.ErrMalformed, seal(t, `{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT","zip":"DEF"}`, token))
		for _, alg := range []string{"RSA1_5", "RSA-OAEP", "dir", "A128KW", "PBES2-HS256+A128KW", "ECDH-ES+A128KW", "none", ""} {
			p.refuses(t, jarm.ErrAlgorithm, seal(t, `{"alg":"`+alg+`","enc":"A256GCM","cty":"JWT","p2c":1000000000}`, token))
		}
		good := seal(t, `{"alg":"RSA-OAEP-256","enc":"A256GCM","cty":"JWT"}`, token)
		parts := strings.Split(good, ".")
		for _, bad := range [][]string{
			{parts[0], "", parts[2], parts[3], parts[4]}, {parts[0], parts[1], parts[2], parts[3], parts[4][:8]},
			{"", "", "", "", ""}, {parts[0], parts[1], "", parts[3], parts[4]},
		} {
			p.refuses(t, jarm.ErrMalformed, strings.Join(bad, "."))
		}
		p.refuses(t, jarm.ErrMalformed, good+strings.Repeat("A", 40<<10))
		p.refuses(t, jarm.ErrDecrypt, strings.Join([]string{parts[0], parts[1], parts[2], parts[3], jose.Encode(make([]byte, 16))}, "."))
		p.accepts(t, getResponse(good))
	})
}

// seal is a JWE to rsaKey with any header and any content.
func seal(t testing.TB, header, content string) string {
	t.Helper()
	key := make([]byte, 32)
	_, err := rand.Read(key)
	require.NoError(t, err)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &testkeys.PS256().PublicKey, key, nil)
	require.NoError(t, err)
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(t, err)
	protected, iv := jose.Encode([]byte(header)), make([]byte, gcm.NonceSize())
	sealed := gcm.Seal(nil, iv, []byte(content), []byte(protected))
	split := len(sealed) - gcm.Overhead()
	return strings.Join([]string{protected, jose.Encode(wrapped), jose.Encode(iv), jose.Encode(sealed[:split]), jose.Encode(sealed[split:])}, ".")
}
