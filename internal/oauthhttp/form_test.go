package oauthhttp

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const formType = "application/x-www-form-urlencoded"

func formRequest(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(body))
	r.Header.Set("Content-Type", formType)
	return r
}

func TestReadForm(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		want       url.Values
	}{
		{"empty", "", url.Values{}},
		{"plain", "a=b&c=d", url.Values{"a": {"b"}, "c": {"d"}}},
		{"encoded", "a%62=%C3%A9+%3B%26%3D", url.Values{"ab": {"\u00e9 ;&="}}},
		{"equals in the value", "a=b=c", url.Values{"a": {"b=c"}}},
		{"empty pairs", "&a=b&&c=d&", url.Values{"a": {"b"}, "c": {"d"}}},
		{"no value is no parameter", "a=&b&c=d", url.Values{"c": {"d"}}},
		{"repeatable", "resource=1&resource=2&resource=", url.Values{"resource": {"1", "2"}}},
		{"raw UTF-8", "a=\u00e9", url.Values{"a": {"\u00e9"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			form, err := ReadForm(nil, formRequest(tc.body), 0, "resource")
			require.NoError(t, err)
			require.Equal(t, tc.want, form)
		})
	}
	t.Run("no body", func(t *testing.T) {
		t.Parallel()
		form, err := ReadForm(nil, &http.Request{Method: "POST", Header: http.Header{"Content-Type": {formType}}}, 0)
		require.NoError(t, err)
		require.Empty(t, form)
	})
}

func TestReadFormRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, body string
		want       *FormError
	}{
		{"P06 repeated scope", "scope=a&scope=b", ErrRepeated},
		{"P06 repeated and equal", "client_id=a&client_id=a", ErrRepeated},
		{"P06 repeated in another case", "client_id=a&Client_Id=b", ErrRepeated},
		{"C07 two assertions", "client_assertion=a&client_assertion=b", ErrRepeated},
		{"D48 repeated dpop_jkt", "dpop_jkt=a&dpop_jkt=a", ErrRepeated},
		{"repeated, one encoded", "scope=a&sc%6fpe=b", ErrRepeated},
		{"repeated without value", "scope=&scope=b", ErrRepeated},
		{"repeatable in another case", "resource=a&Resource=b", ErrRepeated},
		{"bad escape in value", "a=%zz", ErrMalformed},
		{"cut escape", "a=%4", ErrMalformed},
		{"bad escape in name", "%=a", ErrMalformed},
		{"semicolon", "a=b;c=d", ErrMalformed},
		{"NUL", "a=%00", ErrMalformed},
		{"raw NUL", "a=\x00", ErrMalformed},
		{"NUL in name", "a%00=b", ErrMalformed},
		{"invalid UTF-8", "a=%ff", ErrMalformed},
		{"overlong UTF-8", "a=%c0%80", ErrMalformed},
		{"invalid UTF-8 in name", "\xff=a", ErrMalformed},
		{"no name", "=a", ErrMalformed},
		{"P03 too many", strings.Repeat("a&", MaxFormParams) + "b", ErrTooLarge},
		{"P03 100,000 parameters", strings.Repeat("&", 100_000), ErrTooLarge},
		{"P03 too many empty pairs", strings.Repeat("&", MaxFormParams), ErrTooLarge},
		{"P03 too many of a repeatable", strings.Repeat("resource=x&", MaxFormParams) + "b=c", ErrTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := formRequest(tc.body)
			for range 2 { // a second reader gets no more than the first
				form, err := ReadForm(nil, r, 1<<20, "resource")
				require.ErrorIs(t, err, tc.want)
				require.Nil(t, form)
			}
		})
	}
	t.Run("control: the largest count passes", func(t *testing.T) {
		t.Parallel()
		body := strings.TrimSuffix(strings.Repeat("resource=x&", MaxFormParams), "&")
		form, err := ReadForm(nil, formRequest(body), 0, "resource")
		require.NoError(t, err)
		require.Len(t, form["resource"], MaxFormParams)
	})
	t.Run("control: resource is an ordinary name unless allowed", func(t *testing.T) {
		t.Parallel()
		_, err := ReadForm(nil, formRequest("resource=1&resource=2"), 0, "audience")
		require.ErrorIs(t, err, ErrRepeated)
	})
}

func TestReadFormMethod(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "post", ""} {
		t.Run("P02 B-4 "+method, func(t *testing.T) {
			t.Parallel()
			r := formRequest("a=b")
			r.Method = method
			_, err := ReadForm(nil, r, 0)
			require.ErrorIs(t, err, ErrMethod)
			r.Method = http.MethodPost
			_, err = ReadForm(nil, r, 0)
			require.NoError(t, err, "control: nothing was consumed")
		})
	}
}

func TestReadFormContentType(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		header http.Header
		ok     bool
	}{
		{"plain", http.Header{"Content-Type": {formType}}, true},
		{"case", http.Header{"Content-Type": {"Application/X-WWW-Form-URLencoded"}}, true},
		{"charset", http.Header{"Content-Type": {formType + "; charset=UTF-8"}}, true},
		{"quoted charset", http.Header{"Content-Type": {formType + `;charset="utf-8"`}}, true},
		{"identity", http.Header{"Content-Type": {formType}, "Content-Encoding": {"Identity"}}, true},
		{"missing", http.Header{}, false},
		{"empty", http.Header{"Content-Type": {""}}, false},
		{"JSON", http.Header{"Content-Type": {"application/json"}}, false},
		{"multipart", http.Header{"Content-Type": {"multipart/form-data; boundary=x"}}, false},
		{"longer type", http.Header{"Content-Type": {formType + "x"}}, false},
		{"two lines", http.Header{"Content-Type": {formType, "application/json"}}, false},
		{"two equal lines", http.Header{"Content-Type": {formType, formType}}, false},
		{"list", http.Header{"Content-Type": {formType + ", application/json"}}, false},
		{"other charset", http.Header{"Content-Type": {formType + "; charset=utf-7"}}, false},
		{"two charsets", http.Header{"Content-Type": {formType + "; charset=utf-8; charset=utf-7"}}, false},
		{"other parameter", http.Header{"Content-Type": {formType + "; a=utf-8"}}, false},
		{"gzip", http.Header{"Content-Type": {formType}, "Content-Encoding": {"gzip"}}, false},
		{"identity and gzip", http.Header{"Content-Type": {formType}, "Content-Encoding": {"identity", "gzip"}}, false},
		{"empty encoding", http.Header{"Content-Type": {formType}, "Content-Encoding": {""}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := formRequest("a=b")
			r.Header = tc.header
			form, err := ReadForm(nil, r, 0)
			if !tc.ok {
				require.ErrorIs(t, err, ErrContentType)
				return
			}
			require.NoError(t, err)
			require.Equal(t, url.Values{"a": {"b"}}, form)
		})
	}
}

func TestReadFormSize(t *testing.T) {
	t.Parallel()
	const limit = 64
	unknownLength := func(body string) *http.Request {
		r := formRequest(body)
		r.ContentLength = -1
		return r
	}
	fits := "a=" + strings.Repeat("b", limit-2)
	for name, request := range map[string]func(string) *http.Request{
		"declared": formRequest, "chunked": unknownLength,
	} {
		t.Run("P03 "+name, func(t *testing.T) {
			t.Parallel()
			_, err := ReadForm(httptest.NewRecorder(), request(fits), limit)
			require.NoError(t, err)
			r := request(fits + "b&client_id=evil&scope=evil")
			for range 2 {
				form, err := ReadForm(httptest.NewRecorder(), r, limit)
				require.ErrorIs(t, err, ErrTooLarge, "the rest of the body is no form of its own")
				require.Nil(t, form)
			}
		})
	}
	t.Run("P03 a declared length over the limit is not read", func(t *testing.T) {
		t.Parallel()
		r := formRequest(fits + "b")
		_, err := ReadForm(nil, r, limit)
		require.ErrorIs(t, err, ErrTooLarge)
		rest, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, fits+"b", string(rest))
	})
	t.Run("P03 default", func(t *testing.T) {
		t.Parallel()
		for _, maxBytes := range []int64{0, -1} {
			_, err := ReadForm(nil, unknownLength("a="+strings.Repeat("b", DefaultFormBytes-2)), maxBytes)
			require.NoError(t, err)
			_, err = ReadForm(nil, unknownLength("a="+strings.Repeat("b", DefaultFormBytes-1)), maxBytes)
			require.ErrorIs(t, err, ErrTooLarge)
		}
	})
	t.Run("a smaller limit set before", func(t *testing.T) {
		t.Parallel()
		r := unknownLength(fits)
		r.Body = http.MaxBytesReader(nil, r.Body, 10)
		_, err := ReadForm(nil, r, limit)
		require.ErrorIs(t, err, ErrTooLarge)
	})
}

type brokenBody struct {
	io.Reader
	closed bool
}

func (b *brokenBody) Close() error { b.closed = true; return nil }

func TestReadFormBrokenBody(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	body := &brokenBody{Reader: io.MultiReader(strings.NewReader("a=b&"), iotest.ErrReader(broken), strings.NewReader("c=d"))}
	r := formRequest("")
	r.ContentLength, r.Body = -1, body
	for range 2 {
		form, err := ReadForm(nil, r, 0)
		require.ErrorIs(t, err, broken)
		require.Nil(t, form)
		_, refused := errors.AsType[*FormError](err)
		require.False(t, refused, "not the client's fault: 5xx")
	}
	require.NoError(t, r.Body.Close())
	require.True(t, body.closed)
}

func TestReadFormTwice(t *testing.T) {
	t.Parallel()
	t.Run("same values, body read once", func(t *testing.T) {
		t.Parallel()
		r := formRequest("a=b&resource=1&resource=2")
		first, err := ReadForm(nil, r, 0, "resource")
		require.NoError(t, err)
		require.Equal(t, url.Values{"a": {"b"}, "resource": {"1", "2"}}, first)
		second, err := ReadForm(nil, r, 0, "resource")
		require.NoError(t, err)
		require.Equal(t, url.Values{"a": {"b"}, "resource": {"1", "2"}}, second)
	})
	t.Run("later code sees the form and no query", func(t *testing.T) {
		t.Parallel()
		r := formRequest("a=b")
		r.URL.RawQuery = "a=evil&c=evil"
		form, err := ReadForm(nil, r, 0)
		require.NoError(t, err)
		assert.Equal(t, url.Values{"a": {"b"}}, form)
		require.NoError(t, r.ParseForm())
		assert.Equal(t, "b", r.FormValue("a"))
		assert.Equal(t, "b", r.PostFormValue("a"))
		assert.Empty(t, r.FormValue("c"))
	})
	t.Run("control: ParseForm alone merges the query", func(t *testing.T) {
		t.Parallel()
		r := formRequest("a=b")
		r.URL.RawQuery = "c=evil"
		require.Equal(t, "evil", r.FormValue("c"))
	})
	t.Run("the second reader's names decide", func(t *testing.T) {
		t.Parallel()
		r := formRequest("resource=1&resource=2")
		_, err := ReadForm(nil, r, 0)
		require.ErrorIs(t, err, ErrRepeated)
		_, err = ReadForm(nil, r, 0, "resource")
		require.NoError(t, err)
	})
	t.Run("a failed read leaves nothing for ParseForm", func(t *testing.T) {
		t.Parallel()
		r := formRequest("a=%zz&b=c")
		_, err := ReadForm(nil, r, 0)
		require.ErrorIs(t, err, ErrMalformed)
		require.ErrorIs(t, r.ParseForm(), ErrMalformed)
		require.Empty(t, r.PostForm)
	})
}

func TestReadFormAfterParseForm(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("x=y&", MaxFormParams+1)
	for _, tc := range []struct {
		name, body string
		want       error
	}{
		{"control", "a=b", nil},
		{"repeated", "a=b&a=c", ErrRepeated},
		{"repeated in another case", "a=b&A=c", ErrRepeated},
		{"NUL", "a=%00", ErrMalformed},
		{"invalid UTF-8", "a=%ff", ErrMalformed},
		{"no name", "=b", ErrMalformed},
		{"too many", many, ErrTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := formRequest(tc.body)
			r.URL.RawQuery = "a=evil&q=evil"
			require.NoError(t, r.ParseForm())
			form, err := ReadForm(nil, r, 0)
			require.ErrorIs(t, err, tc.want)
			if tc.want == nil {
				require.Equal(t, url.Values{"a": {"b"}}, form)
				require.Empty(t, r.FormValue("q"))
			}
		})
	}
	t.Run("of another content type", func(t *testing.T) {
		t.Parallel()
		r := formRequest(`{"a":"b"}`)
		r.Header.Set("Content-Type", "application/json")
		require.NoError(t, r.ParseForm())
		_, err := ReadForm(nil, r, 0)
		require.ErrorIs(t, err, ErrContentType)
	})
}

func TestFormError(t *testing.T) {
	t.Parallel()
	for err, status := range map[*FormError]int{
		ErrMethod: 405, ErrTooLarge: 413, ErrContentType: 400, ErrMalformed: 400, ErrRepeated: 400,
	} {
		assert.Equal(t, status, err.Status())
		assert.Equal(t, "invalid_request", err.OAuthCode())
		assert.Equal(t, "oauthhttp: "+err.description, err.Error())
		assert.Equal(t, err.description, printable(err.description))
	}
}
