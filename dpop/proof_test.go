package dpop_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func TestProofCount(t *testing.T) {
	t.Parallel()
	t.Run("D01 no proof with a bound token", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		g.refuse(t, get(), dpop.ErrProofCount)
		_, err := g.VerifyTokenRequest(request("POST", tokenURL))
		requireRule(t, err, dpop.ErrProofCount)
		g.acceptHonest(t)
	})
	t.Run("D02 two DPoP header fields", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		one, two := honest(t), honest(t)
		for _, fields := range [][]string{{one, two}, {one, one}, {one, "garbage"}, {"garbage", one}, {one, ""}, {"", one}} {
			g.refuse(t, get(fields...), dpop.ErrProofCount)
		}
		r := get(one)
		r.Header.Add("dpop", two)
		g.refuse(t, r, dpop.ErrProofCount)
		g.refuse(t, get(one+", "+two), dpop.ErrMalformed)
		g.refuse(t, get(one+","+two), dpop.ErrMalformed)
		g.accept(t, get(one))
		g.accept(t, get(two))
	})
	t.Run("D02 a proof in a trailer is no proof", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		r := get()
		r.Trailer = get(honest(t)).Header
		g.refuse(t, r, dpop.ErrProofCount)
	})
}

func TestProofShape(t *testing.T) {
	t.Parallel()
	good := honest(t)
	parts := strings.Split(good, ".")
	tests := []struct{ name, field string }{
		{"D05 empty", ""},
		{"D05 no JWT", "abc"},
		{"D05 two segments", parts[0] + "." + parts[1]},
		{"D05 JWE", good + ".AAAA.AAAA"},
		{"D05 JSON serialization", `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`},
		{"D05 quoted", `"` + good + `"`},
		{"D05 with a scheme", "DPoP " + good},
		{"D05 in a structured field", ":" + good + ":"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(test.field), dpop.ErrMalformed)
			g.accept(t, get(good))
		})
	}
}

func TestProofType(t *testing.T) {
	t.Parallel()
	// Each is a good proof but for typ, so nothing else stands in the way.
	for _, typ := range []string{
		"JWT", "at+jwt", "client-authentication+jwt", "oauth-authz-req+jwt", "oauth-client-attestation-pop+jwt",
		"dpop", "DPOP+JWT", "dpop+jwt ", "dpop+JWT", "application/dpop+jwt", "",
	} {
		t.Run("D07 typ "+typ, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			header := headerOf(t, client).with("typ", quote(typ))
			g.refuse(t, get(sign(t, client, header.String(), claimsNow().String())), dpop.ErrType)
			g.acceptHonest(t)
		})
	}
	t.Run("D07 typ missing", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		header := headerOf(t, client).without("typ")
		g.refuse(t, get(sign(t, client, header.String(), claimsNow().String())), dpop.ErrType)
		g.acceptHonest(t)
	})
}

func TestProofAlgorithm(t *testing.T) {
	t.Parallel()
	header := headerOf(t, client)
	oct := `{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}`
	unsigned := func(h object) string {
		return jose.Encode([]byte(h.String())) + "." + jose.Encode([]byte(claimsNow().String())) + "."
	}
	signed := func(h object) string { return sign(t, client, h.String(), claimsNow().String()) }
	tests := []struct {
		name, field string
		rule        error
	}{
		{"D08 none, no signature", unsigned(header.with("alg", `"none"`)), dpop.ErrAlgorithm},
		{"D08 none, good signature", signed(header.with("alg", `"none"`)), dpop.ErrAlgorithm},
		{"D08 HS256 and an oct key", signed(header.with("alg", `"HS256"`).with("jwk", oct)), dpop.ErrAlgorithm},
		{"D08 ES256 and an oct key", signed(header.with("jwk", oct)), dpop.ErrKey},
		{"D08 RS256, good signature", signRS256(t), dpop.ErrAlgorithm},
		{"D08 missing", signed(header.without("alg")), dpop.ErrAlgorithm},
		{"D08 ES384", signed(header.with("alg", `"ES384"`)), dpop.ErrAlgorithm},
		{"D08 of another key type", signed(header.with("alg", `"PS256"`)), dpop.ErrKey},
		{"D08 EdDSA with a P-256 key", signed(header.with("alg", `"EdDSA"`)), dpop.ErrKey},
		{"D08 in lower case", signed(header.with("alg", `"es256"`)), dpop.ErrAlgorithm},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(test.field), test.rule)
			g.acceptHonest(t)
		})
	}
}

// signRS256 is a good proof of an RSA key in the algorithm FAPI rules out.
func signRS256(t *testing.T) string {
	t.Helper()
	key := testkeys.PS256()
	header := headerOf(t, key).with("alg", `"RS256"`).String()
	input := jose.Encode([]byte(header)) + "." + jose.Encode([]byte(claimsNow().String()))
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(t, err)
	return input + "." + jose.Encode(signature)
}

func TestProofAlgorithms(t *testing.T) {
	t.Parallel()
	keys := map[string]crypto.Signer{"ES256": client, "PS256": testkeys.PS256(), "EdDSA": testkeys.EdDSA("client")}
	for algorithm, key := range keys {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			bound, err := jose.Thumbprint(key.Public())
			require.NoError(t, err)
			proof := sign(t, key, headerOf(t, key).String(), claimsNow().String())
			_, err = newGate(t).VerifyResourceRequest(get(proof), accessToken, bound)
			require.NoError(t, err)
		})
	}
}

func TestProofKeyMember(t *testing.T) {
	t.Parallel()
	header := headerOf(t, client)
	own, other := headerOf(t, client)[2].value, headerOf(t, attacker)[2].value
	tests := []struct {
		name   string
		header object
		rule   error
	}{
		{"D09 missing", header.without("jwk"), dpop.ErrKey},
		{"D09 null", header.with("jwk", "null"), dpop.ErrMalformed},
		{"D09 a string", header.with("jwk", quote(own)), dpop.ErrMalformed},
		{"D09 an array", header.with("jwk", "["+own+"]"), dpop.ErrMalformed},
		{"D09 an empty object", header.with("jwk", "{}"), dpop.ErrKey},
		{"D09 two, the signer's last", header.before("jwk", other), dpop.ErrMalformed},
		{"D09 two, the signer's first", header.after("jwk", other), dpop.ErrMalformed},
		{"D09 a kid instead", header.without("jwk").with("kid", `"client"`), dpop.ErrKey},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(sign(t, client, test.header.String(), claimsNow().String())), test.rule)
			g.acceptHonest(t)
		})
	}
}

func TestProofSignature(t *testing.T) {
	t.Parallel()
	t.Run("D11 one bit of every octet", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		good := honest(t)
		for i := range good {
			flipped := []byte(good)
			flipped[i] ^= 1
			proof, err := g.verify(get(string(flipped)))
			require.ErrorAs(t, err, new(*dpop.Error), "octet %d", i)
			require.Nil(t, proof)
			require.Zero(t, g.store.size(), "octet %d", i)
		}
		g.accept(t, get(good))
	})
	t.Run("D11 signed with another key", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		g.refuse(t, get(sign(t, attacker, headerOf(t, client).String(), claimsNow().String())), dpop.ErrSignature)
		g.acceptHonest(t)
		// Now the header is one the verifier has seen before.
		g.refuse(t, get(sign(t, attacker, headerOf(t, client).String(), claimsNow().String())), dpop.ErrSignature)
	})
	t.Run("D11 the payload of another proof", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		one, two := strings.Split(honest(t), "."), strings.Split(honest(t), ".")
		g.refuse(t, get(one[0]+"."+two[1]+"."+one[2]), dpop.ErrSignature)
		g.accept(t, get(strings.Join(one, ".")))
		g.accept(t, get(strings.Join(two, ".")))
	})
}

func TestProofExtensions(t *testing.T) {
	t.Parallel()
	t.Run("D53 unknown members are ignored", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		header := headerOf(t, client).with("tx_id", `"t"`).with("kid", `"k"`).with("jku", `"https://evil.example"`)
		claims := claimsNow().with("tx_id", `{"a":[1,null,true]}`).with("iss", `"me"`)
		g.accept(t, get(sign(t, client, header.String(), claims.String())))
	})
	t.Run("D53 a browser's JWK", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		jwk := headerOf(t, client)[2].value
		jwk = jwk[:len(jwk)-1] + `,"ext":true,"key_ops":["verify"]}`
		g.accept(t, get(sign(t, client, headerOf(t, client).with("jwk", jwk).String(), claimsNow().String())))
	})
	t.Run("an unasked nonce is ignored", func(t *testing.T) {
		t.Parallel()
		newGate(t).accept(t, get(proofWith(t, claimsNow().with("nonce", `"n-1"`))))
	})
}

func TestProofFields(t *testing.T) {
	t.Parallel()
	claims := claimsNow().with("htm", `"POST"`).with("htu", quote(tokenURL)).with("ath", `"ignored here"`)
	proof, err := newGate(t).VerifyTokenRequest(request("POST", tokenURL, proofWith(t, claims)))
	require.NoError(t, err)
	require.Equal(t, thumbprintOf(client), proof.Thumbprint())
	require.WithinDuration(t, time.Now(), proof.IssuedAt(), 5*time.Second)
}
