package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/authserver/server"
)

func (w *world) revoke(t testing.TB, c *client, token string) *httptest.ResponseRecorder {
	t.Helper()
	return w.post(t, c, "/revoke", url.Values{"token": {token}, "token_type_hint": {"nonsense"}})
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	var refused error
	w := newWorld(t, withOpaque(t), func(c *server.Config) { c.ObserveRefusal = func(err error) { refused = err } })
	c := w.the(t, "plain")
	for kind, resource := range map[string]string{"opaque": accounts, "JWT": payments} {
		got := w.flow(t, c, "resource", resource)
		sibling := tokensOf(t, w.refresh(t, c, got))
		require.Equal(t, http.StatusOK, w.userinfo(t, c, http.MethodGet, got).Code, kind)

		thief := w.the(t, "other")
		for _, token := range []string{got.AccessToken, got.RefreshToken} {
			refuses(t, w.revoke(t, thief, token), http.StatusBadRequest, "invalid_grant")
			require.ErrorIs(t, refused, server.ErrTokenClient)
		}
		require.Equal(t, http.StatusOK, w.userinfo(t, c, http.MethodGet, got).Code, kind)

		for range 2 { // what is revoked is unknown, and that is no error
			response := w.revoke(t, c, got.AccessToken)
			require.Equal(t, http.StatusOK, response.Code)
			require.Empty(t, response.Body.String())
			require.Equal(t, "no-store", response.Header().Get("Cache-Control"))
		}
		require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, got).Code, kind)
		require.Equal(t, http.StatusOK, w.userinfo(t, c, http.MethodGet, sibling).Code, "one token is one token")
		if kind == "JWT" {
			require.False(t, w.Active(claims(t, got.AccessToken)["jti"].(string)))
			require.True(t, w.Active(claims(t, sibling.AccessToken)["jti"].(string)))
		}

		require.Equal(t, http.StatusOK, w.revoke(t, c, got.RefreshToken).Code)
		require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, sibling).Code, "all of the grant")
		refuses(t, w.refresh(t, c, got), http.StatusBadRequest, "invalid_grant")
	}
	require.Equal(t, http.StatusOK, w.revoke(t, c, "unknown").Code)
	refuses(t, w.post(t, c, "/revoke", url.Values{}), http.StatusBadRequest, "invalid_request")
	nobody := *c
	nobody.key = w.the(t, "other").key
	refuses(t, w.revoke(t, &nobody, "unknown"), http.StatusUnauthorized, "invalid_client")
	require.Equal(t, http.StatusMethodNotAllowed, w.get(issuer+"/revoke").Code)
}

// Clients of FAPI 1.0 address assertions to the endpoint.
func TestRevocationByOlderClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "older")
	got := w.flow(t, c)
	c.audience = issuer + "/revoke"
	require.Equal(t, http.StatusOK, w.revoke(t, c, got.AccessToken).Code)
	require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, got).Code)
}

// Who acts for users does not act without one, unless its registration says so.
func TestOwnTokens(t *testing.T) {
	t.Parallel()
	var refused error
	w := newWorld(t, func(c *server.Config) {
		c.ObserveRefusal = func(err error) { refused = err }
		machine := c.Clients["other"]
		machine.RedirectURIs = nil
		c.Clients["other"] = machine
		both := c.Clients["signing"]
		both.OwnTokens = true
		c.Clients["signing"] = both
	})
	refuses(t, w.own(t, w.the(t, "plain"), "scope", "accounts"), http.StatusBadRequest, "unauthorized_client")
	require.ErrorContains(t, refused, "OwnTokens")
	for _, id := range []string{"other", "signing"} {
		for _, scope := range []string{"openid", "accounts profile"} {
			refuses(t, w.own(t, w.the(t, id), "scope", scope), http.StatusBadRequest, "invalid_scope")
		}
		require.Equal(t, id, claims(t, tokensOf(t, w.own(t, w.the(t, id), "scope", "accounts")).AccessToken)["sub"])
	}
	refuses(t, w.redeem(t, w.the(t, "other"), "x"), http.StatusBadRequest, "unauthorized_client")
}
