package oauthhttp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type challengeVector struct {
	ID         string              `json:"id"`
	Lines      []string            `json:"lines"`
	Challenges [][]json.RawMessage `json:"challenges"`
}

func loadVectors(t testing.TB) []challengeVector {
	t.Helper()
	data, err := os.ReadFile("testdata/www-authenticate.json")
	require.NoError(t, err)
	var file struct {
		Vectors []challengeVector `json:"vectors"`
	}
	require.NoError(t, json.Unmarshal(data, &file))
	require.NotEmpty(t, file.Vectors)
	return file.Vectors
}

func TestParseChallengesVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t) {
		t.Run("E-25 "+v.ID, func(t *testing.T) {
			t.Parallel()
			got := ParseChallenges(v.Lines)
			require.Len(t, got, len(v.Challenges))
			for i, raw := range v.Challenges {
				var scheme string
				var params map[string]string
				require.Len(t, raw, 2)
				require.NoError(t, json.Unmarshal(raw[0], &scheme))
				require.NoError(t, json.Unmarshal(raw[1], &params))
				assert.Equal(t, scheme, got[i].Scheme)
				assert.Len(t, got[i].Params, len(params))
				for name, value := range params {
					assert.Equal(t, value, got[i].Get(name), name)
				}
			}
		})
	}
}

// show writes challenges without quotes or escapes, for comparing in tables.
func show(challenges []Challenge) string {
	var parts []string
	for _, c := range challenges {
		parts = append(parts, c.Scheme+fmt.Sprint(c.Params))
	}
	return strings.Join(parts, " | ")
}

func TestParseChallenges(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, line, want string }{
		{"empty", "", ""},
		{"only separators", " ,\t, ,", ""},
		{"bare scheme", "Bearer", "Bearer[]"},
		{"bare scheme, spaces", "  Bearer \t", "Bearer[]"},
		{"leading list separators", ",, ,DPoP algs=\"ES256\"", "DPoP[{algs ES256}]"},
		{"empty first parameter", "DPoP , algs=\"ES256\"", "DPoP[{algs ES256}]"},
		{"several spaces", "DPoP   algs=\"ES256\"", "DPoP[{algs ES256}]"},
		{"tabs", "DPoP\talgs\t=\t\"ES256\"\t,\ta=b", "DPoP[{algs ES256} {a b}]"},
		{"no space after comma", "Bearer,DPoP algs=\"A\",error=\"e\",Basic realm=r", "Bearer[] | DPoP[{algs A} {error e}] | Basic[{realm r}]"},
		{"empty quoted value", `Bearer realm=""`, "Bearer[{realm }]"},
		{"quoted pairs", `Basic realm="\"\\\a"`, `Basic[{realm "\a}]`},
		{"tab in quotes", "Basic realm=\"a\tb\"", "Basic[{realm a\tb}]"},
		{"obs-text kept", "Basic realm=\"\xe9\"", "Basic[{realm \xe9}]"},
		{"repeated parameter, first counts", `DPoP error="a", Error="b"`, "DPoP[{error a}]"},
		{"token68 alone", "Negotiate abc", "Negotiate[{ abc}]"},
		{"token68 then list", "Negotiate a+/~._-1== , DPoP error=x", "Negotiate[{ a+/~._-1==}] | DPoP[{error x}]"},
		{"same scheme twice", `DPoP a="1", DPoP a="2"`, "DPoP[{a 1}] | DPoP[{a 2}]"},

		{"malformed: control character as scheme", "\x00", ""},
		{"malformed: quoted scheme", `"DPoP" error="x"`, ""},
		{"malformed: parameter without scheme", `error="x", DPoP error="y"`, ""},
		{"malformed: unterminated quotes", `DPoP algs="ES256", error="use_dpop_nonce`, "DPoP[{algs ES256}]"},
		{"malformed: backslash at the end", `DPoP algs="ES256", error="x\`, "DPoP[{algs ES256}]"},
		{"malformed: CR LF in quotes", "DPoP a=b, error=\"x\r\nDPoP c=d\", Bearer", "DPoP[{a b}]"},
		{"malformed: escaped control in quotes", "DPoP a=b, error=\"x\\\x00\"", "DPoP[{a b}]"},
		{"malformed: DEL in quotes", "DPoP error=\"\x7f\"", "DPoP[]"},
		{"malformed: value missing", "DPoP a=b, error=, Bearer", "DPoP[{a b}]"},
		{"malformed: token value cut short", "DPoP algs=ES256@x, error=y", "DPoP[]"},
		{"malformed: quoted value goes on", `DPoP error="use_dpop_nonce"x`, "DPoP[]"},
		{"malformed: comma missing", `Bearer error="invalid_token" error_description="x", DPoP`, "Bearer[{error invalid_token}]"},
		{"malformed: parameter after token68", `Negotiate abc, error="x", DPoP`, "Negotiate[{ abc}]"},
		{"malformed: scheme then quotes", `DPoP"x", Bearer`, ""},
		{"malformed: scheme cut short", `Basic, DPoP/x, Bearer`, "Basic[]"},
		{"malformed: scheme then spaced quotes", `DPoP "x", Bearer`, "DPoP[]"},
		{"malformed: three words", `A B C="x"`, "A[]"},
		{"malformed: non-token68 word", `A b!, Bearer`, "A[]"},
		{"malformed: equals only", `=, DPoP`, ""},
		{"malformed: fake challenge in broken quotes", `Basic realm="a"b, DPoP error="use_dpop_nonce"`, "Basic[]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, show(ParseChallenges([]string{tc.line})))
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		require.Nil(t, ParseChallenges(nil))
	})
	t.Run("a malformed line does not hide the next", func(t *testing.T) {
		t.Parallel()
		got := ParseChallenges([]string{`Basic realm="x`, `error="y"`, `DPoP error="z"`})
		require.Equal(t, "Basic[] | DPoP[{error z}]", show(got))
	})
}

func TestParseChallengesLimits(t *testing.T) {
	t.Parallel()
	t.Run("bytes", func(t *testing.T) {
		t.Parallel()
		fits := "Basic realm=\"" + strings.Repeat("a", maxChallengeBytes-len("Basic realm=\"\"DPoP")) + `"`
		require.Len(t, ParseChallenges([]string{fits, "DPoP"}), 2)
		require.Len(t, ParseChallenges([]string{fits, "DPoP ", "Bearer"}), 1, "a line over the limit goes whole, with all after it")
		require.Empty(t, ParseChallenges([]string{strings.Repeat("a", maxChallengeBytes+1)}))
	})
	t.Run("challenges", func(t *testing.T) {
		t.Parallel()
		got := ParseChallenges([]string{strings.Repeat("A a=b,", maxChallenges+5), "DPoP"})
		require.Len(t, got, maxChallenges)
		for _, c := range got {
			require.Len(t, c.Params, 1)
		}
	})
	t.Run("parameters", func(t *testing.T) {
		t.Parallel()
		var line strings.Builder
		line.WriteString("DPoP ")
		for i := range maxChallengeParams + 5 {
			fmt.Fprintf(&line, "p%d=v,", i)
		}
		line.WriteString("Bearer error=e")
		got := ParseChallenges([]string{line.String()})
		require.Len(t, got, 2, "parameters over the limit are ignored, what follows is not")
		require.Len(t, got[0].Params, maxChallengeParams)
		require.Equal(t, "e", got[1].Get("error"))
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	got := ParseChallenges([]string{`Bearer, dpop error="use_dpop_nonce"`, `DPoP error="later"`})
	c, ok := Find(got, "DPoP")
	require.True(t, ok)
	require.Equal(t, "use_dpop_nonce", c.Get("error"))
	require.Equal(t, "dpop", c.Scheme)
	_, ok = Find(got, "Basic")
	require.False(t, ok)
	_, ok = Find(nil, "DPoP")
	require.False(t, ok)
}

func TestChallengesOverHTTP(t *testing.T) {
	t.Parallel()
	sent := []Challenge{
		{"Bearer", []Param{{"error", "invalid_token"}}},
		{"DPoP", []Param{{"algs", "ES256 PS256"}, {"error_description", "a\r\nb"}}},
	}
	w := httptest.NewRecorder()
	for _, c := range sent {
		w.Header().Add("WWW-Authenticate", c.String())
	}
	w.WriteHeader(http.StatusUnauthorized)
	got := ParseChallenges(w.Result().Header.Values("WWW-Authenticate"))
	require.Equal(t, "Bearer[{error invalid_token}] | DPoP[{algs ES256 PS256} {error_description a??b}]", show(got))
}
