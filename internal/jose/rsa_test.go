package jose_test

import (
	"bytes"
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// odd is an odd number of exactly so many bits.
func odd(bits int) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	return n.Add(n, big.NewInt(0xabcdef01))
}

var f4 = []byte{1, 0, 1}

func TestRSAKeys(t *testing.T) {
	t.Parallel()
	sound := testkeys.PS256().N
	require.NoError(t, parse(rsaJWK(sound.Bytes(), f4)))

	t.Run("S38 modulus length", func(t *testing.T) {
		for _, bits := range []int{64, 512, 1024, 2047} {
			assert.ErrorIs(t, parse(rsaJWK(odd(bits).Bytes(), f4)), jose.ErrKey, "%d bits", bits)
		}
		for _, bits := range []int{2048, 2049, 3072, 4096, 8192} {
			assert.NoError(t, parse(rsaJWK(odd(bits).Bytes(), f4)), "%d bits", bits)
		}
		for _, bits := range []int{8193, 8200, 16384, 65536} {
			assert.ErrorIs(t, parse(rsaJWK(odd(bits).Bytes(), f4)), jose.ErrKey, "%d bits", bits)
			huge := &rsa.PublicKey{N: odd(bits), E: 65537}
			assert.ErrorIs(t, jose.Verify(huge, "PS256", "", make([]byte, bits/8)), jose.ErrKey, "refused before the arithmetic")
		}
		embedded := func(bits int) error {
			_, err := jose.ParseJWK([]byte(rsaJWK(odd(bits).Bytes(), f4)), jose.MaxEmbeddedRSABits)
			return err
		}
		assert.NoError(t, embedded(4096))
		assert.ErrorIs(t, embedded(4097), jose.ErrKey)
		assert.ErrorIs(t, embedded(8192), jose.ErrKey)
		assert.NoError(t, jose.Verify(testkeys.PS256().Public(), "PS256", "x", rawSignature(t, testkeys.PS256(), "x")))
		assert.ErrorIs(t, jose.Verify(&rsa.PublicKey{N: odd(2047), E: 65537}, "PS256", "", make([]byte, 256)), jose.ErrKey)
	})
	t.Run("S38 modulus even or missing", func(t *testing.T) {
		even := new(big.Int).Sub(sound, big.NewInt(1))
		assert.ErrorIs(t, parse(rsaJWK(even.Bytes(), f4)), jose.ErrKey)
		assert.ErrorIs(t, jose.Verify(&rsa.PublicKey{N: even, E: 65537}, "PS256", "", make([]byte, 256)), jose.ErrKey)
		assert.ErrorIs(t, parse(rsaJWK(nil, f4)), jose.ErrKey)
		assert.ErrorIs(t, parse(`{"kty":"RSA","e":"AQAB"}`), jose.ErrKey)
	})
	t.Run("S38 exponent", func(t *testing.T) {
		for _, e := range [][]byte{
			nil, {0}, {1}, {2}, {3}, {17}, {0xff, 0xff}, {1, 0, 0}, {1, 0, 2}, {0x80, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff},
			{1, 0, 0, 0, 1}, {1, 0, 0, 0, 0, 0, 0, 0, 1}, {1, 0, 0, 0, 0, 0, 1, 0, 1},
		} {
			assert.ErrorIs(t, parse(rsaJWK(sound.Bytes(), e)), jose.ErrKey, "%x", e)
		}
		assert.ErrorIs(t, parse(`{"kty":"RSA","n":"`+jose.Encode(sound.Bytes())+`"}`), jose.ErrKey)
		for _, e := range [][]byte{f4, {1, 0, 3}, {0x7f, 0xff, 0xff, 0xff}} {
			assert.NoError(t, parse(rsaJWK(sound.Bytes(), e)), "%x", e)
		}
		for _, e := range []int{-1, 0, 1, 2, 3, 65535, 65536, 65538} {
			assert.ErrorIs(t, jose.Verify(&rsa.PublicKey{N: sound, E: e}, "PS256", "", make([]byte, 256)), jose.ErrKey, "%d", e)
		}
	})
	t.Run("S38 CVE-2017-15361", func(t *testing.T) {
		product := big.NewInt(1)
		for _, p := range []int64{2, 11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157} {
			product.Mul(product, big.NewInt(p))
		}
		for _, power := range []int64{0, 1, 12345} {
			n := new(big.Int).Div(odd(2048), product)
			n.Add(n, big.NewInt(1)).Mul(n, product)
			n.Add(n, new(big.Int).Exp(big.NewInt(65537), big.NewInt(power), product))
			require.Equal(t, 2048, n.BitLen())
			assert.ErrorIs(t, parse(rsaJWK(n.Bytes(), f4)), jose.ErrKey)
			n.Add(n, big.NewInt(2))
			assert.NoError(t, parse(rsaJWK(n.Bytes(), f4)), "no power of 65537")
		}
	})
	t.Run("S53 leading zero octets", func(t *testing.T) {
		assert.ErrorIs(t, parse(rsaJWK(append([]byte{0}, sound.Bytes()...), f4)), jose.ErrKey)
		assert.ErrorIs(t, parse(rsaJWK(sound.Bytes(), []byte{0, 1, 0, 1})), jose.ErrKey)
	})
}

func TestPSS(t *testing.T) {
	t.Parallel()
	key := testkeys.PS256()
	good := rawSignature(t, key, "input")
	check := func(signature []byte) error { return jose.Verify(key.Public(), "PS256", "input", signature) }
	require.NoError(t, check(good))

	above := new(big.Int).Add(new(big.Int).SetBytes(good), key.N)
	for name, bad := range map[string][]byte{
		"empty": nil, "short": good[1:], "long": append(good[:256:256], 0), "leading zero": append([]byte{0}, good...),
		"zero": make([]byte, 256), "ones": bytes.Repeat([]byte{0xff}, 256), "plus the modulus": above.Bytes(),
	} {
		assert.ErrorIs(t, check(bad), jose.ErrSignature, name)
	}
	for _, salt := range []int{rsa.PSSSaltLengthAuto, 20, 31, 33, 64} {
		assert.ErrorIs(t, check(pss(t, key, "input", salt)), jose.ErrSignature, "RFC 7518 fixes the salt at 32 octets, not %d", salt)
	}
	require.NoError(t, check(pss(t, key, "input", 32)))
	require.ErrorIs(t, check(pkcs1(t, key, "input")), jose.ErrSignature, "an RS256 signature under a PS256 header")
}
