package dpop

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTargetVectors takes the request URIs apart as text, because some of them
// no HTTP library would let through.
func TestTargetVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Htu        string
			RequestURI string `json:"request_uri"`
			Match      bool
			Why        string
		}
	}
	data, err := os.ReadFile("testdata/htu-normalization.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Vectors, 31)
	for _, v := range file.Vectors {
		t.Run(v.Htu+" "+v.Why, func(t *testing.T) {
			t.Parallel()
			scheme, rest, _ := strings.Cut(v.RequestURI, "://")
			authority, path, _ := strings.Cut(rest, "/")
			path, _, _ = strings.Cut("/"+path, "?")
			o := origin{base: scheme + "://" + authority}
			assert.Equal(t, v.Match, o.matches([]byte(v.Htu), path))
		})
	}
}

func TestSplitTarget(t *testing.T) {
	t.Parallel()
	tests := []struct{ text, base, path string }{
		{"https://a", "https://a", "/"},
		{"https://a/", "https://a", "/"},
		{"HTTPS://A:443/B", "https://a", "/B"},
		{"http://a:80", "http://a", "/"},
		{"http://a:443", "http://a:443", "/"},
		{"https://a:", "https://a", "/"},
		{"https://a:0443/", "https://a:0443", "/"},
		{"https://a?b", "https://a", "/"},
		{"https://a#b/c", "https://a", "/"},
		{"https://[::1]", "https://[::1]", "/"},
		{"https://[2001:DB8::A]:443/x", "https://[2001:db8::a]", "/x"},
		{"https://[::ffff:1.2.3.4]:8443", "https://[::ffff:1.2.3.4]:8443", "/"},
		{"https://a/b//c/", "https://a", "/b//c/"},
		{"https://a//", "https://a", "//"},
		{"https://a/..", "https://a", "/"},
		{"https://a/../..", "https://a", "/"},
		{"https://a/.", "https://a", "/"},
		{"https://a/b/.", "https://a", "/b/"},
		{"https://a/b/..", "https://a", "/"},
		{"https://a/b/../", "https://a", "/"},
		{"https://a/b/c/../../d", "https://a", "/d"},
		{"https://a/b//../c", "https://a", "/b/c"},
		{"https://a//../b", "https://a", "/b"},
		{"https://a/.b/..c/...", "https://a", "/.b/..c/..."},
		{"https://a/b/%2e%2E/c", "https://a", "/c"},
		{"https://a/%7e%41%2f%c3%A9", "https://a", "/~A%2F%C3%A9"},
		{"https://a/%25%32%65", "https://a", "/%252e"},
		{"https://a/b;c=1,2", "https://a", "/b;c=1,2"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			base, path, ok := splitTarget(test.text)
			require.True(t, ok)
			assert.Equal(t, test.base, base)
			assert.Equal(t, test.path, path)
		})
	}
	for _, text := range []string{
		"", "a", "/a", "//a", "https:", "https:/", "https://", "https:///a", "https://?a", "https://#", "https:a", "ftp://a", "httpss://a", " https://a",
		"https://a b", "https://a/b c", "https://a\t", "https://a\n", "https://a\x00", "https://a\x7f", "https://ä", `https://a\b`, "https://a/<", "https://a/{",
		"https://u@a", "https://u:p@a", "https://@a", "https://a:b", "https://a:1:2", "https://a:-1", "https://:1", "https://a%2eb", "https://a/%", "https://a/%4",
		"https://a/%4g", "https://[", "https://[]", "https://]", "https://[a", "https://a]", "https://[a]", "https://[[::1]]", "https://[::1]]", "https://[::1]a",
		"https://[::1]:a", "https://a[::1]", "https://[1.2.3.4]", "https://[fe80::1%25eth0]", "https://[fe80::1%eth0]", "https://[::1", "https://::1]", "https://a[b",
	} {
		t.Run("refused "+text, func(t *testing.T) {
			t.Parallel()
			_, _, ok := splitTarget(text)
			assert.False(t, ok)
		})
	}
}

// TestEscapes goes through every octet (RFC 3986 sections 2.3 and 6.2.2.2).
func TestEscapes(t *testing.T) {
	t.Parallel()
	const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	for c := range 256 {
		want := fmt.Sprintf("/x%%%02X", c)
		if strings.ContainsRune(unreserved, rune(c)) {
			want = "/x" + string(rune(c))
		}
		for _, format := range []string{"/x%%%02X", "/x%%%02x"} {
			have, ok := normalPath(fmt.Sprintf(format, c))
			assert.True(t, ok)
			assert.Equal(t, want, have)
		}
		_, ok := normalPath("/%" + string(rune(c)) + "0")
		assert.Equal(t, strings.ContainsRune("0123456789abcdefABCDEF", rune(c)), ok, "%q", c)
	}
}

// slowMatches is matches without its short cut.
func (o origin) slowMatches(htu, path string) bool {
	base, have, ok := splitTarget(htu)
	want, fits := o.target(path)
	return ok && fits && base == o.base && have == want
}

// hostPort is what net/http would connect to.
func hostPort(t *testing.T, text string) string {
	t.Helper()
	if end := strings.IndexAny(text, "?#"); end >= 0 {
		text = text[:end]
	}
	u, err := url.Parse(text)
	require.NoError(t, err, text)
	require.Nil(t, u.User, text)
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + " " + strings.ToLower(u.Hostname()) + " " + port
}

func FuzzTarget(f *testing.F) {
	for _, seed := range [][2]string{
		{"https://a.example/b", "https://A.example:443/c/../b?q#f"}, {"https://a/%7E%2f", "https://a/~%2F"}, {"http://[::1]:80/", "http://[::1]"},
		{"https://[[::1]]/", "https://[/"}, {"https://a@b/c", "https://b/c"}, {"https://a//../b", "https://a/b"}, {"https://a/../v2", "https://a/v1"}, {"https://a/v1/x", "https://a/v1/"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		baseA, pathA, okA := splitTarget(a)
		baseB, pathB, okB := splitTarget(b)
		if okA {
			again, pathAgain, ok := splitTarget(baseA + pathA)
			require.True(t, ok, "the normal form of %q is refused", a)
			require.Equal(t, baseA+" "+pathA, again+" "+pathAgain)
			host := hostPort(t, a)
			if okB && baseA == baseB && pathA == pathB {
				require.Equal(t, host, hostPort(t, b))
			}
		}
		o, err := newOrigin(b)
		if err != nil {
			return
		}
		paths := []string{"", "/", pathA, pathB, strings.TrimPrefix(pathA, o.path)}
		if u, err := url.Parse(a); err == nil {
			paths = append(paths, u.EscapedPath())
		}
		for _, path := range paths {
			require.Equal(t, o.slowMatches(a, path), o.matches([]byte(a), path), "%+v %q %q", o, a, path)
			require.Equal(t, o.slowMatches(o.base+o.path+path, path), o.matches([]byte(o.base+o.path+path), path), "%+v %q", o, path)
		}
	})
}

// A proxy that strips a prefix may pass on dot segments. They must not lead a
// proof for one API into another that lives beside it.
func TestPrefixIsNotLeft(t *testing.T) {
	t.Parallel()
	o, err := newOrigin("https://a.example/v1")
	require.NoError(t, err)
	for _, escape := range []struct{ path, htu string }{
		{"/../v2/x", "https://a.example/v2/x"},
		{"/../v2/x", "https://a.example/v1/../v2/x"},
		{"/%2e%2e/v2/x", "https://a.example/v2/x"},
		{"/../../../x", "https://a.example/x"},
		{"/..//x", "https://a.example//x"},
		{"x", "https://a.example/v1x"},
		{"*", "https://a.example/v1*"},
	} {
		t.Run("D18 "+escape.path, func(t *testing.T) {
			t.Parallel()
			require.False(t, o.matches([]byte(escape.htu), escape.path))
		})
	}
	t.Run("D18 control: the same resource by its own name", func(t *testing.T) {
		t.Parallel()
		require.True(t, o.matches([]byte("https://a.example/v1/v2/x"), "/../v2/x"), "what a server that cleans the path would serve")
		require.True(t, o.matches([]byte("https://a.example/v1/x"), "/x"))
		require.True(t, o.matches([]byte("https://a.example/v1"), ""))
	})
}
