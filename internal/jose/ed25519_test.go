package jose_test

import (
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// lowOrder are all encodings, canonical or not, of the eight points whose
// order divides 8.
var lowOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}

func octets(t testing.TB, text string) []byte {
	t.Helper()
	out, err := hex.DecodeString(text)
	require.NoError(t, err)
	return out
}

func TestEd25519Points(t *testing.T) {
	t.Parallel()
	key := testkeys.EdDSA("client")
	sound := []byte(key.Public().(ed25519.PublicKey))
	require.NoError(t, parse(edJWK(sound)))

	t.Run("S37 low-order public key", func(t *testing.T) {
		identity := octets(t, lowOrder[2])
		forged := append(octets(t, lowOrder[2]), make([]byte, 32)...) // R is the identity, S is zero
		for _, message := range []string{"", "any", "e30.e30"} {
			require.True(t, ed25519.Verify(identity, []byte(message), forged), "crypto/ed25519 accepts the forgery for every message")
			require.ErrorIs(t, jose.Verify(ed25519.PublicKey(identity), "EdDSA", message, forged), jose.ErrKey)
		}
		for _, text := range lowOrder {
			assert.ErrorIs(t, parse(edJWK(octets(t, text))), jose.ErrKey, text)
			assert.ErrorIs(t, jose.Verify(ed25519.PublicKey(octets(t, text)), "EdDSA", "", forged), jose.ErrKey, text)
		}
	})
	t.Run("S53 coordinate not below the prime", func(t *testing.T) {
		for low := 0xed; low <= 0xff; low++ {
			for _, sign := range []byte{0x7f, 0xff} {
				x := octets(t, lowOrder[4])
				x[0], x[31] = byte(low), sign
				assert.ErrorIs(t, parse(edJWK(x)), jose.ErrKey, "%x", x)
			}
		}
		// Neighbours below the prime are judged by the curve alone.
		for i := 1; i < 31; i++ {
			x := octets(t, lowOrder[6])
			for x[i]--; !isSquare(x); x[i]-- {
			}
			assert.NoError(t, parse(edJWK(x)), "%x", x)
		}
		accepted := 0
		for low := 0; low < 0xec; low++ {
			x := octets(t, lowOrder[4])
			x[0] = byte(low)
			if parse(edJWK(x)) == nil {
				accepted++
			}
		}
		require.InDelta(t, 0xec/2, accepted, 40, "about half of all y are on the curve")
	})
	t.Run("S39 y that belongs to no point", func(t *testing.T) {
		on, off := 0, 0
		for i := range 200 {
			x := append([]byte{}, sound...)
			x[3] ^= byte(i)
			if isSquare(x) {
				on++
				require.NoError(t, parse(edJWK(x)), "%x", x)
			} else {
				off++
				require.ErrorIs(t, parse(edJWK(x)), jose.ErrKey, "%x", x)
			}
		}
		require.Greater(t, on, 50)
		require.Greater(t, off, 50)
	})
	t.Run("S41 short or long x", func(t *testing.T) {
		for _, x := range [][]byte{{}, {0}, {0, 0, 0}, sound[:31], append(sound[:32:32], 0), append([]byte{0}, sound...)} {
			assert.ErrorIs(t, parse(edJWK(x)), jose.ErrKey, "%d octets", len(x))
			assert.ErrorIs(t, jose.Verify(ed25519.PublicKey(x), "EdDSA", "", make([]byte, 64)), jose.ErrKey)
		}
		token := signed(t, key, `{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}}`, `{}`)
		jws, err := jose.Parse(token)
		require.NoError(t, err)
		require.ErrorIs(t, parse(string(jws.Header.JWK)), jose.ErrKey)
	})
	t.Run("signature of another length, and S not reduced", func(t *testing.T) {
		signature := rawSignature(t, key, "input")
		check := func(s []byte) error { return jose.Verify(key.Public(), "EdDSA", "input", s) }
		require.NoError(t, check(signature))
		for _, bad := range [][]byte{nil, signature[:63], append(signature[:64:64], 0), make([]byte, 64), addOrder(signature)} {
			assert.ErrorIs(t, check(bad), jose.ErrSignature, "%x", bad)
		}
	})
}

// isSquare says whether (y²-1)/(d·y²+1) has a root, by extracting it.
func isSquare(encoded []byte) bool {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d, _ := new(big.Int).SetString("52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3", 16)
	y := new(big.Int)
	for i := range encoded {
		c := encoded[len(encoded)-1-i]
		if i == 0 {
			c &= 0x7f
		}
		y.Lsh(y, 8).Or(y, big.NewInt(int64(c)))
	}
	yy := new(big.Int).Mul(y, y)
	v := new(big.Int).Add(new(big.Int).Mul(d, yy), big.NewInt(1))
	u := new(big.Int).Sub(yy, big.NewInt(1))
	u.Mul(u, v.ModInverse(v, p)).Mod(u, p)
	return new(big.Int).ModSqrt(u, p) != nil
}

// addOrder adds the order of the group to S: the same signature, spelled twice.
func addOrder(signature []byte) []byte {
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := new(big.Int)
	for i := range 32 {
		s.Lsh(s, 8).Or(s, big.NewInt(int64(signature[63-i])))
	}
	s.Add(s, order)
	out := append([]byte{}, signature[:32]...)
	bytes := s.FillBytes(make([]byte, 32))
	for i := range 32 {
		out = append(out, bytes[31-i])
	}
	return out
}
