package server_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/browser"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jwks"
)

func (w *world) metadata(t *testing.T, address string) (document map[string]any) {
	t.Helper()
	response := w.get(address)
	require.Equal(t, http.StatusOK, response.Code, address)
	require.Equal(t, "application/json", response.Header().Get("Content-Type"))
	require.NoError(t, json.Unmarshal(response.Body.Bytes(), &document))
	for name, value := range document {
		require.NotEqual(t, []any{}, value, "%s: empty arrays are left out", name)
		require.NotContains(t, name, "client_secret")
	}
	return document
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	document := w.metadata(t, issuer+"/.well-known/oauth-authorization-server")
	require.Equal(t, document, w.metadata(t, issuer+"/.well-known/openid-configuration"))
	for name, value := range map[string]any{
		"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
		"pushed_authorization_request_endpoint": issuer + "/par", "userinfo_endpoint": issuer + "/userinfo",
		"jwks_uri": issuer + "/jwks", "response_types_supported": []any{"code"}, "code_challenge_methods_supported": []any{"S256"},
		"authorization_response_iss_parameter_supported": true, "id_token_signing_alg_values_supported": []any{"ES256"},
		"require_pushed_authorization_requests": false, "require_signed_request_object": false,
		"mtls_endpoint_aliases": map[string]any{
			"revocation_endpoint": alias + "/revoke",
			"token_endpoint":      alias + "/token", "pushed_authorization_request_endpoint": alias + "/par", "userinfo_endpoint": alias + "/userinfo",
		},
	} {
		assert.Equal(t, value, document[name], name)
	}
}

// only leaves one client.
func only(id string) func(*server.Config) {
	return func(c *server.Config) { c.Clients = map[string]server.Client{id: c.Clients[id]} }
}

func TestMetadataFollowsTheClients(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]struct{ pushed, signed bool }{
		"plain": {true, false}, "signing": {true, true}, "older": {false, true},
	} {
		document := newWorld(t, only(id)).metadata(t, issuer+"/.well-known/openid-configuration")
		assert.Equal(t, want.pushed, document["require_pushed_authorization_requests"], id)
		assert.Equal(t, want.signed, document["require_signed_request_object"], id)
		assert.Equal(t, !want.signed, document["response_modes_supported"].([]any)[0] == "query", id)
	}
}

func TestMetadataOfIntrospection(t *testing.T) {
	t.Parallel()
	document := newWorld(t, withOpaque(t), logoutFor("plain")).metadata(t, issuer+"/.well-known/openid-configuration")
	methods := []any{"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}
	for name, value := range map[string]any{
		"introspection_endpoint": issuer + "/introspect", "introspection_endpoint_auth_methods_supported": methods,
		"introspection_signing_alg_values_supported": []any{"ES256"}, "introspection_endpoint_auth_signing_alg_values_supported": []any{"ES256", "Ed25519", "EdDSA", "PS256"},
		"revocation_endpoint": issuer + "/revoke", "revocation_endpoint_auth_methods_supported": methods,
		"backchannel_logout_supported": true, "backchannel_logout_session_supported": true, "subject_types_supported": []any{"public"},
	} {
		assert.Equal(t, value, document[name], name)
	}
	require.Equal(t, alias+"/introspect", document["mtls_endpoint_aliases"].(map[string]any)["introspection_endpoint"])
	document = newWorld(t).metadata(t, issuer+"/.well-known/openid-configuration")
	for _, name := range []string{"introspection_endpoint", "introspection_signing_alg_values_supported", "backchannel_logout_supported"} {
		require.NotContains(t, document, name)
	}
}

// FAPI 1.0 has no EdDSA (Advanced 8.6).
func TestAlgorithmsFollowTheClients(t *testing.T) {
	t.Parallel()
	edwards, err := jwks.NewStaticKeys(jwks.Key{Key: testkeys.EdDSA("older").Public()}, jwks.Key{Key: testkeys.PS256().Public()})
	require.NoError(t, err)
	keyed := register("older", func(c *server.Client) { c.Keys = edwards })
	alone, mixed := newWorld(t, withOpaque(t), only("older"), keyed), newWorld(t, withOpaque(t), keyed)
	for name, value := range alone.metadata(t, issuer+"/.well-known/openid-configuration") {
		if strings.HasSuffix(name, "_alg_values_supported") {
			assert.Subset(t, []any{"ES256", "PS256"}, value, name)
		}
	}
	require.Contains(t, mixed.metadata(t, issuer+"/.well-known/openid-configuration")["request_object_signing_alg_values_supported"], "EdDSA")
	for _, w := range []*world{alone, mixed} {
		c := w.the(t, "older")
		tokensOf(t, w.redeem(t, c, w.code(t, c, w.authorize(t, c)))) // control: PS256
		edward := *c
		edward.key = testkeys.EdDSA("older")
		refuses(t, w.push(t, &edward, c.request()), http.StatusUnauthorized, "invalid_client")
		object := url.Values{"client_id": {"older"}, "request": {edward.object(t, c.request())}}
		refuses(t, w.post(t, c, "/par", object), http.StatusBadRequest, "invalid_request_object")
		isError(t, open(t, w.browser(t), issuer+"/authorize?"+object.Encode()), "invalid_request_object")
	}
	refuses(t, alone.ask(t, payer(), "x", ""), http.StatusUnauthorized, "invalid_client")
	isInactive(t, mixed.ask(t, payer(), "x", "")) // control: the same key
}

func TestIssuerWithPath(t *testing.T) {
	t.Parallel()
	const tenant = issuer + "/tenant/1"
	w := newWorld(t, only("certified"), func(c *server.Config) { c.Issuer = tenant })
	document := w.metadata(t, issuer+"/.well-known/oauth-authorization-server/tenant/1")
	require.Equal(t, document, w.metadata(t, tenant+"/.well-known/openid-configuration"))
	require.Equal(t, tenant+"/par", document["pushed_authorization_request_endpoint"])
	require.Equal(t, alias+"/tenant/1/token", document["mtls_endpoint_aliases"].(map[string]any)["token_endpoint"])

	c := w.the(t, "certified")
	c.dpop = plain().dpop // proofs name the URL with the path
	callback := w.authorize(t, c)
	require.Equal(t, tenant, callback.URL.Query().Get("iss"))
	tokensOf(t, w.redeem(t, c, callback.URL.Query().Get("code")))
}

func TestWithoutUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, spoil(func(c *server.Client) { c.OwnTokens = true }), func(c *server.Config) { c.Users = nil })
	document := w.metadata(t, issuer+"/.well-known/oauth-authorization-server")
	require.NotContains(t, document, "authorization_endpoint")
	for _, path := range []string{"/par", "/authorize", "/login", "/userinfo", "/.well-known/openid-configuration"} {
		require.Equal(t, http.StatusNotFound, w.get(issuer+path).Code, path)
	}
	c := w.the(t, "plain")
	refuses(t, w.redeem(t, c, "x"), http.StatusBadRequest, "unsupported_grant_type")
	got := tokensOf(t, w.own(t, c))
	require.True(t, w.Active(claims(t, got.AccessToken)["jti"].(string)))
	for code, changes := range map[string][]string{
		"invalid_scope": {"scope", "admin"}, "invalid_target": {"resource", "https://other.example"}, "unsupported_grant_type": {"grant_type", "password"},
	} {
		refuses(t, w.own(t, c, changes...), http.StatusBadRequest, code)
	}
	require.False(t, w.Active("unknown"))
}

func TestMethods(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, allow := range map[string]string{
		"/token": "POST", "/par": "POST", "/authorize": "GET, HEAD, POST", "/login": "GET, HEAD, POST",
		"/consent": "GET, HEAD, POST", "/error": "GET, HEAD",
	} {
		response := w.serve(httptest.NewRequest(http.MethodPut, issuer+path, nil))
		require.Equal(t, http.StatusMethodNotAllowed, response.Code, path)
		require.Equal(t, allow, response.Header().Get("Allow"), path)
	}
	require.Equal(t, http.StatusNotFound, w.get(issuer+"/nothing").Code)
	head := w.serve(httptest.NewRequest(http.MethodHead, issuer+"/.well-known/openid-configuration", nil))
	require.Equal(t, http.StatusOK, head.Code)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*server.Config)
		want   string
	}{
		"issuer":          {func(c *server.Config) { c.Issuer = "" }, "Issuer is required"},
		"issuer query":    {func(c *server.Config) { c.Issuer += "?x" }, "Issuer is required"},
		"issuer path":     {func(c *server.Config) { c.Issuer += "//x" }, "path of Issuer"},
		"key":             {func(c *server.Config) { c.Key = nil }, "Key is required"},
		"replay":          {func(c *server.Config) { c.Replay = nil }, "Replay"},
		"subject key":     {func(c *server.Config) { c.SubjectKey = []byte("short") }, "SubjectKey"},
		"profile":         {spoil(func(c *server.Client) { c.Profile = "x" }), "unknown Profile"},
		"no credentials":  {spoil(func(c *server.Client) { c.Keys = nil }), "neither Keys nor"},
		"unbound":         {spoil(func(c *server.Client) { c.Profile = fapi.FAPI1Advanced }), "CertificateBound"},
		"redirect http":   {spoil(func(c *server.Client) { c.RedirectURIs = []string{"http://client.example"} }), "redirect URI"},
		"redirect custom": {spoil(func(c *server.Client) { c.RedirectURIs = []string{"app:/cb"} }), "redirect URI"},
		"subject type":    {spoil(func(c *server.Client) { c.SubjectType = "private" }), "unknown SubjectType"},
		"no subjects":     {spoil(func(c *server.Client) { c.SubjectType = "pairwise" }), "there are no Subjects"},
		"sectors":         {several(pairwise(t), spoil(func(c *server.Client) { c.RedirectURIs = append(c.RedirectURIs, "https://x.example/") })), `client "plain": ppid: `},
		"logout http":     {several(logoutFor(), spoil(func(c *server.Client) { c.BackchannelLogoutURI = "http://localhost/" })), "BackchannelLogoutURI"},
		"logout":          {spoil(func(c *server.Client) { c.BackchannelLogoutURI = "https://client.example/" }), "no Logout"},
		"algorithm":       {func(c *server.Config) { c.Key = testkeys.EdDSA("server") }, `client "older": its Profile does not know the algorithm`},
		"opaque":          {func(c *server.Config) { c.Opaque = []string{accounts} }, "no ResourceServer has it"},
		"caller client":   {several(withOpaque(t), caller("plain", func(*server.ResourceServer) {})), "is a client as well"},
		"caller keys":     {several(withOpaque(t), caller("gateway", func(r *server.ResourceServer) { r.Keys = nil })), "neither Keys nor"},
		"caller APIs":     {several(withOpaque(t), caller("notary", func(r *server.ResourceServer) { r.APIs = nil })), "has no APIs"},
		"caller sector":   {several(withOpaque(t), caller("notary", func(r *server.ResourceServer) { r.Sector = sectorOf(t, "https://x.example/") })), "no Subjects"},
		"age":             {several(withOpaque(t), func(c *server.Config) { c.IntrospectionAge = time.Hour }), "MaxAge"},
		"fragment":        {spoil(func(c *server.Client) { c.RedirectURIs = []string{"https://client.example/#"} }), "redirect URI"},
	} {
		config := newWorld(t).config
		c.change(&config)
		_, err := server.New(config)
		require.ErrorContains(t, err, c.want, name)
	}
}

func several(changes ...func(*server.Config)) func(*server.Config) {
	return func(c *server.Config) {
		for _, change := range changes {
			change(c)
		}
	}
}

// caller changes a resource server.
func caller(id string, change func(*server.ResourceServer)) func(*server.Config) {
	return func(c *server.Config) {
		changed := c.ResourceServers[id]
		change(&changed)
		c.ResourceServers[id] = changed
	}
}

// spoil changes the registration of one client.
func spoil(change func(*server.Client)) func(*server.Config) {
	return func(c *server.Config) {
		client := c.Clients["plain"]
		change(&client)
		c.Clients["plain"] = client
	}
}

// Over the wire, as the program serves it.
func TestOverTLS(t *testing.T) {
	t.Parallel()
	front := httptest.NewUnstartedServer(nil)
	front.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	w := newWorld(t, func(c *server.Config) { c.Issuer, c.Alias = "https://"+front.Listener.Addr().String(), "" })
	front.Config.Handler = w
	front.StartTLS()
	defer front.Close()
	b, err := browser.New(front.URL, front.Client().Transport)
	require.NoError(t, err)

	c := w.the(t, "certified")
	callback, err := b.Authorize(t.Context(), w.start(t, c), username, password)
	require.NoError(t, err)
	require.Equal(t, front.URL, callback.URL.Query().Get("iss"))
	tokensOf(t, w.redeem(t, c, callback.URL.Query().Get("code")))

	response, err := front.Client().Get(front.URL + "/jwks")
	require.NoError(t, err)
	defer response.Body.Close()
	require.NotEmpty(t, response.Header.Get("Date"))
}
