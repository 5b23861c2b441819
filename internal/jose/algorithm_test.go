package jose_test

//lint:file-ignore SA1019 broken keys can only be made by setting their fields

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// kinds are one key of each algorithm.
func kinds() map[string]crypto.Signer {
	return map[string]crypto.Signer{"ES256": testkeys.ES256("client"), "PS256": testkeys.PS256(), "EdDSA": testkeys.EdDSA("client")}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	others := map[string]crypto.Signer{"ES256": testkeys.ES256(attacker), "PS256": testkeys.PS256Other(), "EdDSA": testkeys.EdDSA(attacker)}
	for alg, key := range kinds() {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			token := signed(t, key, `{"alg":"`+alg+`"}`, `{"sub":"a"}`)
			require.NoError(t, verify(token, key.Public()))
			require.ErrorIs(t, verify(token, others[alg].Public()), jose.ErrSignature)
			for i := range token {
				flipped := []byte(token)
				flipped[i] ^= 1
				assert.Error(t, verify(string(flipped), key.Public()), "octet %d", i)
			}
			long := strings.Repeat("long input ", 500)
			require.NoError(t, jose.Verify(key.Public(), alg, long, rawSignature(t, key, long)), "more than the stack buffer holds")
		})
	}
}

func TestVerifyAlgorithm(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client")
	control := signed(t, key, `{"alg":"ES256"}`, `{"sub":"a"}`)
	require.NoError(t, verify(control, &key.PublicKey))
	payload := jose.Encode([]byte(`{"sub":"a"}`))

	t.Run("S28 alg none", func(t *testing.T) {
		for _, alg := range []string{"none", "None", "nOnE", "NONE", "none ", " none", ""} {
			header := jose.Encode([]byte(`{"alg":"` + alg + `"}`))
			assert.ErrorIs(t, verify(header+"."+payload+".", &key.PublicKey), jose.ErrAlgorithm, "%q, no signature", alg)
			copied := control[strings.LastIndexByte(control, '.'):]
			assert.ErrorIs(t, verify(header+"."+payload+copied, &key.PublicKey), jose.ErrAlgorithm, "%q, copied signature", alg)
			assert.ErrorIs(t, verify(signedSegments(t, key, header, payload), &key.PublicKey), jose.ErrAlgorithm, "%q, own signature", alg)
			assert.ErrorIs(t, jose.Verify(&key.PublicKey, alg, "", nil), jose.ErrAlgorithm)
		}
	})
	t.Run("S29 header alg differs from the key's", func(t *testing.T) {
		for _, header := range []string{
			`{"alg":"none"}`, `{"alg":"RS256"}`, `{"alg":"FOO"}`, `{}`, `{"typ":"JWT"}`, `{"alg":"PS256"}`, `{"alg":"EdDSA"}`, `{"alg":"Ed25519"}`,
			`{"alg":"ES384"}`, `{"alg":"es256"}`, `{"alg":"ES256 "}`, `{"alg":"ES256\u0000"}`, `{"alg":"ES256K"}`,
		} {
			assert.ErrorIs(t, verify(signed(t, key, header, `{}`), &key.PublicKey), jose.ErrAlgorithm, header)
		}
		for _, header := range []string{`{"alg":null}`, `{"alg":["ES256"]}`, `{"alg":{}}`, `{"alg":256}`} {
			assert.ErrorIs(t, verify(signed(t, key, header, `{}`), &key.PublicKey), jose.ErrMalformed, header)
		}
		for alg, signer := range kinds() {
			for other := range kinds() {
				err := verify(signed(t, signer, `{"alg":"`+other+`"}`, `{}`), signer.Public())
				if other == alg {
					assert.NoError(t, err, alg)
				} else {
					assert.ErrorIs(t, err, jose.ErrAlgorithm, "key %s, header %s", alg, other)
				}
			}
		}
	})
	t.Run("S30 HMAC with the public key as the secret", func(t *testing.T) {
		der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
		require.NoError(t, err)
		point, err := key.PublicKey.Bytes()
		require.NoError(t, err)
		jwk := jwkOf(t, &key.PublicKey)
		for name, secret := range map[string][]byte{
			"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "DER": der, "JWK": []byte(with(jwk, `"alg":"ES256"`)),
			"thumbprint input": []byte(jwk), "point": point,
		} {
			input := jose.Encode([]byte(`{"alg":"HS256"}`)) + "." + payload
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			assert.ErrorIs(t, verify(input+"."+b64.EncodeToString(mac.Sum(nil)), &key.PublicKey), jose.ErrAlgorithm, name)
		}
	})
	t.Run("S31 symmetric algorithms", func(t *testing.T) {
		for _, alg := range []string{"HS256", "HS384", "HS512", "A128KW", "A256KW", "A128GCMKW", "dir", "PBES2-HS256+A128KW"} {
			assert.ErrorIs(t, verify(signed(t, key, `{"alg":"`+alg+`"}`, `{}`), &key.PublicKey), jose.ErrAlgorithm, alg)
			assert.False(t, jose.Supported(alg))
			assert.NotContains(t, strings.Fields(jose.Algorithms), alg)
		}
		for _, secret := range []crypto.PublicKey{[]byte("secret"), "secret", nil, struct{}{}} {
			assert.ErrorIs(t, jose.Verify(secret, "HS256", "", nil), jose.ErrAlgorithm)
			assert.ErrorIs(t, jose.Verify(secret, "ES256", "", nil), jose.ErrKey)
		}
	})
	t.Run("S34 EdDSA and Ed25519 name one algorithm, Ed448 none", func(t *testing.T) {
		key := testkeys.EdDSA("client")
		jwk := jwkOf(t, key.Public())
		for _, alg := range []string{"EdDSA", "Ed25519"} {
			assert.NoError(t, verify(signed(t, key, `{"alg":"`+alg+`"}`, `{}`), key.Public()), alg)
			assert.Equal(t, "EdDSA", parsed(t, with(jwk, `"alg":"`+alg+`"`)).Algorithm, alg)
		}
		for _, alg := range []string{"Ed448", "eddsa", "ED25519", "EDDSA"} {
			assert.ErrorIs(t, verify(signed(t, key, `{"alg":"`+alg+`"}`, `{}`), key.Public()), jose.ErrAlgorithm, alg)
			assert.ErrorIs(t, parse(with(jwk, `"alg":"`+alg+`"`)), jose.ErrKey, alg)
		}
		assert.ErrorIs(t, parse(with(jwkOf(t, testkeys.ES256("client").Public()), `"alg":"Ed25519"`)), jose.ErrKey)
		assert.ErrorIs(t, parse(`{"kty":"OKP","crv":"Ed448","x":"`+strings.Repeat("A", 76)+`"}`), jose.ErrKey)
	})
}

func TestKeyAlgorithm(t *testing.T) {
	t.Parallel()
	for alg, key := range kinds() {
		got, err := jose.KeyAlgorithm(key.Public())
		require.NoError(t, err)
		require.Equal(t, alg, got)
		require.True(t, jose.Supported(got))
		require.Contains(t, strings.Fields(jose.Algorithms), got)
	}
	t.Run("S33 curve of another algorithm", func(t *testing.T) {
		for _, curve := range []elliptic.Curve{elliptic.P224(), elliptic.P384(), elliptic.P521()} {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			require.NoError(t, err)
			digest := sha256.Sum256([]byte("input"))
			r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
			require.NoError(t, err)
			require.True(t, ecdsa.Verify(&key.PublicKey, digest[:], r, s), "the standard library would take it")
			assert.ErrorIs(t, jose.Verify(&key.PublicKey, "ES256", "input", make([]byte, 64)), jose.ErrKey)
			_, err = jose.NewSigner(key)
			assert.ErrorIs(t, err, jose.ErrKey)
		}
		key := testkeys.ES256("client")
		assert.ErrorIs(t, verify(signed(t, key, `{"alg":"ES512"}`, `{}`), &key.PublicKey), jose.ErrAlgorithm)
		jwk := jwkOf(t, &key.PublicKey)
		assert.ErrorIs(t, parse(strings.Replace(jwk, "P-256", "secp256k1", 1)), jose.ErrKey)
		assert.ErrorIs(t, parse(strings.Replace(jwkOf(t, testkeys.EdDSA("client").Public()), "Ed25519", "X25519", 1)), jose.ErrKey)
		agreement, err := key.PublicKey.ECDH()
		require.NoError(t, err)
		for _, other := range []crypto.PublicKey{agreement, (*ecdh.PublicKey)(nil), key, key.PublicKey, testkeys.EdDSA("client")} {
			assert.ErrorIs(t, jose.Verify(other, "ES256", "", nil), jose.ErrKey, "%T", other)
			assert.ErrorIs(t, jose.Verify(other, "EdDSA", "", nil), jose.ErrKey, "%T", other)
		}
	})
	t.Run("no key, or half of one", func(t *testing.T) {
		signature := pair(big.NewInt(1), big.NewInt(1))
		one := big.NewInt(1)
		for _, key := range []crypto.PublicKey{
			nil, (*ecdsa.PublicKey)(nil), &ecdsa.PublicKey{}, &ecdsa.PublicKey{Curve: elliptic.P256()}, &ecdsa.PublicKey{Curve: elliptic.P256(), X: one},
			&ecdsa.PublicKey{Curve: elliptic.P256(), Y: one}, (*rsa.PublicKey)(nil), &rsa.PublicKey{}, &rsa.PublicKey{N: new(big.Int), E: 65537},
			&rsa.PublicKey{N: new(big.Int).Neg(testkeys.PS256().N), E: 65537}, ed25519.PublicKey(nil), ed25519.PublicKey{1, 2, 3},
		} {
			for alg := range kinds() {
				assert.ErrorIs(t, jose.Verify(key, alg, "input", signature), jose.ErrKey, "%T", key)
			}
			_, err := jose.CanonicalJWK(key)
			assert.ErrorIs(t, err, jose.ErrKey, "%T", key)
			_, err = jose.Thumbprint(key)
			assert.ErrorIs(t, err, jose.ErrKey, "%T", key)
		}
		off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: one, Y: one}
		assert.ErrorIs(t, jose.Verify(off, "ES256", "input", signature), jose.ErrSignature)
		_, err := jose.CanonicalJWK(off)
		assert.ErrorIs(t, err, jose.ErrKey)
	})
}
