package jar_test

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
)

// TestJOSEAttacks runs attacks on the shared JOSE layer through this verifier.
// All tokens are validly signed by the client's key, unless that is the attack.
func TestJOSEAttacks(t *testing.T) {
	t.Parallel()
	key, sound := testkeys.ES256("client-1"), claimsOf("client-1")
	// refuses tries each token, and then the sound one.
	refuses := func(t *testing.T, rule error, tokens ...string) {
		t.Helper()
		s := newServer(t)
		s.refuses(t, rule, tokens...)
		s.accepts(t, "client-1", object(t, sound))
	}
	// headers signs the sound claims under each header.
	headers := func(t *testing.T, rule error, list ...string) {
		t.Helper()
		for _, header := range list {
			refuses(t, rule, sign(t, key, header, sound.json(t)))
		}
	}
	// appended signs the sound claims with further members.
	appended := func(t *testing.T, list ...string) {
		t.Helper()
		for _, members := range list {
			refuses(t, jar.ErrMalformed, sign(t, key, es256Header, strings.TrimSuffix(sound.json(t), "}")+","+members+"}"))
		}
	}

	for name, test := range map[string]func(t *testing.T){
		"S01 S02 duplicate header members": func(t *testing.T) {
			headers(t, jar.ErrMalformed, `{"alg":"none","alg":"ES256","kid":"k1"}`, `{"alg":"ES256","kid":"k1","\u0061lg":"none"}`,
				`{"alg":"ES256","typ":"dpop+jwt","typ":"JWT"}`)
		},
		"S04 duplicate claims": func(t *testing.T) {
			appended(t, `"scope":"admin"`, `"\u0073cope":"admin"`, `"redirect_uri":"https://evil.example"`, `"exp":4102444800`,
				`"aud":"`+issuer+`"`, `"client_id":"client-2"`, `"claims":{"a":1,"a":2}`, `"authorization_details":[{"type":"a","type":"b"}]`)
		},
		"S06 S07 folded names are unknown": func(t *testing.T) {
			folded := `,"SCOPE":"admin","ſcope":"admin","AUD":"x","Exp":1,"Client_ID":"client-2","Request":"x"}`
			params := newServer(t).accepts(t, "client-1", sign(t, key, es256Header, strings.TrimSuffix(sound.json(t), "}")+folded))
			require.Equal(t, []string{"openid accounts"}, params["scope"])
			refuses(t, jar.ErrAudience, sign(t, key, es256Header, strings.Replace(sound.json(t), `"aud"`, `"AUD"`, 1)))
		},
		"S08 S09 S10 S11 around and inside the JSON": func(t *testing.T) {
			for _, payload := range []string{sound.json(t) + sound.json(t), sound.json(t) + "x", "\ufeff" + sound.json(t), "[]", `""`, "null"} {
				refuses(t, jar.ErrMalformed, sign(t, key, es256Header, payload))
			}
			appended(t, `"x":"`+"a\xff"+`"`, `"x":"\ud800"`, `"x":"\udfff"`)
			newServer(t).accepts(t, "client-1", sign(t, key, " \r\n"+es256Header+"\t", " \r\n"+sound.json(t)+"\t"))
		},
		"S14 S15 registered claims of the wrong type": func(t *testing.T) {
			for _, name := range []string{"exp", "iat", "nbf"} {
				refusesClaim(t, jar.ErrMalformed, name, "4102444800", "1", "2099-01-01T00:00:00Z", true, []int{1}, nil, -1)
			}
			refusesClaim(t, jar.ErrMalformed, "aud", 1, []int{1}, [][]string{{issuer}}, []any{issuer, nil}, claims{}, nil, true, "")
			refusesClaim(t, jar.ErrMalformed, "jti", 1, []string{}, claims{}, true, nil, "")
			refusesClaim(t, jar.ErrMalformed, "sub", 1, []string{"client-1"}, nil, "")
		},
		"S17 deep JSON": func(t *testing.T) {
			start := time.Now()
			appended(t, `"x":`+strings.Repeat("[", 5000)+strings.Repeat("]", 5000), `"claims":`+strings.Repeat(`{"a":`, 16)+"1"+strings.Repeat("}", 16))
			require.Less(t, time.Since(start), time.Second)
		},
		"S19 S20 size and segments": func(t *testing.T) {
			token := object(t, sound)
			parts := strings.Split(token, ".")
			refuses(t, jar.ErrMalformed, ".", "..", "...", "a..", parts[0]+"."+parts[1], token+".",
				token+strings.Repeat("A", jose.MaxToken), strings.Repeat(".", jose.MaxToken), strings.Repeat("a", 10<<20))
		},
		"S22 JSON serialization": func(t *testing.T) {
			parts := strings.Split(object(t, sound), ".")
			tail := `,"payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`
			refuses(t, jar.ErrMalformed, `{"protected":"`+parts[0]+`"`+tail, `{"header":`+es256Header+tail)
		},
		"S23 S24 S26 base64url": func(t *testing.T) {
			token := object(t, sound)
			refuses(t, jar.ErrMalformed, token+"\n", token+"\r\n", " "+token, token+" ", token+"=", token+"\x00", token[:5]+"\n"+token[5:],
				strings.Replace(token, ".", "\r\n.", 1))
		},
		"S29 header names another algorithm": func(t *testing.T) {
			headers(t, jar.ErrAlgorithm, `{"alg":"none","kid":"k1"}`, `{"alg":"RS256","kid":"k1"}`, `{"kid":"k1"}`, `{"alg":"es256","kid":"k1"}`)
			headers(t, jar.ErrMalformed, `{"alg":null,"kid":"k1"}`, `{"alg":["ES256"],"kid":"k1"}`)
			headers(t, jar.ErrKey, `{"alg":"PS256","kid":"k1"}`, `{"alg":"EdDSA","kid":"k1"}`)
			headers(t, jar.ErrSignature, `{"alg":"PS256","kid":"rsa"}`, `{"alg":"EdDSA","kid":"ed"}`)
		},
		"S29 algorithm is not the registered one": func(t *testing.T) {
			s := newServer(t)
			tokens := map[string]string{
				"ES256": object(t, sound), "PS256": sign(t, testkeys.PS256(), ps256Header, sound.json(t)),
				"EdDSA":   sign(t, testkeys.EdDSA("client-1"), eddsaHeader, sound.json(t)),
				"Ed25519": sign(t, testkeys.EdDSA("client-1"), `{"alg":"Ed25519","kid":"ed"}`, sound.json(t)),
			}
			for registered := range tokens {
				s.clients["client-1"] = jar.Client{Keys: s.clients["client-1"].Keys, SigningAlg: registered}
				for alg, token := range tokens {
					if strings.HasPrefix(alg, "Ed") && strings.HasPrefix(registered, "Ed") || alg == registered {
						s.accepts(t, "client-1", token)
					} else {
						s.refuses(t, jar.ErrAlgorithm, token)
					}
				}
			}
			s.clients["client-1"] = jar.Client{Keys: s.clients["client-1"].Keys, SigningAlg: "RS256"}
			s.refuses(t, jar.ErrAlgorithm, tokens["PS256"])
		},
		"S30 RS256, HMAC with the public key": func(t *testing.T) {
			input := jose.Encode([]byte(`{"alg":"RS256","kid":"rsa"}`)) + "." + jose.Encode([]byte(sound.json(t)))
			digest := sha256.Sum256([]byte(input))
			signature, err := rsa.SignPKCS1v15(nil, testkeys.PS256(), crypto.SHA256, digest[:])
			require.NoError(t, err)
			refuses(t, jar.ErrAlgorithm, input+"."+jose.Encode(signature))
			der, err := x509.MarshalPKIXPublicKey(key.Public())
			require.NoError(t, err)
			for alg, rule := range map[string]error{"HS256": jar.ErrAlgorithm, "ES256": jar.ErrSignature} {
				input := jose.Encode([]byte(`{"alg":"`+alg+`"}`)) + "." + jose.Encode([]byte(sound.json(t)))
				mac := hmac.New(sha256.New, der)
				mac.Write([]byte(input))
				refuses(t, rule, input+"."+jose.Encode(mac.Sum(nil)))
			}
		},
		"S43 S45 critical extensions": func(t *testing.T) {
			headers(t, jar.ErrMalformed, `{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}`, `{"alg":"ES256","kid":"k1","crit":[]}`,
				`{"alg":"ES256","kid":"k1","b64":false,"crit":["b64"]}`)
		},
		"S46 key in the header": func(t *testing.T) {
			attacker := testkeys.ES256("attacker")
			jwk, err := jose.CanonicalJWK(attacker.Public())
			require.NoError(t, err)
			header := `{"alg":"ES256","kid":"k1","jwk":` + string(jwk) + `,"x5c":["AAAA"],"jku":"https://evil.example/jwks"}`
			refuses(t, jar.ErrSignature, sign(t, attacker, header, sound.json(t)))
			newServer(t).accepts(t, "client-1", sign(t, key, header, sound.json(t))) // control: they change nothing
		},
		"S48 kid is an opaque string": func(t *testing.T) {
			headers(t, jar.ErrKey, `{"alg":"ES256","kid":"../../dev/null"}`, `{"alg":"ES256","kid":"' OR 1=1--"}`, `{"alg":"ES256","kid":"K1"}`)
			headers(t, jar.ErrMalformed, `{"alg":"ES256","kid":{"$ne":null}}`, `{"alg":"ES256","kid":1}`)
		},
		"S49 several keys under one kid": func(t *testing.T) {
			s, many := newServer(t), make([]crypto.PublicKey, 8)
			for i := range many {
				many[i] = testkeys.ES256("old").Public()
			}
			s.clients["client-1"] = jar.Client{Keys: keys{"k1": append(many, key.Public())}}
			s.refuses(t, jar.ErrSignature, object(t, sound)) // bounded: the ninth is not tried
			s.clients["client-1"] = jar.Client{Keys: keys{"k1": append(many[:7:7], key.Public())}}
			s.accepts(t, "client-1", object(t, sound))
		},
		"S52 private and symmetric keys registered": func(t *testing.T) {
			s := newServer(t)
			for _, odd := range []crypto.PublicKey{key, testkeys.EdDSA("client-1"), []byte("secret"), "secret", nil} {
				s.clients["client-1"] = jar.Client{Keys: anyKey{odd}}
				s.refuses(t, jar.ErrSignature, object(t, sound))
			}
			s.clients["client-1"] = jar.Client{Keys: anyKey{key.Public()}}
			s.accepts(t, "client-1", object(t, sound))
		},
		"S60 names of our own output": func(t *testing.T) {
			params := soundParams("client-1")
			params.Set(`x":0,"scope`, "admin")
			token, err := newSigner(t).Sign(t.Context(), params)
			require.NoError(t, err)
			require.Equal(t, params, newServer(t).accepts(t, "client-1", token))
		},
		"S61 big numbers stay exact": func(t *testing.T) {
			payload := strings.TrimSuffix(sound.json(t), "}") + `,"max_age":9007199254740993}`
			params := newServer(t).accepts(t, "client-1", sign(t, key, es256Header, payload))
			require.Equal(t, "9007199254740993", params.Get("max_age"))
		},
		"S63 two clients with one kid": func(t *testing.T) {
			s, second := newServer(t), claimsOf("client-2")
			s.accepts(t, "client-1", object(t, sound))
			_, err := s.Verify(t.Context(), "client-2", pushed("client-2", object(t, second)))
			requireRefused(t, jar.ErrSignature, invalidObject, err)
			s.accepts(t, "client-2", sign(t, testkeys.ES256("client-2"), es256Header, second.json(t)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t)
		})
	}
}

// anyKey is a KeySource that does not look at what it is asked for.
type anyKey struct{ key crypto.PublicKey }

func (k anyKey) Keys(context.Context, string, string) ([]crypto.PublicKey, error) {
	return []crypto.PublicKey{k.key}, nil
}
