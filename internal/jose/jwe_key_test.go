package jose_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func parseEncryption(text string) error {
	_, err := jose.ParseEncryptionJWK([]byte(text))
	return err
}

func TestParseEncryptionJWK(t *testing.T) {
	t.Parallel()
	operation := map[string]string{jose.ECDHES: "deriveKey", jose.RSAOAEP256: "wrapKey"}
	second := map[string]string{jose.ECDHES: "deriveBits", jose.RSAOAEP256: "encrypt"}
	for i, r := range recipients() {
		text := jwkOf(t, r.public)
		got, err := jose.ParseEncryptionJWK([]byte(with(text, `"kid":"k","use":"enc","alg":"`+r.alg+`","key_ops":["`+operation[r.alg]+`"],"ext":true`)))
		require.NoError(t, err)
		thumbprint, err := jose.Thumbprint(r.public)
		require.NoError(t, err)
		require.Equal(t, jose.JWK{Key: r.public, KeyID: "k", Algorithm: r.alg, Thumbprint: thumbprint}, got)

		other := recipients()[1-i]
		for _, members := range []string{`"use":"enc"`, `"alg":"` + r.alg + `"`, `"key_ops":["` + second[r.alg] + `"]`, `"key_ops":["x","` + operation[r.alg] + `"]`} {
			assert.NoError(t, parseEncryption(with(text, members)), members)
		}
		for _, members := range []string{
			`"use":"sig"`, `"use":"ENC"`, `"use":""`, `"alg":"ES256"`, `"alg":"PS256"`, `"alg":"RSA-OAEP"`, `"alg":"RSA1_5"`, `"alg":"ECDH-ES+A128KW"`, `"alg":"` + other.alg + `"`,
			`"key_ops":[]`, `"key_ops":["verify"]`, `"key_ops":["` + operation[other.alg] + `"]`, `"d":"AA"`, `"k":"AA"`, `"x5c":["MIIB"]`,
		} {
			assert.ErrorIs(t, parseEncryption(with(text, members)), jose.ErrKey, members)
		}
		for _, members := range []string{`"use":null`, `"kid":1`, `"key_ops":"wrapKey"`, `"kty":"EC"`} {
			assert.ErrorIs(t, parseEncryption(with(text, members)), jose.ErrMalformed, members)
		}
		assert.ErrorIs(t, parse(with(text, `"use":"enc"`)), jose.ErrKey, "and none to verify with")
	}
	x, y := coordinates(t, &testkeys.ES256("client").PublicKey)
	for name, text := range map[string]string{
		"Ed25519": jwkOf(t, testkeys.EdDSA("a").Public()), "P-384": `{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}`, "X25519": `{"kty":"OKP","crv":"X25519","x":"AA"}`, "oct": `{"kty":"oct"}`,
		"off the curve": ecJWK(y, x), "long": ecJWK(append([]byte{0}, x...), y), "RSA of 1024": rsaJWK(odd(1024).Bytes(), []byte{1, 0, 1}), "exponent 3": rsaJWK(odd(2048).Bytes(), []byte{3}),
		"empty": `{}`,
	} {
		assert.ErrorIs(t, parseEncryption(text), jose.ErrKey, name)
	}
	assert.EqualError(t, parseEncryption(jwkOf(t, testkeys.EdDSA("a").Public())), "key not allowed: not an encryption key of a supported kind and strength")
}
