package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/authserver/server"
)

// TestExchanges are exchanges over HTTP, known by names that other implementations
// use for them too.
func TestExchanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c, signs := w.the(t, "plain"), w.the(t, "signing")
	const uri = "urn:ietf:params:oauth:request_uri:" + challenge
	t.Run("par-plain", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, http.StatusCreated, w.post(t, c, "/par", c.request()).Code)
	})
	t.Run("par-plain-ms", func(t *testing.T) {
		t.Parallel()
		refuses(t, w.post(t, signs, "/par", signs.request()), http.StatusBadRequest, "invalid_request")
		require.Equal(t, http.StatusCreated, w.push(t, signs, signs.request()).Code)
	})
	t.Run("par-plain-signed-only", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, func(config *server.Config) {
			changed := config.Clients["plain"]
			changed.SignedRequests = true
			config.Clients["plain"] = changed
		})
		refuses(t, w.post(t, c, "/par", c.request()), http.StatusBadRequest, "invalid_request")
		pushed := w.post(t, c, "/par", url.Values{"client_id": {c.id}, "request": {c.object(t, c.request())}})
		require.Equal(t, http.StatusCreated, pushed.Code, pushed.Body)
		query := url.Values{"client_id": {c.id}, "request_uri": {field(t, pushed, "request_uri").(string)}}
		callback, err := w.browser(t).Authorize(t.Context(), issuer+"/authorize?"+query.Encode(), username, password)
		require.NoError(t, err)
		require.Equal(t, issuer, callback.URL.Query().Get("iss"), "signed requests do not ask for signed responses")
	})
	t.Run("par-request+other", func(t *testing.T) {
		t.Parallel()
		object := signs.object(t, signs.request("state", "s-1"))
		pushed := w.post(t, signs, "/par", url.Values{"client_id": {signs.id}, "request": {object}, "state": {"other"}})
		require.Equal(t, http.StatusCreated, pushed.Code, pushed.Body)
		query := url.Values{"client_id": {signs.id}, "request_uri": {field(t, pushed, "request_uri").(string)}}
		callback, err := w.browser(t).Authorize(t.Context(), issuer+"/authorize?"+query.Encode(), username, password)
		require.NoError(t, err)
		_, err = w.response(t, signs, callback, "s-1")
		require.NoError(t, err, "what is outside plays no part")
	})
	t.Run("par-request_uri", func(t *testing.T) {
		t.Parallel()
		refuses(t, w.post(t, c, "/par", url.Values{"client_id": {c.id}, "request_uri": {uri}}), http.StatusBadRequest, "invalid_request")
	})
	t.Run("par-client-id-mismatch", func(t *testing.T) {
		t.Parallel()
		form := c.request()
		c.authenticate(t, form)
		form.Set("client_id", "other") // beside the assertion of this one
		refuses(t, w.serve(formPost(issuer+"/par", form)), http.StatusUnauthorized, "invalid_client")
	})
	t.Run("authz-no-par", func(t *testing.T) {
		t.Parallel()
		isError(t, open(t, w.browser(t), issuer+"/authorize?"+c.request().Encode()), "invalid_request")
	})
	t.Run("authz-extra-params", func(t *testing.T) {
		t.Parallel()
		callback, err := w.browser(t).Authorize(t.Context(), w.start(t, c, "state", "s-1")+"&state=other", username, password)
		require.NoError(t, err)
		require.Equal(t, "s-1", callback.URL.Query().Get("state"))
	})
}

func formPost(address string, form url.Values) *http.Request {
	r := httptest.NewRequest(http.MethodPost, address, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}
