package dpop_test

import (
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
)

// attack is a proof with one defect, its signature good unless that is the
// defect. After each, an honest proof of the same make is accepted.
type attack struct {
	name, field string
	rule        error
}

func runAttacks(t *testing.T, attacks []attack) {
	t.Helper()
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(a.field), a.rule)
			g.acceptHonest(t)
			g.refuse(t, get(a.field), a.rule) // also now that the client is known
		})
	}
}

func TestStrictHeader(t *testing.T) {
	t.Parallel()
	h := headerOf(t, client)
	jwk := h[2].value
	text := func(header string) string { return sign(t, client, header, claimsNow().String()) }
	of := func(header object) string { return text(header.String()) }
	inJWK := func(members string) string { return of(h.with("jwk", jwk[:len(jwk)-1]+","+members+"}")) }
	runAttacks(t, []attack{
		{"S01 alg twice, none first", of(h.before("alg", `"none"`)), dpop.ErrMalformed},
		{"S01 alg twice, none last", of(h.after("alg", `"none"`)), dpop.ErrMalformed},
		{"S01 alg twice, the same", of(h.after("alg", `"ES256"`)), dpop.ErrMalformed},
		{"S02 typ twice, JWT first", of(h.before("typ", `"JWT"`)), dpop.ErrMalformed},
		{"S02 typ twice, JWT last", of(h.after("typ", `"JWT"`)), dpop.ErrMalformed},
		{"S03 typ twice, once escaped", of(h.after(`\u0074yp`, `"JWT"`)), dpop.ErrMalformed},
		{"S03 jwk twice, once escaped", of(h.before(`jw\u006b`, headerOf(t, attacker)[2].value)), dpop.ErrMalformed},
		{"S04 a member of jwk twice", inJWK(`"kty":"EC"`), dpop.ErrMalformed},
		{"S04 twice, deep in an unknown member", of(h.after("x", `{"a":[{"b":1,"b":2}]}`)), dpop.ErrMalformed},
		{"S05 names in upper case", of(object{{"TYP", h[0].value}, {"ALG", h[1].value}, {"JWK", jwk}}), dpop.ErrAlgorithm},
		{"S05 TYP", of(h.without("typ").with("TYP", `"dpop+jwt"`)), dpop.ErrType},
		{"S05 Jwk", of(h.without("jwk").with("Jwk", jwk)), dpop.ErrKey},
		{"S05 members of jwk in upper case", of(h.with("jwk", strings.Replace(jwk, `"kty"`, `"KTY"`, 1))), dpop.ErrKey},
		{"S07 a homoglyph of jwk", of(h.without("jwk").with("jw\u212a", jwk)), dpop.ErrKey},
		{"S08 two objects", text(h.String() + `{"alg":"none"}`), dpop.ErrMalformed},
		{"S08 a letter behind", text(h.String() + "x"), dpop.ErrMalformed},
		{"S08 an array around", text("[" + h.String() + "]"), dpop.ErrMalformed},
		{"S08 not JSON", text("typ=dpop+jwt"), dpop.ErrMalformed},
		{"S08 trailing comma", text(strings.TrimSuffix(h.String(), "}") + ",}"), dpop.ErrMalformed},
		{"S09 byte order mark", text("\ufeff" + h.String()), dpop.ErrMalformed},
		{"S10 invalid UTF-8", of(h.after("kid", "\"a\xff\"")), dpop.ErrMalformed},
		{"S11 lone surrogate", of(h.after("kid", `"\ud800"`)), dpop.ErrMalformed},
		{"S12 raw control character", of(h.after("kid", "\"a\x01\"")), dpop.ErrMalformed},
		{"S14 alg a number", of(h.with("alg", "256")), dpop.ErrMalformed},
		{"S14 alg null", of(h.with("alg", "null")), dpop.ErrMalformed},
		{"S14 typ an array", of(h.with("typ", `["dpop+jwt"]`)), dpop.ErrMalformed},
		{"S17 deep nesting", of(h.after("x", strings.Repeat("[", 20)+strings.Repeat("]", 20))), dpop.ErrMalformed},
		{"S17 3,000 deep", of(h.after("x", strings.Repeat("[", 3000))), dpop.ErrMalformed},
		{"S17 200,000 deep", of(h.after("x", strings.Repeat("[", 200_000))), dpop.ErrMalformed},
		{"S18 200,000 members", of(h.after("x", "{"+strings.Repeat(`"a":1,`, 200_000)+`"b":1}`)), dpop.ErrMalformed},
		{"S43 crit unknown", of(h.after("crit", `["exp"]`).after("exp", "1")), dpop.ErrMalformed},
		{"S43 crit of our own members", of(h.after("crit", `["typ","jwk"]`)), dpop.ErrMalformed},
		{"S44 crit empty", of(h.after("crit", "[]")), dpop.ErrMalformed},
		{"S44 crit null", of(h.after("crit", "null")), dpop.ErrMalformed},
		{"S44 crit a string", of(h.after("crit", `"exp"`)), dpop.ErrMalformed},
		{"S44 crit of a number", of(h.after("crit", "[1]")), dpop.ErrMalformed},
		{"S44 crit of a name twice", of(h.after("crit", `["a","a"]`).after("a", "1")), dpop.ErrMalformed},
		{"S44 crit of an absent name", of(h.after("crit", `["absent"]`)), dpop.ErrMalformed},
		{"S45 b64 false", of(h.after("b64", "false")), dpop.ErrMalformed},
		{"S45 b64 false and critical", of(h.after("b64", "false").after("crit", `["b64"]`)), dpop.ErrMalformed},
		{"S45 b64 a string", of(h.after("b64", `"false"`)), dpop.ErrMalformed},
		{"S54 zip", of(h.after("zip", `"DEF"`)), dpop.ErrMalformed},
	})
	t.Run("S09 white space is covered by the signature and passes", func(t *testing.T) {
		t.Parallel()
		newGate(t).accept(t, get(sign(t, client, " \n"+h.String()+"\t", "\r\n "+claimsNow().String()+" ")))
	})
	for name, kid := range map[string]string{
		"path": `"../../dev/null"`, "SQL": `"' OR 1=1--"`, "NUL": `"a\u0000b"`, "line break": `"a\r\nb"`, "long": quote(strings.Repeat("k", 3000)),
	} {
		t.Run("S48 S12 kid is not looked at "+name, func(t *testing.T) {
			t.Parallel()
			newGate(t).accept(t, get(of(h.after("kid", kid))))
		})
	}
	t.Run("S48 kid an object", func(t *testing.T) {
		t.Parallel()
		newGate(t).refuse(t, get(of(h.after("kid", `{"$ne":null}`))), dpop.ErrMalformed)
	})
	t.Run("S46 other keys in the header lead nowhere", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		other := h.after("x5c", `["AAAA"]`).after("jku", `"https://evil.example/k"`).after("x5u", `"https://evil.example/c"`)
		g.accept(t, get(of(other)))
		g.refuse(t, get(sign(t, attacker, other.String(), claimsNow().String())), dpop.ErrSignature)
	})
}

func TestStrictPayload(t *testing.T) {
	t.Parallel()
	c := claimsNow()
	text := func(payload string) string { return sign(t, client, headerOf(t, client).String(), payload) }
	of := func(claims object) string { return text(claims.String()) }
	attacks := []attack{
		{"S03 htm twice, once escaped", of(c.after(`h\u0074m`, `"POST"`)), dpop.ErrMalformed},
		{"S04 twice, deep in an unknown claim", of(c.after("cnf", `{"jkt":"a","jkt":"b"}`)), dpop.ErrMalformed},
		{"S06 htm only in upper case", of(c.without("htm").with("HTM", `"GET"`)), dpop.ErrClaims},
		{"S06 jti only in upper case", of(c.without("jti").with("JTI", `"a"`)), dpop.ErrClaims},
		{"S06 HTM does not count beside htm", of(c.with("htm", `"POST"`).with("HTM", `"GET"`)), dpop.ErrMethod},
		{"S07 a homoglyph of htm", of(c.without("htm").with("hｔm", `"GET"`)), dpop.ErrClaims},
		{"S08 two objects", text(c.String() + c.String()), dpop.ErrMalformed},
		{"S08 a letter behind", text(c.String() + "x"), dpop.ErrMalformed},
		{"S08 an array", text("[" + c.String() + "]"), dpop.ErrMalformed},
		{"S08 null", text("null"), dpop.ErrMalformed},
		{"S08 a string", text(quote(c.String())), dpop.ErrMalformed},
		{"S09 byte order mark", text("\ufeff" + c.String()), dpop.ErrMalformed},
		{"S10 invalid UTF-8 in jti", of(c.with("jti", "\"a\xff\"")), dpop.ErrMalformed},
		{"S10 invalid UTF-8 in an unknown claim", of(c.after("x", "\"a\xff\"")), dpop.ErrMalformed},
		{"S11 lone high surrogate", of(c.with("jti", `"\ud800"`)), dpop.ErrMalformed},
		{"S11 lone low surrogate", of(c.with("jti", `"\udfff"`)), dpop.ErrMalformed},
		{"S12 raw line break", of(c.with("jti", "\"a\nb\"")), dpop.ErrMalformed},
		{"S17 deep nesting", of(c.after("x", strings.Repeat("[", 20)+strings.Repeat("]", 20))), dpop.ErrMalformed},
		{"S18 many members", of(c.after("x", "{"+strings.Repeat(`"a":1,`, 200_000)+`"b":1}`)), dpop.ErrMalformed},
	}
	for _, name := range []string{"jti", "htm", "htu", "iat", "ath"} {
		value := `"x"`
		attacks = append(attacks,
			attack{"S04 " + name + " twice, a wrong one first", of(c.before(name, value)), dpop.ErrMalformed},
			attack{"S04 " + name + " twice, a wrong one last", of(c.after(name, value)), dpop.ErrMalformed})
	}
	for _, name := range []string{"jti", "htm", "htu", "ath", "nonce"} {
		for _, value := range []string{"1", "[]", "{}", "true", "null", `["x"]`} {
			attacks = append(attacks, attack{"S14 " + name + " " + value, of(c.with(name, value)), dpop.ErrMalformed})
		}
	}
	for _, value := range []string{`"4102444800"`, `"1"`, `"2099-01-01T00:00:00Z"`, "4102444800.5.5"} {
		for _, name := range []string{"iat", "exp", "nbf"} {
			attacks = append(attacks, attack{"S15 " + name + " " + value, of(c.with(name, value)), dpop.ErrMalformed})
		}
	}
	runAttacks(t, attacks)
	t.Run("S06 S07 variants beside the real claims are unknown", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		g.accept(t, get(of(c.with("HTM", `"POST"`).with("JTI", "1").with("Iat", `"x"`).with("acceſs", "1").with("iſs", "1"))))
	})
	t.Run("S11 S12 escapes are characters", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		g.accept(t, get(of(c.with("jti", `"\ud83d\ude00 a\u0000b\r\n"`).with("htm", `"\u0047ET"`).with("htu", `"https:\/\/api.bank.example\/accounts"`))))
		// The same jti, spelled without escapes.
		g.refuse(t, get(of(c.with("jti", `"😀 a\u0000b\u000d\u000a"`).with("htu", quote(apiURL)))), dpop.ErrReplay)
	})
}

func TestStrictCompact(t *testing.T) {
	t.Parallel()
	good := honest(t)
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	join := func(segments ...string) string { return strings.Join(segments, ".") }
	// A header and a payload of a length that leaves bits unused in base64url.
	loose := func(text string) string {
		for len(text)%3 == 0 {
			text += " "
		}
		return looseTail(jose.Encode([]byte(text)))
	}
	signSegments := func(h, p string) string {
		return join(h, p, jose.Encode(rawES256(t, client, h+"."+p)))
	}
	h, c := headerOf(t, client).String(), claimsNow().String()
	standard := base64.RawStdEncoding.EncodeToString([]byte(claimsNow().with("x", `"~~~???>>>~~~???"`).String()))
	require.True(t, strings.ContainsAny(standard, "+/"))
	mb := strings.Repeat("A", 1<<20)
	attacks := []attack{
		{"S20 nothing", ".", dpop.ErrMalformed},
		{"S20 only dots", "..", dpop.ErrMalformed},
		{"S20 header only", header + "..", dpop.ErrMalformed},
		{"S20 no header", join("", payload, signature), dpop.ErrMalformed},
		{"S20 no payload", join(header, "", signature), dpop.ErrMalformed},
		{"S20 no signature", join(header, payload, ""), dpop.ErrSignature},
		{"S20 trailing dot", good + ".", dpop.ErrMalformed},
		{"S20 leading dot", "." + good, dpop.ErrMalformed},
		{"S20 six segments", good + ".." + ".", dpop.ErrMalformed},
		{"S22 unprotected header", `{"payload":"` + payload + `","header":` + h + `,"signature":"` + signature + `"}`, dpop.ErrMalformed},
		{"S23 loose bits in the header", signSegments(loose(h), jose.Encode([]byte(c))), dpop.ErrMalformed},
		{"S23 loose bits in the payload", signSegments(jose.Encode([]byte(h)), loose(c)), dpop.ErrMalformed},
		{"S23 loose bits in the signature", looseTail(good), dpop.ErrMalformed},
		{"S24 padded header", signSegments(padded(h), jose.Encode([]byte(c))), dpop.ErrMalformed},
		{"S24 padded payload", signSegments(jose.Encode([]byte(h)), padded(c)), dpop.ErrMalformed},
		{"S24 padded signature", good + "==", dpop.ErrMalformed},
		{"S25 other alphabet", signSegments(header, standard), dpop.ErrMalformed},
		{"S26 line feed in the header", signSegments(header[:8]+"\n"+header[8:], payload), dpop.ErrMalformed},
		{"S26 CR LF in the payload", signSegments(header, payload[:8]+"\r\n"+payload[8:]), dpop.ErrMalformed},
		{"S26 line feed in the signature", good[:len(good)-8] + "\n" + good[len(good)-8:], dpop.ErrMalformed},
		{"S26 CR LF between segments", join(header, "\r\n"+payload, signature), dpop.ErrMalformed},
		{"S26 trailing line feed", good + "\n", dpop.ErrMalformed},
		{"S26 trailing NUL", good + "\x00", dpop.ErrMalformed},
		{"S26 leading space", " " + good, dpop.ErrMalformed},
	}
	for name, oversize := range map[string]string{
		"header": join(mb, payload, signature), "payload": join(header, mb, signature), "signature": join(header, payload, mb),
		"dots": strings.Repeat(".", 1<<20), "one octet too many": good + strings.Repeat("A", 8193-len(good)),
	} {
		attacks = append(attacks, attack{"S19 oversize " + name, oversize, dpop.ErrMalformed})
	}
	runAttacks(t, attacks)
	t.Run("S19 8 KiB exactly", func(t *testing.T) {
		t.Parallel()
		sized := func(size int) string {
			for kid := range 4 { // a base64url text cannot have every length
				for n := (size - 700) * 3 / 4; n < size; n++ {
					header := headerOf(t, client).with("kid", quote(strings.Repeat("k", kid)))
					length := base64.RawURLEncoding.EncodedLen
					claims := claimsNow().with("pad", quote(strings.Repeat("x", n)))
					if total := length(len(header.String())) + length(len(claims.String())) + 88; total == size {
						return sign(t, client, header.String(), claims.String())
					} else if total > size {
						break
					}
				}
			}
			return ""
		}
		g := newGate(t)
		require.Len(t, sized(8192), 8192)
		g.accept(t, get(sized(8192)))
		require.Len(t, sized(8193), 8193)
		g.refuse(t, get(sized(8193)), dpop.ErrMalformed)
	})
}

// padded is base64url with padding, whatever the length of the text.
func padded(text string) string {
	for len(text)%3 == 0 {
		text += " "
	}
	return jose.Encode([]byte(text)) + strings.Repeat("=", 3-len(text)%3)
}

// rawES256 signs any text, R‖S.
func rawES256(t testing.TB, key *ecdsa.PrivateKey, input string) []byte {
	t.Helper()
	digest := sha256.Sum256([]byte(input))
	der, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	require.NoError(t, err)
	var rs struct{ R, S *big.Int }
	_, err = asn1.Unmarshal(der, &rs)
	require.NoError(t, err)
	return append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...)
}

func TestStrictAlgorithm(t *testing.T) {
	t.Parallel()
	h := headerOf(t, client)
	der, err := x509.MarshalPKIXPublicKey(client.Public())
	require.NoError(t, err)
	point, err := client.PublicKey.Bytes()
	require.NoError(t, err)
	secrets := map[string][]byte{
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), "DER": der, "JWK": []byte(h[2].value), "point": point, "empty": {},
	}
	var attacks []attack
	for name, key := range secrets {
		for _, alg := range []string{"HS256", "HS384", "HS512"} {
			input := jose.Encode([]byte(h.with("alg", quote(alg)).String())) + "." + jose.Encode([]byte(claimsNow().String()))
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(input))
			attacks = append(attacks, attack{"S30 " + alg + " with the public key as " + name, input + "." + jose.Encode(mac.Sum(nil)), dpop.ErrAlgorithm})
		}
	}
	for _, alg := range []string{
		"none", "None", "nOnE", "none ", "", "ES256 ", "es256", "ES256K", "ES384", "ES512", "RS256", "RS384", "RS512", "PS384", "PS512",
		"A128KW", "dir", "RSA-OAEP", "ECDH-ES", "Ed448", "ed25519", "EDDSA", "FOO", "ES256\\u0000", "HS256",
	} {
		attacks = append(attacks, attack{"S28 S29 S31 S34 alg " + alg, sign(t, client, h.with("alg", `"`+alg+`"`).String(), claimsNow().String()), dpop.ErrAlgorithm})
	}
	for _, alg := range []string{"PS256", "EdDSA", "Ed25519"} {
		attacks = append(attacks, attack{"S29 alg of another key type " + alg, sign(t, client, h.with("alg", quote(alg)).String(), claimsNow().String()), dpop.ErrKey})
	}
	runAttacks(t, attacks)
}
