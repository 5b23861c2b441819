package safehttp

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	c, err := New(Config{})
	require.NoError(t, err)
	for name, list := range map[string][]string{
		"C21 not https":           {"http://as.example/jwks", "file:///etc/passwd", "ftp://as.example/", "gopher://as.example/", "data:application/json,{}", "//as.example/", "/jwks", "as.example", "https:as.example", "httpss://as.example/"},
		"C21 decimal and hex":     {"https://2130706433/", "https://0x7f.1/", "https://0x7f000001/", "https://0x/", "https://0X7F.0.0.0x1/", "https://as.0xfe/", "https://as.12/", "https://as.0xg/", "https://0b1.1.1.0b1/", "https://7/"},
		"C21 octal":               {"https://0177.0.0.1/", "https://017700000001/", "https://127.0.0.01/", "https://00.0.0.0/"},
		"C21 short and long":      {"https://127.1/", "https://127.0.1/", "https://1/", "https://127.0.0.1.1/", "https://256.1.1.1/", "https://1.1.1.1e1.2/"},
		"C21 trailing dot":        {"https://localhost./", "https://127.0.0.1./", "https://as.example./", "https://./", "https://a..b/"},
		"C21 escaped, full-width": {"https://%31%32%37.0.0.1/", "https://as%2eexample/", "https://%6cocalhost/", "https://①②⑦.0.0.1/", "https://as。example/", "https://bücher.example/", "https://b%C3%BCcher.example/", "https://[%3a%3a1]/"},
		"C21 user information":    {"https://a@as.example/", "https://a:b@as.example/", "https://@as.example/", "https://as.example:443@127.0.0.1/", "https://as.example\\@127.0.0.1/"},
		"fragment":                {"https://as.example/#x", "https://as.example/#", "https://as.example#@127.0.0.1/"},
		"host":                    {"https://", "https:///x", "https://:443/", "https://?x", "https://-a.example/", "https://a-.example/", "https://a_b.example/", "https://a*.example/", "https://as.example,b/", "https://" + strings.Repeat("a", 64) + ".example/", "https://" + strings.Repeat("a.", 127) + "ab/", "https://::1/", "https://[127.0.0.1]/", "https://[as.example]/", "https://[::1/", "https://[]/", "https://[v1.a]/", "https://1.1.1.1%25lo/"},
		"port":                    {"https://as.example:/", "https://as.example:0/", "https://as.example:65536/", "https://as.example:0443/", "https://as.example:+1/", "https://as.example:-1/", "https://as.example:https/", "https://[::1]:/", "https://as.example:1:2/"},
		"characters":              {"", " https://as.example/", "https://as.example/\n", "https://as.example/a b", "https://as.example/\x00", "https://as.example/é", "https://as.example/%zz", "https://as.example/{x}", "https://as.example/\r\nHost:x", "https://as.example/\x7f"},
		"length":                  {"https://as.example/" + strings.Repeat("a", 2048)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, raw := range list {
				err := c.Check(raw)
				var refused *Error
				assert.ErrorAs(t, err, &refused, raw)
				assert.ErrorIs(t, err, ErrURL, raw)
			}
		})
	}
	t.Run("C21 literals", func(t *testing.T) {
		t.Parallel()
		for _, host := range []string{"127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:10.0.0.1]", "[::FFFF:a00:1]", "[::ffff:8.8.8.8]", "[64:ff9b::7f00:1]", "[fe80::1%25lo]", "169.254.169.254", "0.0.0.0"} {
			assert.ErrorIs(t, c.Check("https://"+host+"/"), ErrAddress, host)
		}
	})
	t.Run("control: accepted", func(t *testing.T) {
		t.Parallel()
		for _, raw := range []string{
			"https://as.example", "https://as.example/jwks?a=b%20c&d=%2F", "HTTPS://AS.example:8443/", "https://as.example:65535/", "https://as.example:22/",
			"https://xn--bcher-kva.example/", "https://localhost/", "https://8.8.8.8/", "https://[2606:4700::1111]:8443/x", "https://1.example/", "https://0x7f.example/",
			"https://as.b0/", "https://a.b-c/", "https://" + strings.Repeat("a", 63) + ".example/", "https://" + strings.Repeat("a.", 126) + "a/",
			"https://as.example/" + strings.Repeat("a", 2048-len("https://as.example/")),
		} {
			assert.NoError(t, c.Check(raw), raw)
		}
	})
}

// The parser of net/url refuses these itself unless GODEBUG makes it lenient.
func TestCheckHostWithLenientParser(t *testing.T) {
	t.Parallel()
	a := mustAddresses(t, prefixes("127.0.0.1/32", "::1/128")...)
	for _, host := range []string{"::1", "[127.0.0.1]", "[as.example]", "2606:4700::1111"} {
		require.ErrorIs(t, a.checkHost(&url.URL{Scheme: "https", Host: host}), ErrURL, host)
	}
	for _, host := range []string{"[::1]", "127.0.0.1", "as.example"} {
		require.NoError(t, a.checkHost(&url.URL{Scheme: "https", Host: host}), host)
	}
}

func TestCheckTextDoesNotRepeatTheURL(t *testing.T) {
	t.Parallel()
	c, err := New(Config{})
	require.NoError(t, err)
	for _, raw := range []string{"http://secret.example/", "https://secret:secret@as.example/", "https://as.example/%zzsecret", "https://as.example/#secret"} {
		assert.NotContains(t, c.Check(raw).Error(), "secret")
	}
}

func FuzzCheck(f *testing.F) {
	for _, raw := range []string{
		"https://as.example/jwks?x=y", "https://127.0.0.1:8443/", "https://[::ffff:10.0.0.1]/", "https://2130706433/", "https://0x7f.1/",
		"https://a:b@as.example/", "https://as.example:0443/#x", "https://[fe80::1%25lo]/", "file:///etc/passwd", "https://%31.1/", "https://localhost.:1/", "https://100.0.0B0:1000/",
	} {
		f.Add(raw)
	}
	c, err := New(Config{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, raw string) {
		if err := c.Check(raw); err != nil {
			var refused *Error
			require.ErrorAs(t, err, &refused)
			require.NotEmpty(t, err.Error())
			return
		}
		u, err := url.Parse(raw)
		require.NoError(t, err)
		require.Equal(t, "https", u.Scheme)
		require.Nil(t, u.User)
		require.NotContains(t, raw, "#")
		if again := u.String(); len(again) <= maxURL { // escaping may lengthen it
			require.NoError(t, c.Check(again), "the reassembled url is what is requested")
		}
		host := u.Hostname()
		if ip, err := netip.ParseAddr(host); err == nil {
			require.True(t, c.addresses.admit(ip))
			return
		}
		require.False(t, looksLikeIPv4(host), "the C library reads %q as an address", host)
		require.NotContains(t, host, ":")
		require.NotContains(t, host, "%")
		require.Equal(t, strings.Trim(host, "."), host)
	})
}

// looksLikeIPv4 reads an address as inet_aton does: one to four numbers, each
// decimal, octal or hexadecimal, and here also binary.
func looksLikeIPv4(host string) bool {
	parts := strings.Split(host, ".")
	for _, part := range parts {
		if _, err := strconv.ParseUint(part, 0, 32); err != nil {
			return false
		}
	}
	return len(parts) <= 4
}
