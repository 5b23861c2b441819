package server_test

import (
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/browser"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

const (
	typeJSON      = "application/json"
	typeStatement = "application/token-introspection+jwt"
	typePhantom   = "application/jwt"
)

// The resource servers of withOpaque: a gateway in front of accounts, the payments
// API, and an API that wants signatures.
func gateway() *client { return &client{id: "gateway", key: testkeys.ES256("gateway"), byKey: true} }
func payer() *client   { return &client{id: "payer", key: testkeys.EdDSA("payer"), byKey: true} }
func notary() *client  { return &client{id: "notary", key: testkeys.PS256(), byKey: true} }

// withOpaque makes tokens for accounts opaque.
func withOpaque(t testing.TB) func(*server.Config) {
	return func(c *server.Config) {
		c.Opaque = []string{accounts}
		c.ResourceServers = map[string]server.ResourceServer{
			"gateway": {APIs: []string{accounts}}, "payer": {APIs: []string{payments}}, "notary": {APIs: []string{accounts}, Signed: true},
		}
		for _, caller := range []*client{gateway(), payer(), notary()} {
			keys, err := jwks.NewStaticKeys(jwks.Key{Key: caller.key.Public()})
			require.NoError(t, err)
			registered := c.ResourceServers[caller.id]
			registered.Keys = keys
			c.ResourceServers[caller.id] = registered
		}
	}
}

// ask introspects a token.
func (w *world) ask(t testing.TB, caller *client, token, accept string) *httptest.ResponseRecorder {
	t.Helper()
	r := w.posting(t, caller, "/introspect", url.Values{"token": {token}})
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return w.serve(r)
}

// isInactive checks that an answer is no, and nothing more.
func isInactive(t testing.TB, response *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, http.StatusOK, response.Code, response.Body)
	require.Equal(t, `{"active":false}`, response.Body.String())
	require.Equal(t, "no-store", response.Header().Get("Cache-Control"))
}

func isActive(t testing.TB, response *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, http.StatusOK, response.Code, response.Body)
	require.Equal(t, true, field(t, response, "active"))
}

func TestIntrospection(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"plain", "certified", "older"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, withOpaque(t))
			c := w.the(t, id)
			got := w.flow(t, c)
			require.Len(t, got.AccessToken, 43)
			response := w.ask(t, gateway(), got.AccessToken, "")
			require.Equal(t, http.StatusOK, response.Code, response.Body)
			require.Equal(t, "private, max-age=30", response.Header().Get("Cache-Control"))
			idToken := claims(t, got.IDToken)
			for name, want := range map[string]any{
				"active": true, "iss": issuer, "aud": accounts, "client_id": id, "sub": idToken["sub"],
				"scope": "openid profile accounts", "token_type": got.TokenType, "auth_time": idToken["auth_time"], "acr": idToken["acr"],
			} {
				assert.Equal(t, want, field(t, response, name), name)
			}
			require.NotEmpty(t, field(t, response, "cnf"))
			userinfo := w.userinfo(t, c, http.MethodGet, got) // which reads opaque tokens, too
			require.Equal(t, http.StatusOK, userinfo.Code)
			require.Equal(t, idToken["sub"], field(t, userinfo, "sub"))
		})
	}
	t.Run("of a client's own token", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, withOpaque(t), spoil(func(c *server.Client) { c.OwnTokens = true }))
		got := tokensOf(t, w.own(t, w.the(t, "plain"), "resource", accounts, "scope", "accounts"))
		response := w.ask(t, gateway(), got.AccessToken, "")
		require.Equal(t, "plain", field(t, response, "sub"))
		require.Nil(t, field(t, response, "acr"))
	})
	t.Run("of a token that is not opaque", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, withOpaque(t))
		got := w.flow(t, w.the(t, "plain"), "resource", payments)
		response := w.ask(t, payer(), got.AccessToken, "")
		require.Equal(t, claims(t, got.AccessToken)["sub"], field(t, response, "sub"))
	})
}

// A token has one kind: an API that reads JWTs has no use for another.
func TestMixedResources(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withOpaque(t))
	c := w.the(t, "plain")
	request := c.request()
	request["resource"] = []string{accounts, payments}
	response := w.push(t, c, request)
	address := issuer + "/authorize?client_id=plain&request_uri=" + field(t, response, "request_uri").(string)
	callback, err := w.browser(t).Authorize(t.Context(), address, username, password)
	require.NoError(t, err)
	code := w.code(t, c, callback)
	refuses(t, w.redeem(t, c, code), http.StatusBadRequest, "invalid_target")
	got := tokensOf(t, w.redeem(t, c, code, "resource", accounts))
	require.Len(t, got.AccessToken, 43)
	readable := tokensOf(t, w.refresh(t, c, got, "resource", payments))
	require.Equal(t, []any{payments, issuer}, claimsList(t, readable, "aud"))
}

func TestSignedIntrospection(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withOpaque(t))
	got := w.flow(t, w.the(t, "plain"))
	for caller, accept := range map[*client]string{notary(): "", gateway(): typeStatement} {
		response := w.ask(t, caller, got.AccessToken, accept)
		require.Equal(t, http.StatusOK, response.Code, response.Body)
		require.Equal(t, typeStatement, response.Header().Get("Content-Type"))
		statement := claims(t, response.Body.String())
		require.Equal(t, accounts, statement["aud"])
		about := statement["token_introspection"].(map[string]any)
		require.Equal(t, true, about["active"])
		require.Equal(t, claims(t, got.IDToken)["sub"], about["sub"])
	}
	refuses(t, w.ask(t, notary(), got.AccessToken, typeJSON), http.StatusNotAcceptable, "invalid_request")
	isActive(t, w.ask(t, gateway(), got.AccessToken, typeJSON)) // control
	nobody := notary()
	nobody.key = testkeys.ES256("nobody")
	refuses(t, w.ask(t, nobody, got.AccessToken, typeStatement), http.StatusBadRequest, "invalid_client")
	refuses(t, w.ask(t, nobody, got.AccessToken, typeJSON), http.StatusUnauthorized, "invalid_client")
}

func TestPhantom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, withOpaque(t))
		c := w.the(t, "plain")
		got := w.flow(t, c)
		time.Sleep(4*time.Minute + 40*time.Second)
		opaque := w.ask(t, gateway(), got.AccessToken, "")
		response := w.ask(t, gateway(), got.AccessToken, typePhantom)
		require.Equal(t, http.StatusOK, response.Code, response.Body)
		require.Equal(t, typePhantom, response.Header().Get("Content-Type"))
		require.Equal(t, "private, max-age=20", response.Header().Get("Cache-Control"))
		phantom := claims(t, response.Body.String())
		for _, name := range []string{"iss", "sub", "aud", "client_id", "cnf", "acr", "auth_time", "scope", "exp"} {
			assert.Equal(t, field(t, opaque, name), phantom[name], name)
		}
		require.Equal(t, introspection.OpaqueATH(got.AccessToken), phantom["opaque_ath"])
		require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, tokens{AccessToken: response.Body.String(), TokenType: "DPoP"}).Code)
		isInactive(t, w.ask(t, gateway(), response.Body.String(), "")) // it is for the API, and for nobody to ask about
		time.Sleep(20 * time.Second)
		require.Equal(t, http.StatusNoContent, w.ask(t, gateway(), got.AccessToken, typePhantom).Code)
		isInactive(t, w.ask(t, gateway(), got.AccessToken, ""))
	})
}

// The clients of package introspection and this server understand each other.
func TestIntrospectionClients(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withOpaque(t))
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: w.config.Key.Public()})
	require.NoError(t, err)
	got := w.flow(t, w.the(t, "plain"))

	tokens, err := introspection.NewClient(introspection.ClientConfig{
		Issuer: issuer, Endpoint: issuer + "/introspect", Audience: accounts, HTTP: w.asking(t, notary()), Keys: keys,
	})
	require.NoError(t, err)
	token, err := tokens.Introspect(t.Context(), got.AccessToken)
	require.NoError(t, err)
	require.Equal(t, claims(t, got.IDToken)["sub"], token.Subject())

	jwts, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: issuer, Audience: accounts, Keys: keys})
	require.NoError(t, err)
	phantoms, err := introspection.NewPhantom(introspection.PhantomConfig[*accesstoken.Token]{
		Endpoint: issuer + "/introspect", Audience: accounts, HTTP: w.asking(t, gateway()), Verify: jwts.Verify,
	})
	require.NoError(t, err)
	_, phantom, err := phantoms.Exchange(t.Context(), got.AccessToken)
	require.NoError(t, err)
	require.Equal(t, token.Confirmation(), phantom.Confirmation())
	_, _, err = phantoms.Exchange(t.Context(), got.RefreshToken)
	require.ErrorIs(t, err, introspection.ErrInactive)
}

// asking is an HTTP client that authenticates as a resource server.
func (w *world) asking(t *testing.T, caller *client) *http.Client {
	t.Helper()
	signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: caller.id, Issuer: issuer, Key: caller.key})
	require.NoError(t, err)
	return &http.Client{Transport: &privatekeyjwt.Transport{
		Signer: signer, Endpoints: []string{issuer + "/introspect"}, Base: browser.InProcess(w),
	}}
}

// Who asks is no client, and who is a client cannot ask (FAPI 2.0 Message Signing 6.2).
func TestIntrospectionCallers(t *testing.T) {
	t.Parallel()
	certified := newCertificate(t)
	w := newWorld(t, withOpaque(t), func(c *server.Config) {
		c.ResourceServers["certified api"] = server.ResourceServer{
			APIs: []string{accounts}, Certificate: &mtls.Client{Method: mtls.SelfSignedTLSClientAuth, Certificates: []*x509.Certificate{certified}},
		}
	})
	c := w.the(t, "plain")
	got := w.flow(t, c)
	refuses(t, w.ask(t, c, got.AccessToken, ""), http.StatusUnauthorized, "invalid_client")
	refuses(t, w.ask(t, w.the(t, "certified"), got.AccessToken, ""), http.StatusUnauthorized, "invalid_client")
	refuses(t, w.own(t, gateway()), http.StatusUnauthorized, "invalid_client")
	refuses(t, w.post(t, gateway(), "/revoke", url.Values{"token": {got.AccessToken}}), http.StatusUnauthorized, "invalid_client")
	refuses(t, w.push(t, gateway(), c.request("client_id", "gateway")), http.StatusUnauthorized, "invalid_client")
	isActive(t, w.ask(t, &client{id: "certified api", certificate: certified}, got.AccessToken, ""))
	refuses(t, w.ask(t, &client{id: "certified api", certificate: newCertificate(t)}, got.AccessToken, ""), http.StatusUnauthorized, "invalid_client")
	for _, request := range []*http.Request{
		httptest.NewRequest(http.MethodGet, issuer+"/introspect?token="+got.AccessToken, nil),
		httptest.NewRequest(http.MethodPost, issuer+"/introspect?token="+got.AccessToken, nil),
	} {
		response := w.serve(request)
		require.Contains(t, []int{http.StatusMethodNotAllowed, http.StatusBadRequest}, response.Code)
		require.NotContains(t, response.Body.String(), "active")
	}
	refuses(t, w.post(t, gateway(), "/introspect", url.Values{}), http.StatusBadRequest, "invalid_request")
	require.Equal(t, http.StatusNotFound, newWorld(t).serve(w.posting(t, gateway(), "/introspect", url.Values{})).Code, "nobody to ask: no endpoint")
}

func TestIntrospectionAttacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withOpaque(t))
	c := w.the(t, "plain")
	t.Run("I02 an API asks about another's token", func(t *testing.T) {
		t.Parallel()
		opaque, readable := w.flow(t, c), w.flow(t, c, "resource", payments)
		isInactive(t, w.ask(t, payer(), opaque.AccessToken, ""))
		isInactive(t, w.ask(t, gateway(), readable.AccessToken, ""))
		require.Equal(t, http.StatusNoContent, w.ask(t, payer(), opaque.AccessToken, typePhantom).Code)
		isActive(t, w.ask(t, gateway(), opaque.AccessToken, ""))
		isActive(t, w.ask(t, payer(), readable.AccessToken, ""))
	})
	t.Run("I03 a statement that says no says nothing else", func(t *testing.T) {
		t.Parallel()
		revoked := w.flow(t, c)
		require.Equal(t, http.StatusOK, w.revoke(t, c, revoked.AccessToken).Code)
		foreign := w.flow(t, c, "resource", payments)
		for _, token := range []string{revoked.AccessToken, foreign.AccessToken, "unknown"} {
			response := w.ask(t, notary(), token, typeStatement)
			require.Equal(t, http.StatusOK, response.Code)
			require.Equal(t, map[string]any{"active": false}, claims(t, response.Body.String())["token_introspection"])
			require.Equal(t, "no-store", response.Header().Get("Cache-Control"))
		}
	})
	t.Run("I04 other kinds of tokens", func(t *testing.T) {
		t.Parallel()
		signing := w.the(t, "signing")
		callback := w.authorize(t, signing)
		got := w.flow(t, c)
		form := url.Values{}
		c.authenticate(t, form)
		proof := httptest.NewRequest(http.MethodGet, issuer+"/userinfo", nil)
		c.prove(t, proof, got.AccessToken)
		forged := sign(t, w.config.Key, "at+jwt", false, map[string]any{
			"iss": issuer, "sub": "x", "aud": accounts, "client_id": "plain", "exp": time.Now().Unix() + 60, "iat": time.Now().Unix(), "jti": "x",
		})
		statement := w.ask(t, notary(), got.AccessToken, typeStatement).Body.String()
		phantom := w.ask(t, gateway(), got.AccessToken, typePhantom).Body.String()
		for name, token := range map[string]string{
			"ID token": got.IDToken, "refresh token": got.RefreshToken, "code": w.code(t, c, w.authorize(t, c)),
			"JARM": callback.URL.Query().Get("response"), "assertion": form.Get("client_assertion"), "proof": proof.Header.Get("DPoP"),
			"request object": signing.object(t, signing.request()), "statement": statement, "phantom": phantom,
			"never issued": forged, "prefix": got.AccessToken[:42], "digest": jose.Encode(make([]byte, 32)),
		} {
			require.NotEmpty(t, token, name)
			for _, caller := range []*client{gateway(), payer()} {
				isInactive(t, w.ask(t, caller, token, ""))
			}
		}
		isActive(t, w.ask(t, gateway(), got.AccessToken, ""))
	})
	t.Run("a code used twice ends opaque tokens, too", func(t *testing.T) {
		t.Parallel()
		code := w.code(t, c, w.authorize(t, c))
		got := tokensOf(t, w.redeem(t, c, code))
		isActive(t, w.ask(t, gateway(), got.AccessToken, ""))
		refuses(t, w.redeem(t, c, code), http.StatusBadRequest, "invalid_grant")
		isInactive(t, w.ask(t, gateway(), got.AccessToken, ""))
		require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, got).Code)
	})
}
