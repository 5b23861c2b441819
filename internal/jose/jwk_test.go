package jose_test

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func TestParseJWK(t *testing.T) {
	t.Parallel()
	for alg, key := range kinds() {
		canonical := jwkOf(t, key.Public())
		got := parsed(t, with(canonical, `"kid":"k","alg":"`+alg+`","use":"sig","key_ops":["verify"],"ext":true,"unknown":{"a":[1]}`))
		thumbprint, err := jose.Thumbprint(key.Public())
		require.NoError(t, err)
		require.Equal(t, jose.JWK{Key: key.Public(), KeyID: "k", Algorithm: alg, Thumbprint: thumbprint}, got)
	}
	for _, text := range []string{``, `null`, `[]`, `"a"`, `{"kty":"EC","kty":"EC"}`, `{"kty":1}`, `{"kty":null}`, `{"kty":"EC","crv":256}`, `{"kty":"RSA","n":1}`} {
		assert.ErrorIs(t, parse(text), jose.ErrMalformed, text)
	}
	for _, text := range []string{`{}`, `{"kty":""}`, `{"kty":"EC"}`, `{"kty":"OKP"}`, `{"kty":"RSA"}`, `{"kty":"ec","crv":"P-256"}`, `{"kty":"EC","crv":"p-256"}`} {
		assert.ErrorIs(t, parse(text), jose.ErrKey, text)
	}
}

// root is y with y² = x³ - 3x + b, and whether there is one.
func root(x *big.Int) (*big.Int, bool) {
	curve := elliptic.P256().Params()
	y := new(big.Int).Exp(x, big.NewInt(3), curve.P)
	y.Sub(y, new(big.Int).Mul(big.NewInt(3), x)).Add(y, curve.B).Mod(y, curve.P)
	found := y.ModSqrt(y, curve.P)
	return found, found != nil
}

func TestECPoints(t *testing.T) {
	t.Parallel()
	x, y := coordinates(t, &testkeys.ES256("client").PublicKey)
	p := elliptic.P256().Params().P
	require.NoError(t, parse(ecJWK(x, y)))

	t.Run("S39 invalid EC point", func(t *testing.T) {
		off := append([]byte{}, y...)
		off[31] ^= 1
		zero := make([]byte, 32)
		for name, jwk := range map[string]string{
			"y flipped": ecJWK(x, off), "origin": ecJWK(zero, zero), "x zero": ecJWK(zero, y), "swapped": ecJWK(y, x),
			"x is p": ecJWK(p.Bytes(), y), "y is p": ecJWK(x, p.Bytes()), "top": ecJWK(x, []byte(strings.Repeat("\xff", 32))),
			"P-384 label": strings.Replace(ecJWK(x, y), "P-256", "P-384", 1), "no label": strings.Replace(ecJWK(x, y), `"crv":"P-256",`, "", 1),
			"no y": `{"kty":"EC","crv":"P-256","x":"` + jose.Encode(x) + `"}`, "no x": `{"kty":"EC","crv":"P-256","y":"` + jose.Encode(y) + `"}`,
		} {
			assert.ErrorIs(t, parse(jwk), jose.ErrKey, name)
		}
	})
	t.Run("S39 coordinate not below the prime", func(t *testing.T) {
		small := big.NewInt(1)
		y, ok := root(small)
		for ; !ok; y, ok = root(small) {
			small.Add(small, big.NewInt(1))
		}
		fill := func(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }
		require.NoError(t, parse(ecJWK(fill(small), fill(y))))
		require.ErrorIs(t, parse(ecJWK(fill(new(big.Int).Add(small, p)), fill(y))), jose.ErrKey)
	})
	t.Run("S39 S40 S53 coordinate of another length", func(t *testing.T) {
		long := append([]byte{0x80}, x...)
		for name, jwk := range map[string]string{
			"33 octets, leading zero": ecJWK(append([]byte{0}, x...), y), "31 octets": ecJWK(x[1:], y), "empty": ecJWK(nil, y),
			"33 octets, top bit": ecJWK(long, y), "y of 33 octets": ecJWK(x, append([]byte{0}, y...)),
			"33 and 31 octets": ecJWK(append(x[:32:32], y[0]), y[1:]), "31 and 33 octets": ecJWK(x[:31], append(x[31:32:32], y...)), "1 KiB": ecJWK([]byte(strings.Repeat("\xff", 1024)), y),
		} {
			assert.ErrorIs(t, parse(jwk), jose.ErrKey, name)
		}
		key := testkeys.ES256("client")
		jws, err := jose.Parse(signed(t, key, `{"alg":"ES256","jwk":`+ecJWK(long, y)+`}`, `{}`))
		require.NoError(t, err)
		require.ErrorIs(t, parse(string(jws.Header.JWK)), jose.ErrKey)
	})
}

// certificate is the DER of a self-signed certificate.
func certificate(t testing.TB, key crypto.Signer) []byte {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(4102444800, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return der
}

func TestJWKContradictions(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client")
	jwk := jwkOf(t, key.Public())
	require.NoError(t, parse(jwk))

	t.Run("S51 use, key_ops and alg", func(t *testing.T) {
		for _, members := range []string{
			`"use":"enc"`, `"use":"foo"`, `"use":""`, `"use":"SIG"`, `"key_ops":[]`, `"key_ops":["encrypt"]`, `"key_ops":["sign"]`, `"key_ops":["Verify"]`,
			`"alg":"ES384"`, `"alg":"PS256"`, `"alg":"EdDSA"`, `"alg":"none"`, `"alg":"HS256"`, `"alg":""`, `"alg":"es256"`, `"alg":"ECDH-ES"`,
			`"use":"sig","key_ops":["encrypt"]`, `"use":"enc","key_ops":["verify"]`,
		} {
			assert.ErrorIs(t, parse(with(jwk, members)), jose.ErrKey, members)
		}
		for _, members := range []string{`"use":null`, `"use":["sig"]`, `"key_ops":null`, `"key_ops":"verify"`, `"key_ops":[1]`, `"alg":null`, `"alg":1`, `"kid":null`, `"kid":1`} {
			assert.ErrorIs(t, parse(with(jwk, members)), jose.ErrMalformed, members)
		}
		for _, members := range []string{`"use":"sig"`, `"key_ops":["verify"]`, `"key_ops":["sign","verify"]`, `"alg":"ES256"`, `"use":"sig","key_ops":["verify"],"alg":"ES256"`} {
			assert.NoError(t, parse(with(jwk, members)), members)
		}
		for _, alg := range []string{"RS256", "PS384", "RSA-OAEP-256"} {
			assert.ErrorIs(t, parse(with(jwkOf(t, testkeys.PS256().Public()), `"alg":"`+alg+`"`)), jose.ErrKey, alg)
		}
	})
	t.Run("S51 x5c", func(t *testing.T) {
		for _, key := range kinds() {
			jwk := jwkOf(t, key.Public())
			x5c := func(der ...[]byte) string {
				var list []string
				for _, d := range der {
					list = append(list, `"`+base64.StdEncoding.EncodeToString(d)+`"`)
				}
				return with(jwk, `"x5c":[`+strings.Join(list, ",")+`]`)
			}
			own, foreign := certificate(t, key), certificate(t, testkeys.ES256(attacker))
			assert.NoError(t, parse(x5c(own)))
			assert.NoError(t, parse(x5c(own, foreign)), "the first certificate holds the key")
			for name, text := range map[string]string{"another key": x5c(foreign), "second only": x5c(foreign, own), "no certificate": x5c(own[1:]), "none": x5c(), "octets": x5c([]byte{0})} {
				assert.ErrorIs(t, parse(text), jose.ErrKey, name)
			}
			assert.ErrorIs(t, parse(with(jwk, `"x5c":["`+jose.Encode(own)+`"]`)), jose.ErrKey, "x5c is not base64url")
			assert.ErrorIs(t, parse(with(jwk, `"x5c":["`+base64.StdEncoding.EncodeToString(own)+`!"]`)), jose.ErrKey, "a good certificate and more")
			assert.ErrorIs(t, parse(with(jwk, `"x5c":"`+base64.StdEncoding.EncodeToString(own)+`"`)), jose.ErrMalformed)
		}
	})
	t.Run("S52 private or symmetric members", func(t *testing.T) {
		for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv", "D", "P", "Qi", "K", "\u212a", `\u0064`, "PRIV"} {
			for _, value := range []string{`"c2VjcmV0"`, `""`, `null`, `[]`, `1`} {
				for _, key := range kinds() {
					err := parse(with(jwkOf(t, key.Public()), `"`+name+`":`+value))
					assert.ErrorIs(t, err, jose.ErrKey, "%s %s", name, value)
					assert.NotContains(t, err.Error(), "c2VjcmV0")
				}
			}
		}
		assert.ErrorIs(t, parse(`{"kty":"oct","k":"c2VjcmV0"}`), jose.ErrKey)
		assert.ErrorIs(t, parse(`{"kty":"oct"}`), jose.ErrKey)
	})
	t.Run("S53 one key, one thumbprint", func(t *testing.T) {
		want := parsed(t, jwk).Thumbprint
		x, y := coordinates(t, &key.PublicKey)
		xs, ys := jose.Encode(x), jose.Encode(y)
		for name, same := range map[string]string{
			"member order": `{"y":"` + ys + `","x":"` + xs + `","kty":"EC","crv":"P-256"}`, "extra members": with(jwk, `"kid":"a","use":"sig","n":"AQAB"`),
			"white space": strings.ReplaceAll(jwk, ":", " :\n"), "escapes": strings.Replace(jwk, `"kty"`, `"\u006bty"`, 1),
		} {
			assert.Equal(t, want, parsed(t, same).Thumbprint, name)
		}
		for _, other := range append(reshape(xs), xs+"=", xs+"\\n", xs[:9]+"\\r\\n"+xs[9:], " "+xs, "+"+xs[1:]) {
			assert.ErrorIs(t, parse(strings.Replace(jwk, xs, other, 1)), jose.ErrMalformed, other)
		}
		require.Len(t, reshape(xs), 3, "32 octets leave two bits")
	})
}
