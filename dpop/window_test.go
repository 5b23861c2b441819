package dpop_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
)

func asRefusal(err error, refused **dpop.Error) bool { return errors.As(err, refused) }

// issued is a good proof but for its iat: seconds from now.
func issued(t testing.TB, seconds int) string {
	t.Helper()
	return proofWith(t, claimsNow().with("iat", seconds64(seconds)))
}

func seconds64(fromNow int) string { return strconv.FormatInt(time.Now().Unix()+int64(fromNow), 10) }

func TestWindow(t *testing.T) {
	t.Parallel()
	strict := func(c *dpop.VerifierConfig) { c.MaxAge, c.Leeway = time.Second, 5*time.Second }
	wide := func(c *dpop.VerifierConfig) { c.MaxAge, c.Leeway = 5*time.Minute, time.Minute }
	byDefault := func(*dpop.VerifierConfig) {}
	tests := []struct {
		name   string
		config func(*dpop.VerifierConfig)
		iat    int
		later  time.Duration
		ok     bool
	}{
		{"now", byDefault, 0, 0, true},
		{"an hour old", byDefault, -3600, 0, false},
		{"an hour ahead", byDefault, 3600, 0, false},
		{"10 s old", byDefault, -10, 0, true},
		{"10 s ahead, the limit", byDefault, 10, 0, true},
		{"11 s ahead", byDefault, 11, 0, false},
		{"11 s ahead, 1 s later", byDefault, 11, time.Second, true},
		{"11 s ahead, 1 ns less than 1 s later", byDefault, 11, time.Second - 1, false},
		{"60 s ahead", byDefault, 60, 0, false},
		{"60 s old, the limit", byDefault, -60, 0, true},
		{"60 s and 1 ns old", byDefault, -60, 1, false},
		{"61 s old", byDefault, -61, 0, false},
		{"the epoch", byDefault, -946684800, 0, false},
		{"strict: 1 s old", strict, -1, 0, true},
		{"strict: 2 s old", strict, -2, 0, false},
		{"strict: 5 s ahead", strict, 5, 0, true},
		{"strict: 6 s ahead", strict, 6, 0, false},
		{"wide: 5 min old", wide, -300, 0, true},
		{"wide: 301 s old", wide, -301, 0, false},
		{"wide: 60 s ahead", wide, 60, 0, true},
		{"wide: 61 s ahead", wide, 61, 0, false},
	}
	for _, test := range tests {
		t.Run("D33 "+test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, test.config)
				proof := issued(t, test.iat)
				time.Sleep(test.later)
				if test.ok {
					g.accept(t, get(proof))
					return
				}
				refused := g.refuse(t, get(proof), dpop.ErrTime)
				require.Contains(t, refused.LogValue().String(), "offset")
				g.acceptHonest(t)
			})
		})
	}
}

func TestIssuedAt(t *testing.T) {
	t.Parallel()
	now := seconds64(0)
	malformed := map[string]string{
		"a string": quote(now), "an empty string": `""`, "a date": `"2026-01-01T00:00:00Z"`, "null": "null", "true": "true",
		"an array": "[" + now + "]", "an object": "{}", "negative": "-1", "the least int64": "-9223372036854775808",
		"the largest int64": "9223372036854775807", "1e400": "1e400", "1e300": "1e300", "milliseconds": now + "000",
		"S61 2^53+1": "9007199254740993", "leading zero": "0" + now, "plus sign": "+" + now, "hexadecimal": "0x65", "NaN": "NaN",
		"S17 a long number": strings.Repeat("1", 5000), "a long fraction": now + "." + strings.Repeat("0", 5000), "two points": now + ".5.5",
	}
	for name, iat := range malformed {
		t.Run("D34 iat "+name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.refuse(t, get(proofWith(t, claimsNow().with("iat", iat))), dpop.ErrMalformed)
			g.acceptHonest(t)
		})
	}
	t.Run("D34 iat absent", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		g.refuse(t, get(proofWith(t, claimsNow().without("iat"))), dpop.ErrClaims)
		g.acceptHonest(t)
	})
	t.Run("a fraction and an exponent are numbers", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t)
			g.accept(t, get(proofWith(t, claimsNow().with("iat", seconds64(-1)+".75"))))
			g.accept(t, get(proofWith(t, claimsNow().with("iat", seconds64(0)+"e0"))))
			g.accept(t, get(proofWith(t, claimsNow().with("iat", seconds64(9)+".5"))))
			g.refuse(t, get(proofWith(t, claimsNow().with("iat", seconds64(10)+".5"))), dpop.ErrTime)
			g.refuse(t, get(proofWith(t, claimsNow().with("iat", seconds64(-61)+".5"))), dpop.ErrTime)
		})
	})
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, claim string
		at          int
		ok          bool
	}{
		{"exp past", "exp", -1, false},
		{"exp now", "exp", 0, false},
		{"exp ahead", "exp", 1, true},
		{"exp far ahead", "exp", 1e9, true},
		{"nbf ahead", "nbf", 11, false},
		{"nbf ahead by the leeway", "nbf", 10, true},
		{"nbf past", "nbf", -1000, true},
	}
	for _, test := range tests {
		t.Run("D36 "+test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t)
				proof := proofWith(t, claimsNow().with(test.claim, seconds64(test.at)))
				if test.ok {
					g.accept(t, get(proof))
				} else {
					g.refuse(t, get(proof), dpop.ErrTime)
					g.acceptHonest(t)
				}
			})
		})
	}
	for _, claim := range []string{"exp", "nbf"} {
		t.Run("D36 "+claim+" of a wrong type", func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			for _, value := range []string{`"1"`, "null", "-1", "1e300", "[]"} {
				g.refuse(t, get(proofWith(t, claimsNow().with(claim, value))), dpop.ErrMalformed)
			}
			g.refuse(t, get(proofWith(t, claimsNow().with("exp", "0"))), dpop.ErrTime)
			g.acceptHonest(t)
		})
	}
}
