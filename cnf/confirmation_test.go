package cnf_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
)

const (
	sampleJKT = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
	sampleX5T = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
)

func TestParseConfirmation(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, jkt, x5t string }{
		"jkt":                       {`{"jkt":"` + sampleJKT + `"}`, sampleJKT, ""},
		"x5t#S256":                  {`{"x5t#S256":"` + sampleX5T + `"}`, "", sampleX5T},
		"N03 both":                  {`{"jkt":"` + sampleJKT + `","x5t#S256":"` + sampleX5T + `"}`, sampleJKT, sampleX5T},
		"N03 both, other order":     {`{"x5t#S256":"` + sampleX5T + `","jkt":"` + sampleJKT + `"}`, sampleJKT, sampleX5T},
		"white space":               {" \t\r\n{ \"jkt\" : \"" + sampleJKT + "\" }\n", sampleJKT, ""},
		"escapes mean what they do": {`{"\u006akt":"\u0030` + sampleJKT[1:] + `"}`, sampleJKT, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := cnf.ParseConfirmation([]byte(c.text))
			require.NoError(t, err)
			require.False(t, got.IsZero())
			requireMember(t, got, cnf.MemberJKT, c.jkt)
			requireMember(t, got, cnf.MemberX5TS256, c.x5t)
		})
	}
}

func requireMember(t *testing.T, c cnf.Confirmation, member, want string) {
	t.Helper()
	sum, ok := c.Thumbprint(member)
	require.Equal(t, want != "", ok)
	if ok {
		only, err := json.Marshal(cnf.Bind(member, sum))
		require.NoError(t, err)
		require.JSONEq(t, `{"`+member+`":"`+want+`"}`, string(only))
		return
	}
	require.Zero(t, sum)
}

func TestParseConfirmationRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"N01 unknown":                  `{"foo":"` + sampleJKT + `"}`,
		"N01 unknown beside jkt":       `{"jkt":"` + sampleJKT + `","foo":"` + sampleJKT + `"}`,
		"N01 unknown before jkt":       `{"foo":"` + sampleJKT + `","jkt":"` + sampleJKT + `"}`,
		"N01 unknown of another type":  `{"jkt":"` + sampleJKT + `","foo":{}}`,
		"N01 empty name":               `{"":"` + sampleJKT + `"}`,
		"N01 x5t, of SHA-1":            `{"x5t":"` + sampleX5T + `"}`,
		"N02 nothing":                  ``,
		"N02 empty object":             `{}`,
		"N02 null":                     `null`,
		"N02 array":                    `[]`,
		"N02 array of one":             `[{"jkt":"` + sampleJKT + `"}]`,
		"N02 string":                   `"x"`,
		"N02 number":                   `5`,
		"N02 true":                     `true`,
		"N02 jkt null":                 `{"jkt":null}`,
		"N02 jkt number":               `{"jkt":5}`,
		"N02 jkt array":                `{"jkt":["` + sampleJKT + `"]}`,
		"N02 jkt object":               `{"jkt":{}}`,
		"N04 JKT":                      `{"JKT":"` + sampleJKT + `"}`,
		"N04 Jkt beside jkt":           `{"jkt":"` + sampleJKT + `","Jkt":"` + sampleX5T + `"}`,
		"N04 X5T#S256":                 `{"X5T#S256":"` + sampleX5T + `"}`,
		"N04 x5t#s256":                 `{"x5t#s256":"` + sampleX5T + `"}`,
		"N04 Kelvin sign":              `{"j` + "\u212a" + `t":"` + sampleJKT + `"}`,
		"N04 space in the name":        `{"jkt ":"` + sampleJKT + `"}`,
		"N05 duplicate":                `{"jkt":"` + sampleJKT + `","jkt":"` + sampleX5T + `"}`,
		"N05 duplicate, equal":         `{"jkt":"` + sampleJKT + `","jkt":"` + sampleJKT + `"}`,
		"N05 duplicate, escaped":       `{"jkt":"` + sampleJKT + `","\u006akt":"` + sampleX5T + `"}`,
		"N05 duplicate x5t#S256":       `{"x5t#S256":"` + sampleX5T + `","x5t#S256":"` + sampleJKT + `"}`,
		"N07 empty":                    `{"jkt":""}`,
		"N07 hex":                      `{"jkt":"d1970e08e459358cbe0d6a6aab7d236722461d33747761e0941577ba282e0382"}`,
		"N07 padded":                   `{"jkt":"` + sampleJKT + `="}`,
		"N07 trailing bits":            `{"jkt":"` + sampleJKT[:42] + `J"}`,
		"N07 trailing bits, RFC 8705":  `{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}`,
		"N07 42 characters":            `{"jkt":"` + sampleJKT[:42] + `"}`,
		"N07 44 characters":            `{"jkt":"` + sampleJKT + `A"}`,
		"N07 standard alphabet":        `{"jkt":"` + strings.Replace(sampleJKT, "-", "+", 1) + `"}`,
		"N07 line break":               `{"jkt":"` + sampleJKT + `\n"}`,
		"N07 line break inside":        `{"jkt":"` + sampleJKT[:20] + `\r\n` + sampleJKT[20:] + `"}`,
		"N07 space":                    `{"jkt":" ` + sampleJKT + `"}`,
		"N07 SHA-512":                  `{"jkt":"` + sampleJKT + sampleJKT[:43] + `"}`,
		"S08 trailing data":            `{"jkt":"` + sampleJKT + `"}{}`,
		"S09 byte order mark":          "\ufeff" + `{"jkt":"` + sampleJKT + `"}`,
		"S10 invalid UTF-8":            `{"jkt":"` + sampleJKT + "\xff" + `"}`,
		"S17 deep":                     strings.Repeat(`{"jkt":`, 100) + `1` + strings.Repeat(`}`, 100),
		"truncated":                    `{"jkt":"` + sampleJKT + `"`,
		"trailing comma":               `{"jkt":"` + sampleJKT + `",}`,
		"the thumbprint URI, RFC 9278": `{"jkt":"urn:ietf:params:oauth:jwk-thumbprint:sha-256:` + sampleJKT + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRefusedConfirmation(t, text)
		})
	}
	t.Run("control", func(t *testing.T) {
		t.Parallel()
		_, err := cnf.ParseConfirmation([]byte(`{"jkt":"` + sampleJKT + `"}`))
		require.NoError(t, err)
	})
}

func requireRefusedConfirmation(t *testing.T, text string) {
	t.Helper()
	got, err := cnf.ParseConfirmation([]byte(text))
	require.ErrorIs(t, err, cnf.ErrConfirmation)
	var refusal *cnf.Error
	require.ErrorAs(t, err, &refusal)
	assert.Equal(t, "invalid_token", refusal.OAuthCode())
	assert.NotContains(t, err.Error(), sampleJKT[1:20])
	assert.True(t, got.IsZero())
}

// The members of RFC 7800 are known, and refused by policy.
func TestVectorsConfirmation(t *testing.T) {
	t.Parallel()
	const accepted = "both bindings must hold, which is the middleware's to check"
	policy := map[string]string{
		"rfc7800-3.2":             "jwk: an access token names its key by thumbprint (RFC 9449 6.1); two forms of one binding would need two comparisons",
		"rfc7800-3.4":             "kid: names a key, and does not say whose or where it is",
		"rfc7800-3.5":             "jku: fetching keys from where a token says is a request the token's author sends from our network",
		"cnf-two-keys":            "RFC 7800 3.1: at most one of jwk, jwe and jku",
		"cnf-private-jwk":         "jwk: as 3.2, and the key is private",
		"cnf-oct-unencrypted":     "jwk: as 3.2, and a shared secret in the clear",
		"cnf-not-object":          "RFC 7800 3.1: cnf is an object",
		"cnf-unknown-member-only": "bound to something that cannot be checked here is not unbound",
		"cnf-both-jkt-x5t":        accepted,
		"rfc7800-3.3-plaintext":   "jwe: needs a secret shared with the client; FAPI knows asymmetric keys only",
	}
	vectors := confirmationVectors(t)
	require.Len(t, vectors, len(policy))
	for id, text := range vectors {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, policy, id)
			if policy[id] != accepted {
				requireRefusedConfirmation(t, string(text))
				return
			}
			_, err := cnf.ParseConfirmation(text)
			require.NoError(t, err)
		})
	}
}

func confirmationVectors(t *testing.T) map[string]json.RawMessage {
	t.Helper()
	data, err := os.ReadFile("testdata/rfc7800-cnf.json")
	require.NoError(t, err)
	var file struct {
		Vectors []struct {
			ID     string
			Cnf    json.RawMessage
			Header string `json:"jwe_header_b64"`
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	vectors := make(map[string]json.RawMessage)
	for _, v := range file.Vectors {
		if v.Header != "" { // the standard prints the first part of the JWE alone
			v.Cnf = json.RawMessage(`{"jwe":"` + v.Header + `.e30.e30.e30.e30"}`)
		}
		vectors[v.ID] = v.Cnf
	}
	return vectors
}

func TestConfirmation(t *testing.T) {
	t.Parallel()
	jkt, x5t := [32]byte{1}, [32]byte{2}
	both := cnf.Bind(cnf.MemberJKT, jkt).And(cnf.MemberX5TS256, x5t)

	t.Run("comparable", func(t *testing.T) {
		t.Parallel()
		require.True(t, both == cnf.Bind(cnf.MemberX5TS256, x5t).And(cnf.MemberJKT, jkt), "the order of members is nothing")
		require.False(t, both == cnf.Bind(cnf.MemberJKT, jkt))
		require.False(t, cnf.Bind(cnf.MemberJKT, jkt) == cnf.Bind(cnf.MemberX5TS256, jkt))
		require.Equal(t, both, map[cnf.Confirmation]cnf.Confirmation{both: both}[both])
	})
	t.Run("And does not change its receiver", func(t *testing.T) {
		t.Parallel()
		one := cnf.Bind(cnf.MemberJKT, jkt)
		_ = one.And(cnf.MemberX5TS256, x5t)
		_, ok := one.Thumbprint(cnf.MemberX5TS256)
		require.False(t, ok)
	})
	t.Run("an unknown member confirms nobody", func(t *testing.T) {
		t.Parallel()
		for _, name := range []string{"", "kid", "JKT", "x5t#s256", "jkt "} {
			require.True(t, cnf.Bind(name, jkt).IsZero())
			require.True(t, both.And(name, jkt).IsZero(), "no binding is better than one that lost half")
			_, ok := both.Thumbprint(name)
			require.False(t, ok)
		}
	})
	t.Run("a mistake is not mended by what follows", func(t *testing.T) {
		t.Parallel()
		require.True(t, cnf.Bind(cnf.MemberJKT, [32]byte{}).IsZero(), "a forgotten proof")
		require.True(t, cnf.Bind(cnf.MemberX5TS256, [32]byte{}).And(cnf.MemberJKT, jkt).IsZero())
		require.True(t, cnf.Bind("typo", x5t).And(cnf.MemberJKT, jkt).IsZero())
		_, err := cnf.ParseConfirmation([]byte(`{"jkt":"` + strings.Repeat("A", 43) + `"}`))
		require.ErrorIs(t, err, cnf.ErrConfirmation)
	})
	t.Run("zero", func(t *testing.T) {
		t.Parallel()
		var zero cnf.Confirmation
		require.True(t, zero.IsZero())
		_, ok := zero.Thumbprint(cnf.MemberJKT)
		require.False(t, ok)
	})
}

func TestConfirmationJSON(t *testing.T) {
	t.Parallel()
	jkt, x5t := [32]byte{1}, [32]byte{2}
	for _, c := range []cnf.Confirmation{
		cnf.Bind(cnf.MemberJKT, jkt),
		cnf.Bind(cnf.MemberX5TS256, x5t),
		cnf.Bind(cnf.MemberJKT, jkt).And(cnf.MemberX5TS256, x5t),
	} {
		text, err := json.Marshal(c)
		require.NoError(t, err)
		again, err := cnf.ParseConfirmation(text)
		require.NoError(t, err)
		require.Equal(t, c, again)
	}
	t.Run("a token cannot lose its binding on the way out", func(t *testing.T) {
		t.Parallel()
		_, err := json.Marshal(struct {
			Cnf cnf.Confirmation `json:"cnf"`
		}{})
		require.ErrorIs(t, err, cnf.ErrConfirmation)
	})
	t.Run("encoding/json reads it as strictly", func(t *testing.T) {
		t.Parallel()
		var claims struct {
			CNF cnf.Confirmation `json:"cnf"`
		}
		require.NoError(t, json.Unmarshal([]byte(`{"cnf":{"jkt":"`+sampleJKT+`"}}`), &claims))
		_, bound := claims.CNF.Thumbprint(cnf.MemberJKT)
		require.True(t, bound)
		claims.CNF = cnf.Confirmation{}
		for _, malformed := range []string{`null`, `{}`, `"x"`, `{"jwk":{}}`, `{"jkt":"` + sampleJKT + `","jkt":"` + sampleJKT + `"}`} {
			require.ErrorIs(t, json.Unmarshal([]byte(`{"cnf":`+malformed+`}`), &claims), cnf.ErrConfirmation, malformed)
			require.True(t, claims.CNF.IsZero(), malformed)
		}
	})
}

func FuzzParseConfirmation(f *testing.F) {
	for _, seed := range []string{
		`{"jkt":"` + sampleJKT + `"}`, `{"x5t#S256":"` + sampleX5T + `"}`,
		`{"jkt":"` + sampleJKT + `","x5t#S256":"` + sampleX5T + `"}`,
		`{"jkt":"` + sampleJKT + `","jkt":"` + sampleJKT + `"}`, `{"\u006akt":"` + sampleJKT + `"}`,
		`{}`, `null`, `{"jkt":""}`, `{"kid":"x"}`, `{"jwk":{"kty":"EC"}}`, `{"jkt":"` + sampleJKT + `="}`, `[]`, `{`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := cnf.ParseConfirmation(data)
		if err != nil {
			if !c.IsZero() || !errors.Is(err, cnf.ErrConfirmation) {
				t.Fatalf("refused with a confirmation, or for another reason: %v", err)
			}
			return
		}
		if c.IsZero() {
			t.Fatal("accepted, and confirms nobody")
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := cnf.ParseConfirmation(text); err != nil || again != c {
			t.Fatalf("%s is not what was read from %q", text, data)
		}
	})
}
