package app_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/client/internal/app"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	config := app.Config{RedirectURI: "https://client.example/back?bank=1", Log: slog.New(slog.NewTextHandler(&log, nil))}
	home := func(w http.ResponseWriter, _ *http.Request) error { return app.Welcome(w) }
	login := func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(http.StatusTeapot); return nil }
	back := func(http.ResponseWriter, *http.Request) error { return errors.New("<b>for developers</b>") }
	handler, err := app.Routes(config, home, login, back)
	require.NoError(t, err)
	serve := func(method, path, site string) *httptest.ResponseRecorder {
		r, w := httptest.NewRequest(method, path, nil), httptest.NewRecorder()
		r.Header.Set("Sec-Fetch-Site", site)
		handler.ServeHTTP(w, r)
		return w
	}
	require.Contains(t, serve("GET", "/", "none").Body.String(), `<button id="login">`)
	require.Equal(t, http.StatusTeapot, serve("POST", "/login", "same-origin").Code)
	require.Equal(t, http.StatusMethodNotAllowed, serve("GET", "/login", "none").Code)
	require.Equal(t, http.StatusForbidden, serve("POST", "/login", "cross-site").Code, "nobody else starts a login")
	answer := serve("GET", "/back", "cross-site")
	require.Equal(t, http.StatusBadRequest, answer.Code)
	require.NotContains(t, answer.Body.String(), "developers")
	require.Equal(t, "no-referrer", answer.Header().Get("Referrer-Policy"))
	require.Contains(t, log.String(), "developers")

	for _, redirect := range []string{"https://client.example", "https://client.example/", "::"} {
		_, err := app.Routes(app.Config{RedirectURI: redirect}, home, login, back)
		require.Error(t, err, redirect)
	}
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	show := func(status int, body string) (string, error) {
		w := httptest.NewRecorder()
		err := app.Accounts(w, &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))})
		return w.Body.String(), err
	}
	page, err := show(http.StatusOK, `[{"id":"DE-1","owner":"<script>","balance":"1 EUR","more":true}]`)
	require.NoError(t, err)
	require.Contains(t, page, "DE-1: 1 EUR (&lt;script&gt;)")
	_, err = show(http.StatusUnauthorized, `[]`)
	require.Error(t, err)
	_, err = show(http.StatusOK, `nothing`)
	require.Error(t, err)
}
