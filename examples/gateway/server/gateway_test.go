package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/gateway/demo"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
)

func TestBindings(t *testing.T) {
	t.Parallel()
	d := start(t, demo.Config{})
	t.Run("DPoP", func(t *testing.T) {
		t.Parallel()
		p := alice(t, d)
		for _, origin := range []string{d.Origin, d.MTLSOrigin} {
			response, body := p.get(origin + "/accounts")
			require.Equal(t, 200, response.StatusCode, body)
			require.JSONEq(t, `[{"id":"DE-4711","balance":"1204.50 EUR"}]`, body)
			require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		}
	})
	t.Run("certificate", func(t *testing.T) {
		t.Parallel()
		p := newPerson(t, d, nil, selfSigned(t, "alice"))
		p.Token = p.issue()
		response, body := p.get(d.MTLSOrigin + "/accounts")
		require.Equal(t, 200, response.StatusCode, body)
		response, _ = p.get(d.Origin + "/accounts")
		require.Equal(t, 401, response.StatusCode, "that listener asks for no certificate")

		thief := newPerson(t, d, nil, selfSigned(t, "alice"))
		thief.Token = p.Token
		response, _ = thief.get(d.MTLSOrigin + "/accounts")
		require.Equal(t, 401, response.StatusCode)
	})
	t.Run("both", func(t *testing.T) {
		t.Parallel()
		certificate := selfSigned(t, "alice")
		p := newPerson(t, d, testkeys.ES256("alice"), certificate)
		p.Token = p.issue()
		response, body := p.get(d.MTLSOrigin + "/accounts")
		require.Equal(t, 200, response.StatusCode, body)
		for _, thief := range []person{
			newPerson(t, d, testkeys.ES256("alice"), nil), newPerson(t, d, testkeys.ES256("mallory"), certificate),
		} {
			thief.Token = p.Token
			response, _ = thief.get(d.MTLSOrigin + "/accounts")
			require.Equal(t, 401, response.StatusCode)
		}
	})
	t.Run("stolen token", func(t *testing.T) {
		t.Parallel()
		p := alice(t, d)
		for _, thief := range []person{newPerson(t, d, nil, nil), newPerson(t, d, testkeys.ES256("mallory"), nil)} {
			thief.Token = p.Token
			response, _ := thief.get(d.Origin + "/accounts")
			require.Equal(t, 401, response.StatusCode)
			require.Contains(t, strings.Join(response.Header.Values("WWW-Authenticate"), ","), "error=")
		}
		response, _ := p.get(d.Origin + "/accounts")
		require.Equal(t, 200, response.StatusCode)
	})
}

func TestObjects(t *testing.T) {
	t.Parallel()
	d := start(t, demo.Config{})
	p := alice(t, d)
	for path, status := range map[string]int{
		"/accounts/DE-4711": 200, "/accounts/DE-4712": 403, "/accounts/DE-9999": 403,
		"/balances/DE-4711": 404, "/": 404, "/accountsX": 404,
	} {
		response, body := p.get(d.Origin + path)
		require.Equal(t, status, response.StatusCode, path)
		if status == 403 {
			require.JSONEq(t, `{"error":"forbidden"}`, body, "Bob's account and none look alike")
		}
	}
	response, _ := p.send("DELETE", d.Origin+"/accounts", "")
	require.Equal(t, 405, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Allow"))
}

func TestPayments(t *testing.T) {
	t.Parallel()
	d := start(t, demo.Config{})
	const order = `{"from":"DE-4711","to":"DE-4712","amount":1000}`
	strong := alice(t, d)
	for body, status := range map[string]int{
		order: 202,
		`{"from":"DE-4711","to":"DE-4712","amount":120451}`:       409,
		`{"from":"DE-4712","to":"DE-4711","amount":1000}`:         403,
		`{"from":"DE-4711","to":"DE-4712","amount":-1}`:           400,
		`{"from":"DE-4711","to":"DE-4712","amount":1}x`:           400,
		`{"from":"DE-4711","to":"DE-4712","amount":1,"amount":2}`: 400,
		`{"From":"DE-4711","to":"DE-4712","amount":1}`:            400,
		strings.Repeat(" ", 5000) + order:                         400,
	} {
		response, text := strong.send("POST", d.Origin+"/payments", body)
		require.Equal(t, status, response.StatusCode, "%s: %s", body, text)
	}
	t.Run("step-up", func(t *testing.T) {
		t.Parallel()
		weak := alice(t, d, func(a *introspection.Answer) { a.ACR = "urn:example:acr:1fa" })
		response, _ := weak.send("POST", d.Origin+"/payments", order)
		require.Equal(t, 401, response.StatusCode)
		challenge := strings.Join(response.Header.Values("WWW-Authenticate"), ",")
		require.Contains(t, challenge, `error="insufficient_user_authentication"`)
		require.Contains(t, challenge, `acr_values="`+demo.StrongACR+`"`)
		require.Contains(t, challenge, `max_age="300"`)
		response, _ = weak.get(d.Origin + "/accounts")
		require.Equal(t, 200, response.StatusCode)
	})
	t.Run("scope", func(t *testing.T) {
		t.Parallel()
		narrow := alice(t, d, func(a *introspection.Answer) { a.Scope = []string{"accounts"} })
		response, _ := narrow.send("POST", d.Origin+"/payments", order)
		require.Equal(t, 403, response.StatusCode)
		require.Contains(t, strings.Join(response.Header.Values("WWW-Authenticate"), ","), `error="insufficient_scope"`)
	})
	t.Run("old login", func(t *testing.T) {
		t.Parallel()
		old := alice(t, d, func(a *introspection.Answer) { a.AuthTime = time.Now().Add(-time.Hour) })
		response, _ := old.send("POST", d.Origin+"/payments", order)
		require.Equal(t, 401, response.StatusCode)
	})
}

// What an API inside sees of a request is of no use outside, nor inside.
func TestInside(t *testing.T) {
	t.Parallel()
	d := start(t, demo.Config{Echo: http.HandlerFunc(echo)})
	p := alice(t, d)
	response, body := p.get(d.Origin + "/echo")
	require.Equal(t, 200, response.StatusCode, body)
	got := decode(t, body)
	require.Len(t, got.Header["Authorization"], 1)
	jwt := strings.TrimPrefix(got.Header.Get("Authorization"), "Bearer ")
	require.Equal(t, 2, strings.Count(jwt, "."))
	require.NotContains(t, body, p.Token, "the opaque token stays outside")

	thief := newPerson(t, d, testkeys.ES256("alice"), nil)
	thief.Token = jwt
	response, _ = p.send("POST", d.Origin+"/echo", strings.Repeat("x", 1<<20))
	require.Equal(t, 200, response.StatusCode)
	response, _ = p.send("POST", d.Origin+"/echo", strings.Repeat("x", 1<<20+1))
	require.Equal(t, 413, response.StatusCode)
	for _, url := range []string{d.Origin + "/echo", d.Origin + "/accounts", d.Accounts + "/accounts"} {
		response, _ = thief.get(url)
		require.Equal(t, 401, response.StatusCode, url)
	}
	for _, certificate := range []bool{false, true} {
		nobody := newPerson(t, d, nil, nil)
		if certificate {
			nobody = newPerson(t, d, nil, selfSigned(t, "nobody"))
		}
		nobody.Token = jwt
		response, _ = nobody.get(d.Behind + "/accounts")
		require.Equal(t, 403, response.StatusCode, "that listener is the gateway's")
	}
}

func TestAuthorizationServer(t *testing.T) {
	t.Parallel()
	log := &buffer{}
	d := start(t, demo.Config{Log: log, Verbose: true})
	p := alice(t, d)
	for range 3 {
		response, _ := p.get(d.Origin + "/accounts")
		require.Equal(t, 200, response.StatusCode)
	}
	require.Equal(t, 1, d.AS.Asked(), "the exchanged token is remembered")

	d.AS.Fail(true)
	response, _ := p.get(d.Origin + "/accounts")
	require.Equal(t, 200, response.StatusCode, "for as long as the server had allowed")
	other := alice(t, d)
	response, _ = other.get(d.Origin + "/accounts")
	require.Equal(t, 503, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Retry-After"))
	require.Contains(t, log.String(), "the authorization server cannot be asked")
	require.NotContains(t, log.String(), other.Token)

	d.AS.Fail(false)
	response, _ = other.get(d.Origin + "/accounts")
	require.Equal(t, 200, response.StatusCode, "a failure is not remembered")
	revoked := alice(t, d)
	d.AS.Revoke(revoked.Token)
	response, _ = revoked.get(d.Origin + "/accounts")
	require.Equal(t, 401, response.StatusCode)
	require.Contains(t, log.String(), "gateway: request: accepted\n")
	require.Contains(t, log.String(), "gateway: request: refused: ")
	require.NotContains(t, log.String(), "alice")
}
