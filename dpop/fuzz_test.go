package dpop_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/replay"
)

// FuzzProof mutates good proofs. What is accepted must convince another reader
// too: crypto/ecdsa of the signature, encoding/json of the claims.
func FuzzProof(f *testing.F) {
	v, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{apiOrigin}, Replay: replay.Off{}, MaxAge: 5 * time.Minute})
	require.NoError(f, err)
	for _, claims := range []object{
		claimsNow(), claimsNow().with("nonce", `"n-1"`), claimsNow().with("exp", seconds64(300)), claimsNow().with("x", `{"a":[1,"\u0041",null]}`),
	} {
		f.Add(proofWith(f, claims))
	}
	for _, seed := range []string{"", ".", "..", "e30.e30.", "a.b.c.d.e", "eyJhbGciOiJub25lIn0.e30."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		r := get()
		r.Header["Dpop"] = []string{field}
		proof, err := v.VerifyResourceRequest(r, accessToken, thumbprintOf(client))
		if err == nil {
			dot := strings.LastIndexByte(field, '.')
			signature, err := base64.RawURLEncoding.DecodeString(field[dot+1:])
			require.NoError(t, err)
			require.Len(t, signature, 64)
			digest := sha256.Sum256([]byte(field[:dot]))
			r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
			require.True(t, ecdsa.Verify(&client.PublicKey, digest[:], r, s), "accepted, but never signed: %q", field)
			payload, err := base64.RawURLEncoding.DecodeString(strings.Split(field, ".")[1])
			require.NoError(t, err)
			var c sentClaims
			require.NoError(t, json.Unmarshal(payload, &c))
			require.Equal(t, []string{"GET", hashOf(accessToken)}, []string{c.Htm, c.Ath})
			require.Equal(t, thumbprintOf(client), proof.Thumbprint())
			return
		}
		refused, ok := err.(*dpop.Error)
		require.True(t, ok, "%v", err)
		require.NotEmpty(t, refused.LogValue().String())
		_, _ = v.VerifyTokenRequest(r) // no panic; a proof of any key may pass
	})
}

// FuzzNonce: what is accepted has the one form of our nonces, and no change
// of one character is accepted too.
func FuzzNonce(f *testing.F) {
	n := newNonces(f, "api", time.Hour, secret(1), secret(2))
	current, err := n.Nonce(f.Context())
	require.NoError(f, err)
	for _, seed := range []string{current, current + "=", current[:26], strings.Repeat("A", 27), "", "\x00", strings.Repeat("_", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, nonce string) {
		if !accepts(t, n, nonce) {
			return
		}
		require.Len(t, nonce, 27)
		for i := range nonce {
			changed := []byte(nonce)
			if changed[i]++; changed[i] == 'Z'+1 {
				changed[i] = 'a'
			}
			require.False(t, accepts(t, n, string(changed)))
		}
	})
}
