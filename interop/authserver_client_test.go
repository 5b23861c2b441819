package interop_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// RFC 7636 appendix B.
const (
	pkceVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	pkceChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// appClient is a client of authserver with a key of -init and DPoP, or with a
// certificate.
type appClient struct {
	as          *authserver
	id          string
	redirectURI string
	http        *http.Client
	withKey     bool
}

func (as *authserver) shop(t *testing.T) *appClient {
	t.Helper()
	return &appClient{
		as: as, id: "shop", redirectURI: "https://localhost:8450/callback", withKey: true,
		http: &http.Client{Transport: as.transport(t)},
	}
}

func (as *authserver) planner(t *testing.T) *appClient {
	t.Helper()
	c := as.shop(t)
	c.id, c.redirectURI = "planner", "https://localhost:8451/callback"
	return c
}

func (as *authserver) desktop(t *testing.T) *appClient {
	t.Helper()
	c := as.shop(t)
	c.id, c.redirectURI, c.withKey = "desktop", "http://127.0.0.1:8453/callback", false
	file := filepath.Join(as.folder, "clients", "desktop")
	certificate, err := tls.LoadX509KeyPair(file+".pem", file+"-key.pem")
	require.NoError(t, err)
	c.http.Transport.(*http.Transport).TLSClientConfig.Certificates = []tls.Certificate{certificate}
	return c
}

// reply is what an endpoint of JSON said.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

// post posts a form with the client's credentials and a proof.
func (c *appClient) post(t *testing.T, path string, form url.Values) reply {
	t.Helper()
	return c.do(t, c.posting(t, path, form))
}

func (c *appClient) posting(t *testing.T, path string, form url.Values) *http.Request {
	t.Helper()
	origin := c.as.mtls
	if c.withKey {
		origin = c.as.issuer
		signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: c.id, Issuer: c.as.issuer, Key: c.as.key(t, c.id)})
		require.NoError(t, err)
		require.NoError(t, signer.AuthenticateClient(t.Context(), form))
	} else {
		form.Set("client_id", c.id)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, origin+path, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	c.prove(t, r, "")
	return r
}

// prove adds a proof if the client uses them.
func (c *appClient) prove(t *testing.T, r *http.Request, accessToken string) {
	t.Helper()
	if !c.withKey {
		return
	}
	signer, err := dpop.NewSigner(testkeys.ES256("proofs of " + c.id))
	require.NoError(t, err)
	proof, err := signer.SignTokenRequest(t.Context(), r.URL.String(), "")
	if accessToken != "" {
		proof, err = signer.SignResourceRequest(t.Context(), r.Method, r.URL.String(), accessToken, "")
	}
	require.NoError(t, err)
	r.Header.Set("DPoP", proof)
}

func (c *appClient) do(t *testing.T, r *http.Request) (got reply) {
	t.Helper()
	response, err := c.http.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	got.status, got.header = response.StatusCode, response.Header
	_ = json.NewDecoder(response.Body).Decode(&got.body) // it stays nil
	return got
}

// request is a sound authorization request with names and values in turn on top.
func (c *appClient) request(changes ...string) url.Values {
	params := url.Values{
		"client_id": {c.id}, "response_type": {"code"}, "redirect_uri": {c.redirectURI}, "scope": {"accounts"},
		"state": {"the state"}, "code_challenge": {pkceChallenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i < len(changes); i += 2 {
		params.Set(changes[i], changes[i+1])
	}
	return params
}

// push pushes a request and returns the URL for the browser. The planner signs it.
func (c *appClient) push(t *testing.T, changes ...string) (authorizationURL string) {
	t.Helper()
	params := c.request(changes...)
	if c.id == "planner" {
		if !params.Has("response_mode") {
			params.Set("response_mode", "jwt")
		}
		signer, err := jar.NewSigner(jar.SignerConfig{ClientID: c.id, Issuer: c.as.issuer, Key: c.as.key(t, c.id)})
		require.NoError(t, err)
		object, err := signer.Sign(t.Context(), params)
		require.NoError(t, err)
		params = url.Values{"client_id": {c.id}, "request": {object}}
	}
	made := c.post(t, "/par", params)
	require.Equal(t, http.StatusCreated, made.status, made.body)
	return c.address(made.body["request_uri"].(string))
}

func (c *appClient) address(requestURI string) string {
	return c.as.issuer + "/authorize?" + url.Values{"client_id": {c.id}, "request_uri": {requestURI}}.Encode()
}

func (c *appClient) redemption(code string) url.Values {
	return url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {c.redirectURI}, "code_verifier": {pkceVerifier},
	}
}

// accounts calls the protected API.
func (c *appClient) accounts(t *testing.T, accessToken string) reply {
	t.Helper()
	origin, scheme := c.as.mtls, "Bearer "
	if c.withKey {
		origin, scheme = c.as.issuer, "DPoP "
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, origin+"/accounts", nil)
	require.NoError(t, err)
	r.Header.Set("Authorization", scheme+accessToken)
	c.prove(t, r, accessToken)
	return c.do(t, r)
}
