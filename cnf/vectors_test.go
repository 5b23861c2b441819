package cnf_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/replay"
)

type vectors struct {
	AccessToken string `json:"access_token"`
	Vectors     []vector
}

type vector struct {
	ID      string
	Request struct {
		Method, URL string
		Headers     [][2]string
	}
	Ctx struct {
		Now      int64
		BoundJKT string `json:"access_token_bound_jkt"`
		Nonces   []string
	}
	Expect struct {
		Result, Error string
		Status        int
	}
}

// challengesOf says what RFC 9449 section 7 makes of each vector at an API
// that takes DPoP tokens only. The first challenge is the scheme's in use.
var challengesOf = map[string][]string{
	"bearer-downgrade":          {`Bearer error="invalid_token"`, bareDPoP}, // figure 18
	"unbound-token-dpop-scheme": {`DPoP error="invalid_token", ` + algs},
	"two-authorization":         {`DPoP error="invalid_request", ` + algs}, // figure 19
	"auth-no-token":             {`DPoP error="invalid_request", ` + algs},
	"auth-two-tokens":           {`DPoP error="invalid_request", ` + algs},
	"jkt-mismatch":              {`DPoP error="invalid_token", ` + algs}, // figure 16
	"no-proof":                  {`DPoP error="invalid_dpop_proof", ` + algs},
	"nonce-missing":             {`DPoP error="use_dpop_nonce", ` + algs}, // figure 24
	"ok-scheme-lowercase":       nil,
}

func TestVectorsMiddleware(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/dpop-middleware.json")
	require.NoError(t, err)
	var file vectors
	require.NoError(t, json.Unmarshal(data, &file))
	require.Len(t, file.Vectors, len(challengesOf))
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, challengesOf, v.ID)
			synctest.Test(t, func(t *testing.T) { v.run(t, file.AccessToken) })
		})
	}
}

func (v vector) run(t *testing.T, known string) {
	time.Sleep(time.Until(time.Unix(v.Ctx.Now, 0)))
	admitted := false
	got := record(v.guard(t, known).Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { admitted = true })), v.request())
	if v.Expect.Result == "accept" {
		require.True(t, admitted)
		require.Equal(t, 200, got.status)
		return
	}
	require.Equal(t, "reject", v.Expect.Result)
	assert.False(t, admitted)
	assert.Equal(t, v.Expect.Status, got.status)
	assert.Equal(t, v.Expect.Error, got.code(t))
	assert.Equal(t, challengesOf[v.ID], got.header.Values("WWW-Authenticate"))
	assert.Equal(t, v.Ctx.Nonces, got.header.Values("DPoP-Nonce"))
}

func (v vector) guard(t *testing.T, known string) *cnf.Middleware[claims] {
	t.Helper()
	config := dpop.VerifierConfig{Origins: []string{"https://resource.example.org"}, Replay: replay.Off{}, Leeway: 5 * time.Second}
	if v.Ctx.Nonces != nil {
		config.Nonces = nonces(v.Ctx.Nonces)
	}
	proofs, err := dpop.NewVerifier(config)
	require.NoError(t, err)
	var c claims
	if v.Ctx.BoundJKT != "" {
		sum, err := dpop.ParseJKT(v.Ctx.BoundJKT)
		require.NoError(t, err)
		c.confirmation = cnf.Bind(cnf.MemberJKT, sum)
	}
	return newGuard(t, cnf.Config[claims]{
		Methods: []cnf.Method{proofs},
		Verify: func(_ context.Context, token string) (claims, error) {
			if token != known {
				return claims{}, coded("invalid_token")
			}
			return c, nil
		},
	})
}

func (v vector) request() *http.Request {
	r := httptest.NewRequest(v.Request.Method, v.Request.URL, nil)
	for _, field := range v.Request.Headers {
		r.Header.Add(field[0], field[1])
	}
	return r
}

// nonces are those a server has given, the newest first.
type nonces []string

func (n nonces) Nonce(context.Context) (string, error) { return n[0], nil }
func (n nonces) Accept(_ context.Context, nonce string) (bool, error) {
	for _, given := range n {
		if given == nonce {
			return true, nil
		}
	}
	return false, nil
}
