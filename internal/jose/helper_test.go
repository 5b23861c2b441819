package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

// attacker is nobody's registered key.
const attacker = "attacker"

var b64 = base64.RawURLEncoding

// rawSignature signs with the standard library alone, so that the package under
// test never vouches for itself.
func rawSignature(t testing.TB, key crypto.Signer, input string) []byte {
	t.Helper()
	if key, ok := key.(ed25519.PrivateKey); ok {
		return ed25519.Sign(key, []byte(input))
	}
	digest := sha256.Sum256([]byte(input))
	if key, ok := key.(*rsa.PrivateKey); ok {
		return pss(t, key, input, 32)
	}
	der, err := ecdsa.SignASN1(rand.Reader, key.(*ecdsa.PrivateKey), digest[:])
	require.NoError(t, err)
	var rs struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(der, &rs)
	require.NoError(t, err)
	return pair(rs.R, rs.S)
}

// pss signs with a salt of any length, pkcs1 in the older scheme of RS256.
func pss(t testing.TB, key *rsa.PrivateKey, input string, salt int) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: salt})
	require.NoError(t, err)
	return signature
}

func pkcs1(t testing.TB, key *rsa.PrivateKey, input string) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(t, err)
	return signature
}

// pair is R‖S.
func pair(r, s *big.Int) []byte {
	out := make([]byte, 64)
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

// signed makes a validly signed token of any header and payload, however odd.
func signed(t testing.TB, key crypto.Signer, header, payload string) string {
	t.Helper()
	return signedSegments(t, key, b64.EncodeToString([]byte(header)), b64.EncodeToString([]byte(payload)))
}

// signedSegments signs two segments as they stand.
func signedSegments(t testing.TB, key crypto.Signer, header, payload string) string {
	t.Helper()
	input := header + "." + payload
	return input + "." + b64.EncodeToString(rawSignature(t, key, input))
}

// verify is what every verifier of the module does first.
func verify(token string, key crypto.PublicKey) error {
	jws, err := jose.Parse(token)
	if err != nil {
		return err
	}
	return jws.Verify(key)
}

// claims reads a payload for its refusal.
func claims(payload string) error {
	_, err := jose.ReadClaims([]byte(payload), nil)
	return err
}

// object is the refusal of a text by the strict reader.
func object(text string) error { return jose.ReadObject([]byte(text), nil) }

// jwkOf is the canonical JWK of a key.
func jwkOf(t testing.TB, key crypto.PublicKey) string {
	t.Helper()
	out, err := jose.CanonicalJWK(key)
	require.NoError(t, err)
	return string(out)
}

// with adds members to a JSON object, given as `"name":value`.
func with(object, members string) string { return object[:len(object)-1] + "," + members + "}" }

// parse reads a public JWK for its refusal.
func parse(text string) error {
	_, err := jose.ParseJWK([]byte(text), jose.MaxRSABits)
	return err
}

// parsed reads a public JWK that has to be sound.
func parsed(t testing.TB, text string) jose.JWK {
	t.Helper()
	key, err := jose.ParseJWK([]byte(text), jose.MaxRSABits)
	require.NoError(t, err)
	return key
}

// ecJWK, rsaJWK and edJWK spell a key of raw octets, sound or not.
func ecJWK(x, y []byte) string {
	return `{"kty":"EC","crv":"P-256","x":"` + b64.EncodeToString(x) + `","y":"` + b64.EncodeToString(y) + `"}`
}

func rsaJWK(n, e []byte) string {
	return `{"kty":"RSA","n":"` + b64.EncodeToString(n) + `","e":"` + b64.EncodeToString(e) + `"}`
}

func edJWK(x []byte) string {
	return `{"kty":"OKP","crv":"Ed25519","x":"` + b64.EncodeToString(x) + `"}`
}

// coordinates are the 32-octet coordinates of a P-256 key.
func coordinates(t testing.TB, key *ecdsa.PublicKey) (x, y []byte) {
	t.Helper()
	point, err := key.Bytes()
	require.NoError(t, err)
	return point[1:33], point[33:]
}

// readFile decodes a file of testdata.
func readFile(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}
