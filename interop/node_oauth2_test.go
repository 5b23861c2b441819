package interop_test

import (
	"context"
	"crypto"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// goClient is our client: golang.org/x/oauth2 over our transports.
type goClient struct {
	clientID      string
	issuer        string
	tokenEndpoint string
	key           crypto.Signer // of its assertions
	proofKey      crypto.Signer // nil: no proofs
	api           string
	wire          *countingTransport
}

func (c goClient) transport(t *testing.T) http.RoundTripper {
	t.Helper()
	assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: c.clientID, Issuer: c.issuer, Key: c.key})
	require.NoError(t, err)
	authenticated := &privatekeyjwt.Transport{Signer: assertions, Endpoints: []string{c.tokenEndpoint}, Base: c.wire}
	if c.proofKey == nil {
		return authenticated
	}
	proofs, err := dpop.NewSigner(c.proofKey)
	require.NoError(t, err)
	return &dpop.Transport{Signer: proofs, Base: authenticated}
}

// login returns an HTTP client that gets tokens itself, and its token source.
func (c goClient) login(t *testing.T) (*http.Client, oauth2.TokenSource) {
	t.Helper()
	config := clientcredentials.Config{
		ClientID: c.clientID, TokenURL: c.tokenEndpoint, AuthStyle: oauth2.AuthStyleInParams,
		Scopes: []string{"accounts"}, EndpointParams: url.Values{"resource": {c.api}},
	}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: c.transport(t)})
	source := config.TokenSource(ctx)
	return oauth2.NewClient(ctx, source), source
}

// use returns an HTTP client that sends a token which it was given.
func (c goClient) use(t *testing.T, token *oauth2.Token) *http.Client {
	t.Helper()
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: c.transport(t)})
	return oauth2.NewClient(ctx, oauth2.StaticTokenSource(token))
}

// refused requires that the authorization server gives no token.
func (c goClient) refused(t *testing.T, status int, code string) {
	t.Helper()
	_, source := c.login(t)
	_, err := source.Token()
	var refusal *oauth2.RetrieveError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, code, refusal.ErrorCode, refusal.ErrorDescription)
	require.Equal(t, status, refusal.Response.StatusCode)
}

// get reads a JSON answer and requires its status.
func get(t *testing.T, client *http.Client, url string, status int, answer any) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	return do(t, client, request, status, answer)
}

func do(t *testing.T, client *http.Client, request *http.Request, status int, answer any) *http.Response {
	t.Helper()
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, status, response.StatusCode, string(body))
	require.NoError(t, json.Unmarshal(body, answer), string(body))
	return response
}
