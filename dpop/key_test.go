package dpop_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func ecJWK(crv string, x, y []byte) string {
	return `{"kty":"EC","crv":"` + crv + `","x":"` + jose.Encode(x) + `","y":"` + jose.Encode(y) + `"}`
}

func rsaJWK(n, e []byte) string {
	return `{"kty":"RSA","n":"` + jose.Encode(n) + `","e":"` + jose.Encode(e) + `"}`
}

func okpJWK(crv string, x []byte) string {
	return `{"kty":"OKP","crv":"` + crv + `","x":"` + jose.Encode(x) + `"}`
}

// coordinates of a P-256 key, 32 octets each.
func coordinates(t testing.TB, key *ecdsa.PrivateKey) (x, y []byte) {
	t.Helper()
	point, err := key.PublicKey.Bytes()
	require.NoError(t, err)
	return point[1:33], point[33:]
}

// adding writes members into a JWK.
func adding(jwk, members string) string { return jwk[:len(jwk)-1] + "," + members + "}" }

// withJWK is a proof with a signature of the client but another jwk and alg.
func withJWK(t testing.TB, alg, jwk string) string {
	t.Helper()
	header := headerOf(t, client).with("alg", quote(alg)).with("jwk", jwk)
	return sign(t, client, header.String(), claimsNow().String())
}

func TestECKeys(t *testing.T) {
	t.Parallel()
	x, y := coordinates(t, client)
	private, err := client.Bytes()
	require.NoError(t, err)
	p := elliptic.P256().Params().P
	twisted := append([]byte{}, y...)
	twisted[31] ^= 1
	longer := append([]byte{0}, x...)
	overflow := append([]byte{0x80}, x...)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	big384, err := p384.PublicKey.Bytes()
	require.NoError(t, err)
	jwk := ecJWK("P-256", x, y)
	tests := map[string]string{
		"S33 P-384":                       ecJWK("P-384", big384[1:49], big384[49:]),
		"S33 P-384 called P-256":          ecJWK("P-256", big384[1:49], big384[49:]),
		"S33 secp256k1":                   ecJWK("secp256k1", x, y),
		"S33 no crv":                      strings.Replace(jwk, `"crv":"P-256",`, "", 1),
		"S33 crv in lower case":           ecJWK("p-256", x, y),
		"S33 kty OKP":                     strings.Replace(jwk, `"EC"`, `"OKP"`, 1),
		"S33 no kty":                      strings.Replace(jwk, `"kty":"EC",`, "", 1),
		"S39 y flipped":                   ecJWK("P-256", x, twisted),
		"S39 infinity":                    ecJWK("P-256", make([]byte, 32), make([]byte, 32)),
		"S39 x not below p":               ecJWK("P-256", p.Bytes(), y),
		"S39 x of 33 octets":              ecJWK("P-256", longer, y),
		"S39 x of 31 octets":              ecJWK("P-256", x[1:], y),
		"S39 P-384 label, P-256 point":    ecJWK("P-384", x, y),
		"S39 no y":                        strings.Replace(jwk, `,"y":"`+jose.Encode(y)+`"`, "", 1),
		"S39 empty coordinates":           ecJWK("P-256", nil, nil),
		"S39 y zero":                      ecJWK("P-256", x, make([]byte, 32)),
		"S40 x longer than the curve":     ecJWK("P-256", overflow, y),
		"S40 x of 4,000 octets":           ecJWK("P-256", make([]byte, 4000), y),
		"S51 use enc":                     adding(jwk, `"use":"enc"`),
		"S51 use foo":                     adding(jwk, `"use":"foo"`),
		"S51 use empty":                   adding(jwk, `"use":""`),
		"S51 key_ops encrypt":             adding(jwk, `"key_ops":["encrypt"]`),
		"S51 key_ops empty":               adding(jwk, `"key_ops":[]`),
		"S51 alg of another curve":        adding(jwk, `"alg":"ES384"`),
		"S51 alg of another type":         adding(jwk, `"alg":"PS256"`),
		"S51 x5c empty":                   adding(jwk, `"x5c":[]`),
		"S51 x5c junk":                    adding(jwk, `"x5c":["AAAA"]`),
		"S51 x5c of another key":          adding(jwk, `"x5c":["`+certificateOf(t, attacker)+`"]`),
		"S52 d":                           adding(jwk, `"d":"`+jose.Encode(private)+`"`),
		"S52 d empty":                     adding(jwk, `"d":""`),
		"S52 d null":                      adding(jwk, `"d":null`),
		"S52 D":                           adding(jwk, `"D":"AA"`),
		"S52 k":                           adding(jwk, `"k":"AA"`),
		"S52 an escaped d":                adding(jwk, `"\u0064":"AA"`),
		"S52 priv":                        adding(jwk, `"priv":"AA"`),
		"S53 x with a leading zero octet": ecJWK("P-256", longer, y),
	}
	for name, jwk := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			refused := g.refuse(t, get(withJWK(t, "ES256", jwk)), dpop.ErrKey)
			require.NotContains(t, refused.LogValue().String(), jose.Encode(private), "a private key in the log")
			g.acceptHonest(t)
		})
	}
	for name, jwk := range map[string]string{
		"S53 padded":       strings.Replace(jwk, jose.Encode(x), jose.Encode(x)+"=", 1),
		"S53 loose bits":   strings.Replace(jwk, jose.Encode(x), looseTail(jose.Encode(x)), 1),
		"S53 a line break": strings.Replace(jwk, jose.Encode(x), jose.Encode(x)[:10]+`\n`+jose.Encode(x)[10:], 1),
		"S14 x a number":   strings.Replace(jwk, `"`+jose.Encode(x)+`"`, "1", 1),
		"S14 kty null":     strings.Replace(jwk, `"EC"`, "null", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(withJWK(t, "ES256", jwk)), dpop.ErrKey)
			g.acceptHonest(t)
		})
	}
	t.Run("S53 order and other members change no thumbprint", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		for _, jwk := range []string{
			jwk, `{"y":"` + jose.Encode(y) + `", "x":"` + jose.Encode(x) + `", "crv":"P-256", "kty":"EC"}`,
			adding(jwk, `"use":"sig","key_ops":["verify"],"alg":"ES256","kid":"k","ext":true,"x5c":["`+certificateOf(t, client)+`"]`),
			`{"\u006bty":"\u0045C","crv":"P-256","x":"` + jose.Encode(x) + `","y":"` + jose.Encode(y) + `"}`,
		} {
			require.Equal(t, thumbprintOf(client), g.accept(t, get(withJWK(t, "ES256", jwk))).Thumbprint())
		}
	})
}

func certificateOf(t testing.TB, key *ecdsa.PrivateKey) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return base64.StdEncoding.EncodeToString(der)
}

func TestECSignatures(t *testing.T) {
	t.Parallel()
	good := honest(t)
	dot := strings.LastIndexByte(good, '.')
	raw, err := jose.Decode(good[dot+1:])
	require.NoError(t, err)
	r, s := raw[:32], raw[32:]
	n := elliptic.P256().Params().N.Bytes()
	one := append(make([]byte, 31), 1)
	zero := make([]byte, 32)
	ones, err := hex.DecodeString(strings.Repeat("ff", 32))
	require.NoError(t, err)
	der, err := ecdsa.SignASN1(rand.Reader, client, make([]byte, 32))
	require.NoError(t, err)
	pair := func(r, s []byte) []byte { return append(append([]byte{}, r...), s...) }
	var attacks []attack
	for name, signature := range map[string][]byte{
		"r = s = 0": pair(zero, zero), "r = 0": pair(zero, s), "s = 0": pair(r, zero), "r = n": pair(n, s), "s = n": pair(r, n), "r = s = n": pair(n, n),
		"r = s = 1": pair(one, one), "r = s = 2^256-1": pair(ones, ones), "swapped": pair(s, r), "DER": der, "63 octets": raw[:63], "65 octets": pair(raw, []byte{0}),
		"33 and 33": pair(pair([]byte{0}, r), pair([]byte{0}, s)), "31 and 31": pair(r[1:], s[1:]), "twice": pair(raw, raw), "r only": r, "one octet": {1},
		"4,000 octets": make([]byte, 4000),
	} {
		attacks = append(attacks, attack{"S35 " + name, good[:dot+1] + jose.Encode(signature), dpop.ErrSignature})
	}
	runAttacks(t, attacks)
}

func TestOKPKeys(t *testing.T) {
	t.Parallel()
	public := testkeys.EdDSA("client").Public().(ed25519.PublicKey)
	tests := map[string]string{
		"S33 X25519": okpJWK("X25519", public), "S34 Ed448": okpJWK("Ed448", append(append([]byte{}, public...), make([]byte, 25)...)),
		"S41 x of 3 octets": okpJWK("Ed25519", make([]byte, 3)), "S41 x empty": okpJWK("Ed25519", nil), "S41 x of 31 octets": okpJWK("Ed25519", public[:31]),
		"S41 x of 33 octets": okpJWK("Ed25519", append(append([]byte{}, public...), 0)), "S41 no x": `{"kty":"OKP","crv":"Ed25519"}`,
		"S52 d": adding(okpJWK("Ed25519", public), `"d":"AA"`), "S33 an EC key's name": strings.Replace(okpJWK("Ed25519", public), "OKP", "EC", 1),
	}
	for _, low := range []string{ // every encoding of a point of small order
		strings.Repeat("00", 32), "01" + strings.Repeat("00", 31), "ec" + strings.Repeat("ff", 30) + "7f", strings.Repeat("00", 31) + "80",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"01" + strings.Repeat("00", 30) + "80", "ec" + strings.Repeat("ff", 31), "ed" + strings.Repeat("ff", 30) + "7f", "ed" + strings.Repeat("ff", 31),
		"ee" + strings.Repeat("ff", 30) + "7f", "ee" + strings.Repeat("ff", 31),
	} {
		x, err := hex.DecodeString(low)
		require.NoError(t, err)
		tests["S37 low order "+low] = okpJWK("Ed25519", x)
	}
	for name, jwk := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			// R is the identity and S is zero: for a key of low order that is
			// a signature of every message, or of one in eight.
			identity := jose.Encode(append([]byte{1}, make([]byte, 63)...))
			for _, alg := range []string{"EdDSA", "Ed25519"} {
				proof := withJWK(t, alg, jwk)
				g.refuse(t, get(proof[:strings.LastIndexByte(proof, '.')+1]+identity), dpop.ErrKey)
			}
			g.acceptHonest(t)
		})
	}
	t.Run("S37 control: the standard library takes it", func(t *testing.T) {
		t.Parallel()
		identity := append([]byte{1}, make([]byte, 31)...)
		require.True(t, ed25519.Verify(identity, []byte("anything"), append(identity, make([]byte, 32)...)))
	})
	t.Run("S34 both names of the algorithm", func(t *testing.T) {
		t.Parallel()
		key := testkeys.EdDSA("client")
		bound, err := jose.Thumbprint(public)
		require.NoError(t, err)
		for _, alg := range []string{"EdDSA", "Ed25519"} {
			proof := sign(t, key, headerOf(t, key).with("alg", quote(alg)).String(), claimsNow().String())
			_, err := newGate(t).VerifyResourceRequest(get(proof), accessToken, bound)
			require.NoError(t, err)
		}
	})
}

func TestRSAKeys(t *testing.T) {
	t.Parallel()
	n := testkeys.PS256().N.Bytes()
	good := []byte{1, 0, 1}
	sized := func(bits int) []byte { // odd, with the top bit set
		out := make([]byte, (bits+7)/8)
		rand.Read(out)
		out[0] = 1 << ((bits - 1) % 8)
		out[len(out)-1] |= 1
		return out
	}
	even := append([]byte{}, n...)
	even[len(even)-1] &^= 1
	for name, jwk := range map[string]string{
		"n of 64 bits": rsaJWK(sized(64), good), "n of 1,024 bits": rsaJWK(sized(1024), good), "n of 2,047 bits": rsaJWK(sized(2047), good),
		"n of 4,097 bits": rsaJWK(sized(4097), good), "n of 8,192 bits": rsaJWK(sized(8192), good), "n of 16,384 bits": rsaJWK(sized(16384), good),
		"n even": rsaJWK(even, good), "n empty": rsaJWK(nil, good), "n zero": rsaJWK(make([]byte, 256), good),
		"n with a leading zero": rsaJWK(append([]byte{0}, n...), good), "e empty": rsaJWK(n, nil), "e zero": rsaJWK(n, []byte{0}), "e 1": rsaJWK(n, []byte{1}),
		"e 2": rsaJWK(n, []byte{2}), "e 3": rsaJWK(n, []byte{3}), "e even": rsaJWK(n, []byte{1, 0, 2}), "e with a leading zero": rsaJWK(n, []byte{0, 1, 0, 1}),
		"e of 5 octets": rsaJWK(n, []byte{1, 0, 0, 0, 1}), "e of 9 octets": rsaJWK(n, []byte{1, 0, 0, 0, 0, 0, 0, 0, 1}),
		"e of 2^31+1": rsaJWK(n, []byte{0x80, 0, 0, 1}), "no e": `{"kty":"RSA","n":"` + jose.Encode(n) + `"}`,
		"S52 d": adding(rsaJWK(n, good), `"d":"AA"`), "S52 p": adding(rsaJWK(n, good), `"p":"AA"`), "S52 oth": adding(rsaJWK(n, good), `"oth":[]`),
		"S51 alg RS256": adding(rsaJWK(n, good), `"alg":"RS256"`), "S51 alg RSA-OAEP": adding(rsaJWK(n, good), `"alg":"RSA-OAEP"`),
	} {
		t.Run("S38 "+name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(withJWK(t, "PS256", jwk)), dpop.ErrKey)
			g.acceptHonest(t)
		})
	}
	t.Run("S38 n of 65,536 bits is too large a proof", func(t *testing.T) {
		t.Parallel()
		newGate(t).refuse(t, get(withJWK(t, "PS256", rsaJWK(sized(65536), good))), dpop.ErrMalformed)
	})
	t.Run("S38 control: a sound key", func(t *testing.T) {
		t.Parallel()
		key := testkeys.PS256()
		bound, err := jose.Thumbprint(key.Public())
		require.NoError(t, err)
		proof := sign(t, key, headerOf(t, key).with("jwk", rsaJWK(n, good)).String(), claimsNow().String())
		_, err = newGate(t).VerifyResourceRequest(get(proof), accessToken, bound)
		require.NoError(t, err)
	})
}
