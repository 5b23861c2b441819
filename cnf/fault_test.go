package cnf_test

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/replay"
)

// parts are everything the middleware depends on, each with a switch. A fault
// is what the part does while it is broken.
type parts struct {
	broken atomic.Bool
	fault  func(ctx context.Context) error
	where  string
}

func (p *parts) at(ctx context.Context, where string) error {
	if p.where == where && p.broken.Load() {
		return p.fault(ctx)
	}
	return nil
}

func (p *parts) Keys(ctx context.Context, _, _ string) ([]crypto.PublicKey, error) {
	return []crypto.PublicKey{testkeys.EdDSA("issuer").Public()}, p.at(ctx, "key source")
}

func (p *parts) Nonce(ctx context.Context) (string, error) { return "n", p.at(ctx, "giving a nonce") }
func (p *parts) Accept(ctx context.Context, nonce string) (bool, error) {
	return nonce == "n", p.at(ctx, "accepting a nonce")
}

// guard is a middleware made of the parts, with the accepted proofs in memory.
func (p *parts) guard(t *testing.T) *cnf.Middleware[*accesstoken.Token] {
	t.Helper()
	memory, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(t, err)
	// SetIfAbsent returns when the context ends, whatever the function does.
	store := replay.SetIfAbsent(func(ctx context.Context, key string, ttl time.Duration) (bool, error) {
		if err := p.at(ctx, "replay store"); err != nil {
			return true, err // "stored" beside an error must not count
		}
		return memory.Use(context.WithoutCancel(ctx), key, time.Now().Add(ttl))
	})
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: issuer, Audience: origin, Keys: p})
	require.NoError(t, err)
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{origin}, Replay: store, Nonces: p})
	require.NoError(t, err)
	return newGuard(t, cnf.Config[*accesstoken.Token]{
		Verify: func(ctx context.Context, token string) (*accesstoken.Token, error) {
			verified, err := tokens.Verify(ctx, token)
			if err == nil {
				err = p.at(ctx, "verifier")
			}
			return verified, err // the claims too, beside the error
		},
		Methods: []cnf.Method{method{"DPoP", cnf.MemberJKT, func(h http.Header, r *http.Request, token string, bound [32]byte) error {
			if err := p.at(r.Context(), "method"); err != nil {
				return err
			}
			return proofs.Confirm(h, r, token, bound)
		}}},
	})
}

var everyPart = []string{"verifier", "key source", "method", "accepting a nonce", "giving a nonce", "replay store"}

func TestFault(t *testing.T) {
	t.Parallel()
	for id, fault := range map[string]func(context.Context) error{
		"X01 error": func(context.Context) error { return errors.New("dial tcp 10.0.0.7:6379: secret detail") },
		"N14 panic": func(context.Context) error { panic("secret detail") },
		"X03 hangs until the context ends": func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		},
		"X03 hangs longer": func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Minute)
			return ctx.Err()
		},
	} {
		for _, where := range everyPart {
			t.Run(id+": "+where, func(t *testing.T) {
				t.Parallel()
				// The bubble fails if a goroutine is left behind.
				synctest.Test(t, func(t *testing.T) { testFault(t, &parts{fault: fault, where: where}) })
			})
		}
	}
}

func testFault(t *testing.T, p *parts) {
	const patience = time.Second
	b := newBank(t)
	guarded := p.guard(t).Handler(b)
	p.broken.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	start := time.Now()
	got := record(guarded, withNonce(t, b).WithContext(ctx))
	if p.where == "replay store" {
		assert.LessOrEqual(t, time.Since(start), patience, "waited beyond the context")
	}
	assert.Equal(t, 503, got.status)
	assert.Equal(t, `{"error":"server_error"}`, got.body)
	assert.Empty(t, got.header.Values("WWW-Authenticate"))
	assert.Zero(t, b.handled.Load(), "a fault admitted somebody")

	p.broken.Store(false)
	assert.Equal(t, 200, record(guarded, withNonce(t, b)).status, "control")
	assert.EqualValues(t, 1, b.handled.Load())
	time.Sleep(2 * time.Minute) // until a store that hangs has come back
}

// withNonce is an honest request whose proof has the nonce of the parts.
func withNonce(t *testing.T, b *bank) *http.Request {
	t.Helper()
	signer, err := dpop.NewSigner(b.alice)
	require.NoError(t, err)
	proof, err := signer.SignResourceRequest(t.Context(), "GET", accounts, b.token, "n")
	require.NoError(t, err)
	r := b.honest(t)
	r.Header.Set("DPoP", proof)
	return r
}

// A fault before the replay store spends nothing: the very same request passes
// when the server is well again.
func TestFaultSpendsNothing(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"verifier", "key source", "method", "accepting a nonce"} {
		t.Run("X01 "+where, func(t *testing.T) {
			t.Parallel()
			b := newBank(t)
			p := &parts{where: where, fault: func(context.Context) error { return errors.New("down") }}
			guarded := p.guard(t).Handler(b)
			r := withNonce(t, b)
			p.broken.Store(true)
			require.Equal(t, 503, record(guarded, r).status)
			p.broken.Store(false)
			require.Equal(t, 200, record(guarded, r).status)
			require.Equal(t, 401, record(guarded, r).status, "control: now it is spent")
		})
	}
}
