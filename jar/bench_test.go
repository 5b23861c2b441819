package jar_test

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
)

func BenchmarkVerify(b *testing.B) {
	digest := sha256.Sum256([]byte("x"))
	es256 := testkeys.ES256("client-1")
	der, err := ecdsa.SignASN1(rand.Reader, es256, digest[:])
	require.NoError(b, err)
	eddsa, ps256 := testkeys.EdDSA("client-1"), testkeys.PS256()
	edPublic, ed := eddsa.Public().(ed25519.PublicKey), ed25519.Sign(eddsa, digest[:])
	options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	pss, err := rsa.SignPSS(rand.Reader, ps256, crypto.SHA256, digest[:], options)
	require.NoError(b, err)
	rawES256 := func() { ecdsa.VerifyASN1(&es256.PublicKey, digest[:], der) }
	s := newServer(b, decryptionKeys)
	for _, c := range []struct {
		name, header string
		key          crypto.Signer
		raw          func()
	}{
		{"ES256", es256Header, es256, rawES256},
		{"EdDSA", eddsaHeader, eddsa, func() { ed25519.Verify(edPublic, digest[:], ed) }},
		{"PS256", ps256Header, ps256, func() { _ = rsa.VerifyPSS(&ps256.PublicKey, crypto.SHA256, digest[:], pss, options) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			form := pushed("client-1", sign(b, c.key, c.header, claimsOf("client-1").json(b)))
			xraw.Run(b, c.raw, func(int) {
				if _, err := s.Verify(context.Background(), "client-1", form); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
	b.Run("junk", func(b *testing.B) {
		form := pushed("client-1", object(b, claimsOf("client-1").with("aud", parEndpoint)))
		xraw.Run(b, rawES256, func(int) {
			if _, err := s.Verify(context.Background(), "client-1", form); err == nil {
				b.Fatal("accepted")
			}
		})
	})
	b.Run("encrypted", func(b *testing.B) {
		form := pushed("client-1", encrypt(b, testkeys.PS256().Public(), "rsa", object(b, claimsOf("client-1"))))
		wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &ps256.PublicKey, digest[:], nil)
		require.NoError(b, err)
		raw := func() {
			_, _ = rsa.DecryptOAEP(sha256.New(), nil, ps256, wrapped, nil)
			rawES256()
		}
		xraw.Run(b, raw, func(int) {
			if _, err := s.Verify(context.Background(), "client-1", form); err != nil {
				b.Fatal(err)
			}
		})
	})
}

func BenchmarkSign(b *testing.B) {
	key, digest := testkeys.ES256("client-1"), sha256.Sum256([]byte("x"))
	signer, params := newSigner(b), soundParams("client-1")
	b.Run("ES256", func(b *testing.B) {
		raw := func() { _, _ = ecdsa.SignASN1(rand.Reader, key, digest[:]) }
		xraw.Run(b, raw, func(int) {
			if _, err := signer.Sign(context.Background(), params); err != nil {
				b.Fatal(err)
			}
		})
	})
}
