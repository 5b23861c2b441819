package dpop_test

import (
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/replay"
)

func TestMethod(t *testing.T) {
	t.Parallel()
	for _, htm := range []string{"PUT", "POST", "get", "Get", "GET ", " GET", "", "HEAD", "GET,POST", "*"} {
		t.Run("D14 htm "+htm, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(proofWith(t, claimsNow().with("htm", quote(htm)))), dpop.ErrMethod)
			g.acceptHonest(t)
		})
	}
	t.Run("D14 a GET proof for HEAD", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		proof := honest(t)
		g.refuse(t, request("HEAD", apiURL, proof), dpop.ErrMethod)
		g.accept(t, get(proof))
	})
	t.Run("D14 X-HTTP-Method-Override", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		r := get(proofWith(t, claimsNow().with("htm", `"POST"`)))
		r.Header.Set("X-HTTP-Method-Override", "POST")
		g.refuse(t, r, dpop.ErrMethod)
		r = get(honest(t))
		r.Header.Set("X-HTTP-Method-Override", "POST")
		g.accept(t, r)
	})
}

func TestID(t *testing.T) {
	t.Parallel()
	long := func(n int) object { return claimsNow().with("jti", quote(strings.Repeat("j", n))) }
	tests := []struct {
		name   string
		claims object
		rule   error
	}{
		{"D23 jti absent", claimsNow().without("jti"), dpop.ErrClaims},
		{"D23 jti empty", long(0), dpop.ErrClaims},
		{"D23 jti of 129 octets", long(129), dpop.ErrClaims},
		{"D23 jti of 257 octets", long(257), dpop.ErrClaims},
		{"D23 jti of 65,536 octets", long(65536), dpop.ErrMalformed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(proofWith(t, test.claims)), test.rule)
			g.accept(t, get(proofWith(t, long(128))))
		})
	}
	t.Run("D23 the store sees keys of one size", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		for _, n := range []int{1, 20, 128} {
			g.accept(t, get(proofWith(t, long(n))))
		}
		for key := range g.store.spent {
			require.Len(t, key, 32)
		}
	})
	t.Run("D23 jti and htu cannot trade octets", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		g.accept(t, get(proofWith(t, claimsNow().with("jti", `"a"`).with("htu", quote(apiURL+"?"+apiURL)))))
		// The same octets in a row, cut elsewhere, are another proof.
		g.accept(t, get(proofWith(t, claimsNow().with("jti", quote("a"+apiURL+"?")))))
		require.Equal(t, 2, g.store.size())
	})
}

func TestMissingClaims(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"jti", "htm", "htu", "iat"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(proofWith(t, claimsNow().without(name))), dpop.ErrClaims)
			g.acceptHonest(t)
		})
	}
}

func TestTokenHash(t *testing.T) {
	t.Parallel()
	sum, err := jose.Decode(hashOf(accessToken))
	require.NoError(t, err)
	long := sha512.Sum512([]byte(accessToken))
	tests := map[string]string{
		"of another token":        hashOf("another"),
		"of the scheme and token": hashOf("DPoP " + accessToken),
		"of the empty token":      hashOf(""),
		"padded":                  hashOf(accessToken) + "=",
		"in hex":                  hex.EncodeToString(sum),
		"in hex, encoded":         jose.Encode([]byte(hex.EncodeToString(sum))),
		"SHA-512":                 jose.Encode(long[:]),
		"SHA-512 cut to size":     jose.Encode(long[:32]),
		"cut short":               hashOf(accessToken)[:42],
		"with a line break":       hashOf(accessToken)[:20] + `\n` + hashOf(accessToken)[20:],
		"the token itself":        accessToken,
		"empty":                   "",
		"with a loose last bit":   looseTail(hashOf(accessToken)),
	}
	for name, ath := range tests {
		t.Run("D42 ath "+name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(proofWith(t, claimsNow().with("ath", `"`+ath+`"`))), dpop.ErrTokenHash)
			g.acceptHonest(t)
		})
	}
	t.Run("D42 ath absent", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		proof := proofWith(t, claimsNow().without("ath"))
		g.refuse(t, get(proof), dpop.ErrTokenHash)
		// Only ath stood in the way: where no token is presented, it passes.
		_, err := g.VerifyTokenRequest(get(proof))
		require.NoError(t, err)
	})
	t.Run("D42 ath in the other base64 alphabet", func(t *testing.T) {
		t.Parallel()
		token := accessToken
		for i := 0; !strings.ContainsAny(hashOf(token), "-_"); i++ {
			token = accessToken + strings.Repeat("x", i)
		}
		sum, err := jose.Decode(hashOf(token))
		require.NoError(t, err)
		g := newGate(t)
		proof := proofWith(t, claimsNow().with("ath", quote(base64.RawStdEncoding.EncodeToString(sum))))
		_, err = g.VerifyResourceRequest(get(proof), token, thumbprintOf(client))
		requireRule(t, err, dpop.ErrTokenHash)
		proof = proofWith(t, claimsNow().with("ath", quote(hashOf(token))))
		_, err = g.VerifyResourceRequest(get(proof), token, thumbprintOf(client))
		require.NoError(t, err)
	})
	t.Run("a token larger than the usual", func(t *testing.T) {
		t.Parallel()
		token := strings.Repeat("t", 5000)
		proof := proofWith(t, claimsNow().with("ath", quote(hashOf(token))))
		_, err := newGate(t).VerifyResourceRequest(get(proof), token, thumbprintOf(client))
		require.NoError(t, err)
	})
}

// looseTail sets an unused bit of the last character.
func looseTail(text string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, text[len(text)-1])
	return text[:len(text)-1] + string(alphabet[last|1])
}

func TestBinding(t *testing.T) {
	t.Parallel()
	t.Run("D43 a stolen token and the thief's key", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		theft := sign(t, attacker, headerOf(t, attacker).String(), claimsNow().String())
		g.refuse(t, get(theft), dpop.ErrBinding)
		g.acceptHonest(t)
		// Only the binding stood in the way.
		_, err := g.VerifyResourceRequest(get(theft), accessToken, thumbprintOf(attacker))
		require.NoError(t, err)
	})
	t.Run("D43 a token that is bound to nothing", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		proof := honest(t)
		_, err := g.VerifyResourceRequest(get(proof), accessToken, [32]byte{})
		requireRule(t, err, dpop.ErrBinding)
		g.accept(t, get(proof))
	})
	t.Run("D47 a code and another key", func(t *testing.T) {
		t.Parallel()
		jkt, err := dpop.ParseJKT(dpop.JKT(dpoptest.Thumbprint(t, client)))
		require.NoError(t, err)
		for _, test := range []struct {
			name string
			at   string
		}{{"token endpoint", "/token"}, {"pushed request with dpop_jkt", "/par"}} {
			g := newGate(t)
			proof, err := g.VerifyTokenRequest(dpoptest.Request(t, attacker, "POST", asOrigin+test.at, ""))
			require.NoError(t, err, test.name)
			refused := requireRule(t, proof.Check(jkt), dpop.ErrBinding)
			require.Equal(t, "invalid_dpop_proof", refused.OAuthCode())
			proof, err = g.VerifyTokenRequest(dpoptest.Request(t, client, "POST", asOrigin+test.at, ""))
			require.NoError(t, err, test.name)
			require.NoError(t, proof.Check(jkt))
		}
	})
	t.Run("D49 a refresh token and another key, or none", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		proof, err := g.VerifyTokenRequest(dpoptest.Request(t, client, "POST", tokenURL, ""))
		require.NoError(t, err)
		requireRule(t, proof.Check(thumbprintOf(attacker)), dpop.ErrBinding)
		var none *dpop.Proof
		requireRule(t, none.Check(thumbprintOf(client)), dpop.ErrBinding)
		require.NoError(t, proof.Check(thumbprintOf(client)))
	})
	t.Run("a binding to nothing", func(t *testing.T) {
		t.Parallel()
		requireRule(t, new(dpop.Proof).Check([32]byte{}), dpop.ErrBinding)
	})
	t.Run("D52 refusals tell nothing of what was wrong", func(t *testing.T) {
		t.Parallel()
		g := newGate(t, func(c *dpop.VerifierConfig) { c.Replay = replay.Off{} })
		otherToken := proofWith(t, claimsNow().with("ath", quote(hashOf("another"))))
		otherKey := sign(t, attacker, headerOf(t, attacker).String(), claimsNow().String())
		for _, field := range []string{otherToken, otherKey} {
			_, err := g.verify(get(field))
			require.ErrorAs(t, err, new(*dpop.Error))
			for _, secret := range []string{accessToken, hashOf(accessToken), dpop.JKT(thumbprintOf(client)), dpop.JKT(thumbprintOf(attacker))} {
				require.NotContains(t, err.Error(), secret)
			}
		}
	})
}

func TestParseJKT(t *testing.T) {
	t.Parallel()
	good := dpop.JKT(thumbprintOf(client))
	for name, jkt := range map[string]string{
		"42 characters": good[:42], "44 characters": good + "A", "padded": good + "=", "loose last bit": looseTail(good), "empty": "",
		"hex": hex.EncodeToString(make([]byte, 32)), "line break": good[:20] + "\n" + good[20:42], "space": " " + good[1:],
		"other alphabet": "+" + good[1:], "not ASCII": "é" + good[2:], "64 KiB": strings.Repeat("A", 65536),
	} {
		t.Run("D48 "+name, func(t *testing.T) {
			t.Parallel()
			_, err := dpop.ParseJKT(jkt)
			require.Equal(t, "invalid_request", requireRule(t, err, dpop.ErrJKT).OAuthCode())
		})
	}
	have, err := dpop.ParseJKT(good)
	require.NoError(t, err)
	require.Equal(t, thumbprintOf(client), have)
}
