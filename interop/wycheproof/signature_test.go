package wycheproof_test

import (
	"crypto/x509"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

// TestSignatures checks the arithmetic under each algorithm: R‖S of P-256,
// Ed25519, and PSS with SHA-256 and a salt of 32 octets.
func TestSignatures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		file, alg       string
		accepted, total int
	}{
		{"ecdsa_secp256r1_sha256_p1363_test.json", "ES256", 173, 262},
		{"ed25519_test.json", "EdDSA", 88, 151},
		{"rsa_pss_2048_sha256_mgf1_32_test.json", "PS256", 63, 108},
		{"rsa_pss_3072_sha256_mgf1_32_test.json", "PS256", 63, 108},
		{"rsa_pss_4096_sha256_mgf1_32_test.json", "PS256", 63, 108},
	} {
		t.Run("S62 "+test.file, func(t *testing.T) {
			t.Parallel()
			f := load(t, test.file)
			require.Equal(t, test.total, f.NumberOfTests)
			accepted := 0
			for _, g := range f.Groups {
				key, err := x509.ParsePKIXPublicKey(g.PublicDER)
				require.NoError(t, err)
				if g.PublicJWK != nil {
					jwk, err := jose.ParseJWK(g.PublicJWK, jose.MaxRSABits)
					require.NoError(t, err)
					require.Equal(t, key, jwk.Key)
				}
				for _, v := range g.Tests {
					err := jose.Verify(key, test.alg, string(v.Message), v.Signature)
					if v.Result == "valid" {
						accepted++
						assert.NoError(t, err, "tcId %d (%s)", v.ID, v.Comment)
					} else {
						assert.ErrorIs(t, err, jose.ErrSignature, "tcId %d (%s)", v.ID, v.Comment)
					}
				}
			}
			require.Equal(t, test.accepted, accepted)
		})
	}
}

// TestOtherSchemes feeds good RSA signatures of neighbouring schemes to PS256.
func TestOtherSchemes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"rsa_pss_2048_sha256_mgf1_0_test.json",      // no salt
		"rsa_pss_2048_sha1_mgf1_20_test.json",       // SHA-1
		"rsa_pss_2048_sha256_mgf1sha1_20_test.json", // MGF1 with SHA-1
		"rsa_signature_2048_sha256_test.json",       // PKCS #1 v1.5, which is RS256
	} {
		t.Run("S62 "+name, func(t *testing.T) {
			t.Parallel()
			refused := 0
			for _, g := range load(t, name).Groups {
				key, err := x509.ParsePKIXPublicKey(g.PublicDER)
				require.NoError(t, err)
				for _, v := range g.Tests {
					if v.Result == "valid" {
						refused++
						assert.True(t, oneSentinel(jose.Verify(key, jose.PS256, string(v.Message), v.Signature)), "tcId %d", v.ID)
					}
				}
			}
			require.Positive(t, refused)
		})
	}
}
