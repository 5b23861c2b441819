package jose_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// setOf is a JWK Set of entries.
func setOf(entries ...string) string { return `{"keys":[` + strings.Join(entries, ",") + `]}` }

func TestParseJWKS(t *testing.T) {
	t.Parallel()
	one := with(jwkOf(t, testkeys.ES256("one").Public()), `"kid":"a"`)
	two := with(jwkOf(t, testkeys.ES256("two").Public()), `"kid":"a"`)
	t.Run("S49 two keys of one kid both stand, in order", func(t *testing.T) {
		keys, err := jose.ParseJWKS([]byte(with(setOf(one, two), `"other":[{"kty":"oct","k":"AA"}]`)))
		require.NoError(t, err)
		require.Equal(t, []jose.JWK{parsed(t, one), parsed(t, two)}, keys, "choosing is the caller's")
	})

	refuse := func(t *testing.T, want error, sets ...string) {
		t.Helper()
		for _, set := range sets {
			keys, err := jose.ParseJWKS([]byte(set))
			assert.ErrorIs(t, err, want, set[:min(len(set), 200)])
			assert.Nil(t, keys)
		}
	}
	t.Run("S50 symmetric, private and malformed entries refuse the set", func(t *testing.T) {
		refuse(t, jose.ErrKey,
			setOf(one, `{"kty":"oct","k":"AA"}`), setOf(`{"kty":"oct","k":"AA"}`, one), setOf(one, with(two, `"d":"AA"`)), setOf(one, with(two, `"d":null`)),
			setOf(one, `{}`), setOf(one, `{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`), setOf(one, `{"kty":"OKP","crv":"Ed25519","x":"AA"}`),
			setOf(one, rsaJWK(odd(65536).Bytes(), f4)), setOf(one, `{"kty":"unknown","d":"AA"}`))
		refuse(t, jose.ErrMalformed,
			setOf(one, `null`), setOf(one, `[]`), setOf(one, `"a"`), setOf(one, `1`), setOf(one, `{"kty":1}`), setOf(one, `{"kty":"EC","kty":"EC"}`))
	})
	t.Run("S50 keys of other kinds are passed over", func(t *testing.T) {
		for _, other := range []string{
			`{"kty":"unknown"}`, `{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}`, `{"kty":"EC","crv":"secp256k1"}`, `{"kty":"OKP","crv":"X25519","x":"AA"}`,
			`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`, with(two, `"use":"enc"`), with(two, `"alg":"ES384"`), with(two, `"key_ops":["deriveKey"]`),
			rsaJWK(odd(1024).Bytes(), f4), with(rsaJWK(odd(2048).Bytes(), f4), `"alg":"RS256"`),
		} {
			keys, err := jose.ParseJWKS([]byte(setOf(other, one, other)))
			require.NoError(t, err, other)
			require.Equal(t, []jose.JWK{parsed(t, one)}, keys, other)
		}
	})
	t.Run("S50 not a set, or too large a one", func(t *testing.T) {
		refuse(t, jose.ErrMalformed, ``, `{}`, one, `[`+one+`]`, `{"keys":null}`, `{"keys":{}}`, `{"keys":"a"}`, `{"keys":[],"keys":[]}`, `{"Keys":[]}`, setOf(one)+"x")
		many := func(n int) string { return setOf(strings.Split(strings.Repeat(`{"kty":"unknown"} `, n), " ")[:n]...) }
		refuse(t, jose.ErrLimit, many(10_000), many(jose.MaxKeys+1))
		keys, err := jose.ParseJWKS([]byte(many(jose.MaxKeys)))
		require.NoError(t, err)
		require.Empty(t, keys)
		keys, err = jose.ParseJWKS([]byte(`{"keys":[]}`))
		require.NoError(t, err)
		require.NotNil(t, keys)
	})
}
