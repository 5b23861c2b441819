package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/internal/xraw"
)

// proof is a typical DPoP payload.
const proof = `{"jti":"0v7n3yZ9kQm2Jb5sXw8e1A","htm":"POST","htu":"https://api.bank.example/payments/v1/consents","iat":1700000000,` +
	`"ath":"fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo","nonce":"eyJ7S_zG.eyJH0-Z.HX4w-7v"}`

func BenchmarkReadObject(b *testing.B) {
	data := []byte(proof)
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := jose.ReadObject(data, func(name []byte, value jose.Value) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSplit(b *testing.B) {
	token := signed(b, testkeys.ES256("client"), `{"alg":"ES256","typ":"dpop+jwt","jwk":`+jwkOf(b, testkeys.ES256("client").Public())+`}`, proof)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := jose.Split(token); err != nil {
			b.Fatal(err)
		}
	}
}

// bare is the signature operation of the standard library alone.
func bare(b *testing.B, key crypto.Signer, input string) func() {
	digest := sha256.Sum256([]byte(input))
	signature := rawSignature(b, key, input)
	switch key := key.(type) {
	case *rsa.PrivateKey:
		options := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		return func() { _ = rsa.VerifyPSS(&key.PublicKey, crypto.SHA256, digest[:], signature, options) }
	case ed25519.PrivateKey:
		public := key.Public().(ed25519.PublicKey)
		return func() { ed25519.Verify(public, []byte(input), signature) }
	}
	der, err := key.Sign(nil, digest[:], crypto.SHA256)
	require.NoError(b, err)
	public := key.Public().(*ecdsa.PublicKey)
	return func() { ecdsa.VerifyASN1(public, digest[:], der) }
}

func BenchmarkVerify(b *testing.B) {
	for alg, key := range kinds() {
		b.Run(alg, func(b *testing.B) {
			input := jose.Encode([]byte(`{"alg":"`+alg+`","typ":"dpop+jwt"}`)) + "." + jose.Encode([]byte(proof))
			signature, public := rawSignature(b, key, input), key.Public()
			xraw.Run(b, bare(b, key, input), func(int) {
				if err := jose.Verify(public, alg, input, signature); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkParseJWK(b *testing.B) {
	for alg, key := range kinds() {
		b.Run(alg, func(b *testing.B) {
			data := []byte(jwkOf(b, key.Public()))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := jose.ParseJWK(data, jose.MaxEmbeddedRSABits); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
