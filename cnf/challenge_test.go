package cnf_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
)

const bareDPoP = "DPoP " + algs

// withAlgs is a DPoP method whose proofs are always good.
type withAlgs struct{ method }

func (withAlgs) Algorithms() string { return "ES256 PS256 EdDSA Ed25519" }

func good() cnf.Method { return withAlgs{approving()} }

// challenged is a request, its refusal, and all that the answer says.
type challenged struct {
	name       string
	config     cnf.Config[claims]
	credential string
	target     string
	status     int
	code       string
	want       []string
}

func (c challenged) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		t.Parallel()
		guard := newGuard(t, c.config)
		r := httptest.NewRequest("GET", accounts+c.target, nil)
		if c.credential != "" {
			r.Header.Set("Authorization", c.credential)
		}
		got := record(guard.Handler(unreachable(t)), r)
		assert.Equal(t, c.status, got.status)
		assert.Equal(t, c.want, got.header.Values("WWW-Authenticate"))
		assert.Equal(t, c.code, got.code(t))
		assert.Equal(t, "no-store", got.header.Get("Cache-Control"))
		if c.code != "" {
			assert.Equal(t, "application/json", got.header.Get("Content-Type"))
		}
	})
}

func unreachable(t *testing.T) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the protected handler ran") })
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	key := claims{confirmation: cnf.Bind(cnf.MemberJKT, [32]byte{1}), scope: "accounts", acr: "urn:low"}
	cert := claims{confirmation: cnf.Bind(cnf.MemberX5TS256, [32]byte{1})}
	refusing := func(context.Context, string) (claims, error) { return claims{}, coded("invalid_token") }
	dpopOnly := cnf.Config[claims]{Verify: always(key), Methods: []cnf.Method{good()}}
	mtlsOnly := cnf.Config[claims]{Verify: always(cert), Methods: []cnf.Method{certificate()}}
	both := cnf.Config[claims]{Verify: always(key), Methods: []cnf.Method{certificate(), good()}}
	with := func(c cnf.Config[claims], change func(*cnf.Config[claims])) cnf.Config[claims] {
		change(&c)
		return c
	}
	asks := func(q cnf.Requirement) func(*cnf.Config[claims]) {
		return func(c *cnf.Config[claims]) { c.Require = q }
	}
	const (
		badDPoP   = `DPoP error="invalid_token", ` + algs
		badBearer = `Bearer error="invalid_token"`
	)
	for _, c := range []challenged{
		{"no token", dpopOnly, "", "", 401, "", []string{bareDPoP}},
		{"no token, mtls", mtlsOnly, "", "", 401, "", []string{`Bearer realm="api"`}},
		{"no token, both", both, "", "", 401, "", []string{bareDPoP, `Bearer realm="api"`}},
		{"another scheme", both, "Basic YWxpY2U6", "", 401, "", []string{bareDPoP, `Bearer realm="api"`}},

		{"invalid token, DPoP", with(both, func(c *cnf.Config[claims]) { c.Verify = refusing }),
			"DPoP x", "", 401, "invalid_token", []string{badDPoP, `Bearer realm="api"`}},
		{"invalid token, Bearer", with(both, func(c *cnf.Config[claims]) { c.Verify = refusing }),
			"Bearer x", "", 401, "invalid_token", []string{bareDPoP, badBearer}},

		{"wrong scheme: Bearer for a key", dpopOnly, "Bearer x", "", 401, "invalid_token", []string{badBearer, bareDPoP}},
		{"wrong scheme: Bearer for a key, both", both, "bearer x", "", 401, "invalid_token", []string{bareDPoP, badBearer}},
		{"wrong scheme: DPoP for a certificate", mtlsOnly, "DPoP x", "", 401, "invalid_token",
			[]string{`DPoP error="invalid_token"`, `Bearer realm="api"`}},

		{"two tokens", both, "DPoP x, Bearer x", "", 400, "invalid_request",
			[]string{`DPoP error="invalid_request", ` + algs, `Bearer error="invalid_request"`}},
		{"no token after the scheme", both, "DPoP", "", 400, "invalid_request",
			[]string{`DPoP error="invalid_request", ` + algs, `Bearer error="invalid_request"`}},
		{"token in the query", dpopOnly, "DPoP x", "?access_token=x", 400, "invalid_request",
			[]string{`DPoP error="invalid_request", ` + algs}},

		{"scope", with(both, asks(cnf.Requirement{Scope: []string{"accounts", "payments"}})), "DPoP x", "", 403, "insufficient_scope",
			[]string{`DPoP error="insufficient_scope", scope="accounts payments", ` + algs, `Bearer realm="api"`}},
		{"RFC 9470 step-up", with(dpopOnly, asks(cnf.Requirement{ACR: []string{"urn:high", "urn:higher"}, MaxAge: 5 * time.Minute})),
			"DPoP x", "", 401, "insufficient_user_authentication",
			[]string{`DPoP error="insufficient_user_authentication", acr_values="urn:high urn:higher", max_age="300", ` + algs}},
		{"RFC 9470 only an age", with(dpopOnly, asks(cnf.Requirement{MaxAge: time.Second})), "DPoP x", "", 401,
			"insufficient_user_authentication", []string{`DPoP error="insufficient_user_authentication", max_age="1", ` + algs}},
		{"RFC 9470 only a class", with(dpopOnly, asks(cnf.Requirement{ACR: []string{"urn:high"}})), "DPoP x", "", 401,
			"insufficient_user_authentication", []string{`DPoP error="insufficient_user_authentication", acr_values="urn:high", ` + algs}},
		{"scope before login", with(dpopOnly, asks(cnf.Requirement{Scope: []string{"payments"}, MaxAge: time.Second})), "DPoP x", "", 403,
			"insufficient_scope", []string{`DPoP error="insufficient_scope", scope="payments", ` + algs}},

		{"RFC 9728 metadata", with(both, func(c *cnf.Config[claims]) { c.ResourceMetadata = origin + "/.well-known/oauth-protected-resource" }),
			"", "", 401, "", []string{
				bareDPoP + `, resource_metadata="https://api.bank.example/.well-known/oauth-protected-resource"`,
				`Bearer resource_metadata="https://api.bank.example/.well-known/oauth-protected-resource"`,
			}},
		{"a verifier without a code", with(dpopOnly, func(c *cnf.Config[claims]) {
			c.Verify = func(context.Context, string) (claims, error) { return claims{}, coded("") }
		}), "DPoP x", "", 401, "invalid_token", []string{badDPoP}},
	} {
		c.run(t)
	}
}

// A fault of the server is told apart from a refusal, and not described.
func TestChallengeFault(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{
		"plain":                   errors.New("dial tcp 10.0.0.7: secret detail"),
		"our own credentials":     coded("invalid_client"),
		"we may not ask":          coded("unauthorized_client"),
		"another server's fault":  coded("server_error"),
		"another server is away":  coded("temporarily_unavailable"),
		"wrapped, of the same":    errors.Join(errors.New("introspection"), coded("invalid_client")),
		"the end of the context":  context.DeadlineExceeded,
		"typed without a refusal": &http.MaxBytesError{Limit: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			guard := newGuard(t, cnf.Config[claims]{
				Verify:  func(context.Context, string) (claims, error) { return claims{sub: "alice"}, fault },
				Methods: []cnf.Method{good()},
			})
			r := httptest.NewRequest("GET", accounts, nil)
			r.Header.Set("Authorization", "DPoP x")
			got := record(guard.Handler(unreachable(t)), r)
			assert.Equal(t, 503, got.status)
			assert.Empty(t, got.header.Values("WWW-Authenticate"))
			assert.Equal(t, `{"error":"server_error"}`, got.body)
			assert.Equal(t, "no-store", got.header.Get("Cache-Control"))

			none, err := guard.Check(http.Header{}, r)
			require.ErrorIs(t, err, fault, "whoever watches learns the reason")
			require.Zero(t, none)
		})
	}
	t.Run("WriteError without an error of ours", func(t *testing.T) {
		t.Parallel()
		guard := newGuard(t, cnf.Config[claims]{Verify: always(claims{}), Methods: []cnf.Method{good()}})
		for _, err := range []error{nil, errors.New("x"), coded("invalid_token")} {
			w := httptest.NewRecorder()
			guard.WriteError(w, err)
			require.Equal(t, 503, w.Code)
		}
	})
}

// A DPoP-Nonce that the method put into the header reaches the client, whatever
// the middleware decides.
func TestChallengeNonce(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	nonces, err := dpop.NewNonces(dpop.NoncesConfig{Server: origin, Secrets: [][]byte{make([]byte, 32)}})
	require.NoError(t, err)
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{origin}, Replay: b.jtis, Nonces: nonces})
	require.NoError(t, err)
	c := claims{sub: "alice", confirmation: cnf.Bind(cnf.MemberJKT, dpoptest.Thumbprint(t, b.alice))}
	guard := newGuard(t, cnf.Config[claims]{Verify: always(c), Methods: []cnf.Method{proofs}})

	refused := record(guard.Handler(b), b.honest(t))
	require.Equal(t, 401, refused.status)
	require.Equal(t, []string{`DPoP error="use_dpop_nonce", ` + algs}, refused.header.Values("WWW-Authenticate"))
	require.Equal(t, `{"error":"use_dpop_nonce"}`, refused.body)
	require.Len(t, refused.header.Values("DPoP-Nonce"), 1)
	require.Equal(t, "no-store", refused.header.Get("Cache-Control"))

	signer, err := dpop.NewSigner(b.alice)
	require.NoError(t, err)
	retry := func(nonce string) *http.Request {
		r := b.honest(t)
		proof, err := signer.SignResourceRequest(t.Context(), "GET", accounts, b.token, nonce)
		require.NoError(t, err)
		r.Header.Set("DPoP", proof)
		return r
	}
	require.Equal(t, 200, record(guard.Handler(b), retry(refused.header.Get("DPoP-Nonce"))).status)

	t.Run("on success", func(t *testing.T) {
		t.Parallel()
		next := method{"DPoP", cnf.MemberJKT, func(h http.Header, _ *http.Request, _ string, _ [32]byte) error {
			h.Set("DPoP-Nonce", "next")
			return nil
		}}
		guard := newGuard(t, cnf.Config[claims]{Verify: always(c), Methods: []cnf.Method{next}})
		got := record(guard.Handler(newBank(t)), b.honest(t))
		require.Equal(t, 200, got.status)
		require.Equal(t, []string{"next"}, got.header.Values("DPoP-Nonce"))

		payments, err := guard.With(cnf.Requirement{Scope: []string{"payments"}})
		require.NoError(t, err)
		got = record(payments.Handler(unreachable(t)), b.honest(t))
		require.Equal(t, 403, got.status)
		require.Equal(t, []string{"next"}, got.header.Values("DPoP-Nonce"), "the proof was good, so the nonce is the client's")
	})
}
