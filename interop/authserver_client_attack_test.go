package interop_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a registered client tries that wants more than its own.
func TestAuthserverClients(t *testing.T) {
	t.Parallel()
	as := startAuthserver(t)
	shop, planner, desktop := as.shop(t), as.planner(t), as.desktop(t)
	t.Run("somebody else's values", func(t *testing.T) { t.Parallel(); as.useValuesOf(t, shop, planner) })
	t.Run("more than was agreed", func(t *testing.T) { t.Parallel(); as.askForMore(t, shop) })
	t.Run("without a signature", func(t *testing.T) { t.Parallel(); planner.pushUnsigned(t) })
	t.Run("without the certificate", func(t *testing.T) { t.Parallel(); as.dropCertificate(t, desktop) })
	t.Run("malformed", func(t *testing.T) { t.Parallel(); shop.postMalformed(t) })
	t.Run("for itself", func(t *testing.T) { t.Parallel(); shop.actForItself(t) })
}

func (as *authserver) useValuesOf(t *testing.T, victim, thief *appClient) {
	v := as.newVisitor(t)
	address := victim.push(t)
	isErrorPage(t, v.open(t, strings.Replace(address, "client_id=shop", "client_id=planner", 1)), "invalid_request_uri")
	code := v.authorize(t, address).Query().Get("code")
	form := thief.redemption(code)
	form.Set("redirect_uri", victim.redirectURI)
	assert.Equal(t, "invalid_grant", thief.post(t, "/token", form).body["error"])
	got := victim.post(t, "/token", victim.redemption(code))
	require.Equal(t, http.StatusOK, got.status, "control: the code is still good")

	token, refresh := got.body["access_token"].(string), got.body["refresh_token"].(string)
	assert.Equal(t, http.StatusUnauthorized, thief.accounts(t, token).status, "its proofs are of another key")
	stolen := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	assert.Equal(t, "invalid_grant", thief.post(t, "/token", stolen).body["error"])
	own := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}
	assert.Equal(t, http.StatusOK, victim.post(t, "/token", own).status, "control")
	assert.Equal(t, http.StatusOK, victim.accounts(t, token).status, "control")
}

func (as *authserver) askForMore(t *testing.T, shop *appClient) {
	for name, change := range map[string][]string{
		"invalid_scope":                 {"scope", "accounts admin"},
		"invalid_target":                {"resource", "https://evil.example/"},
		"invalid_authorization_details": {"authorization_details", `[{"type":"x"}]`},
		"unsupported_response_type":     {"response_type", "code id_token"},
	} {
		refused := shop.post(t, "/par", shop.request(change...))
		assert.Equal(t, http.StatusBadRequest, refused.status, name)
		assert.Equal(t, name, refused.body["error"])
	}
	for _, change := range [][]string{
		{"response_mode", "fragment"}, {"response_mode", "web_message"}, {"code_challenge_method", "plain"}, {"code_challenge", "short"},
		{"request_uri", "https://evil.example/"}, {"max_age", "-1"}, {"prompt", "none login"},
	} {
		refused := shop.post(t, "/par", shop.request(change...))
		assert.Equal(t, http.StatusBadRequest, refused.status, change)
		assert.NotEmpty(t, refused.body["error"], change)
	}
	form := shop.redemption(as.newVisitor(t).authorize(t, shop.push(t, "scope", "openid")).Query().Get("code"))
	form.Set("scope", "accounts")
	got := shop.post(t, "/token", form)
	require.Equal(t, http.StatusOK, got.status, got.body)
	assert.Equal(t, "openid", got.body["scope"], "the user agreed to this")
	assert.Equal(t, http.StatusForbidden, shop.accounts(t, got.body["access_token"].(string)).status)
}

// The planner's profile has signed requests and signed responses.
func (c *appClient) pushUnsigned(t *testing.T) {
	refused := c.post(t, "/par", c.request("response_mode", "jwt"))
	assert.Equal(t, http.StatusBadRequest, refused.status, refused.body)
	c.push(t, "response_mode", "jwt") // control
	v := c.as.newVisitor(t)
	isErrorPage(t, v.open(t, c.as.issuer+"/authorize?"+c.request("response_mode", "jwt").Encode()), "invalid_request")
}

func (as *authserver) dropCertificate(t *testing.T, desktop *appClient) {
	code := as.newVisitor(t).authorize(t, desktop.push(t)).Query().Get("code")
	bare := *desktop
	bare.http = &http.Client{Transport: as.transport(t)}
	assert.Equal(t, "invalid_client", bare.post(t, "/token", bare.redemption(code)).body["error"])
	got := desktop.post(t, "/token", desktop.redemption(code))
	require.Equal(t, http.StatusOK, got.status, got.body)
	token := got.body["access_token"].(string)
	assert.Equal(t, http.StatusUnauthorized, bare.accounts(t, token).status)
	assert.Equal(t, http.StatusOK, desktop.accounts(t, token).status, "control")
}

func (c *appClient) postMalformed(t *testing.T) {
	for name, change := range map[string]func(*http.Request, *url.Values){
		"no proof":          func(r *http.Request, _ *url.Values) { r.Header.Del("DPoP") },
		"two proofs":        func(r *http.Request, _ *url.Values) { r.Header.Add("DPoP", r.Header.Get("DPoP")) },
		"JSON":              func(r *http.Request, _ *url.Values) { r.Header.Set("Content-Type", "application/json") },
		"no type":           func(r *http.Request, _ *url.Values) { r.Header.Del("Content-Type") },
		"two grant types":   func(_ *http.Request, form *url.Values) { form.Add("grant_type", "refresh_token") },
		"two codes":         func(_ *http.Request, form *url.Values) { form.Add("code", "x") },
		"two assertions":    func(_ *http.Request, form *url.Values) { form.Add("client_assertion", "x") },
		"another client_id": func(_ *http.Request, form *url.Values) { form.Set("client_id", "planner") },
		"Basic too":         func(r *http.Request, _ *url.Values) { r.SetBasicAuth("shop", "x") },
		"unknown grant":     func(_ *http.Request, form *url.Values) { form.Set("grant_type", "password") },
		"no grant":          func(_ *http.Request, form *url.Values) { form.Del("grant_type") },
	} {
		form := c.redemption("x")
		r := c.posting(t, "/token", form)
		change(r, &form)
		changed, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL.String(), strings.NewReader(form.Encode()))
		require.NoError(t, err)
		changed.Header = r.Header
		got := c.do(t, changed)
		assert.Contains(t, []int{http.StatusBadRequest, http.StatusUnauthorized}, got.status, name)
		assert.NotEmpty(t, got.body["error"], name)
		assert.NotEqual(t, "invalid_grant", got.body["error"], "%s: the code is not even looked at", name)
		assert.Equal(t, "no-store", got.header.Get("Cache-Control"), name)
	}
	assert.Equal(t, "invalid_grant", c.post(t, "/token", c.redemption("x")).body["error"], "control")
}

// A client whose users decide gets nothing without them.
func (c *appClient) actForItself(t *testing.T) {
	got := c.post(t, "/token", url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts openid profile"}})
	require.Equal(t, http.StatusBadRequest, got.status)
	require.Equal(t, "unauthorized_client", got.body["error"])
}
