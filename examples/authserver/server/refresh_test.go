package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
)

func (w *world) refresh(t testing.TB, c *client, got tokens, changes ...string) *httptest.ResponseRecorder {
	t.Helper()
	return w.post(t, c, "/token", with(url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {got.RefreshToken},
	}, changes...))
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "plain")
	got := w.flow(t, c)
	t.Run("not rotated", func(t *testing.T) {
		t.Parallel()
		for range 3 {
			again := tokensOf(t, w.refresh(t, c, got))
			require.Empty(t, again.RefreshToken)
			require.Empty(t, again.IDToken)
			require.Equal(t, got.Scope, again.Scope)
			require.Equal(t, http.StatusOK, w.userinfo(t, c, http.MethodGet, again).Code)
			require.Equal(t, claims(t, got.AccessToken)["auth_time"], claims(t, again.AccessToken)["auth_time"])
		}
	})
	t.Run("less scope, and then again all", func(t *testing.T) {
		t.Parallel()
		less := tokensOf(t, w.refresh(t, c, got, "scope", "accounts"))
		require.Equal(t, "accounts", less.Scope)
		require.Equal(t, []any{accounts}, claimsList(t, less, "aud"))
		require.Equal(t, got.Scope, tokensOf(t, w.refresh(t, c, got)).Scope)
	})
	t.Run("more than was granted", func(t *testing.T) {
		t.Parallel()
		refuses(t, w.refresh(t, c, got, "scope", "accounts payments"), http.StatusBadRequest, "invalid_scope")
		refuses(t, w.refresh(t, c, got, "resource", payments), http.StatusBadRequest, "invalid_target")
	})
	t.Run("another client, or none", func(t *testing.T) {
		t.Parallel()
		refuses(t, w.refresh(t, w.the(t, "other"), got), http.StatusBadRequest, "invalid_grant")
		refuses(t, w.refresh(t, c, tokens{RefreshToken: got.AccessToken}), http.StatusBadRequest, "invalid_grant")
		refuses(t, w.refresh(t, c, tokens{}), http.StatusBadRequest, "invalid_request")
		tokensOf(t, w.refresh(t, c, got))
	})
}

func TestRefreshKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("D49 another key is fine for a client that authenticates, and none is not", func(t *testing.T) {
		t.Parallel()
		c := w.the(t, "plain")
		got := w.flow(t, c)
		silent, moved := *c, *c
		silent.dpop, moved.dpop = nil, testkeys.ES256("new device")
		refuses(t, w.refresh(t, &silent, got), http.StatusBadRequest, "invalid_dpop_proof")
		again := tokensOf(t, w.refresh(t, &moved, got))
		require.Equal(t, http.StatusOK, w.userinfo(t, &moved, http.MethodGet, again).Code)
		require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, again).Code, "bound to the new key alone")
		thief := w.the(t, "other")
		thief.dpop = c.dpop
		refuses(t, w.refresh(t, thief, got), http.StatusBadRequest, "invalid_grant")
	})
	t.Run("M24 another certificate", func(t *testing.T) {
		t.Parallel()
		c := w.the(t, "older")
		got := w.flow(t, c)
		bare, renewed := *c, *c
		bare.certificate, renewed.certificate = nil, newCertificate(t)
		refuses(t, w.refresh(t, &bare, got), http.StatusBadRequest, "invalid_request")
		again := tokensOf(t, w.refresh(t, &renewed, got))
		thumbprint := mtls.Thumbprint(renewed.certificate)
		require.Equal(t, map[string]any{cnf.MemberX5TS256: jose.Encode(thumbprint[:])}, claims(t, again.AccessToken)["cnf"])
		require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, again).Code)

		certified := w.the(t, "certified")
		got = w.flow(t, certified)
		thief := *certified
		thief.certificate = newCertificate(t)
		refuses(t, w.refresh(t, &thief, got), http.StatusUnauthorized, "invalid_client")
		tokensOf(t, w.refresh(t, certified, got))
	})
}

func TestRefreshTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		c := w.the(t, "plain")
		used, unused := w.flow(t, c), w.flow(t, c)
		for range 2 {
			time.Sleep(60 * 24 * time.Hour)
			tokensOf(t, w.refresh(t, c, used))
		}
		refuses(t, w.refresh(t, c, unused), http.StatusBadRequest, "invalid_grant")
		require.False(t, w.Active(claims(t, used.AccessToken)["jti"].(string)))
	})
}
