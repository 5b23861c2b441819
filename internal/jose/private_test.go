package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func TestPrivateKeyVectors(t *testing.T) {
	t.Parallel()
	var file struct{ Keys map[string]json.RawMessage }
	readFile(t, "private-keys.json", &file)
	require.Len(t, file.Keys, 6)
	for id, text := range file.Keys {
		t.Run(id, func(t *testing.T) {
			require.ErrorIs(t, parse(string(text)), jose.ErrKey, "private where a public key belongs")
			key, err := jose.ParsePrivateJWK(text)
			if id == "p384" || id == "p521" {
				require.ErrorIs(t, err, jose.ErrKey)
				return
			}
			require.NoError(t, err)
			public := parsed(t, string(unlabelled(t, text, "d", "p", "q", "dp", "dq", "qi")))
			require.Equal(t, public.Key, key.Public())
			require.NoError(t, verify(signed(t, key, `{"alg":"`+public.Algorithm+`"}`, `{}`), public.Key))
		})
	}
}

// privateJWK is the private JWK of a test key.
func privateJWK(t testing.TB, key crypto.Signer) string {
	t.Helper()
	private := ""
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		d, err := key.Bytes()
		require.NoError(t, err)
		private = `"d":"` + jose.Encode(d) + `"`
	case ed25519.PrivateKey:
		private = `"d":"` + jose.Encode(key.Seed()) + `"`
	case *rsa.PrivateKey:
		private = `"d":"` + jose.Encode(key.D.Bytes()) + `","p":"` + jose.Encode(key.Primes[0].Bytes()) + `","q":"` + jose.Encode(key.Primes[1].Bytes()) + `"`
	}
	return with(jwkOf(t, key.Public()), private)
}

func TestParsePrivateJWK(t *testing.T) {
	t.Parallel()
	refuse := func(t *testing.T, want error, texts ...string) {
		t.Helper()
		for _, text := range texts {
			key, err := jose.ParsePrivateJWK([]byte(text))
			assert.ErrorIs(t, err, want, text)
			assert.Nil(t, key)
		}
	}
	for alg, key := range kinds() {
		t.Run(alg, func(t *testing.T) {
			text := privateJWK(t, key)
			for _, members := range []string{`"kid":"k"`, `"alg":"` + alg + `"`, `"use":"sig"`, `"key_ops":["sign"]`, `"key_ops":["sign","verify"]`} {
				got, err := jose.ParsePrivateJWK([]byte(with(text, members)))
				require.NoError(t, err, members)
				require.Equal(t, key.Public(), got.Public())
			}
			refuse(t, jose.ErrKey, with(text, `"alg":"RS256"`), with(text, `"alg":""`), with(text, `"use":"enc"`), with(text, `"key_ops":["verify"]`),
				with(text, `"key_ops":["decrypt"]`), with(text, `"k":"AA"`), with(text, `"oth":[]`), with(text, `"x5c":[]`), with(text, `"D":"AA"`))
			refuse(t, jose.ErrMalformed, with(text, `"d":"AA"`), with(text, `"alg":null`), text+"x", strings.Replace(text, `"d":"`, `"d":"=`, 1))
			public := jwkOf(t, key.Public())
			refuse(t, jose.ErrKey, public, with(public, `"d":""`), with(public, `"d":"AQ"`), with(public, `"d":"`+strings.Repeat("A", 43)+`"`))
			refuse(t, jose.ErrMalformed, with(public, `"d":null`), with(public, `"d":1`))
		})
	}
	t.Run("private half of another key", func(t *testing.T) {
		for _, pair := range [][2]crypto.Signer{
			{testkeys.ES256("client"), testkeys.ES256(attacker)}, {testkeys.EdDSA("client"), testkeys.EdDSA(attacker)}, {testkeys.PS256(), testkeys.PS256Other()},
		} {
			mine, other := jwkOf(t, pair[0].Public()), privateJWK(t, pair[1])
			half := strings.TrimPrefix(other, strings.TrimSuffix(jwkOf(t, pair[1].Public()), "}")+",")
			require.NotEqual(t, other, half)
			refuse(t, jose.ErrKey, with(mine, strings.TrimSuffix(half, "}")))
		}
	})
	t.Run("RSA factors", func(t *testing.T) {
		key := testkeys.PS256()
		build := func(d, p, q *big.Int) string {
			return with(jwkOf(t, key.Public()), `"d":"`+jose.Encode(d.Bytes())+`","p":"`+jose.Encode(p.Bytes())+`","q":"`+jose.Encode(q.Bytes())+`"`)
		}
		p, q, one := key.Primes[0], key.Primes[1], big.NewInt(1)
		_, err := jose.ParsePrivateJWK([]byte(build(key.D, q, p)))
		require.NoError(t, err)
		huge := new(big.Int).Lsh(one, 70_000)
		refuse(t, jose.ErrKey, build(key.D, p, p), build(key.D, one, key.N), build(key.D, new(big.Int), q), build(new(big.Int).Add(key.D, one), p, q),
			build(huge, p, q), build(key.D, huge, q), build(one, p, q))
	})
}
