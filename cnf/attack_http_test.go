package cnf_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
)

// No request is let through for what it is. The header fields tell a control
// that it may, as guards in front of a router often do.
func TestAttackHarmlessLooking(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]struct{ method, field, value string }{
		"N09 OPTIONS":          {"OPTIONS", "Access-Control-Request-Method", "GET"},
		"N09 HEAD":             {"HEAD", "Accept", "*/*"},
		"N09 WebSocket":        {"GET", "Upgrade", "websocket"},
		"N09 SSE":              {"GET", "Accept", "text/event-stream"},
		"N09 method override":  {"POST", "X-HTTP-Method-Override", "OPTIONS"},
		"N13 HEAD with Range":  {"HEAD", "Range", "bytes=0-0"},
		"N09 preflight, token": {"OPTIONS", "Authorization", "Basic YWxpY2U6"},
	} {
		attack{name, func(t *testing.T, _ *bank) *http.Request {
			req := request(t, r.method, accounts)
			req.Header.Set(r.field, r.value)
			return req
		}, 401, "", naiveHarmless}.run(t)
	}
}

// A router behind the middleware must not answer for it: which paths exist, and
// where they redirect, is told to those with a proof.
func TestAttackRouterAnswersFirst(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	mux := func(wrap func(http.Handler) http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/accounts", wrap(b))
		mux.Handle("/loans/", wrap(b))
		return mux
	}
	inside := b.guard.Handler(mux(func(h http.Handler) http.Handler { return h }))
	outside := mux(b.guard.Handler) // the control: the guard is behind the router
	for name, c := range map[string]struct {
		path   string
		leaked int
	}{
		"N09 404":                     {"/secret", 404},
		"N09 trailing-slash redirect": {"/loans", 307},
		"N09 cleaned path":            {"/a/../accounts", 307},
	} {
		t.Run(name, func(t *testing.T) {
			got := send(t, inside, request(t, "GET", origin+c.path))
			assert.Equal(t, 401, got.status)
			assert.Empty(t, got.header.Get("Location"))
			assert.Equal(t, c.leaked, send(t, outside, request(t, "GET", origin+c.path)).status)
			assert.Zero(t, b.handled.Load())
		})
	}
	t.Run("N09 control: with a proof the router answers", func(t *testing.T) {
		got := send(t, inside, signed(t, b.alice, "GET", origin+"/secret", b.token))
		assert.Equal(t, 404, got.status)
		assert.Equal(t, 200, send(t, inside, b.honest(t)).status)
	})
}

func TestAttackForgedIdentity(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	asMallory := func() *http.Request {
		r := signed(t, b.mallory, "GET", accounts, signToken(t, "mallory", `"cnf":`+jkt(t, b.mallory)))
		r.Header.Set("X-Verified-Sub", "admin")
		r.Header.Set("X-Forwarded-User", "admin")
		return r
	}
	t.Run("N10 fields of the request are no claims", func(t *testing.T) {
		got := send(t, b.guard.Handler(b), asMallory())
		require.Equal(t, `accounts of "mallory"`, got.body)
	})
	t.Run("N10 control: a handler that reads fields", func(t *testing.T) {
		naive := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, "accounts of %q", r.Header.Get("X-Verified-Sub"))
		})
		require.Equal(t, `accounts of "admin"`, send(t, b.guard.Handler(naive), asMallory()).body)
	})
}

// The handler of a failing request neither runs nor is anything written for it.
func TestAttackNothingAfterRefusal(t *testing.T) {
	t.Parallel()
	attack{"N11 handler after a refusal", func(t *testing.T, b *bank) *http.Request {
		return signed(t, b.mallory, "GET", accounts, b.token)
	}, 401, "invalid_token", naiveFallThrough}.run(t)

	t.Run("N11 Check gives no claims with an error", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		got, err := b.guard.Check(http.Header{}, signed(t, b.mallory, "GET", accounts, b.token))
		require.ErrorIs(t, err, dpop.ErrBinding)
		require.Nil(t, got)
		got, err = b.guard.Check(http.Header{}, b.honest(t))
		require.NoError(t, err)
		require.Equal(t, "alice", got.Subject())
	})
}

// body notes that somebody reads it.
type body struct{ read atomic.Bool }

func (b *body) Read([]byte) (int, error) {
	b.read.Store(true)
	return 0, io.EOF
}

func TestAttackBodyAndTrailer(t *testing.T) {
	t.Parallel()
	inTrailer := func(names ...string) func(t *testing.T, b *bank) *http.Request {
		return func(t *testing.T, b *bank) *http.Request {
			r := signed(t, b.alice, "POST", accounts, b.token)
			r.Body, r.Trailer = io.NopCloser(strings.NewReader("body")), http.Header{}
			for _, name := range names {
				r.Trailer[http.CanonicalHeaderKey(name)] = r.Header.Values(name)
				r.Header.Del(name)
			}
			return r
		}
	}
	attack{"N13 proof in a trailer", inTrailer("DPoP"), 401, "invalid_dpop_proof", naiveTrailer}.run(t)
	attack{"N13 token in a trailer", inTrailer("Authorization"), 401, "", naiveTrailer}.run(t)
	attack{"N13 both in a trailer", inTrailer("Authorization", "DPoP"), 401, "", naiveTrailer}.run(t)

	expecting := func(t *testing.T) (*http.Request, *body) {
		sent := &body{}
		r, err := http.NewRequest("POST", accounts, sent)
		require.NoError(t, err)
		r.Header.Set("Expect", "100-continue")
		return r, sent
	}
	t.Run("N13 refused before the body is read", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		sent := &body{}
		r := request(t, "POST", accounts)
		r.Body = io.NopCloser(sent)
		require.Equal(t, 401, record(b.guard.Handler(b), r).status)
		require.False(t, sent.read.Load())
	})
	t.Run("N13 refused before 100 Continue", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		r, sent := expecting(t)
		require.Equal(t, 401, send(t, b.guard.Handler(b), r).status)
		require.False(t, sent.read.Load(), "the client was asked for the body")
		require.Zero(t, b.handled.Load())
	})
	t.Run("N13 control: who reads first asks for the body", func(t *testing.T) {
		t.Parallel()
		r, sent := expecting(t)
		send(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = r.Body.Read(make([]byte, 1))
			w.WriteHeader(http.StatusUnauthorized)
		}), r)
		require.True(t, sent.read.Load())
	})
	t.Run("N13 control: HEAD with a proof for HEAD", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		got := send(t, b.guard.Handler(b), signed(t, b.alice, "HEAD", accounts, b.token))
		require.Equal(t, 200, got.status)
		require.EqualValues(t, 1, b.handled.Load())
	})
}

func TestAttackPanic(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	var broken atomic.Bool
	verify := func(ctx context.Context, token string) (*accesstoken.Token, error) {
		if broken.Load() {
			panic("coordinate too long: " + token)
		}
		return b.tokens.Verify(ctx, token)
	}
	guarded := newGuard(t, cnf.Config[*accesstoken.Token]{Verify: verify, Methods: []cnf.Method{b.proofs}}).Handler(b)
	t.Run("N14 panic of a verifier", func(t *testing.T) {
		broken.Store(true)
		got := send(t, guarded, b.honest(t))
		assert.Equal(t, 503, got.status)
		assert.Equal(t, `{"error":"server_error"}`, got.body)
		assert.Zero(t, b.handled.Load())
		assert.Zero(t, b.jtis.uses.Load())
	})
	t.Run("N14 control: a recovering guard that goes on", func(t *testing.T) {
		naive := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			func() {
				defer func() { _ = recover() }()
				_, _ = verify(r.Context(), tokenOf(r))
			}()
			b.ServeHTTP(w, r)
		})
		assert.Equal(t, 200, send(t, naive, b.honest(t)).status)
	})
	t.Run("N14 control: the server lives", func(t *testing.T) {
		broken.Store(false)
		assert.Equal(t, 200, send(t, guarded, b.honest(t)).status)
	})
}

// What an attacker writes into a failing request does not come back.
func TestAttackReflection(t *testing.T) {
	t.Parallel()
	const evil = "evil\", error=\"insufficient_scope\"\r\nSet-Cookie: evil=1\r\n\r\n<evil>\u00e9\\"
	change := func(c dpoptest.Change) func(*testing.T, *bank) *http.Request {
		return func(t *testing.T, b *bank) *http.Request {
			r := b.honest(t)
			r.Header.Set("DPoP", dpoptest.Forge(t, b.alice, r.Header.Get("DPoP"), c))
			return r
		}
	}
	member := map[string]any{"kid": evil}
	for name, a := range map[string]struct {
		request   func(*testing.T, *bank) *http.Request
		challenge string
	}{
		"kid of a stale proof": {change(dpoptest.Change{Header: member, Claims: map[string]any{"iat": 1}}), `DPoP error="invalid_dpop_proof", ` + algs},
		"htu":                  {change(dpoptest.Change{Header: member, Claims: map[string]any{"htu": "https://api.bank.example/" + evil}}), `DPoP error="invalid_dpop_proof", ` + algs},
		"htm":                  {change(dpoptest.Change{Header: member, Claims: map[string]any{"htm": evil}}), `DPoP error="invalid_dpop_proof", ` + algs},
		"typ":                  {change(dpoptest.Change{Header: map[string]any{"typ": evil, "kid": evil}}), `DPoP error="invalid_dpop_proof", ` + algs},
		"cnf":                  {withCNF(`"cnf":{"evil\"\r\n":"evil"}`), `DPoP error="invalid_token", ` + algs},
		"path": {func(t *testing.T, b *bank) *http.Request {
			return request(t, "GET", origin+"/%22evil%0d%0a")
		}, bareDPoP},
	} {
		t.Run("D51 "+name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t)
			got := send(t, b.guard.Handler(b), a.request(t, b))
			assert.Equal(t, 401, got.status)
			assert.Equal(t, []string{a.challenge}, got.header.Values("WWW-Authenticate"))
			assert.NotContains(t, fmt.Sprint(got), "evil")
			assert.Zero(t, b.handled.Load())
		})
	}
	t.Run("D51 control: a talkative guard is injected", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		got := send(t, naiveTalkative(b, b), change(dpoptest.Change{Header: member})(t, b))
		assert.Contains(t, got.header.Get("WWW-Authenticate"), `error="insufficient_scope"`)
	})
}

// Refusals differ in nothing but the code that RFC 9449 gives them.
func TestAttackOracle(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	guarded := b.guard.Handler(b)
	refusals := map[string]*http.Request{
		"wrong key":     signed(t, b.mallory, "GET", accounts, b.token),
		"unknown token": signed(t, b.mallory, "GET", accounts, b.token[:len(b.token)-8]+"AAAAAAAA"),
		"early token":   signed(t, b.mallory, "GET", accounts, signToken(t, "alice", `"nbf":4102444800`)),
		"unbound token": signed(t, b.mallory, "GET", accounts, signToken(t, "alice", "")),
		"wrong ath":     signed(t, b.alice, "GET", accounts, b.token),
	}
	refusals["wrong ath"].Header.Set("DPoP", dpoptest.Proof(t, b.alice, "GET", accounts, "another"))
	answers := map[string]answer{}
	for name, r := range refusals {
		answers[name] = record(guarded, r)
	}
	wrongKey := answers["wrong key"]
	require.Equal(t, 401, wrongKey.status)
	for _, name := range []string{"unknown token", "early token", "unbound token"} {
		assert.Equal(t, wrongKey, answers[name], "D52 %s", name)
	}
	ath := answers["wrong ath"]
	for _, lines := range ath.header {
		lines[0] = strings.Replace(lines[0], "invalid_dpop_proof", "invalid_token", 1)
	}
	ath.body = strings.Replace(ath.body, "invalid_dpop_proof", "invalid_token", 1)
	assert.Equal(t, wrongKey, ath, "D52 wrong ath differs in more than its code")
	assert.Zero(t, b.handled.Load())
	require.Equal(t, 200, record(guarded, b.honest(t)).status, "D52 control")

	t.Run("D52 control: the texts for logs do tell them apart", func(t *testing.T) {
		_, unknown := b.guard.Check(http.Header{}, refusals["unknown token"])
		_, key := b.guard.Check(http.Header{}, refusals["wrong key"])
		require.ErrorIs(t, unknown, accesstoken.ErrSignature)
		require.ErrorIs(t, key, dpop.ErrBinding)
		require.NotEqual(t, unknown.Error(), key.Error())
	})
}
