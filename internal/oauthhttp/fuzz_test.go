package oauthhttp

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParseChallenges(f *testing.F) {
	for _, v := range loadVectors(f) {
		f.Add(strings.Join(v.Lines, "\n"), "DPoP", "error", "use_dpop_nonce")
	}
	f.Add("A B C=\"x\\", "DPoP", "algs", "\r\n\"\\,=")
	f.Add("A =, b = \"\"", "!", "A", "\xff\u2028")
	f.Fuzz(func(t *testing.T, lines, scheme, name, value string) {
		parsed := ParseChallenges(strings.Split(lines, "\n"))
		require.LessOrEqual(t, len(parsed), maxChallenges)
		for _, c := range parsed {
			requireSane(t, c)
			requireRoundTrip(t, c)
		}
		requireRoundTrip(t, Challenge{scheme, []Param{{name, value}, {"algs", value}, {name, scheme}}})
	})
}

func requireSane(t *testing.T, c Challenge) {
	require.True(t, isToken(c.Scheme))
	require.LessOrEqual(t, len(c.Params), maxChallengeParams)
	seen := map[string]bool{}
	for _, p := range c.Params {
		require.True(t, p.Name == "" && len(c.Params) == 1 || isToken(p.Name))
		require.Equal(t, strings.ToLower(p.Name), p.Name)
		require.False(t, seen[p.Name])
		seen[p.Name] = true
	}
}

// requireRoundTrip: what String writes reads back as that one challenge, made of
// allowed characters, with the writable parameters and nothing else.
func requireRoundTrip(t *testing.T, c Challenge) {
	line := c.String()
	for i := range len(line) {
		require.True(t, line[i] >= 0x20 && line[i] <= 0x7e && line[i] != '\\')
	}
	if len(line) > maxChallengeBytes {
		return
	}
	parsed := ParseChallenges([]string{line})
	if !isToken(c.Scheme) {
		require.Empty(t, line)
		require.Empty(t, parsed)
		return
	}
	require.Len(t, parsed, 1)
	require.Equal(t, c.Scheme, parsed[0].Scheme)
	want := map[string]string{}
	for _, p := range c.Params {
		key := strings.ToLower(p.Name)
		if _, repeated := want[key]; isToken(p.Name) && p.Value != "" && !repeated {
			want[key] = printable(p.Value)
		}
	}
	require.Len(t, parsed[0].Params, len(want))
	for _, p := range parsed[0].Params {
		require.Equal(t, want[p.Name], p.Value)
	}
}

func FuzzCredentials(f *testing.F) {
	for _, seed := range []string{"", "DPoP abc", "Bearer  a.b-c_d~e+f/g==", "bearer a=b", "DPoP a, Bearer b", " x", "Bearer\ta"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		r := &http.Request{Header: http.Header{"Authorization": {field}}}
		scheme, token, err := Credentials(r)
		if err != nil {
			require.True(t, errors.Is(err, ErrManyCredentials) || errors.Is(err, ErrMalformedCredentials))
			require.Empty(t, scheme+token)
			return
		}
		sent, rest, ok := strings.Cut(field, " ")
		require.True(t, ok)
		require.True(t, strings.EqualFold(sent, scheme))
		require.Equal(t, strings.TrimLeft(rest, " "), token)
		require.NotEmpty(t, token)
		require.NotContains(t, token, ",")
		require.NotContains(t, token, " ")
	})
}

// What Go's own parser sees in a query, TokenElsewhere must see.
func FuzzTokenElsewhere(f *testing.F) {
	for _, seed := range []string{"", "access_token=x", "acc%65ss_token=", "a=b&access_token", "a;access_token=x", "%zz&access_token"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}}
		values, _ := url.ParseQuery(query)
		if values.Has("access_token") {
			require.True(t, TokenElsewhere(r))
		}
	})
}

// An accepted form is what Go's parser reads, minus empty values.
func FuzzReadForm(f *testing.F) {
	for _, seed := range []string{"", "a=b&c=d", "a=&a=b", "a=%zz", "a=%00", "a;b", "=x", "&&a", "resource=1&resource=2", "a=\xff", "A=1&a=2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		got, err := ReadForm(nil, r, 0, "resource")
		again, againErr := ReadForm(nil, r, 0, "resource")
		require.Equal(t, got, again)
		require.Equal(t, err, againErr)
		if err != nil {
			require.Nil(t, got)
			require.ErrorAs(t, err, new(*FormError))
			return
		}
		want, err := url.ParseQuery(body)
		require.NoError(t, err)
		for name, values := range want {
			var kept []string
			for _, value := range values {
				if value != "" {
					kept = append(kept, value)
				}
			}
			require.Equal(t, kept, got[name])
			delete(got, name)
		}
		require.Empty(t, got)
	})
}
