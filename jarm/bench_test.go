package jarm_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/internal/xraw"
	"github.com/go-fapi/fapi/jarm"
)

// BenchmarkVerify measures Callback as a client calls it, with the key at hand.
func BenchmarkVerify(b *testing.B) {
	digest := sha256.Sum256([]byte("x"))
	es256, eddsa, ps256 := testkeys.ES256("as"), testkeys.EdDSA("as"), testkeys.PS256()
	der, err := ecdsa.SignASN1(rand.Reader, es256, digest[:])
	require.NoError(b, err)
	edPublic, ed := eddsa.Public().(ed25519.PublicKey), ed25519.Sign(eddsa, digest[:])
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	pss, err := rsa.SignPSS(rand.Reader, ps256, crypto.SHA256, digest[:], options)
	require.NoError(b, err)
	rawES256 := func() { ecdsa.VerifyASN1(&es256.PublicKey, digest[:], der) }
	for _, c := range []struct {
		name, header string
		key          crypto.Signer
		raw          func()
	}{
		{"ES256", es256Header, es256, rawES256},
		{"EdDSA", `{"alg":"EdDSA","kid":"as-1"}`, eddsa, func() { ed25519.Verify(edPublic, digest[:], ed) }},
		{"PS256", `{"alg":"PS256","kid":"as-1"}`, ps256, func() { _ = rsa.VerifyPSS(&ps256.PublicKey, crypto.SHA256, digest[:], pss, options) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := newRP(b, func(config *jarm.DecoderConfig) { config.Keys = publish(c.key) })
			r := getResponse(sign(b, c.key, c.header, sound().with("exp", sound()["exp"].(int64)+500).json(b)))
			xraw.Run(b, c.raw, func(int) {
				if _, err := p.Callback(r, state); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
	b.Run("junk", func(b *testing.B) {
		p, r := newRP(b), getResponse(response(b, sound()))
		xraw.Run(b, rawES256, func(int) {
			if _, err := p.Callback(r, "s-2"); err == nil {
				b.Fatal("accepted")
			}
		})
	})
}

func BenchmarkSign(b *testing.B) {
	key, digest := testkeys.ES256("as"), sha256.Sum256([]byte("x"))
	encoder, params := newEncoder(b), granted()
	b.Run("ES256", func(b *testing.B) {
		raw := func() { _, _ = ecdsa.SignASN1(rand.Reader, key, digest[:]) }
		xraw.Run(b, raw, func(int) {
			if _, err := encoder.Encode(context.Background(), client, params); err != nil {
				b.Fatal(err)
			}
		})
	})
}
