package introspection_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
)

type vectors struct {
	Answers []struct {
		ID   string          `json:"id"`
		Body json.RawMessage `json:"body"`
	} `json:"answers"`
	Statements []struct {
		ID       string          `json:"id"`
		JWS      string          `json:"jws"`
		JWKS     json.RawMessage `json:"jwks"`
		Issuer   string          `json:"issuer"`
		Audience string          `json:"audience"`
		Now      int64           `json:"now"`
		Expect   string          `json:"expect"`
	} `json:"statements"`
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &v))
	require.Len(t, v.Answers, 2)
	require.Len(t, v.Statements, 15)
	return v
}

func TestStatementVectors(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Statements {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			keys, err := jwks.NewStatic(v.JWKS)
			require.NoError(t, err)
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(v.Now, 0)))
				s := newServer(func(string) *http.Response { return respond(200, typeStatement, v.JWS) })
				client := newClient(t, s.client(), func(c *introspection.ClientConfig) {
					c.Issuer, c.Audience, c.Keys = v.Issuer, v.Audience, keys
				})
				_, err := client.Introspect(context.Background(), opaque)
				switch v.Expect {
				case "accept":
					require.NoError(t, err)
				case "inactive":
					requireRule(t, introspection.ErrInactive, err)
				case "reject":
					requireFault(t, introspection.ErrAnswer, err)
				}
			})
		})
	}
}

// The examples of RFC 7662 section 2.2.
func TestAnswerVectors(t *testing.T) {
	t.Parallel()
	for _, v := range readVectors(t).Answers {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(1419350240, 0)))
				s := newServer(func(string) *http.Response { return respond(200, typeJSON, string(v.Body)) })
				client := newClient(t, s.client(), func(c *introspection.ClientConfig) {
					c.Issuer, c.Audience = "https://server.example.com/", "https://protected.example.net/resource"
				})
				token, err := client.Introspect(context.Background(), opaque)
				if v.ID == "rfc7662-2.2-inactive" {
					requireRule(t, introspection.ErrInactive, err)
					return
				}
				require.NoError(t, err)
				require.Equal(t, "Z5O3upPC88QrAjx00dis", token.Subject())
				require.Equal(t, []string{"read", "write", "dolphin"}, token.Scopes())
				extension, _ := token.Claim("extension_field")
				require.Equal(t, `"twenty-seven"`, string(extension))
			})
		})
	}
}
