package interop_test

import (
	"crypto"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// flowClient is one way through the flow, for authserver.mjs.
type flowClient struct {
	Issuer      string          `json:"issuer"`
	TLS         clientTLS       `json:"tls"`
	ClientID    string          `json:"clientID"`
	RedirectURI string          `json:"redirectURI"`
	Scope       string          `json:"scope"`
	JWK         json.RawMessage `json:"jwk,omitempty"`
	UseDPoP     bool            `json:"useDPoP"`
	Signs       bool            `json:"signs"`
	ByValue     bool            `json:"byValue"`
	Mode        string          `json:"mode,omitempty"`
	Alg         string          `json:"alg"`
}

type clientTLS struct {
	CA   string `json:"ca"`
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`
}

// flowClients are the clients of -init in the ways their profiles allow.
func flowClients() map[string]flowClient {
	shop := flowClient{
		ClientID: "shop", RedirectURI: "https://localhost:8450/callback?bank=example",
		Scope: "openid profile accounts", UseDPoP: true,
	}
	planner := flowClient{
		ClientID: "planner", RedirectURI: "https://localhost:8451/callback", Scope: "openid accounts", UseDPoP: true,
		Signs: true, Mode: "jwt",
	}
	lender := flowClient{
		ClientID: "lender", RedirectURI: "https://localhost:8452/callback", Scope: "openid accounts", Signs: true, Mode: "jwt",
	}
	desktop := flowClient{ClientID: "desktop", RedirectURI: "http://127.0.0.1:8453/callback", Scope: "accounts"}
	clients := map[string]flowClient{
		"FAPI 2.0 with DPoP": shop, "FAPI 2.0 with mTLS": desktop,
		"FAPI 2.0 Message Signing": planner, "FAPI 1.0 Advanced": lender,
	}
	for _, mode := range []string{"query.jwt", "fragment.jwt", "form_post.jwt"} {
		planner.Mode = mode
		clients["FAPI 2.0 Message Signing "+mode] = planner
	}
	shop.Signs, shop.Mode = true, "jwt"
	clients["FAPI 2.0 with JAR and JARM"] = shop
	lender.ByValue = true
	clients["FAPI 1.0 Advanced by value"] = lender
	return clients
}

func (as *authserver) equip(t *testing.T, c flowClient, alg string) flowClient {
	t.Helper()
	c.Issuer, c.Alg, c.TLS = as.issuer, alg, clientTLS{CA: string(as.read(t, "ca.pem"))}
	if c.ClientID != "desktop" {
		c.JWK = as.read(t, "clients/"+c.ClientID+".jwk")
	}
	if !c.UseDPoP {
		c.TLS.Cert = string(as.read(t, "clients/"+c.ClientID+".pem"))
		c.TLS.Key = string(as.read(t, "clients/"+c.ClientID+"-key.pem"))
	}
	return c
}

// flowReport is what authserver.mjs reports.
type flowReport struct {
	State, Nonce string
	OIDC, OAuth2 map[string]any

	Response                map[string]string
	OtherState, OtherIssuer outcome[any]

	Tokens, Refreshed, Narrowed, RefreshedWithOtherKey outcome[flowTokens]
	OtherVerifier, OtherRedirect, BoundElsewhere       outcome[any]
	Widened, Again, RefreshAfter                       outcome[any]

	Claims    map[string]any
	Signature outcome[string]
	Userinfo  outcome[map[string]any]

	Accounts, AccountsRefreshed            outcome[any]
	OtherProof, WithoutCertificate, Bearer outcome[any]
	Revoked, AccountsRevoked               outcome[any]
	UserinfoAfter, AccountsAfter           outcome[any]
}

type flowTokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token"`
	Scope        string
}

// The client oauth4webapi goes through the code flow of examples/authserver.
func TestAuthserverOauth4webapi(t *testing.T) {
	t.Parallel()
	needNode(t)
	as := startAuthserver(t)
	for name, c := range flowClients() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			as.flow(t, as.equip(t, c, "ES256"))
		})
	}
}

// The same with the other algorithms of the server's signatures. FAPI 1.0 knows no
// EdDSA, so its client moves.
func TestAuthserverAlgorithms(t *testing.T) {
	t.Parallel()
	needNode(t)
	for _, alg := range []string{"PS256", "EdDSA"} {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			as := startAuthserver(t, "signing.pem", keyFile(t, keyFor(alg, "authserver")), "fapi1-advanced", "fapi2-message-signing",
				`"id_token_signed_response_alg": "ES256"`, `"id_token_signed_response_alg": "`+alg+`"`,
				`"authorization_signed_response_alg": "ES256"`, `"authorization_signed_response_alg": "`+alg+`"`)
			as.flow(t, as.equip(t, flowClients()["FAPI 2.0 Message Signing"], alg))
			as.flow(t, as.equip(t, flowClients()["FAPI 1.0 Advanced"], alg))
		})
	}
}

func keyFile(t *testing.T, key crypto.Signer) (path string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	path = filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	return path
}

// flow runs authserver.mjs as this client, and checks all it reports.
func (as *authserver) flow(t *testing.T, c flowClient) {
	t.Helper()
	client := startNode(t, "authserver.mjs")
	var asked struct {
		Pushed        outcome[map[string]any]
		Authorization string
	}
	client.ask(c, &asked)
	require.Empty(t, asked.Pushed.Error)
	callback := as.newVisitor(t).authorize(t, asked.Authorization)
	var report flowReport
	client.ask(map[string]string{"callback": callback.String()}, &report)
	report.checkMetadata(t, as)
	report.checkResponse(t, c)
	report.checkTokens(t, c)
	report.checkIDToken(t, c)
	report.checkRefresh(t, c)
	report.checkAccess(t, c)
}

func (r flowReport) checkMetadata(t *testing.T, as *authserver) {
	t.Helper()
	require.Equal(t, r.OAuth2, r.OIDC, "one document at two places")
	require.Equal(t, as.issuer, r.OAuth2["issuer"])
	require.Equal(t, map[string]any{
		"token_endpoint":                        as.mtls + "/token",
		"pushed_authorization_request_endpoint": as.mtls + "/par",
		"userinfo_endpoint":                     as.mtls + "/userinfo",
	}, only(r.OAuth2["mtls_endpoint_aliases"], "token_endpoint", "pushed_authorization_request_endpoint", "userinfo_endpoint"))
	require.NotContains(t, r.OAuth2["mtls_endpoint_aliases"], "authorization_endpoint", "browsers are not asked for certificates")
}

// only leaves out of an object what is not named.
func only(object any, names ...string) map[string]any {
	left := map[string]any{}
	for _, name := range names {
		if value, ok := object.(map[string]any)[name]; ok {
			left[name] = value
		}
	}
	return left
}

func (r flowReport) checkResponse(t *testing.T, c flowClient) {
	t.Helper()
	require.Equal(t, c.Issuer, r.Response["iss"])
	require.Equal(t, r.State, r.Response["state"])
	require.Equal(t, "OAUTH_INVALID_RESPONSE", r.OtherState.Error)
	require.NotEmpty(t, r.OtherIssuer.Error)
}

func (r flowReport) checkTokens(t *testing.T, c flowClient) {
	t.Helper()
	r.OtherVerifier.refused(t, 400, "invalid_grant")
	r.OtherRedirect.refused(t, 400, "invalid_grant")
	if c.UseDPoP {
		r.BoundElsewhere.refused(t, 400, "invalid_grant") // the push was proven with another key
	}
	require.Empty(t, r.Tokens.Error, "and none of these attempts has cost the code")
	require.Equal(t, c.Scope, r.Tokens.Value.Scope)
	require.Equal(t, c.tokenType(), r.Tokens.Value.TokenType)
}

// tokenType is in lower case, as oauth4webapi hands it out.
func (c flowClient) tokenType() string {
	if c.UseDPoP {
		return "dpop"
	}
	return "bearer"
}

func (c flowClient) openID() bool { return strings.HasPrefix(c.Scope, "openid") }

func (r flowReport) checkIDToken(t *testing.T, c flowClient) {
	t.Helper()
	if !c.openID() {
		require.Nil(t, r.Claims)
		return
	}
	require.Equal(t, "valid", r.Signature.Value)
	require.Equal(t, r.Nonce, r.Claims["nonce"])
	require.Equal(t, c.ClientID, r.Claims["aud"])
	require.Empty(t, r.Userinfo.Error)
	require.Equal(t, r.Claims["sub"], r.Userinfo.Value["sub"])
	if strings.Contains(c.Scope, "profile") {
		require.Equal(t, "Alice Example", r.Userinfo.Value["name"])
	}
}

func (r flowReport) checkRefresh(t *testing.T, c flowClient) {
	t.Helper()
	require.Empty(t, r.Refreshed.Error)
	require.Equal(t, c.Scope, r.Refreshed.Value.Scope)
	require.NotEqual(t, r.Tokens.Value.AccessToken, r.Refreshed.Value.AccessToken)
	require.Contains(t, []string{"", r.Tokens.Value.RefreshToken}, r.Refreshed.Value.RefreshToken, "it is not rotated")
	require.Equal(t, "accounts", r.Narrowed.Value.Scope)
	r.Widened.refused(t, 400, "invalid_scope")
	require.Empty(t, r.RefreshedWithOtherKey.Error, "refresh tokens of confidential clients are not bound to a key")
}

func (r flowReport) checkAccess(t *testing.T, c flowClient) {
	t.Helper()
	require.Empty(t, r.Accounts.Error)
	require.Empty(t, r.Revoked.Error)
	r.AccountsRevoked.refused(t, 401, "invalid_token")
	require.Empty(t, r.AccountsRefreshed.Error, "control: another token of the same grant")
	r.Bearer.refused(t, 401, "invalid_token")
	if c.UseDPoP {
		r.OtherProof.refused(t, 401, "invalid_token")
	} else {
		r.WithoutCertificate.refused(t, 401, "invalid_token")
	}
	r.Again.refused(t, 400, "invalid_grant")
	r.RefreshAfter.refused(t, 400, "invalid_grant")
	r.AccountsAfter.refused(t, 401, "invalid_token")
	if c.openID() {
		r.UserinfoAfter.refused(t, 401, "invalid_token")
	}
}
