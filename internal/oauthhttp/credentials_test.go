package oauthhttp

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func requestWith(fields ...string) *http.Request {
	return &http.Request{Method: http.MethodGet, Header: http.Header{"Authorization": fields}}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a", MaxTokenBytes)
	for _, tc := range []struct{ name, field, scheme, token string }{
		{"DPoP", "DPoP abc", "DPoP", "abc"},
		{"B-1 scheme without case", "bEARER AbC", "Bearer", "AbC"},
		{"E-17 dpop", "dpop abc", "DPoP", "abc"},
		{"E-17 several spaces", "DPoP    abc", "DPoP", "abc"},
		{"every character and padding", "Bearer azAZ09-._~+/==", "Bearer", "azAZ09-._~+/=="},
		{"other scheme as sent", "bAsic YTpi", "bAsic", "YTpi"},
		{"longest", "Bearer " + longest, "Bearer", longest},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			scheme, token, err := Credentials(requestWith(tc.field))
			require.NoError(t, err)
			require.Equal(t, tc.scheme, scheme)
			require.Equal(t, tc.token, token)
		})
	}
}

func TestCredentialsRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		fields []string
		want   error
	}{
		{"none", nil, ErrNoCredentials},
		{"B-4 preflight", nil, ErrNoCredentials},
		{"D46 two fields", []string{"Bearer a", "DPoP b"}, ErrManyCredentials},
		{"D46 two equal fields", []string{"DPoP a", "DPoP a"}, ErrManyCredentials},
		{"D46 second field empty", []string{"DPoP a", ""}, ErrManyCredentials},
		{"D46 joined by a comma", []string{"DPoP a, Bearer b"}, ErrManyCredentials},
		{"D46 joined without space", []string{"DPoP a,Bearer b"}, ErrManyCredentials},
		{"D46 trailing comma", []string{"DPoP a,"}, ErrManyCredentials},
		{"empty field", []string{""}, ErrMalformedCredentials},
		{"B-1 no token", []string{"Bearer"}, ErrMalformedCredentials},
		{"E-17 no token", []string{"DPoP"}, ErrMalformedCredentials},
		{"only spaces for a token", []string{"DPoP   "}, ErrMalformedCredentials},
		{"two tokens", []string{"DPoP a b"}, ErrMalformedCredentials},
		{"token first", []string{" a"}, ErrMalformedCredentials},
		{"tab", []string{"DPoP\ta"}, ErrMalformedCredentials},
		{"space after", []string{"DPoP a "}, ErrMalformedCredentials},
		{"only padding", []string{"DPoP =="}, ErrMalformedCredentials},
		{"padding inside", []string{"DPoP a=b"}, ErrMalformedCredentials},
		{"quotes", []string{`DPoP "a"`}, ErrMalformedCredentials},
		{"parameter", []string{`DPoP token="a"`}, ErrMalformedCredentials},
		{"CR LF", []string{"DPoP a\r\nb"}, ErrMalformedCredentials},
		{"NUL", []string{"DPoP a\x00"}, ErrMalformedCredentials},
		{"non-ASCII token", []string{"DPoP \u00e9"}, ErrMalformedCredentials},
		{"non-ASCII scheme", []string{"DPo\u1d18 a"}, ErrMalformedCredentials},
		{"scheme is not a token", []string{"DP@P a"}, ErrMalformedCredentials},
		{"I17 too long", []string{"DPoP " + strings.Repeat("a", MaxTokenBytes+1)}, ErrMalformedCredentials},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			scheme, token, err := Credentials(requestWith(tc.fields...))
			require.ErrorIs(t, err, tc.want)
			require.Empty(t, scheme)
			require.Empty(t, token)
		})
	}
	t.Run("control: the field alone passes", func(t *testing.T) {
		t.Parallel()
		_, _, err := Credentials(requestWith("DPoP a"))
		require.NoError(t, err)
	})
	t.Run("zero request", func(t *testing.T) {
		t.Parallel()
		_, _, err := Credentials(&http.Request{})
		require.ErrorIs(t, err, ErrNoCredentials)
		require.False(t, TokenElsewhere(&http.Request{}))
	})
}

func TestCredentialsNamesNothing(t *testing.T) {
	t.Parallel()
	for _, fields := range [][]string{{"DPoP secret@"}, {"DPoP secret", "Bearer secret"}} {
		_, _, err := Credentials(requestWith(fields...))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
	}
}

func TestCredentialsDoNotAllocate(t *testing.T) {
	r := requestWith("dpop " + strings.Repeat("a", 800))
	r.URL = httptest.NewRequest(http.MethodGet, "/?a=b&c=d;e=f", nil).URL
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if _, _, err := Credentials(r); err != nil || TokenElsewhere(r) {
			t.Fail()
		}
	}))
}

func TestTokenElsewhere(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		query string
		want  bool
	}{
		{"", false},
		{"a=b", false},
		{"access_token=x", true},
		{"access_token=", true},
		{"access_token", true},
		{"a=b&access_token=x", true},
		{"access_token=x&a=b", true},
		{"a=b;access_token=x", true},
		{"a;access_token=x;b", true},
		{"acc%65ss_token=x", true},
		{"access%5ftoken=x", true},
		{"access%5Ftoken", true},
		{"%61%63%63%65%73%73%5f%74%6f%6b%65%6e=x", true},
		{"%zz=1&access_token=x", true},
		{"&&;access_token=x", true},
		{"acc%2565ss_token=x", false},
		{"access_token%=x", false},
		{"access_token_type=x", false},
		{"no_access_token=x", false},
		{"a=access_token", false},
		{"a=access_token=x", false},
		{"access+token=x", false},
		{strings.Repeat("a", 100) + "=x", false},
	} {
		t.Run("N15 query "+tc.query, func(t *testing.T) {
			t.Parallel()
			r := requestWith()
			r.URL = httptest.NewRequest(http.MethodGet, "/", nil).URL
			r.URL.RawQuery = tc.query
			require.Equal(t, tc.want, TokenElsewhere(r))
			_, token, err := Credentials(r)
			require.ErrorIs(t, err, ErrNoCredentials, "a query is never a credential")
			require.Empty(t, token)
		})
	}
}

func TestTokenBesideTheField(t *testing.T) {
	t.Parallel()
	t.Run("B-2 D46 field and query, even if equal", func(t *testing.T) {
		t.Parallel()
		r := httptest.NewRequest(http.MethodGet, "/?access_token=abc", nil)
		r.Header.Set("Authorization", "DPoP abc")
		_, _, err := Credentials(r)
		assert.NoError(t, err)
		assert.True(t, TokenElsewhere(r))
		r.URL.RawQuery = ""
		assert.False(t, TokenElsewhere(r), "control")
	})
	t.Run("B-2 D46 N15 field and body: seen once the form is parsed, never consumed", func(t *testing.T) {
		t.Parallel()
		r := formRequest("access_token=abc&amount=1")
		r.Header.Set("Authorization", "DPoP abc")
		require.False(t, TokenElsewhere(r))
		form, err := ReadForm(nil, r, 0)
		require.NoError(t, err)
		require.Equal(t, "1", form.Get("amount"), "the look before left the body whole")
		require.True(t, TokenElsewhere(r))
	})
	t.Run("B-3 N15 a DPoP token comes from the field only", func(t *testing.T) {
		t.Parallel()
		r := formRequest("access_token=abc&token_type=DPoP")
		r.URL.RawQuery = "access_token=abc"
		r.Header.Set("DPoP", "proof")
		_, token, err := Credentials(r)
		require.ErrorIs(t, err, ErrNoCredentials)
		require.Empty(t, token)
		r.Header.Set("Authorization", "DPoP abc")
		_, token, err = Credentials(r)
		require.NoError(t, err, "control")
		require.Equal(t, "abc", token)
	})
}
