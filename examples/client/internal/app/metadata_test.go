package app_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/client/internal/app"
	"github.com/go-fapi/fapi/examples/internal/pki"
)

// metadataServer serves documents by path, with its own origin for each %s.
func metadataServer(t *testing.T, documents map[string]string) app.Config {
	t.Helper()
	authority, err := pki.NewAuthority("test")
	require.NoError(t, err)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		document, ok := documents[r.URL.Path]
		if !ok {
			http.Redirect(w, r, "/elsewhere", http.StatusSeeOther)
			return
		}
		origin := "https://" + r.Host
		fmt.Fprintf(w, document, origin, origin)
	}))
	server.TLS, err = authority.Server()
	require.NoError(t, err)
	server.StartTLS()
	t.Cleanup(server.Close)
	return app.Config{Issuer: server.URL, Roots: authority.Pool()}
}

func TestDiscover(t *testing.T) {
	t.Parallel()
	const wellKnown = "/.well-known/oauth-authorization-server"
	config := metadataServer(t, map[string]string{
		wellKnown:             `{"issuer":"%s","authorization_endpoint":"%s/a","token_endpoint":"https://x.example/t"}`,
		wellKnown + "/tenant": `{"issuer":"%s/tenant","authorization_endpoint":"%s/a","token_endpoint":"https://x.example/t"}`,
		wellKnown + "/thief":  `{"issuer":"%s","authorization_endpoint":"%s/a","token_endpoint":"https://thief.example/t"}`,
		wellKnown + "/robot":  `{"issuer":"%s/robot","x":"%s","token_endpoint":"https://x.example/t"}`,
		wellKnown + "/text":   `welcome to %s and %s`,
		"/elsewhere":          `{"issuer":"%s/moved","authorization_endpoint":"%s/a","token_endpoint":"https://x.example/t"}`,
	})
	origin := config.Issuer
	for _, path := range []string{"", "/tenant"} {
		config.Issuer = origin + path
		metadata, err := app.Discover(t.Context(), config)
		require.NoError(t, err)
		require.Equal(t, origin+"/a", metadata.AuthURL)
		require.Equal(t, "https://x.example/t", metadata.TokenURL)
		require.Contains(t, string(metadata.Document), "x.example")
	}
	for name, wrong := range map[string]struct{ issuer, err string }{
		"C05 the document of another issuer": {origin + "/thief", "another issuer's"},
		"a slash more":                       {origin + "/", "another issuer's"},
		"no authorization code flow":         {origin + "/robot", "no authorization code flow"},
		"no JSON":                            {origin + "/text", "invalid character"},
		"a redirect":                         {origin + "/moved", "303 See Other"},
		"no TLS":                             {"http://127.0.0.1", "not an https URL"},
		"no URL":                             {"::", "not an https URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := config
			config.Issuer = wrong.issuer
			_, err := app.Discover(t.Context(), config)
			require.ErrorContains(t, err, wrong.err)
		})
	}
}
