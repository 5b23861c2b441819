package server_test

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/browser"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/jarm"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

const (
	issuer    = "https://as.example"
	alias     = "https://mtls.as.example"
	accounts  = "https://api.example/accounts"
	payments  = "https://api.example/payments"
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // RFC 7636 appendix B
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
	username  = "alice"
	password  = "correct horse"
)

// users is one user.
type users struct{}

func (users) Authenticate(_ context.Context, name, secret string) (server.User, bool, error) {
	return server.User{Account: "4711", Name: "Alice Example"}, name == username && secret == password, nil
}

// world is a server with a client of each kind, all in this process.
type world struct {
	*server.Server
	config server.Config
	issuer string
}

// newWorld makes it. changes come before the server does.
func newWorld(t testing.TB, changes ...func(*server.Config)) *world {
	t.Helper()
	store, err := replay.NewMemory(replay.MemoryConfig{MaxEntries: 4096})
	require.NoError(t, err)
	config := server.Config{
		Issuer: issuer, Alias: alias, Key: testkeys.ES256("server"), Replay: store, Users: users{},
		Clients: map[string]server.Client{},
	}
	for _, c := range []*client{plain(), other(), certified(t), signing(), older(t)} {
		config.Clients[c.id] = c.registration(t)
	}
	for _, change := range changes {
		change(&config)
	}
	s, err := server.New(config)
	require.NoError(t, err)
	return &world{Server: s, config: config, issuer: config.Issuer}
}

// client is a client program.
type client struct {
	id          string
	profile     fapi.Profile
	redirectURI string
	key         crypto.Signer
	dpop        crypto.Signer     // nil: it uses no DPoP
	certificate *x509.Certificate // nil: it has none
	byKey       bool              // authenticates with its key, certificate or not
	audience    string            // of its assertions; empty: the issuer
	nonce       string            // the server's
}

func plain() *client {
	return &client{
		id: "plain", profile: fapi.FAPI2Security, redirectURI: "https://client.example/cb?tenant=a%2Fb",
		key: testkeys.ES256("plain"), dpop: testkeys.ES256("plain dpop"), byKey: true,
	}
}

func other() *client {
	c := plain()
	c.id, c.redirectURI, c.key, c.dpop = "other", "https://other.example/cb", testkeys.ES256("other"), testkeys.ES256("other dpop")
	return c
}

func certified(t testing.TB) *client {
	return &client{
		id: "certified", redirectURI: "https://certified.example/cb", certificate: newCertificate(t),
		key: testkeys.ES256("certified"),
	}
}

func signing() *client {
	return &client{
		id: "signing", profile: fapi.FAPI2MessageSigning, redirectURI: "https://signing.example/cb",
		key: testkeys.EdDSA("signing"), dpop: testkeys.ES256("signing dpop"), byKey: true,
	}
}

func older(t testing.TB) *client {
	return &client{
		id: "older", profile: fapi.FAPI1Advanced, redirectURI: "https://older.example/cb",
		key: testkeys.PS256(), certificate: newCertificate(t), byKey: true, audience: issuer + "/token",
	}
}

// the is the client program behind a registration of the world.
func (w *world) the(t testing.TB, id string) *client {
	t.Helper()
	for _, c := range []*client{plain(), other(), certified(t), signing(), older(t)} {
		if c.id == id {
			if registered := w.config.Clients[id]; registered.Certificate != nil {
				c.certificate = registered.Certificate.Certificates[0]
			}
			return c
		}
	}
	t.Fatal("no client ", id)
	return nil
}

func newCertificate(t testing.TB) *x509.Certificate {
	t.Helper()
	certificate, err := pki.SelfSigned("client")
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(certificate.Certificate[0])
	require.NoError(t, err)
	return parsed
}

func (c *client) registration(t testing.TB) server.Client {
	t.Helper()
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: c.key.Public()})
	require.NoError(t, err)
	registration := server.Client{
		Keys: keys, Name: "The " + c.id + " client", Profile: c.profile, RedirectURIs: []string{c.redirectURI},
		Scopes: []string{"openid", "profile", "accounts", "payments"}, APIs: []string{accounts, payments},
		CertificateBound: c.certificate != nil,
	}
	if !c.byKey {
		registration.Certificate = &mtls.Client{
			Method: mtls.SelfSignedTLSClientAuth, Certificates: []*x509.Certificate{c.certificate},
		}
	}
	return registration
}

// request is a sound authorization request, with names and values in turn on top;
// an empty value takes a parameter out.
func (c *client) request(changes ...string) url.Values {
	params := url.Values{
		"client_id": {c.id}, "response_type": {"code"}, "redirect_uri": {c.redirectURI}, "scope": {"openid profile accounts"},
		"state": {"af0ifjsldkj"}, "nonce": {"n-0S6_WzA2Mj"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	if c.jarm() {
		params.Set("response_mode", "jwt")
	}
	return with(params, changes...)
}

func with(params url.Values, changes ...string) url.Values {
	for i := 0; i < len(changes); i += 2 {
		if params.Set(changes[i], changes[i+1]); changes[i+1] == "" {
			params.Del(changes[i])
		}
	}
	return params
}

func (c *client) jarm() bool {
	return c.profile == fapi.FAPI2MessageSigning || c.profile == fapi.FAPI1Advanced
}

// object is the request as a request object.
func (c *client) object(t testing.TB, params url.Values) string {
	t.Helper()
	signer, err := jar.NewSigner(jar.SignerConfig{ClientID: c.id, Issuer: issuer, Key: c.key})
	require.NoError(t, err)
	object, err := signer.Sign(t.Context(), params)
	require.NoError(t, err)
	return object
}

// post sends a form to an endpoint, with the client's credentials and proofs.
func (w *world) post(t testing.TB, c *client, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	return w.serve(w.posting(t, c, path, form))
}

func (w *world) posting(t testing.TB, c *client, path string, form url.Values) *http.Request {
	t.Helper()
	if c.byKey {
		c.authenticate(t, form)
	} else {
		form.Set("client_id", c.id)
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, w.issuer+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c.prove(t, r, "")
	return r
}

func (c *client) authenticate(t testing.TB, form url.Values) {
	t.Helper()
	audience := c.audience
	if audience == "" {
		audience = issuer
	}
	signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: c.id, Issuer: audience, Key: c.key})
	require.NoError(t, err)
	require.NoError(t, signer.AuthenticateClient(t.Context(), form))
}

// prove adds the certificate and the proof that the client has.
func (c *client) prove(t testing.TB, r *http.Request, accessToken string) {
	t.Helper()
	if c.certificate != nil {
		r.TLS = &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: []*x509.Certificate{c.certificate}}
	}
	if c.dpop == nil {
		return
	}
	signer, err := dpop.NewSigner(c.dpop)
	require.NoError(t, err)
	address := "https://" + r.Host + r.URL.Path
	proof, err := signer.SignTokenRequest(t.Context(), address, c.nonce)
	if accessToken != "" {
		proof, err = signer.SignResourceRequest(t.Context(), r.Method, address, accessToken, c.nonce)
	}
	require.NoError(t, err)
	r.Header.Set("DPoP", proof)
}

func (w *world) serve(r *http.Request) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, r)
	return recorder
}

func (w *world) get(address string) *httptest.ResponseRecorder {
	return w.serve(httptest.NewRequest(http.MethodGet, address, nil))
}

// push pushes a request, signed if the client's profile says so.
func (w *world) push(t testing.TB, c *client, params url.Values) *httptest.ResponseRecorder {
	t.Helper()
	if c.jarm() {
		params = url.Values{"client_id": {c.id}, "request": {c.object(t, params)}}
	}
	return w.post(t, c, "/par", params)
}

// start is a request that is pushed, and the URL for the browser.
func (w *world) start(t testing.TB, c *client, changes ...string) (authorizationURL string) {
	t.Helper()
	response := w.push(t, c, c.request(changes...))
	require.Equal(t, http.StatusCreated, response.Code, response.Body)
	query := url.Values{"client_id": {c.id}, "request_uri": {field(t, response, "request_uri").(string)}}
	return w.issuer + "/authorize?" + query.Encode()
}

func field(t testing.TB, response *httptest.ResponseRecorder, name string) any {
	t.Helper()
	var body map[string]any
	require.NoError(t, json.Unmarshal(response.Body.Bytes(), &body), response.Body)
	return body[name]
}

func (w *world) browser(t testing.TB) *browser.Browser {
	t.Helper()
	b, err := browser.New(w.issuer, browser.InProcess(w))
	require.NoError(t, err)
	return b
}

// open opens a URL in a browser.
func open(t testing.TB, b *browser.Browser, address string) *browser.Page {
	t.Helper()
	page, err := b.Open(t.Context(), address)
	require.NoError(t, err)
	return page
}

func press(t testing.TB, page *browser.Page, id string) *browser.Page {
	t.Helper()
	page, err := page.Press(t.Context(), id)
	require.NoError(t, err)
	return page
}

// login opens a URL, logs the user in and is at the consent page.
func login(t testing.TB, b *browser.Browser, address string) *browser.Page {
	t.Helper()
	return loginAt(t, open(t, b, address))
}

func loginAt(t testing.TB, page *browser.Page) *browser.Page {
	t.Helper()
	consent, err := page.Login(t.Context(), username, password)
	require.NoError(t, err)
	require.Equal(t, "/consent", consent.URL.Path, consent.Body)
	return consent
}

// authorize is a whole visit; it returns the callback.
func (w *world) authorize(t testing.TB, c *client, changes ...string) *http.Request {
	t.Helper()
	callback, err := w.browser(t).Authorize(t.Context(), w.start(t, c, changes...), username, password)
	require.NoError(t, err)
	return callback
}

// response reads a callback as the client does; an error response is its error.
func (w *world) response(t testing.TB, c *client, callback *http.Request, state string) (url.Values, error) {
	t.Helper()
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: w.config.Key.Public()})
	require.NoError(t, err)
	config := jarm.DecoderConfig{Issuer: issuer, ClientID: c.id, Keys: keys, ResponseMode: jarm.ModeQuery}
	if c.jarm() {
		config.ResponseMode = jarm.ModeJWT
	}
	decoder, err := jarm.NewDecoder(config)
	require.NoError(t, err)
	return decoder.Callback(callback, state)
}

// code is the code of a callback.
func (w *world) code(t testing.TB, c *client, callback *http.Request) string {
	t.Helper()
	require.True(t, strings.HasPrefix(callback.URL.String(), c.redirectURI), callback.URL)
	params, err := w.response(t, c, callback, "af0ifjsldkj")
	require.NoError(t, err)
	require.Len(t, params.Get("code"), 43)
	return params.Get("code")
}

func (c *client) codeForm(code string, changes ...string) url.Values {
	return with(url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.redirectURI}, "code_verifier": {verifier},
	}, changes...)
}

// redeem trades a code in.
func (w *world) redeem(t testing.TB, c *client, code string, changes ...string) *httptest.ResponseRecorder {
	t.Helper()
	return w.post(t, c, "/token", c.codeForm(code, changes...))
}

// tokens are what the token endpoint gave.
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	Scope        string
	RefreshToken string `json:"refresh_token"`
	IDToken      string `json:"id_token"`
}

func tokensOf(t testing.TB, response *httptest.ResponseRecorder) (got tokens) {
	t.Helper()
	require.Equal(t, http.StatusOK, response.Code, response.Body)
	require.Equal(t, "no-store", response.Header().Get("Cache-Control"))
	require.NoError(t, json.Unmarshal(response.Body.Bytes(), &got))
	return got
}

// flow is the whole way to tokens.
func (w *world) flow(t testing.TB, c *client, changes ...string) tokens {
	t.Helper()
	return tokensOf(t, w.redeem(t, c, w.code(t, c, w.authorize(t, c, changes...))))
}

// own asks for a token without a user.
func (w *world) own(t testing.TB, c *client, changes ...string) *httptest.ResponseRecorder {
	t.Helper()
	return w.post(t, c, "/token", with(url.Values{"grant_type": {"client_credentials"}}, changes...))
}

// userinfo calls userinfo.
func (w *world) userinfo(t testing.TB, c *client, method string, got tokens) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, w.issuer+"/userinfo", nil)
	c.prove(t, r, got.AccessToken)
	r.Header.Set("Authorization", got.TokenType+" "+got.AccessToken)
	return w.serve(r)
}

// refuses checks a JSON error.
func refuses(t testing.TB, response *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	require.Equal(t, status, response.Code, response.Body)
	require.Equal(t, code, field(t, response, "error"))
}

// claims are the payload of a JWT.
func claims(t testing.TB, token string) (payload map[string]any) {
	t.Helper()
	parsed, err := jose.Parse(token)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(parsed.Payload, &payload))
	return payload
}

// isError checks that a page is the error page with this code.
func isError(t testing.TB, page *browser.Page, code string) {
	t.Helper()
	require.Nil(t, page.Callback)
	require.Equal(t, "/error", page.URL.Path)
	require.Contains(t, page.Body, "<h1>Error</h1>")
	require.Contains(t, page.Body, `<code id="error">`+code+`</code>`)
	require.Equal(t, http.StatusBadRequest, page.Status)
}
