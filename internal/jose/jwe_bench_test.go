package jose_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func BenchmarkDecrypt(b *testing.B) {
	jws := signed(b, testkeys.ES256("client"), `{"alg":"ES256"}`, `{"sub":"a"}`)
	for _, r := range recipients() {
		token, err := jose.Encrypt(r.public, "", "", jws)
		require.NoError(b, err)
		b.Run(r.alg, func(b *testing.B) {
			b.ReportAllocs()
			keys := r.keys()
			for b.Loop() {
				_, err := jose.Decrypt(token, keys)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkEncrypt(b *testing.B) {
	jws := signed(b, testkeys.ES256("client"), `{"alg":"ES256"}`, `{"sub":"a"}`)
	for _, r := range recipients() {
		b.Run(r.alg, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := jose.Encrypt(r.public, "", "", jws)
				require.NoError(b, err)
			}
		})
	}
}
