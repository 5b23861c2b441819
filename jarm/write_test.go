package jarm_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/jarm"
)

func write(t testing.TB, mode, redirectURI string, params url.Values) (*http.Response, string, error) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, issuer+"/consent", nil)
	err := newEncoder(t).Write(w, r, mode, redirectURI, client, params)
	if err != nil {
		require.Empty(t, w.Header(), "nothing was written")
		require.Empty(t, w.Body.String())
	}
	return w.Result(), w.Body.String(), err
}

func TestWriteRedirect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mode, redirectURI, before string }{
		{jarm.ModeJWT, redirectURI, redirectURI + "?response="},
		{jarm.ModeQueryJWT, redirectURI, redirectURI + "?response="},
		{jarm.ModeQueryJWT, redirectURI + "?tenant=a%2Fb+c&x", redirectURI + "?tenant=a%2Fb+c&x&response="},
		{jarm.ModeQueryJWT, redirectURI + "?", redirectURI + "?response="},
		{jarm.ModeQueryJWT, redirectURI + "?a&", redirectURI + "?a&response="},
		{jarm.ModeQueryJWT, "https://client.example", "https://client.example?response="},
		{jarm.ModeQueryJWT, "http://127.0.0.1:5000/cb", "http://127.0.0.1:5000/cb?response="},
		{jarm.ModeQueryJWT, "https://AZ-az_09.example/~", "https://AZ-az_09.example/~?response="},
		{jarm.ModeQueryJWT, "com.example.app:/cb", "com.example.app:/cb?response="},
		{jarm.ModeQueryJWT, "com.example.app://cb", "com.example.app://cb?response="},
		{jarm.ModeFragmentJWT, redirectURI + "?a=b", redirectURI + "?a=b#response="},
	} {
		t.Run(c.mode+" "+c.redirectURI, func(t *testing.T) {
			t.Parallel()
			got, body, err := write(t, c.mode, c.redirectURI, granted())
			require.NoError(t, err)
			require.Equal(t, http.StatusSeeOther, got.StatusCode)
			require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
			require.Equal(t, "no-referrer", got.Header.Get("Referrer-Policy"))
			require.Empty(t, body)
			token, ok := strings.CutPrefix(got.Header.Get("Location"), c.before)
			require.True(t, ok, got.Header.Get("Location"))
			_, err = newRP(t).Decode(t.Context(), token)
			require.NoError(t, err)
		})
	}
	t.Run("the client reads it", func(t *testing.T) {
		t.Parallel()
		got, _, err := write(t, jarm.ModeJWT, redirectURI+"?tenant=7", granted())
		require.NoError(t, err)
		params, err := newRP(t).Callback(httptest.NewRequest(http.MethodGet, got.Header.Get("Location"), nil), state)
		require.NoError(t, err)
		require.Equal(t, granted(), params)
	})
}

// page is what a reader of HTML makes of the form page.
type page struct {
	action, method, response, script string
	inputs, forms, buttons, elements int
}

func readPage(t *testing.T, body string) (p page) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var open []string
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			require.Empty(t, open)
			return p
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			open = append(open, token.Name.Local)
			p.start(token, strings.Join(open, " "))
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 && open[len(open)-1] == "script" {
				p.script += string(token)
			}
		}
	}
}

func (p *page) start(element xml.StartElement, path string) {
	p.elements++
	attributes := map[string]string{}
	for _, a := range element.Attr {
		attributes[a.Name.Local] = a.Value
	}
	switch path {
	case "html body form":
		p.forms++
		p.action, p.method = attributes["action"], attributes["method"]
	case "html body form input":
		p.inputs++
		if len(attributes) == 3 && attributes["type"] == "hidden" && attributes["name"] == "response" {
			p.response = attributes["value"]
		}
	case "html body form button":
		if len(attributes) == 0 {
			p.buttons++ // visible, and without a name that would hide form.submit
		}
	}
}

func TestWriteForm(t *testing.T) {
	t.Parallel()
	for redirectURI, source := range map[string]string{
		redirectURI: "https:",
		"https://client.example:8443/cb?a=1&copy=2&x='onload=alert(1)": "https:",
		"https://client.example:/cb":                                   "https:",
		"http://localhost:5000/cb":                                     "http: https:",
		"http://127.0.0.1:5000/cb":                                     "http: https:",
		"http://[::1]:5000/cb":                                         "http: https:",
		"https://[2001:db8::1]/cb?a;b=":                                "",
	} {
		t.Run(redirectURI, func(t *testing.T) {
			t.Parallel()
			got, body, err := write(t, jarm.ModeFormPostJWT, redirectURI, granted())
			if source == "" {
				require.Error(t, err, "a query that cannot be read may hold a response")
				return
			}
			require.NoError(t, err)
			require.Equal(t, http.StatusOK, got.StatusCode)
			require.Equal(t, "text/html; charset=utf-8", got.Header.Get("Content-Type"))
			require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
			require.Equal(t, "no-referrer", got.Header.Get("Referrer-Policy"))
			require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))

			p := readPage(t, body)
			require.Equal(t, []int{1, 1, 1, 9}, []int{p.forms, p.inputs, p.buttons, p.elements}, body)
			require.Equal(t, redirectURI, p.action)
			require.Equal(t, "post", p.method)

			hash := sha256.Sum256([]byte(p.script))
			require.Equal(t, "default-src 'none'; script-src 'sha256-"+base64.StdEncoding.EncodeToString(hash[:])+
				"'; form-action "+source+"; base-uri 'none'; frame-ancestors 'none'", got.Header.Get("Content-Security-Policy"))
			require.Equal(t, "document.forms[0].submit()", p.script)

			r := httptest.NewRequest(http.MethodPost, p.action, strings.NewReader(url.Values{"response": {p.response}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			newRP(t, mode(jarm.ModeFormPostJWT)).accepts(t, r)
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	modes := []string{jarm.ModeJWT, jarm.ModeFragmentJWT, jarm.ModeFormPostJWT}
	for _, redirectURI := range []string{
		"", "/cb", "//client.example/cb", "http://client.example/cb", "http://192.0.2.1/cb", "https://client.example/é", `https://client.example/"`, "javascript:alert(1)", "data:text/html,x", "https:cb", "https:///cb",
		"https://client.example/cb#", "https://client.example/cb#x", "https://user@client.example/cb", "https://client.example\\@evil.example/",
		"https://client.example/\r\nSet-Cookie:a=b", "https://client.example/a b", `https://client.example/"><script>`, "https://clïent.example/",
		"https://client.example;script-src/", "https://a,b/", "https://*/", "https://client.example%2f/", "https://[fe80::1%25x]/",
		redirectURI + "?response=x", redirectURI + "?response", redirectURI + "?a=1&code=x", redirectURI + "?%73tate=x", redirectURI + "?a=%zz",
	} {
		for _, mode := range modes {
			_, _, err := write(t, mode, redirectURI, granted())
			require.ErrorContains(t, err, "jarm: ", "%s %q", mode, redirectURI)
		}
	}
	for _, mode := range []string{"", "query", "form_post", "fragment", "JWT", "web_message"} {
		_, _, err := write(t, mode, redirectURI, granted())
		require.ErrorContains(t, err, "mode")
	}
	for _, params := range []url.Values{{"access_token": {"at"}}, {"code": {code}, "id_token": {"t"}}} {
		for _, mode := range []string{jarm.ModeJWT, jarm.ModeQueryJWT} {
			_, _, err := write(t, mode, redirectURI, params)
			require.ErrorContains(t, err, "query", "JARM 2.3.1")
		}
		_, _, err := write(t, jarm.ModeFragmentJWT, redirectURI, params)
		require.NoError(t, err)
	}
	_, _, err := write(t, jarm.ModeFormPostJWT, "com.example.app:/cb", granted())
	require.ErrorContains(t, err, "form")
	_, _, err = write(t, jarm.ModeJWT, redirectURI, url.Values{"state": {state}})
	require.Error(t, err)
	require.Error(t, newEncoder(t).Write(nil, httptest.NewRequest(http.MethodGet, "/", nil), jarm.ModeJWT, redirectURI, client, granted()))
	require.Error(t, newEncoder(t).Write(httptest.NewRecorder(), nil, jarm.ModeJWT, redirectURI, client, granted()))
	var none *jarm.Encoder
	require.Error(t, none.Write(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), jarm.ModeJWT, redirectURI, client, granted()))
}
