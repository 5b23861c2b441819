package accesstoken

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// TestSyntaxAttacks holds tokens with a good signature: only how they are read
// stands between them and acceptance.
func TestSyntaxAttacks(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, nil)
	now := time.Now()
	past, future := fmt.Sprint(now.Unix()-9), fmt.Sprint(now.Unix()+999)
	good := payload(now)
	deep := strings.Repeat("[", jose.MaxDepth) + strings.Repeat("]", jose.MaxDepth)
	tests := []struct{ name, header, payload string }{
		{"S01 duplicate alg", `{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"as-1"}`, good},
		{"S02 duplicate typ", `{"alg":"ES256","typ":"at+jwt","typ":"JWT","kid":"as-1"}`, good},
		{"S02 duplicate typ reversed", `{"alg":"ES256","typ":"JWT","typ":"at+jwt","kid":"as-1"}`, good},
		{"S03 escaped duplicate typ", `{"alg":"ES256","typ":"at+jwt","\u0074yp":"JWT","kid":"as-1"}`, good},
		{"S03 escaped duplicate claim", "", payload(now, "sub", `"alice","\u0073ub":"bob"`)},
		{"S04 duplicate sub", "", payload(now, "sub", `"alice","sub":"bob"`)},
		{"S04 duplicate exp", "", payload(now, "exp", past+`,"exp":`+future)},
		{"S04 duplicate aud", "", payload(now, "aud", `"x","aud":"`+testAudience+`"`)},
		{"S04 duplicate jti", "", payload(now, "jti", `"a","jti":"b"`)},
		{"S04 duplicate client_id", "", payload(now, "client_id", `"a","client_id":"b"`)},
		{"S04 duplicate scope", "", payload(now, "scope", `"a","scope":"b"`)},
		{"S04 duplicate unknown claim", "", payload(now, "x", `1,"x":2`)},
		{"S04 duplicate inside an unknown claim", "", payload(now, "x", `{"a":1,"a":2}`)},
		{"N05 duplicate cnf", "", payload(now, "cnf", testCNF+`,"cnf":`+testCNF)},
		{"S08 data after the header", testHeader + `{"alg":"none"}`, good},
		{"S08 second payload", "", good + `{"sub":"b"}`},
		{"S08 data after the payload", "", good + "x"},
		{"S09 byte order mark", "", "\ufeff" + good},
		{"S10 invalid UTF-8 in sub", "", payload(now, "sub", "\"a\xff\"")},
		{"S10 invalid UTF-8 in kid", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"as-1\",\"x\":\"\xff\"}", good},
		{"S11 lone surrogate", "", payload(now, "jti", `"\ud800"`)},
		{"S14 jti a number", "", payload(now, "jti", "1")},
		{"S14 jti a list", "", payload(now, "jti", "[]")},
		{"S14 sub an object", "", payload(now, "sub", "{}")},
		{"S14 client_id true", "", payload(now, "client_id", "true")},
		{"S14 client_id null", "", payload(now, "client_id", "null")},
		{"S14 iss null", "", payload(now, "iss", "null")},
		{"S14 aud a number", "", payload(now, "aud", "1")},
		{"S14 aud numbers", "", payload(now, "aud", "[1]")},
		{"S14 aud nested", "", payload(now, "aud", `[["`+testAudience+`"]]`)},
		{"S14 aud with null", "", payload(now, "aud", `["`+testAudience+`",null]`)},
		{"S14 aud an object", "", payload(now, "aud", "{}")},
		{"S14 acr a number", "", payload(now, "acr", "2")},
		{"S14 amr a string", "", payload(now, "amr", `"pwd"`)},
		{"S14 scope true", "", payload(now, "scope", "true")},
		{"S15 exp a string", "", payload(now, "exp", `"4102444800"`)},
		{"S15 exp a date", "", payload(now, "exp", `"2099-01-01T00:00:00Z"`)},
		{"S15 iat a string", "", payload(now, "iat", `"1"`)},
		{"S15 auth_time a string", "", payload(now, "auth_time", `"1"`)},
		{"S15 exp null", "", payload(now, "exp", "null")},
		{"S17 deep header", strings.TrimSuffix(testHeader, "}") + `,"x":` + deep + "}", good},
		{"S17 deep payload", "", payload(now, "x", deep)},
		{"S43 crit", strings.TrimSuffix(testHeader, "}") + `,"crit":["exp"],"exp":1}`, good},
		{"S44 empty crit", strings.TrimSuffix(testHeader, "}") + `,"crit":[]}`, good},
		{"S45 b64", strings.TrimSuffix(testHeader, "}") + `,"b64":false}`, good},
		{"payload a list", "", "[" + good + "]"},
		{"payload null", "", "null"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			header := test.header
			if header == "" {
				header = testHeader
			}
			requireRefused(t, v, sign(t, issuerKey(), header, test.payload), ErrMalformed)
		})
	}
	t.Run("S05 folded header names are missing ones", func(t *testing.T) {
		t.Parallel()
		requireRefused(t, v, sign(t, issuerKey(), `{"alg":"ES256","TYP":"at+jwt","kid":"as-1"}`, good), ErrType)
		requireRefused(t, v, sign(t, issuerKey(), `{"ALG":"ES256","typ":"at+jwt","kid":"as-1"}`, good), ErrAlgorithm)
		requireRefused(t, v, sign(t, issuerKey(), `{"alg":"ES256","typ":"at+jwt","Kid":"as-1"}`, good), ErrKey)
		requireRefused(t, v, sign(t, issuerKey(), "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"\u212Aid\":\"as-1\"}", good), ErrKey)
	})
	t.Run("S06 S07 only the exact name counts", func(t *testing.T) {
		t.Parallel()
		got := requireAccepted(t, v, goodToken(t, "SUB", `"bob"`, "ſub", `"bob"`, "Scope", `"admin"`, "EXP", "1", "AUD", "1"))
		assert.Equal(t, "user-1", got.Subject())
		assert.False(t, got.HasScope("admin"))
		requireRefused(t, v, goodToken(t, "exp", "1", "EXP", future), ErrExpired)
		requireRefused(t, v, goodToken(t, "iss", "", "iſs", `"`+testIssuer+`"`), ErrClaims)
	})
	t.Run("S09 white space is verified as received", func(t *testing.T) {
		t.Parallel()
		requireAccepted(t, v, sign(t, issuerKey(), " \n"+testHeader+"\t", "\r\n"+good+" "))
	})
	t.Run("S12 control characters stay data", func(t *testing.T) {
		t.Parallel()
		got := requireAccepted(t, v, goodToken(t, "sub", `"a\u0000\r\n"`))
		assert.Equal(t, "a\x00\r\n", got.Subject())
	})
}

// TestEncodingAttacks changes the text of a good token.
func TestEncodingAttacks(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, nil)
	token := goodToken(t)
	part := strings.Split(token, ".")
	join := func(header, payload, signature string) string { return header + "." + payload + "." + signature }
	// The last of 86 characters of a signature carries four unused bits.
	trailing := func(s string) string {
		const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
		return s[:len(s)-1] + string(alphabet[strings.IndexByte(alphabet, s[len(s)-1])+1])
	}
	tests := map[string]string{
		"empty":                        "",
		"S19 oversize":                 token + strings.Repeat("A", jose.MaxToken),
		"S19 many dots":                strings.Repeat(".", jose.MaxToken),
		"S19 10 MiB":                   strings.Repeat("A", 10<<20),
		"S20 one segment":              part[0],
		"S20 two segments":             part[0] + "." + part[1],
		"S20 four segments":            token + "." + part[2],
		"S20 trailing dot":             token + ".",
		"S20 five segments (JWE)":      token + ".AA.AA",
		"S20 only dots":                "..",
		"S22 JSON serialization":       `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`,
		"S23 trailing bits":            join(part[0], part[1], trailing(part[2])),
		"S24 padded signature":         token + "==",
		"S24 padded header":            join(part[0]+"=", part[1], part[2]),
		"S26 newline in the signature": join(part[0], part[1], part[2][:10]+"\n"+part[2][10:]),
		"S26 CR LF in the payload":     join(part[0], part[1][:8]+"\r\n"+part[1][8:], part[2]),
		"S26 newline at the end":       token + "\n",
		"S26 NUL at the end":           token + "\x00",
		"S26 space in front":           " " + token,
		"standard alphabet":            join(part[0], part[1]+"+/", part[2]),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, v, text, ErrMalformed)
		})
	}
	t.Run("another payload under the signature", func(t *testing.T) {
		t.Parallel()
		requireRefused(t, v, join(part[0], jose.Encode([]byte(payload(time.Now(), "sub", `"admin"`))), part[2]), ErrSignature)
	})
	t.Run("another header over the signature", func(t *testing.T) {
		t.Parallel()
		header := jose.Encode([]byte(`{"typ":"at+jwt","alg":"ES256","kid":"as-1"}`))
		requireRefused(t, v, join(header, part[1], part[2]), ErrSignature)
	})
	t.Run("signature empty, short, long", func(t *testing.T) {
		t.Parallel()
		for _, signature := range []string{"", part[2][:84], part[2] + "AAAA", strings.Repeat("A", 86)} {
			requireRefused(t, v, join(part[0], part[1], signature), ErrSignature)
		}
	})
}

func TestAlgorithmAttacks(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, nil)
	token := goodToken(t)
	part := strings.Split(token, ".")
	for _, alg := range []string{`"none"`, `"None"`, `"nOnE"`, `"none "`, `""`, `"RS256"`, `"ES384"`, `"ES512"`, `"PS384"`, `"FOO"`, `"es256"`,
		`"HS256"`, `"HS384"`, `"HS512"`, `"A128KW"`, `"dir"`, `"ES256K"`, `"Ed448"`} {
		t.Run("S28 S29 S31 header alg "+alg, func(t *testing.T) {
			t.Parallel()
			header := strings.Replace(testHeader, `"ES256"`, alg, 1)
			requireRefused(t, v, sign(t, issuerKey(), header, payload(time.Now())), ErrAlgorithm)
			requireRefused(t, v, jose.Encode([]byte(header))+"."+part[1]+".", ErrAlgorithm)
			requireRefused(t, v, jose.Encode([]byte(header))+"."+part[1]+"."+part[2], ErrAlgorithm)
		})
	}
	t.Run("S29 alg missing or null", func(t *testing.T) {
		t.Parallel()
		requireRefused(t, v, sign(t, issuerKey(), `{"typ":"at+jwt","kid":"as-1"}`, payload(time.Now())), ErrAlgorithm)
		requireRefused(t, v, sign(t, issuerKey(), `{"alg":null,"typ":"at+jwt","kid":"as-1"}`, payload(time.Now())), ErrMalformed)
	})
	for _, alg := range []string{"PS256", "EdDSA", "Ed25519"} {
		t.Run("S29 allowed alg that is not the key's "+alg, func(t *testing.T) {
			t.Parallel()
			requireRefused(t, v, sign(t, issuerKey(), strings.Replace(testHeader, "ES256", alg, 1), payload(time.Now())), ErrAlgorithm)
		})
	}
	t.Run("S30 HMAC with the public key", func(t *testing.T) {
		t.Parallel()
		public := issuerKey().Public()
		der, err := x509.MarshalPKIXPublicKey(public)
		require.NoError(t, err)
		jwk, err := jose.CanonicalJWK(public)
		require.NoError(t, err)
		point, err := public.(*ecdsa.PublicKey).Bytes()
		require.NoError(t, err)
		for _, secret := range [][]byte{der, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), jwk, point} {
			for _, alg := range []string{"HS256", "ES256"} {
				input := jose.Encode([]byte(strings.Replace(testHeader, "ES256", alg, 1))) + "." + part[1]
				mac := hmac.New(sha256.New, secret)
				mac.Write([]byte(input))
				want := map[string]error{"HS256": ErrAlgorithm, "ES256": ErrSignature}[alg]
				requireRefused(t, v, input+"."+jose.Encode(mac.Sum(nil)), want)
			}
		}
	})
}

func TestKeyAttacks(t *testing.T) {
	t.Parallel()
	attacker := testkeys.ES256("attacker")
	v := newVerifier(t, nil)
	jwk, err := jose.CanonicalJWK(attacker.Public())
	require.NoError(t, err)

	for name, member := range map[string]string{
		"jwk": `"jwk":` + string(jwk),
		"jku": `"jku":"https://evil.example/jwks"`,
		"x5u": `"x5u":"https://evil.example/cert"`,
		"x5c": `"x5c":["AAAA"]`,
	} {
		t.Run("S46 key named by the token "+name, func(t *testing.T) {
			t.Parallel()
			header := strings.TrimSuffix(testHeader, "}") + "," + member + "}"
			token := sign(t, attacker, header, payload(time.Now()))
			requireRefused(t, v, token, ErrSignature)
			trusting := newVerifier(t, func(c *VerifierConfig) { c.Keys = publish(testKeyID, attacker) })
			requireAccepted(t, trusting, token) // the control: only the key was wrong
		})
	}
	for _, kid := range []string{"../../dev/null", "' OR 1=1--", "as-1\x00", "AS-1", "as-1 ", "", "*", strings.Repeat("k", 8000)} {
		t.Run(fmt.Sprintf("S48 kid is opaque %.20q", kid), func(t *testing.T) {
			t.Parallel()
			var asked []string
			v := newVerifier(t, func(c *VerifierConfig) {
				inner := c.Keys
				c.Keys = keysFunc(func(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
					asked = append(asked, kid)
					return inner.Keys(ctx, kid, alg)
				})
			})
			quoted, err := jose.AppendQuoted(nil, kid)
			require.NoError(t, err)
			header := `{"alg":"ES256","typ":"at+jwt","kid":` + string(quoted) + `}`
			requireRefused(t, v, sign(t, attacker, header, payload(time.Now())), ErrKey)
			assert.Equal(t, kid, asked[0])
		})
	}
	t.Run("S48 kid an object", func(t *testing.T) {
		t.Parallel()
		requireRefused(t, v, sign(t, issuerKey(), `{"alg":"ES256","typ":"at+jwt","kid":{"$ne":null}}`, payload(time.Now())), ErrMalformed)
	})
	t.Run("S48 kid of a megabyte", func(t *testing.T) {
		t.Parallel()
		header := `{"alg":"ES256","typ":"at+jwt","kid":"` + strings.Repeat("k", 1<<20) + `"}`
		requireRefused(t, v, sign(t, issuerKey(), header, payload(time.Now())), ErrMalformed)
	})
	t.Run("S63 two issuers with the same kid", func(t *testing.T) {
		t.Parallel()
		const otherIssuer = "https://b.example"
		keyB := testkeys.ES256("issuer B")
		verifierB := newVerifier(t, func(c *VerifierConfig) { c.Issuer, c.Keys = otherIssuer, publish(testKeyID, keyB) })
		tokenA := goodToken(t)
		tokenB := sign(t, keyB, testHeader, payload(time.Now(), "iss", `"`+otherIssuer+`"`))
		for range 2 { // the second round meets warm caches
			requireAccepted(t, v, tokenA)
			requireAccepted(t, verifierB, tokenB)
			_, err := verifierB.Verify(context.Background(), tokenA)
			require.ErrorIs(t, err, ErrIssuer)
			_, err = v.Verify(context.Background(), tokenB)
			require.ErrorIs(t, err, ErrIssuer)
			requireRefused(t, v, sign(t, keyB, testHeader, payload(time.Now())), ErrSignature)
		}
	})
}

// TestErrorTexts: what goes to logs holds nothing of the token.
func TestErrorTexts(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, nil)
	const secret = "s3cret"
	for _, change := range [][]string{
		{"iss", `"https://s3cret"`}, {"aud", `"s3cret"`}, {"scope", `" s3cret"`}, {"cnf", `{"s3cret":"s3cret"}`},
		{"s3cret", `"s3cret`}, {"exp", `"s3cret"`}, {"sub", `"s3cret"`, "jti", ""}, {"sub", `"s3cret"`, "exp", "1"},
	} {
		token := goodToken(t, change...)
		_, err := v.Verify(context.Background(), token)
		require.Error(t, err)
		require.NotContains(t, err.Error(), secret)
		require.False(t, bytes.Contains([]byte(err.Error()), []byte(token[:20])))
		require.Equal(t, 1, strings.Count(err.Error(), "accesstoken: "))
	}
}
