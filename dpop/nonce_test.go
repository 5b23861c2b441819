package dpop_test

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
)

func secret(c byte) []byte { return bytes.Repeat([]byte{c}, 32) }

func newNonces(t testing.TB, server string, lifetime time.Duration, secrets ...[]byte) *dpop.Nonces {
	t.Helper()
	n, err := dpop.NewNonces(dpop.NoncesConfig{Server: server, Secrets: secrets, Lifetime: lifetime})
	require.NoError(t, err)
	return n
}

func nonceOf(t testing.TB, n dpop.NonceSource) string {
	t.Helper()
	nonce, err := n.Nonce(t.Context())
	require.NoError(t, err)
	return nonce
}

func accepts(t testing.TB, n dpop.NonceSource, nonce string) bool {
	t.Helper()
	ok, err := n.Accept(t.Context(), nonce)
	require.NoError(t, err)
	return ok
}

func withNonces(n dpop.NonceSource) func(*dpop.VerifierConfig) {
	return func(c *dpop.VerifierConfig) { c.Nonces = n }
}

func nonced(t testing.TB, nonce string) string {
	t.Helper()
	return proofWith(t, claimsNow().with("nonce", quote(nonce)))
}

// requireOffer checks that after a refusal the client gets a nonce that works.
func requireOffer(t testing.TB, g *gate, err error) string {
	t.Helper()
	h := http.Header{}
	require.NoError(t, g.OfferNonce(t.Context(), h, nil, err))
	require.Len(t, h.Values("DPoP-Nonce"), 1)
	require.Equal(t, "no-store", h.Get("Cache-Control"))
	nonce := h.Get("DPoP-Nonce")
	g.accept(t, get(nonced(t, nonce)))
	return nonce
}

func TestNonceRequired(t *testing.T) {
	t.Parallel()
	t.Run("D37 missing", func(t *testing.T) {
		t.Parallel()
		g := newGate(t, withNonces(newNonces(t, "api", 0, secret(1))))
		proof := honest(t)
		err := g.refuse(t, get(proof), dpop.ErrNonce)
		requireOffer(t, g, err)
		// Without nonces in force the same proof passes: its jti was not burnt.
		newGate(t, withStore(g.store)).accept(t, get(proof))
	})
	t.Run("D37 a broken proof gets no nonce oracle of its own", func(t *testing.T) {
		t.Parallel()
		g := newGate(t, withNonces(newNonces(t, "api", 0, secret(1))))
		forged := sign(t, attacker, headerOf(t, client).String(), claimsNow().with("nonce", `"guess"`).String())
		g.refuse(t, get(forged), dpop.ErrSignature)
		forged = sign(t, attacker, headerOf(t, client).String(), claimsNow().with("nonce", quote(nonceOf(t, newNonces(t, "api", 0, secret(1))))).String())
		g.refuse(t, get(forged), dpop.ErrSignature)
	})
	t.Run("D40 no way back to proofs without nonce", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t)
			g.acceptHonest(t)
			stored := honest(t)
			g = newGate(t, withNonces(newNonces(t, "api", 0, secret(1))), withStore(g.store))
			g.refuse(t, get(stored), dpop.ErrNonce)
			// One made for later, with today's nonce, is refused until its time has come.
			nonce := nonceOf(t, newNonces(t, "api", 0, secret(1)))
			later := proofWith(t, claimsNow().with("iat", seconds64(3600)).with("nonce", quote(nonce)))
			g.refuse(t, get(later), dpop.ErrTime)
			time.Sleep(time.Hour)
			g.refuse(t, get(later), dpop.ErrNonce)
		})
	})
	t.Run("a used proof is a replay with nonces too", func(t *testing.T) {
		t.Parallel()
		n := newNonces(t, "api", 0, secret(1))
		g := newGate(t, withNonces(n))
		proof := nonced(t, nonceOf(t, n))
		g.accept(t, get(proof))
		g.refuse(t, get(proof), dpop.ErrReplay)
		g.accept(t, get(nonced(t, nonceOf(t, n)))) // one nonce serves many proofs
	})
}

func TestNonceForeign(t *testing.T) {
	t.Parallel()
	ours := newNonces(t, "https://api.bank.example", 0, secret(1))
	good := nonceOf(t, ours)
	raw, err := jose.Decode(good)
	require.NoError(t, err)
	flipped := bytes.Clone(raw)
	flipped[19] ^= 1
	earlier := bytes.Clone(raw)
	earlier[3]--
	tests := map[string]string{
		"of the authorization server":   nonceOf(t, newNonces(t, "https://as.bank.example", 0, secret(1))),
		"of another secret":             nonceOf(t, newNonces(t, "https://api.bank.example", 0, secret(2))),
		"of another lifetime":           nonceOf(t, newNonces(t, "https://api.bank.example", time.Hour, secret(1))),
		"with one bit flipped":          jose.Encode(flipped),
		"with another time":             jose.Encode(earlier),
		"with its MAC cut to 15 octets": jose.Encode(raw[:19]),
		"with its MAC cut to 0 octets":  jose.Encode(raw[:4]),
		"with an octet more":            jose.Encode(append(bytes.Clone(raw), 0)),
		"of zeros":                      jose.Encode(make([]byte, 20)),
		"of ones":                       jose.Encode(bytes.Repeat([]byte{0xff}, 20)),
		"padded":                        good + "=",
		"in the wrong case":             strings.ToUpper(good),
		"with a loose last bit":         looseTail(good),
		"of one character":              "x",
		"of the longest size":           strings.Repeat("x", 256),
	}
	for name, nonce := range tests {
		t.Run("D38 "+name, func(t *testing.T) {
			t.Parallel()
			require.NotEqual(t, good, nonce)
			g := newGate(t, withNonces(ours))
			requireOffer(t, g, g.refuse(t, get(nonced(t, nonce)), dpop.ErrNonce))
		})
	}
}

func TestNonceSyntax(t *testing.T) {
	t.Parallel()
	n := newNonces(t, "api", 0, secret(1))
	good := nonceOf(t, n)
	tests := []struct {
		name, value string
		rule        error
	}{
		{"a number", "1", dpop.ErrMalformed},
		{"an array", "[" + quote(good) + "]", dpop.ErrMalformed},
		{"an object", "{}", dpop.ErrMalformed},
		{"null", "null", dpop.ErrMalformed},
		{"true", "true", dpop.ErrMalformed},
		{"empty", `""`, dpop.ErrClaims},
		{"a quote", `"` + good + `\""`, dpop.ErrClaims},
		{"a backslash", `"` + good + `\\"`, dpop.ErrClaims},
		{"a line break", `"` + good + `\r\nX: y"`, dpop.ErrClaims},
		{"a space", `" ` + good + `"`, dpop.ErrClaims},
		{"DEL", `"` + good + `\u007f"`, dpop.ErrClaims},
		{"not ASCII", `"` + good + `é"`, dpop.ErrClaims},
		{"257 characters", quote(strings.Repeat("n", 257)), dpop.ErrClaims},
		{"64 KiB", quote(strings.Repeat("n", 65536)), dpop.ErrMalformed},
	}
	for _, test := range tests {
		t.Run("D39 "+test.name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t, withNonces(n))
			g.refuse(t, get(proofWith(t, claimsNow().with("nonce", test.value))), test.rule)
			g.accept(t, get(nonced(t, good)))
		})
	}
	t.Run("D39 what is given out", func(t *testing.T) {
		t.Parallel()
		for i := range byte(100) {
			nonce := nonceOf(t, newNonces(t, "api", 0, secret(i)))
			assert.LessOrEqual(t, len(nonce), 40)
			for _, c := range []byte(nonce) {
				assert.True(t, c == 0x21 || c >= 0x23 && c <= 0x5b || c >= 0x5d && c <= 0x7e, "%q", c)
			}
		}
	})
}

func TestNonceLifetime(t *testing.T) {
	t.Parallel()
	// A bubble starts at a full hour, so every step begins here.
	for _, lifetime := range []time.Duration{10 * time.Second, 2 * time.Minute, time.Hour} {
		t.Run(lifetime.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := newNonces(t, "api", lifetime, secret(1))
				first := nonceOf(t, n)
				time.Sleep(lifetime/4 - 1)
				assert.Equal(t, first, nonceOf(t, n))
				time.Sleep(time.Nanosecond)
				assert.NotEqual(t, first, nonceOf(t, n))
				time.Sleep(lifetime*3/4 - 1)
				assert.True(t, accepts(t, n, first), "1 ns before its end")
				time.Sleep(time.Nanosecond)
				assert.False(t, accepts(t, n, first), "at its end")
				time.Sleep(24 * time.Hour)
				assert.False(t, accepts(t, n, first), "a day later")
			})
		})
	}
	t.Run("the default is 2 min", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, nonceOf(t, newNonces(t, "api", 2*time.Minute, secret(1))), nonceOf(t, newNonces(t, "api", 0, secret(1))))
	})
	t.Run("D38 replicas a step apart, not two", func(t *testing.T) {
		t.Parallel()
		// The same instant in each bubble: one clock is 30 s, one 60 s fast.
		var fast, faster string
		n := newNonces(t, "api", 0, secret(1))
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(30 * time.Second)
			fast = nonceOf(t, n)
			time.Sleep(30 * time.Second)
			faster = nonceOf(t, n)
		})
		synctest.Test(t, func(t *testing.T) {
			slow := nonceOf(t, n)
			assert.True(t, accepts(t, n, fast))
			assert.False(t, accepts(t, n, faster))
			time.Sleep(30 * time.Second)
			assert.True(t, accepts(t, n, slow))
			assert.True(t, accepts(t, n, faster))
		})
	})
}

func TestNonceRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		before := newNonces(t, "api", 0, secret(1))
		during := newNonces(t, "api", 0, secret(2), secret(1))
		after := newNonces(t, "api", 0, secret(2))
		old, fresh := nonceOf(t, before), nonceOf(t, during)
		assert.NotEqual(t, old, fresh, "the first secret makes them")
		assert.True(t, accepts(t, during, old), "overlap")
		assert.True(t, accepts(t, during, fresh))
		assert.True(t, accepts(t, after, fresh))
		assert.False(t, accepts(t, after, old), "the old secret is gone")
		assert.False(t, accepts(t, before, fresh))
		time.Sleep(2 * time.Minute)
		assert.False(t, accepts(t, during, old), "no longer than its life")
	})
}

// scripted is a nonce source that does as it is told.
type scripted struct {
	nonce  func() (string, error)
	accept func(ctx context.Context) (bool, error)
}

func (s scripted) Nonce(context.Context) (string, error)              { return s.nonce() }
func (s scripted) Accept(ctx context.Context, _ string) (bool, error) { return s.accept(ctx) }

func TestOfferNonce(t *testing.T) {
	t.Parallel()
	n := newNonces(t, "api", 0, secret(1))
	t.Run("none in force", func(t *testing.T) {
		t.Parallel()
		h := http.Header{}
		require.NoError(t, newGate(t).Confirm(h, get(honest(t)), accessToken, thumbprintOf(client)))
		require.Empty(t, h)
	})
	t.Run("the newest is not offered again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g, h := newGate(t, withNonces(n)), http.Header{}
			nonce := nonceOf(t, n)
			require.NoError(t, g.Confirm(h, get(nonced(t, nonce)), accessToken, thumbprintOf(client)))
			require.Empty(t, h)
			time.Sleep(30 * time.Second) // still good, but there is a newer one
			require.NoError(t, g.Confirm(h, get(nonced(t, nonce)), accessToken, thumbprintOf(client)))
			require.Equal(t, []string{nonceOf(t, n)}, h.Values("DPoP-Nonce"))
			require.Equal(t, "no-store", h.Get("Cache-Control"))
		})
	})
	t.Run("every refusal brings one, a fault none", func(t *testing.T) {
		t.Parallel()
		g, h := newGate(t, withNonces(n)), http.Header{}
		requireRule(t, g.Confirm(h, get(), accessToken, thumbprintOf(client)), dpop.ErrProofCount)
		require.Len(t, h.Values("DPoP-Nonce"), 1)
		h = http.Header{}
		require.Error(t, g.Confirm(h, get(), "", thumbprintOf(client)))
		require.Empty(t, h)
	})
	t.Run("a source that breaks the grammar is not believed", func(t *testing.T) {
		t.Parallel()
		for _, bad := range []string{"", "a b", "a\"b", "a\r\nSet-Cookie: x", strings.Repeat("n", 257)} {
			g := newGate(t, withNonces(scripted{nonce: func() (string, error) { return bad, nil }}))
			h := http.Header{}
			err := g.Confirm(h, get(), accessToken, thumbprintOf(client))
			requireFault(t, nil, err)
			require.Empty(t, h)
		}
	})
}
