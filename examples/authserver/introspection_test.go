package main

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// The gateway of the example exchanges an opaque token for a JWT.
func TestGateway(t *testing.T) {
	t.Parallel()
	r := start(t)
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}, "client_id": {"lender"}, "resource": {exampleGateway}}
	response, text := r.do(t, r.transport(t, "lender"), "POST", r.alias+"/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusOK, response.StatusCode, text)
	require.NotContains(t, text, "eyJ", "it is opaque")
	_, rest, _ := strings.Cut(text, `"access_token":"`)
	opaque, _, _ := strings.Cut(rest, `"`)

	key := parseKey(r.file(t, "gateway-accounts.pem"))
	assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: exampleCaller, Issuer: r.issuer, Key: key})
	require.NoError(t, err)
	endpoint := r.issuer + "/introspect"
	keys, err := jwks.NewRemote(jwks.RemoteConfig{URL: r.issuer + "/jwks", RootCAs: r.roots, AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	require.NoError(t, err)
	jwts, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: r.issuer, Audience: exampleGateway, Keys: keys})
	require.NoError(t, err)
	tokens, err := introspection.NewPhantom(introspection.PhantomConfig[*accesstoken.Token]{
		Endpoint: endpoint, Audience: exampleGateway, Verify: jwts.Verify,
		HTTP: &http.Client{Transport: &privatekeyjwt.Transport{Signer: assertions, Endpoints: []string{endpoint}, Base: r.transport(t, "")}},
	})
	require.NoError(t, err)
	_, token, err := tokens.Exchange(t.Context(), opaque)
	require.NoError(t, err)
	require.Equal(t, "lender", token.ClientID())
	require.False(t, token.Confirmation().IsZero())

	revoked := url.Values{"client_id": {"lender"}, "token": {opaque}}
	response, text = r.do(t, r.transport(t, "lender"), "POST", r.alias+"/revoke", revoked.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusOK, response.StatusCode, text)
	tokens.Forget(opaque)
	_, _, err = tokens.Exchange(t.Context(), opaque)
	require.ErrorIs(t, err, introspection.ErrInactive)
}
