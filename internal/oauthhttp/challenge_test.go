package oauthhttp

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestChallengeString(t *testing.T) {
	t.Parallel()
	const all = "!#$%&'()*+,-./0123456789:;<=>?@ABCXYZ[]^_`abcxyz{|}~ "
	for name, tc := range map[string]struct {
		in   Challenge
		want string
	}{
		"bare":                  {Challenge{Scheme: "Bearer"}, `Bearer`},
		"one":                   {Challenge{"DPoP", []Param{{"algs", "ES256 PS256"}}}, `DPoP algs="ES256 PS256"`},
		"order kept":            {Challenge{"DPoP", []Param{{"error", "invalid_token"}, {"algs", "ES256"}}}, `DPoP error="invalid_token", algs="ES256"`},
		"every allowed byte":    {Challenge{"Bearer", []Param{{"realm", all}}}, `Bearer realm="` + all + `"`},
		"token is quoted too":   {Challenge{"Bearer", []Param{{"error", "invalid_token"}}}, `Bearer error="invalid_token"`},
		"quote and backslash":   {Challenge{"Bearer", []Param{{"realm", `a"b\c`}}}, `Bearer realm="a?b?c"`},
		"non-ASCII":             {Challenge{"Bearer", []Param{{"realm", "a\u00e9\u2028\xffz\x7f\t"}}}, `Bearer realm="a???z??"`},
		"repeated name":         {Challenge{"Bearer", []Param{{"error", "a"}, {"Error", "b"}, {"scope", "c"}}}, `Bearer error="a", scope="c"`},
		"repeat of an empty":    {Challenge{"Bearer", []Param{{"error", ""}, {"error", "b"}}}, `Bearer error="b"`},
		"empty values":          {Challenge{"Bearer", []Param{{"error", ""}, {"scope", "a"}, {"realm", ""}}}, `Bearer scope="a"`},
		"name is not a token":   {Challenge{"Bearer", []Param{{"a b", "x"}, {"", "y"}, {"r\u00e9alm", "z"}, {"scope", "a"}}}, `Bearer scope="a"`},
		"scheme is not a token": {Challenge{"DPoP algs", []Param{{"a", "x"}}}, ``},
		"zero":                  {Challenge{}, ``},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, tc.in.String())
		})
	}
}

func TestChallengeInjection(t *testing.T) {
	t.Parallel()
	const evil = "x\", error=\"insufficient_scope\"\r\nSet-Cookie: a=b\r\n\r\n<html>\x00"
	naive := fmt.Sprintf(`DPoP error="%s"`, evil)
	t.Run("D51 control: plain formatting is injected", func(t *testing.T) {
		t.Parallel()
		assert.Contains(t, naive, "\r\nSet-Cookie")
		first := naive[:len(`DPoP error="x", error="insufficient_scope"`)]
		assert.Equal(t, `DPoP error="x", error="insufficient_scope"`, first)
	})
	for name, in := range map[string]Challenge{
		"value":  {"DPoP", []Param{{"error", evil}}},
		"name":   {"DPoP", []Param{{evil, "x"}}},
		"scheme": {"DPoP\r\nSet-Cookie: a=b", nil},
	} {
		t.Run("D51 E-28 "+name+" stays inside one line", func(t *testing.T) {
			t.Parallel()
			line := in.String()
			assert.NotContains(t, line, "\r")
			assert.NotContains(t, line, "\n")
			assert.NotContains(t, line, "\x00")
			parsed := ParseChallenges([]string{line})
			if name == "scheme" {
				require.Empty(t, parsed)
				return
			}
			require.Len(t, parsed, 1)
			assert.LessOrEqual(t, len(parsed[0].Params), 1)
			assert.NotEqual(t, "insufficient_scope", parsed[0].Get("error"))
		})
	}
}

func TestChallengeGet(t *testing.T) {
	t.Parallel()
	c := Challenge{"Basic", []Param{{"Realm", "a"}, {"realm", "b"}, {"", "YII="}}}
	require.Equal(t, "a", c.Get("REALM"))
	require.Equal(t, "YII=", c.Get(""))
	require.Empty(t, c.Get("error"))
	require.Empty(t, Challenge{}.Get(""))
}
