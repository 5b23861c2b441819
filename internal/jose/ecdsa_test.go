package jose_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/asn1"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// smallS makes a key for which (r, 5) is a valid signature of input: with k and
// s chosen, the private scalar is (s·k - z) / r.
func smallS(t *testing.T, input string) (key *ecdsa.PublicKey, r, s *big.Int) {
	t.Helper()
	n := elliptic.P256().Params().N
	nonce := testkeys.ES256("nonce")
	k, err := nonce.Bytes()
	require.NoError(t, err)
	x, _ := coordinates(t, &nonce.PublicKey)
	r, s = new(big.Int).SetBytes(x), big.NewInt(5)
	digest := sha256.Sum256([]byte(input))
	d := new(big.Int).Mul(s, new(big.Int).SetBytes(k))
	d.Sub(d, new(big.Int).SetBytes(digest[:]))
	d.Mul(d, new(big.Int).ModInverse(r, n)).Mod(d, n)
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), d.FillBytes(make([]byte, 32)))
	require.NoError(t, err)
	return &private.PublicKey, r.Mod(r, n), s
}

func TestECDSAShape(t *testing.T) {
	t.Parallel()
	const input = "e30.e30"
	key := testkeys.ES256("client")
	n := elliptic.P256().Params().N
	zero, one := new(big.Int), big.NewInt(1)
	check := func(signature []byte) error { return jose.Verify(&key.PublicKey, "ES256", input, signature) }
	good := rawSignature(t, key, input)
	require.NoError(t, check(good))
	r, s := new(big.Int).SetBytes(good[:32]), new(big.Int).SetBytes(good[32:])

	t.Run("S35 integers outside their range", func(t *testing.T) {
		top := new(big.Int).Sub(new(big.Int).Lsh(one, 256), one)
		for _, bad := range [][2]*big.Int{{zero, zero}, {zero, s}, {r, zero}, {n, s}, {r, n}, {n, n}, {n, zero}, {zero, n}, {top, s}, {r, top}, {one, one}, {s, r}} {
			assert.ErrorIs(t, check(pair(bad[0], bad[1])), jose.ErrSignature, "%x", bad)
		}
	})
	t.Run("S35 s + n", func(t *testing.T) {
		key, r, s := smallS(t, input)
		require.NoError(t, jose.Verify(key, "ES256", input, pair(r, s)))
		require.ErrorIs(t, jose.Verify(key, "ES256", input, pair(r, new(big.Int).Add(s, n))), jose.ErrSignature)
	})
	t.Run("S35 other shapes of a valid signature", func(t *testing.T) {
		der, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
		require.NoError(t, err)
		zeros := make([]byte, 1)
		for name, bad := range map[string][]byte{
			"empty": {}, "DER": der, "63 octets": good[:63], "65 octets": append(good[:64:64], 0), "leading zero": append(zeros, good...),
			"33 + 33": append(append(append(zeros, good[:32]...), 0), good[32:]...), "R alone": good[:32], "twice": append(good[:64:64], good...),
		} {
			assert.ErrorIs(t, check(bad), jose.ErrSignature, name)
		}
	})
	t.Run("leading zeros and high bits survive the conversion", func(t *testing.T) {
		for i := range 600 {
			text := string(rune('a'+i%26)) + string(rune('a'+i/26))
			require.NoError(t, jose.Verify(&key.PublicKey, "ES256", text, rawSignature(t, key, text)))
		}
	})
}
