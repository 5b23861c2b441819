package phantom_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/phantom"
)

// raw sends octets as they are and returns the status of the first answer, 0 if
// the connection was closed without one.
func raw(t testing.TB, address, text string) int {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer connection.Close()
	require.NoError(t, connection.SetDeadline(time.Now().Add(5*time.Second)))
	_, err = io.WriteString(connection, text)
	require.NoError(t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// rawRequest is an honest one, but for the target and what stands in fields.
// htu is the path that the client has signed.
func (w *world) rawRequest(t testing.TB, method, target, htu, fields, body string) string {
	t.Helper()
	if !strings.Contains(strings.ToLower(fields), "host:") {
		fields = "Host: " + host + "\r\n" + fields
	}
	return fmt.Sprintf("%s %s HTTP/1.1\r\nAuthorization: DPoP %s\r\nDPoP: %s\r\nConnection: close\r\n%s\r\n%s",
		method, target, opaque, dpoptest.Proof(t, w.alice, method, origin+htu, opaque), fields, body)
}

// Targets reach the API unchanged or not at all.
func TestTargets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := w.serve(t)
	for target, want := range map[string]string{
		"/accounts":                          "/accounts",
		"/accounts/":                         "/accounts/",
		"/":                                  "/",
		"/accounts?":                         "/accounts?",
		"/a%20b/%C3%A9":                      "/a%20b/%C3%A9",
		"/a+b,c=d:@!$&'()*-._~":              "/a+b,c=d:@!$&'()*-._~",
		"/50%25/%25a/%252/%25zz":             "/50%25/%25a/%252/%25zz",
		"/a?x=%2F..%2f&y=a//b/../c&z":        "/a?x=%2F..%2f&y=a//b/../c&z",
		"/.well-known/x":                     "/.well-known/x",
		"/a...":                              "/a...",
		"http://" + host + "/accounts":       "/accounts",
		"https://" + host + ":443/accounts":  "/accounts",
		"HTTP://API.Bank.example/accounts?a": "/accounts?a",
		// refused:
		"/x/../accounts": "", "/../accounts": "", "/accounts/..": "", "/./accounts": "", "/accounts/.": "",
		"//accounts": "", "/accounts//1": "", "/accounts//": "", "//evil.example/accounts": "",
		"/a%2Fb": "", "/a%2fb": "", "/a%5Cb": "", "/a\\b": "", "/a%00": "", "/a%0D%0Ab": "", "/a%7F": "",
		"/a;b": "", "/accounts;v=1/x": "", "/%61ccounts": "", "/%2E%2E/x": "", "/a%c3%a9": "", "/a%zz": "", "/a%2": "",
		"/%C0%AE%C0%AE/b": "", "/a%C0%AFb": "", "/a%E0%80%AFb": "", "/a%FF": "", "/a%C3": "", "/a%C3/%A9": "", "/%ED%A0%80": "",
		"/a%252Fb": "", "/%252e%252e/b": "", "/%252E./b": "", "/a%25252F": "", "/a%3Bb": "", "/a%253Bb": "", "/a%25C0": "",
		"/a\"b": "", "/a<b": "", "/a|b": "", "/a^b": "", "/a`b": "", "/a{b}": "", "/a[b]": "", "/é": "", "/a#b": "", "/a%23%": "",
		"/a?b;c": "", "/a?b%": "", "/a?b%zz": "", "/a?b#c": "", "*": "", "accounts": "", "?a": "",
		"http://evil.example/accounts": "", "http://evil@" + host + "/accounts": "", "ftp://" + host + "/accounts": "",
		"https://" + host + ":8443/accounts": "", "https://" + host + "//accounts": "", "mailto:x": "",
	} {
		t.Run(target, func(t *testing.T) {
			before := len(w.received.all())
			htu, _, _ := strings.Cut(cmp.Or(want, "/accounts"), "?")
			status := raw(t, address, w.rawRequest(t, "GET", target, htu, "", ""))
			after := w.received.all()
			if want == "" {
				require.Equal(t, 400, status, "for the target, and not for the proof, which would be 401")
				require.Len(t, after, before)
				return
			}
			require.Equal(t, 200, status)
			require.Equal(t, want, after[len(after)-1].RequestURI)
		})
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	address := w.serve(t)
	for fields, want := range map[string]int{
		"Host: " + host + "\r\n":                       200,
		"Host: API.BANK.EXAMPLE:443\r\n":               200,
		"Host: evil.example\r\n":                       421,
		"Host: " + host + ":8443\r\n":                  421,
		"Host: " + host + ".\r\n":                      421,
		"Host: \r\n":                                   400,
		"Host: " + host + "\r\nHost: " + host + "\r\n": 400,
		"Host: " + host + "\r\nhost: evil.example\r\n": 400,
		"Host : " + host + "\r\n":                      400,
		"Host: " + host + "/x\r\n":                     400,
		"Host: " + host + ", evil.example\r\n":         400,
		"Host: evil@" + host + "\r\n":                  400,
	} {
		require.Equal(t, want, raw(t, address, w.rawRequest(t, "GET", "/accounts", "/accounts", fields, "")), "%q", fields)
	}
	text := w.rawRequest(t, "GET", "/accounts", "/accounts", "", "")
	require.Equal(t, 400, raw(t, address, strings.Replace(text, "Host: "+host+"\r\n", "", 1)), "no Host at all")
	text = strings.Replace(w.rawRequest(t, "GET", "/accounts", "/accounts", "", ""), "Host: "+host+"\r\n", "", 1)
	require.Equal(t, 400, raw(t, address, strings.Replace(text, "HTTP/1.1", "HTTP/1.0", 1)))
}

func TestLoopback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.Origins = []string{"http://localhost", "http://[::1]:8080"} })
	for host, status := range map[string]int{"localhost": 401, "localhost:80": 401, "[::1]:8080": 401, "[::1]": 421, "localhost:443": 421} {
		r := httptest.NewRequest("GET", "/accounts", nil)
		r.Host = host
		require.Equal(t, status, w.send(r).Code, host)
	}
}

// What is smuggled reaches the API as the one request it is, or not at all.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	const smuggled = "GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled)
	for name, test := range map[string]struct {
		fields, body string
		harmless     bool // net/http has made one unambiguous request of it
	}{
		"lengths that differ":           {"Content-Length: 0\r\nContent-Length: 44\r\n", smuggled, false},
		"a list of lengths":             {"Content-Length: 0, 44\r\n", smuggled, false},
		"a signed length":               {"Content-Length: +5\r\n", "12345", false},
		"a hexadecimal length":          {"Content-Length: 0x5\r\n", "12345", false},
		"length and chunks":             {"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", chunked, true},
		"chunks twice":                  {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", chunked, false},
		"chunks and identity":           {"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunked, false},
		"a list of codings":             {"Transfer-Encoding: identity, chunked\r\n", chunked, false},
		"a coding nobody knows":         {"Transfer-Encoding: xchunked\r\n", chunked, false},
		"a coding after a vertical tab": {"Transfer-Encoding: \x0bchunked\r\n", chunked, false},
		"a name with a space":           {"Transfer-Encoding : chunked\r\n", chunked, false},
		"a folded name":                 {"X-A: b\r\n Transfer-Encoding: chunked\r\n", chunked, true},
		"a bare carriage return":        {"X-A: b\rTransfer-Encoding: chunked\r\n", chunked, false},
		"an underscore":                 {"Transfer_Encoding: chunked\r\nContent-Length: 0\r\n", "", true},
		"chunk size that overflows":     {"Transfer-Encoding: chunked\r\n", "FFFFFFFFFFFFFFFFF\r\nx\r\n0\r\n\r\n", true},
		"h2c":                           {"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nConnection: Upgrade, HTTP2-Settings\r\n", "", false},
		"settings of h2c":               {"HTTP2-Settings: AAMAAABk\r\n", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			status := raw(t, w.serve(t), w.rawRequest(t, "POST", "/accounts", "/accounts", test.fields, test.body))
			for _, r := range w.received.all() {
				require.Equal(t, "POST /accounts", r.Method+" "+r.RequestURI)
				require.Empty(t, r.Header["Transfer_encoding"])
			}
			require.LessOrEqual(t, len(w.received.all()), 1)
			if !test.harmless {
				require.GreaterOrEqual(t, status, 400)
				require.Empty(t, w.received.all())
			}
			w.requireHonest(t)
		})
	}
	t.Run("a body that ends badly is the client's fault", func(t *testing.T) {
		t.Parallel()
		for _, body := range []string{"FFFFFFFFFFFFFFFFF\r\nx\r\n0\r\n\r\n", "+1\r\nx\r\n0\r\n\r\n", "1\r\nxyz\r\n0\r\n\r\n"} {
			w := newWorld(t)
			w.handle = func(rw http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(rw, "balance")
			}
			require.Equal(t, 400, raw(t, w.serve(t), w.rawRequest(t, "POST", "/accounts", "/accounts", "Transfer-Encoding: chunked\r\n", body)), body)
			event := w.events.last(t)
			require.ErrorIs(t, event.Err, phantom.ErrBody)
			require.Equal(t, 400, event.Status)
			w.requireHonest(t)
		}
	})
	t.Run("control: chunks", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.handle = func(rw http.ResponseWriter, r *http.Request) { _, _ = io.Copy(rw, r.Body) }
		require.Equal(t, 200, raw(t, w.serve(t), w.rawRequest(t, "POST", "/accounts", "/accounts", "Transfer-Encoding: chunked\r\n", chunked)))
		require.Equal(t, "POST /accounts", w.received.last(t).Method+" "+w.received.last(t).RequestURI)
	})
}

func TestMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, method := range []string{"TRACE", "CONNECT"} {
		r := w.request(t, "GET", "/accounts")
		r.Method = method
		require.Equal(t, 501, w.send(r).Code)
		require.ErrorIs(t, w.events.last(t).Err, phantom.ErrMethod)
	}
	require.Equal(t, 501, raw(t, w.serve(t), w.rawRequest(t, "CONNECT", host+":443", "/accounts", "", "")))
	require.Empty(t, w.received.all())
	for _, method := range []string{"PROPFIND", "VERSION-CONTROL"} {
		require.Equal(t, 200, w.send(w.request(t, method, "/accounts")).Code)
	}
}

// A method that an API could take for another one must not get around a route.
func TestMethodSpelling(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.config.APIs[0].Routes = []phantom.Route{
			{Path: "/accounts", Require: cnf.Requirement{Scope: []string{"accounts"}}},
			{Path: "/accounts", Methods: []string{"DELETE"}, Require: cnf.Requirement{Scope: []string{"admin"}}},
		}
	})
	address := w.serve(t)
	for _, method := range []string{"delete", "Delete", "DELETe", "get", "trace", "DELETE2", "DELETE_", "DELETE.", "DELETE~", "%44ELETE"} {
		require.Equal(t, 501, raw(t, address, w.rawRequest(t, method, "/accounts", "/accounts", "", "")), method)
		require.ErrorIs(t, w.events.last(t).Err, phantom.ErrMethod)
	}
	r := w.request(t, "GET", "/accounts")
	r.Method = ""
	require.Equal(t, 501, w.send(r).Code)
	require.Empty(t, w.received.all())
	require.Equal(t, 403, w.send(w.request(t, "DELETE", "/accounts")).Code)
	require.Equal(t, 200, w.send(w.request(t, "PUT", "/accounts")).Code, "control: the route for the rest")
}

// FuzzTarget: what the API receives is octet for octet what was sent.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/a", "/a%20b?c=d", "/a%2Fb", "/../a", "//a", "/a;b", "/a?b;c", "/%C3%A9", "http://x/y", "*", "/a#b", "/a%", "/a%252F", "/%C0%AE", "/a%3B", "/50%25"} {
		f.Add(seed)
	}
	w := newWorld(f)
	w.unguarded = true
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := httptest.NewRequest("GET", "/", nil)
		r.URL, r.RequestURI, r.Host = u, target, host
		r.Header.Set("Authorization", "DPoP "+opaque)
		r.Header.Set("DPoP", dpoptest.Proof(t, w.alice, "GET", origin+u.EscapedPath(), opaque))
		before := len(w.received.all())
		answer := w.send(r)
		assert.Less(t, answer.Code, 500)
		if after := w.received.all(); len(after) > before {
			assert.True(t, strings.HasSuffix(target, after[len(after)-1].RequestURI), target)
		}
	})
}
