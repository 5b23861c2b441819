package mtls_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/mtls"
)

const metadataIssuer = "https://server.example.com"

func TestEndpointVector(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID       string
			Metadata json.RawMessage
			Expect   map[string]string `json:"expect_mtls_client"`
		}
	}
	readVectors(t, "rfc8705-mtls.json", &file)
	for _, vector := range file.Vectors {
		if vector.Metadata == nil {
			continue
		}
		require.Len(t, vector.Expect, 3)
		for name, want := range vector.Expect {
			got, err := mtls.Endpoint(vector.Metadata, metadataIssuer, name)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
		return
	}
	t.Fatal("no vector")
}

// withAliases is a metadata document with a token endpoint.
func withAliases(members string) []byte {
	return []byte(`{"issuer":"` + metadataIssuer + `","token_endpoint":"https://server.example.com/token"` + members + `}`)
}

func TestM23Endpoint(t *testing.T) {
	t.Parallel()
	const aliases = `,"mtls_endpoint_aliases":`
	for _, test := range []struct{ name, members, endpoint, want string }{
		{"M23 alias", aliases + `{"token_endpoint":"https://mtls.example.com/token"}`, "token_endpoint", "https://mtls.example.com/token"},
		{"M23 alias of an endpoint that is not at the top", aliases + `{"par_endpoint":"https://m/par"}`, "par_endpoint", "https://m/par"},
		{"no aliases", ``, "token_endpoint", "https://server.example.com/token"},
		{"no alias of this one", aliases + `{"revocation_endpoint":"https://m/revoke"}`, "token_endpoint", "https://server.example.com/token"},
		{"empty aliases", aliases + `{}`, "token_endpoint", "https://server.example.com/token"},
		{"unknown members", aliases + `{"x":1,"y":{"token_endpoint":"https://m"}},"z":null`, "token_endpoint", "https://server.example.com/token"},
		{"alias of another spelling", aliases + `{"Token_Endpoint":"https://m"}`, "token_endpoint", "https://server.example.com/token"},
		{"not called directly", `,"authorization_endpoint":"https://a/authz"` + aliases + `{"authorization_endpoint":"https://m"}`, "authorization_endpoint", "https://a/authz"},
		{"logout in the browser", `,"end_session_endpoint":"https://a/out"` + aliases + `{"end_session_endpoint":"https://m"}`, "end_session_endpoint", "https://a/out"},
		{"no endpoint", `,"jwks_uri":"https://a/jwks"` + aliases + `{"jwks_uri":"https://m","issuer":"https://m"}`, "jwks_uri", "https://a/jwks"},
		{"issuer stays", aliases + `{"issuer":"https://m"}`, "issuer", metadataIssuer},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := mtls.Endpoint(withAliases(test.members), metadataIssuer, test.endpoint)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
	for name, members := range map[string]string{
		"alias null":           aliases + `{"token_endpoint":null}`,
		"alias no text":        aliases + `{"token_endpoint":["https://m"]}`,
		"alias empty":          aliases + `{"token_endpoint":""}`,
		"alias http":           aliases + `{"token_endpoint":"http://m/token"}`,
		"alias relative":       aliases + `{"token_endpoint":"/token"}`,
		"alias without host":   aliases + `{"token_endpoint":"https:///token"}`,
		"alias with fragment":  aliases + `{"token_endpoint":"https://m/token#"}`,
		"alias with user":      aliases + `{"token_endpoint":"https://a@m/token"}`,
		"alias with space":     aliases + `{"token_endpoint":"https://m/a b"}`,
		"alias not in ASCII":   aliases + `{"token_endpoint":"https://mä/"}`,
		"alias with control":   aliases + `{"token_endpoint":"https://m/\n"}`,
		"alias twice":          aliases + `{"token_endpoint":"https://m","token_endpoint":"https://n"}`,
		"aliases null":         aliases + `null`,
		"aliases no object":    aliases + `["https://m"]`,
		"aliases twice":        aliases + `{}` + aliases + `{}`,
		"endpoint twice":       `,"token_endpoint":"https://n"`,
		"issuer twice":         `,"issuer":"` + metadataIssuer + `"`,
		"issuer twice escaped": `,"\u0069ssuer":"` + metadataIssuer + `"`,
		"too large":            `,"x":"` + strings.Repeat("a", 1<<20) + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := mtls.Endpoint(withAliases(members), metadataIssuer, "token_endpoint")
			require.ErrorContains(t, err, "mtls: metadata: ")
			require.Empty(t, got)
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		_, err := mtls.Endpoint(withAliases(""), metadataIssuer, "revocation_endpoint")
		require.ErrorContains(t, err, `no "revocation_endpoint"`)
		_, err = mtls.Endpoint(withAliases(`,"x_endpoint":"http://a"`), metadataIssuer, "x_endpoint")
		require.ErrorContains(t, err, "https")
		_, err = mtls.Endpoint(withAliases(""), metadataIssuer, "")
		require.Error(t, err)
	})
	for _, issuer := range []string{
		"", "server.example.com", "http://server.example.com", "https://server.example.com?a", "https://server.example.com#a",
		"https://server.example.com/", "https://SERVER.example.com", "https://server.example.com:443", "https://evil.example.com",
	} {
		t.Run("issuer "+issuer, func(t *testing.T) {
			t.Parallel()
			_, err := mtls.Endpoint(withAliases(""), issuer, "token_endpoint")
			require.ErrorContains(t, err, "issuer")
		})
	}
	for _, issuer := range []string{"https://a?b", "https://a#b", "http://a", "a", "https://u@a"} {
		t.Run("issuer that is none "+issuer, func(t *testing.T) {
			t.Parallel()
			document := strings.Replace(string(withAliases("")), metadataIssuer, issuer, 1)
			_, err := mtls.Endpoint([]byte(document), issuer, "token_endpoint")
			require.ErrorContains(t, err, "issuer")
		})
	}
	for _, metadata := range []string{"", "[]", "{}", `{"issuer":null}`, `{"issuer":["` + metadataIssuer + `"]}`, `{"Issuer":"` + metadataIssuer + `"}`} {
		t.Run("document "+metadata, func(t *testing.T) {
			t.Parallel()
			_, err := mtls.Endpoint([]byte(metadata), metadataIssuer, "token_endpoint")
			require.Error(t, err)
		})
	}
}
