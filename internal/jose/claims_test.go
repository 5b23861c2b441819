package jose_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

func TestReadClaims(t *testing.T) {
	t.Parallel()
	var other []string
	got, err := jose.ReadClaims([]byte(`{"iss":"i","sub":"s","jti":"j","aud":["a","b"],"exp":3,"nbf":1,"iat":2.5,"htm":"GET"}`),
		func(name []byte, value jose.Value) error {
			other = append(other, string(name)+string(value))
			return nil
		})
	require.NoError(t, err)
	require.Equal(t, jose.Claims{
		Issuer: "i", Subject: "s", ID: "j", Audience: []string{"a", "b"},
		Expires: time.Unix(3, 0), NotBefore: time.Unix(1, 0), IssuedAt: time.Unix(2, 5e8),
	}, got)
	require.Equal(t, []string{`htm"GET"`}, other)

	got, err = jose.ReadClaims([]byte(`{"aud":"a","exp":0}`), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, got.Audience)
	require.True(t, got.AudienceIsText)
	require.False(t, got.Expires.IsZero(), "exp 0 is 1970, not an absent claim")
	require.True(t, got.NotBefore.IsZero())

	stop := errors.New("stop")
	_, err = jose.ReadClaims([]byte(`{"htm":"GET"}`), func([]byte, jose.Value) error { return stop })
	require.Equal(t, stop, err)
}

func TestClaimTypes(t *testing.T) {
	t.Parallel()
	t.Run("S14 wrong JSON type for a claim", func(t *testing.T) {
		for _, name := range []string{"iss", "sub", "jti"} {
			for _, value := range []string{`1`, `[]`, `{}`, `true`, `null`, `["x"]`, `""`} {
				assert.ErrorIs(t, claims(`{"`+name+`":`+value+`}`), jose.ErrMalformed, "%s %s", name, value)
			}
			require.NoError(t, claims(`{"`+name+`":"1"}`))
		}
		for _, value := range []string{`1`, `[1]`, `[["a"]]`, `["a",null]`, `{}`, `null`, `true`, `""`, `["a",""]`, `[{}]`} {
			assert.ErrorIs(t, claims(`{"aud":`+value+`}`), jose.ErrMalformed, "aud %s", value)
		}
		require.NoError(t, claims(`{"aud":"a"}`))
		got, err := jose.ReadClaims([]byte(`{"aud":[ "a" , "b\u0063" ]}`), nil)
		require.NoError(t, err)
		require.Equal(t, []string{"a", "bc"}, got.Audience)
		got, err = jose.ReadClaims([]byte(`{"aud":[]}`), nil)
		require.NoError(t, err)
		require.Empty(t, got.Audience, "an empty list names nobody")
	})
	t.Run("S15 NumericDate as a string or out of range", func(t *testing.T) {
		for _, name := range []string{"exp", "nbf", "iat"} {
			for _, value := range []string{
				`"4102444800"`, `"1"`, `"0"`, `"2099-01-01T00:00:00Z"`, `"4102444800.5.5"`, `""`, `null`, `true`, `[]`, `{}`, `[1]`,
				`-1`, `-0.5`, `1e400`, `1e30`, `9223372036854775808`, `18446744073709551617`, `253402300800`, `1700000000000`, `0.00000000000000000000000000000001`,
			} {
				assert.ErrorIs(t, claims(`{"`+name+`":`+value+`}`), jose.ErrMalformed, "%s %s", name, value)
			}
			require.NoError(t, claims(`{"`+name+`":4102444800}`))
		}
	})
}

func TestValue(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		want time.Time
	}{
		{"0", time.Unix(0, 0)},
		{"-0", time.Unix(0, 0)},
		{"1700000000", time.Unix(1700000000, 0)},
		{"1700000000.25", time.Unix(1700000000, 250_000_000)},
		{"17e8", time.Unix(1700000000, 0)},
		{"1.7E+9", time.Unix(1700000000, 0)},
		{"253402300799", time.Unix(253402300799, 0)},
		{"253402300799.0", time.Unix(253402300799, 0)},
		{"1700000000.000000000000000000000", time.Unix(1700000000, 0)}, // 32 characters
	} {
		got, err := jose.Value(test.text).Time()
		require.NoError(t, err, test.text)
		require.True(t, test.want.Equal(got), "%s: %s", test.text, got)
	}
	for text, want := range map[string]bool{"true": true, "false": false} {
		got, err := jose.Value(text).Bool()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", `"true"`, "1", "0", "null", "[]", "{}"} {
		_, err := jose.Value(text).Bool()
		assert.ErrorIs(t, err, jose.ErrMalformed, text)
	}
	for _, text := range []string{"", `"`, "1", "null", "[]", "{}", "true"} {
		_, err := jose.Value(text).Bytes()
		assert.ErrorIs(t, err, jose.ErrMalformed, text)
		_, err = jose.Value(text).Text()
		assert.ErrorIs(t, err, jose.ErrMalformed, text)
	}
	for _, text := range []string{"", `"a"`, "1", "null", "{}", `[1]`, `["a"`, `["a",null]`, `[["a"]]`} {
		_, err := jose.Value(text).Texts()
		assert.ErrorIs(t, err, jose.ErrMalformed, text)
	}
	_, err := jose.Value("").Time()
	require.ErrorIs(t, err, jose.ErrMalformed)
	list, err := jose.Value(`[]`).Texts()
	require.NoError(t, err)
	require.NotNil(t, list, "an empty list is not an absent one")
}

func TestInWindow(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_700_000_000, 0)
	const leeway = 10 * time.Second
	for name, test := range map[string]struct {
		claims jose.Claims
		want   bool
	}{
		"nothing stated":            {jose.Claims{}, true},
		"exp ahead":                 {jose.Claims{Expires: now.Add(1)}, true},
		"exp now":                   {jose.Claims{Expires: now}, false},
		"exp past, within leeway":   {jose.Claims{Expires: now.Add(-1)}, false},
		"nbf ahead by leeway":       {jose.Claims{NotBefore: now.Add(leeway)}, true},
		"nbf ahead by more":         {jose.Claims{NotBefore: now.Add(leeway + 1)}, false},
		"iat ahead by leeway":       {jose.Claims{IssuedAt: now.Add(leeway)}, true},
		"iat ahead by more":         {jose.Claims{IssuedAt: now.Add(leeway + 1)}, false},
		"iat long past":             {jose.Claims{IssuedAt: time.Unix(0, 0)}, true},
		"nbf fine, iat not":         {jose.Claims{NotBefore: now, IssuedAt: now.Add(time.Hour)}, false},
		"nbf and iat fine, exp not": {jose.Claims{NotBefore: now, IssuedAt: now, Expires: now}, false},
	} {
		assert.Equal(t, test.want, test.claims.InWindow(now, leeway), name)
	}
}
