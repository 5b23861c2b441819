package jose_test

import (
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

// TestFAPI1Tokens are the ID tokens printed in FAPI 1.0 Advanced, appendix A. No
// package here takes ID tokens; what they are made of is read all the same.
func TestFAPI1Tokens(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/fapi1-advanced.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct {
			ID, JWS, JWE string
			JWK          json.RawMessage
			InnerJWK     json.RawMessage          `json:"inner_jwk"`
			PrivateJWK   struct{ N, E, D string } `json:"private_jwk"`
			SHash        struct {
				State string
				SHash string `json:"s_hash"`
			} `json:"s_hash"`
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Vectors, 2)
	detached, encrypted := file.Vectors[0], file.Vectors[1]

	t.Run(detached.ID, func(t *testing.T) {
		t.Parallel()
		claims := verified(t, detached.JWS, detached.JWK)
		half := sha256.Sum256([]byte(detached.SHash.State))
		require.Equal(t, detached.SHash.SHash, jose.Encode(half[:16]))
		require.Equal(t, detached.SHash.SHash, claims["s_hash"])
	})
	t.Run(encrypted.ID, func(t *testing.T) {
		t.Parallel()
		key := privateRSA(t, encrypted.PrivateJWK.N, encrypted.PrivateJWK.E, encrypted.PrivateJWK.D)
		nested, err := jose.Decrypt(encrypted.JWE, []jose.DecryptionKey{{Key: key, KeyID: "client-enc-2020-08-28"}})
		require.NoError(t, err)
		require.NotEmpty(t, verified(t, nested, encrypted.InnerJWK)["sub"])
		_, err = jose.Decrypt(encrypted.JWE[:len(encrypted.JWE)-2]+"AA", []jose.DecryptionKey{{Key: key, KeyID: "client-enc-2020-08-28"}})
		require.Error(t, err)
	})
}

func verified(t *testing.T, token string, jwk []byte) (claims map[string]any) {
	t.Helper()
	parsed, err := jose.Parse(token)
	require.NoError(t, err)
	key, err := jose.ParseJWK(jwk, jose.MaxRSABits)
	require.NoError(t, err)
	require.NoError(t, parsed.Verify(key.Key))
	require.NoError(t, json.Unmarshal(parsed.Payload, &claims))
	return claims
}

// privateRSA finds the primes, which the document leaves out: of a random square
// root of 1 modulo n, other than 1 and -1, one less shares a factor with n.
func privateRSA(t *testing.T, modulus, exponent, private string) *rsa.PrivateKey {
	t.Helper()
	number := func(text string) *big.Int {
		octets, err := jose.Decode(text)
		require.NoError(t, err)
		return new(big.Int).SetBytes(octets)
	}
	n, e, d, one := number(modulus), number(exponent), number(private), big.NewInt(1)
	multiple := new(big.Int).Sub(new(big.Int).Mul(e, d), one) // of the group's order
	odd := new(big.Int).Rsh(multiple, multiple.TrailingZeroBits())
	for base := int64(2); ; base++ {
		for root := new(big.Int).Exp(big.NewInt(base), odd, n); ; {
			square := new(big.Int).Exp(root, big.NewInt(2), n)
			if square.Cmp(one) != 0 && root.Cmp(one) != 0 {
				root = square
				continue
			}
			p := new(big.Int).GCD(nil, nil, new(big.Int).Sub(root, one), n)
			if p.Cmp(one) == 0 || p.Cmp(n) == 0 {
				break
			}
			key := &rsa.PrivateKey{
				PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())}, D: d, Primes: []*big.Int{p, new(big.Int).Div(n, p)},
			}
			key.Precompute()
			require.NoError(t, key.Validate())
			return key
		}
	}
}
