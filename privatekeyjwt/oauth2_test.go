package privatekeyjwt_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/go-fapi/fapi/internal/oauthhttp"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// authorizationServer is a token endpoint behind a Verifier.
type authorizationServer struct {
	*server
	url string

	mu     sync.Mutex
	grants []string // of the authenticated requests
	total  int      // of all requests
}

func newAuthorizationServer(t *testing.T) *authorizationServer {
	t.Helper()
	as := &authorizationServer{server: newServer(t)}
	listener := httptest.NewServer(as)
	t.Cleanup(listener.Close)
	as.url = listener.URL + "/token"
	return as
}

func (as *authorizationServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.total++
	clientID, err := as.Authenticate(r)
	if err != nil {
		oauthhttp.WriteError(w, err)
		return
	}
	as.grants = append(as.grants, clientID+" "+r.PostForm.Get("grant_type"))
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"access_token":"a","token_type":"DPoP","expires_in":1,"refresh_token":"r"}`)
}

// context carries an HTTP client that authenticates, as x/oauth2 wants it.
func (as *authorizationServer) context(t *testing.T) context.Context {
	t.Helper()
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	transport := &privatekeyjwt.Transport{Signer: newSigner(t), Endpoints: []string{as.url}, Base: base}
	return context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: transport})
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	as := newAuthorizationServer(t)
	config := clientcredentials.Config{ClientID: "client-1", TokenURL: as.url, AuthStyle: oauth2.AuthStyleInParams}
	for range 3 {
		token, err := config.Token(as.context(t))
		require.NoError(t, err)
		require.Equal(t, "a", token.AccessToken)
	}
	require.Len(t, as.grants, 3)
	require.Len(t, as.store.used, 3, "an assertion was used again")

	// Control: without the transport the server refuses.
	_, err := config.Token(t.Context())
	var refused *oauth2.RetrieveError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, invalidClient, refused.ErrorCode)
	require.Equal(t, http.StatusUnauthorized, refused.Response.StatusCode)
}

// TestRefresh: x/oauth2 lets nobody add parameters to a refresh, so only a
// transport can authenticate it.
func TestRefresh(t *testing.T) {
	t.Parallel()
	as := newAuthorizationServer(t)
	config := oauth2.Config{ClientID: "client-1", Endpoint: oauth2.Endpoint{TokenURL: as.url, AuthStyle: oauth2.AuthStyleInParams}}
	token, err := config.Exchange(as.context(t), "code")
	require.NoError(t, err)
	for range 2 {
		token.Expiry = time.Unix(1, 0)
		token, err = config.TokenSource(as.context(t), token).Token()
		require.NoError(t, err)
	}
	assert.Equal(t, []string{"client-1 authorization_code", "client-1 refresh_token", "client-1 refresh_token"}, as.grants)
	assert.Len(t, as.store.used, 3)
}

// TestAutoDetect: left to choose, x/oauth2 tries Basic first. That request never
// leaves, so no assertion is spent on it.
func TestAutoDetect(t *testing.T) {
	t.Parallel()
	as := newAuthorizationServer(t)
	config := clientcredentials.Config{ClientID: "client-1", TokenURL: as.url}
	_, err := config.Token(as.context(t))
	require.NoError(t, err)
	assert.Equal(t, 1, as.total)
	config.AuthStyle = oauth2.AuthStyleInHeader
	_, err = config.Token(as.context(t))
	require.ErrorContains(t, err, "AuthStyleInParams")
	config.AuthStyle, config.ClientSecret = oauth2.AuthStyleInParams, "s"
	_, err = config.Token(as.context(t))
	require.ErrorContains(t, err, "client_secret")
	assert.Equal(t, 1, as.total)
}
