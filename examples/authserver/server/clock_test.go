package server_test

import (
	"crypto"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

func sign(t *testing.T, key crypto.Signer, typ string, embed bool, content map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(key)
	require.NoError(t, err)
	header, err := signer.Header(typ, "", embed)
	require.NoError(t, err)
	payload, err := json.Marshal(content)
	require.NoError(t, err)
	token, err := signer.Sign(t.Context(), header, payload)
	require.NoError(t, err)
	return token
}

// Clients whose clock is 10 s ahead are served, those 60 s and more ahead are not
// (FAPI 2.0 5.3.2.1-13); wherever they sign something.
func TestClocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, ahead := range map[string]time.Duration{"10 s": 10 * time.Second, "61 s": 62 * time.Second} {
		served := name == "10 s"
		then := time.Now().Add(ahead).Unix()
		t.Run("assertion "+name, func(t *testing.T) {
			t.Parallel()
			c := w.the(t, "plain")
			refusedUnless(t, served, w.serve(c.assertionPush(t, issuer, then)), http.StatusUnauthorized, "invalid_client")
		})
		t.Run("request object "+name, func(t *testing.T) {
			t.Parallel()
			c := w.the(t, "signing")
			response := w.post(t, c, "/par", c.objectForm(t, then, then+60))
			refusedUnless(t, served, response, http.StatusBadRequest, "invalid_request_object")
		})
		t.Run("proof "+name, func(t *testing.T) {
			t.Parallel()
			c := w.the(t, "plain")
			r := w.posting(t, c, "/par", c.request())
			r.Header.Set("DPoP", sign(t, c.dpop, "dpop+jwt", true, map[string]any{
				"htm": "POST", "htu": issuer + "/par", "iat": then, "jti": name,
			}))
			refusedUnless(t, served, w.serve(r), http.StatusBadRequest, "invalid_dpop_proof")
		})
	}
}

// objectForm is a push of a request object that is good from one second to another.
func (c *client) objectForm(t *testing.T, from, until int64) url.Values {
	t.Helper()
	content := map[string]any{"iss": c.id, "aud": issuer, "iat": from, "nbf": from, "exp": until, "jti": t.Name()}
	for parameter, values := range c.request() {
		content[parameter] = values[0]
	}
	return url.Values{"client_id": {c.id}, "request": {sign(t, c.key, "oauth-authz-req+jwt", false, content)}}
}

func TestObjectLife(t *testing.T) {
	t.Parallel()
	t.Run("R20 a request object that expires before its request_uri would", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			c := w.the(t, "signing")
			address := func() string {
				response := w.post(t, c, "/par", c.objectForm(t, time.Now().Unix(), time.Now().Unix()+10))
				require.EqualValues(t, 10, field(t, response, "expires_in"))
				query := url.Values{"client_id": {c.id}, "request_uri": {field(t, response, "request_uri").(string)}}
				return issuer + "/authorize?" + query.Encode()
			}
			inTime, late := address(), address()
			page := open(t, w.browser(t), inTime)
			time.Sleep(10 * time.Second)
			isError(t, open(t, w.browser(t), late), "invalid_request_uri")
			w.code(t, c, press(t, loginAt(t, page), "approve").Callback) // who has begun has time
		})
	})
}

func refusedUnless(t *testing.T, served bool, response *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	if served {
		require.Equal(t, http.StatusCreated, response.Code, response.Body)
		return
	}
	refuses(t, response, status, code)
}

// assertionPush is a push with an assertion of this audience, made at that time.
func (c *client) assertionPush(t *testing.T, audience any, at int64) *http.Request {
	t.Helper()
	form := maps.Clone(c.request())
	if c.jarm() {
		form = url.Values{"client_id": {c.id}, "request": {c.object(t, c.request())}}
	}
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", sign(t, c.key, "JWT", false, map[string]any{
		"iss": c.id, "sub": c.id, "aud": audience, "iat": at, "nbf": at, "exp": at + 60, "jti": t.Name(),
	}))
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/par", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// What an assertion may be addressed to depends on the client's profile.
func TestAssertionAudiences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, audience := range map[string]any{
		"issuer": issuer, "token endpoint": issuer + "/token", "PAR endpoint": issuer + "/par",
		"array": []string{"https://other.example", issuer}, "elsewhere": "https://other.example/token",
	} {
		for _, id := range []string{"plain", "older"} {
			t.Run(id+" "+name, func(t *testing.T) {
				t.Parallel()
				served := name == "issuer" || id == "older" && name != "elsewhere"
				r := w.the(t, id).assertionPush(t, audience, time.Now().Unix())
				refusedUnless(t, served, w.serve(r), http.StatusUnauthorized, "invalid_client")
			})
		}
	}
}
