package privatekeyjwt_test

import (
	"context"
	"crypto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// TestJOSEAttacks runs attacks on the shared JOSE layer through this verifier.
// All tokens are validly signed by the client's key, unless that is the attack.
func TestJOSEAttacks(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client-1")
	malformed := privatekeyjwt.ErrMalformed

	// refuses tries each token, and then the sound one.
	refuses := func(t *testing.T, rule error, sound claims, tokens ...string) {
		t.Helper()
		s := newServer(t)
		for _, token := range tokens {
			s.refuses(t, rule, invalidClient, post(assertionForm(token)))
		}
		s.accepts(t, "client-1", assertion(t, sound))
	}
	// headers signs the sound claims under each header.
	headers := func(t *testing.T, rule error, list ...string) {
		t.Helper()
		sound, tokens := claimsOf("client-1"), []string{}
		for _, header := range list {
			tokens = append(tokens, sign(t, key, header, sound.json(t)))
		}
		refuses(t, rule, sound, tokens...)
	}
	// appended signs the sound claims with further members.
	appended := func(t *testing.T, rule error, list ...string) {
		t.Helper()
		sound, tokens := claimsOf("client-1"), []string{}
		for _, members := range list {
			tokens = append(tokens, sign(t, key, es256Header, strings.TrimSuffix(sound.json(t), "}")+","+members+"}"))
		}
		refuses(t, rule, sound, tokens...)
	}

	for name, test := range map[string]func(t *testing.T){
		"S01 duplicate alg": func(t *testing.T) {
			headers(t, malformed, `{"alg":"none","alg":"ES256","kid":"k1"}`, `{"alg":"ES256","alg":"none","kid":"k1"}`,
				`{"alg":"ES256","kid":"k1","\u0061lg":"ES256"}`)
		},
		"S04 duplicate claim": func(t *testing.T) {
			appended(t, malformed, `"sub":"client-1"`, `"sub":"client-2"`, `"exp":4102444800`, `"aud":"`+issuer+`"`, `"jti":"b"`,
				`"\u006ati":"b"`, `"cnf":{"jkt":"a","jkt":"b"}`)
		},
		"S06 S07 folded names are unknown claims": func(t *testing.T) {
			s, sound := newServer(t), claimsOf("client-1")
			folded := `,"SUB":"client-2","ſub":"client-2","AUD":"x","Exp":1}`
			s.accepts(t, "client-1", sign(t, key, es256Header, strings.TrimSuffix(sound.json(t), "}")+folded))
			s.refuses(t, privatekeyjwt.ErrSubject, invalidClient, post(assertionForm(
				sign(t, key, es256Header, strings.Replace(sound.json(t), `"sub"`, `"SUB"`, 1)))))
		},
		"S09 byte order mark and white space": func(t *testing.T) {
			sound := claimsOf("client-1")
			refuses(t, malformed, sound, sign(t, key, "\ufeff"+es256Header, sound.json(t)), sign(t, key, es256Header, "\ufeff"+sound.json(t)))
			// White space is verified over the octets received.
			newServer(t).accepts(t, "client-1", sign(t, key, " \n"+es256Header+"\t", " \n"+sound.json(t)+"\t"))
		},
		"S14 claims of the wrong type": func(t *testing.T) {
			for _, value := range []any{1, []string{}, claims{}, true, nil} {
				refusesClaims(t, malformed, "jti", value)
				refusesClaims(t, malformed, "iss", value)
				refusesClaims(t, malformed, "sub", value)
			}
			refusesClaims(t, malformed, "aud", 1, []int{1}, [][]string{{issuer}}, []any{issuer, nil}, claims{}, nil, true, "")
		},
		"S15 dates as strings": func(t *testing.T) {
			for _, name := range []string{"exp", "iat", "nbf"} {
				refusesClaims(t, malformed, name, "4102444800", "1", "0", "2099-01-01T00:00:00Z", "4102444800.5.5", true, []int{1})
			}
		},
		"S19 S20 size and segments": func(t *testing.T) {
			sound := claimsOf("client-1")
			token := assertion(t, sound)
			parts := strings.Split(token, ".")
			refuses(t, malformed, sound, ".", "..", "...", "a..", parts[0]+"."+parts[1], token+".", token+".a", token+".."+"a",
				token+strings.Repeat("A", jose.MaxToken), strings.Repeat(".", jose.MaxToken))
			s := newServer(t)
			s.refuses(t, privatekeyjwt.ErrRequest, invalidRequest, post(assertionForm(token+strings.Repeat("A", 64<<10))))
		},
		"S22 JSON serialization": func(t *testing.T) {
			sound := claimsOf("client-1")
			parts := strings.Split(assertion(t, sound), ".")
			tail := `,"payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`
			refuses(t, malformed, sound, `{"protected":"`+parts[0]+`"`+tail, `{"header":`+es256Header+tail,
				`{"payload":"`+parts[1]+`","signatures":[{"protected":"`+parts[0]+`","signature":"`+parts[2]+`"}]}`)
		},
		"S26 line breaks and blanks in base64url": func(t *testing.T) {
			sound := claimsOf("client-1")
			token := assertion(t, sound)
			tokens := []string{token + "\n", token + "\r\n", " " + token, token + " ", token + "=", token[:5] + "\n" + token[5:],
				strings.Replace(token, ".", "\r\n.", 1), token[:len(token)-9] + "\n" + token[len(token)-9:]}
			refuses(t, malformed, sound, tokens...)
			s := newServer(t) // a NUL does not get past the form
			s.refuses(t, privatekeyjwt.ErrRequest, invalidRequest, post(assertionForm(token+"\x00")))
		},
		"S28 unsecured": func(t *testing.T) {
			sound := claimsOf("client-1")
			token := assertion(t, sound)
			signature := token[strings.LastIndexByte(token, '.'):]
			var tokens []string
			for _, alg := range []string{"none", "None", "nOnE", "none ", ""} {
				bare := jose.Encode([]byte(`{"alg":"`+alg+`"}`)) + "." + jose.Encode([]byte(sound.json(t)))
				tokens = append(tokens, bare+".", bare+signature)
			}
			refuses(t, privatekeyjwt.ErrAlgorithm, sound, tokens...)
			refuses(t, privatekeyjwt.ErrSignature, sound, strings.TrimSuffix(token, signature)+".")
		},
		"S29 header names another algorithm": func(t *testing.T) {
			headers(t, privatekeyjwt.ErrAlgorithm, `{"alg":"none","kid":"k1"}`, `{"alg":"RS256","kid":"k1"}`, `{"alg":"FOO","kid":"k1"}`,
				`{"kid":"k1"}`, `{"alg":"ES384","kid":"k1"}`, `{"alg":"es256","kid":"k1"}`)
			headers(t, malformed, `{"alg":null,"kid":"k1"}`, `{"alg":["ES256"],"kid":"k1"}`)
			headers(t, privatekeyjwt.ErrKey, `{"alg":"PS256","kid":"k1"}`, `{"alg":"EdDSA","kid":"k1"}`)
			headers(t, privatekeyjwt.ErrSignature, `{"alg":"PS256","kid":"rsa"}`, `{"alg":"EdDSA","kid":"ed"}`)
		},
		"S43 S45 critical extensions": func(t *testing.T) {
			headers(t, malformed, `{"alg":"ES256","kid":"k1","crit":["exp"],"exp":1}`, `{"alg":"ES256","kid":"k1","crit":[]}`,
				`{"alg":"ES256","kid":"k1","b64":false,"crit":["b64"]}`, `{"alg":"ES256","kid":"k1","b64":true}`)
		},
		"S46 key in the header": func(t *testing.T) {
			attacker, sound := testkeys.ES256("attacker"), claimsOf("client-1")
			jwk, err := jose.CanonicalJWK(attacker.Public())
			require.NoError(t, err)
			members := `"jwk":` + string(jwk) + `,"x5c":["AAAA"],"jku":"https://evil.example/jwks","x5u":"https://evil.example/x5u"`
			refuses(t, privatekeyjwt.ErrSignature, sound,
				sign(t, attacker, `{"alg":"ES256","kid":"k1",`+members+`}`, sound.json(t)),
				sign(t, attacker, `{"alg":"ES256",`+members+`}`, sound.json(t)))
			// Control: the same members beside the client's signature change nothing.
			newServer(t).accepts(t, "client-1", sign(t, key, `{"alg":"ES256","kid":"k1",`+members+`}`, sound.json(t)))
		},
		"S48 kid is an opaque string": func(t *testing.T) {
			headers(t, privatekeyjwt.ErrKey, `{"alg":"ES256","kid":"../../dev/null"}`, `{"alg":"ES256","kid":"' OR 1=1--"}`,
				`{"alg":"ES256","kid":"a\u0000b"}`, `{"alg":"ES256","kid":"K1"}`, `{"alg":"ES256","kid":"`+strings.Repeat("k", 8<<10)+`"}`)
			headers(t, malformed, `{"alg":"ES256","kid":{"$ne":null}}`, `{"alg":"ES256","kid":1}`, `{"alg":"ES256","kid":"`+strings.Repeat("k", 12<<10)+`"}`)
			// Control: it reaches the key source as it is.
			s := newServer(t)
			s.clients["client-1"] = privatekeyjwt.Client{Keys: keys{"' OR 1=1--": {key.Public()}}}
			s.accepts(t, "client-1", sign(t, key, `{"alg":"ES256","kid":"' OR 1=1--"}`, claimsOf("client-1").json(t)))
		},
		"S49 several keys under one kid": func(t *testing.T) {
			s := newServer(t)
			list := []crypto.PublicKey{testkeys.ES256("old").Public(), key.Public()}
			s.clients["client-1"] = privatekeyjwt.Client{Keys: keys{"k1": list}}
			s.accepts(t, "client-1", assertion(t, claimsOf("client-1")))
			s.accepts(t, "client-1", sign(t, key, `{"alg":"ES256"}`, claimsOf("client-1").json(t)))
			// Bounded: the ninth key is not tried.
			many := make([]crypto.PublicKey, 8)
			for i := range many {
				many[i] = testkeys.ES256("old").Public()
			}
			s.clients["client-1"] = privatekeyjwt.Client{Keys: keys{"k1": append(many, key.Public())}}
			s.refuses(t, privatekeyjwt.ErrSignature, invalidClient, post(assertionForm(assertion(t, claimsOf("client-1")))))
			s.clients["client-1"] = privatekeyjwt.Client{Keys: keys{"k1": append(many[:7:7], key.Public())}}
			s.accepts(t, "client-1", assertion(t, claimsOf("client-1")))
		},
		"S52 private and symmetric keys registered": func(t *testing.T) {
			s, sound := newServer(t), claimsOf("client-1")
			for _, odd := range []crypto.PublicKey{key, testkeys.EdDSA("client-1"), testkeys.PS256(), []byte("secret"), "secret", nil} {
				s.clients["client-1"] = privatekeyjwt.Client{Keys: anyKey{odd}}
				s.refuses(t, privatekeyjwt.ErrSignature, invalidClient, post(assertionForm(assertion(t, sound))))
			}
			s.clients["client-1"] = privatekeyjwt.Client{Keys: anyKey{key.Public()}}
			s.accepts(t, "client-1", assertion(t, sound))
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

// TestDeepJSON bounds the work of a strange payload.
func TestDeepJSON(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	payload := strings.TrimSuffix(claimsOf("client-1").json(t), "}") + `,"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}"
	start := time.Now()
	s.refuses(t, privatekeyjwt.ErrMalformed, invalidClient, post(assertionForm(sign(t, testkeys.ES256("client-1"), es256Header, payload))))
	require.Less(t, time.Since(start), time.Second)
}
