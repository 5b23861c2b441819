package dpop_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/replay"
)

var errDown = errors.New("redis at 10.0.0.7:6379 is down")

// requireUnavailable checks what a client sees of a fault: nothing.
func requireUnavailable(t testing.TB, g *gate, err error) {
	t.Helper()
	w := httptest.NewRecorder()
	g.WriteTokenError(w, get(), err)
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.Contains(t, w.Body.String(), `"server_error"`)
	require.NotContains(t, w.Body.String(), "redis")
	require.NotContains(t, w.Body.String(), "nonce")
	require.Empty(t, w.Header().Get("DPoP-Nonce"))
}

func TestStoreFaults(t *testing.T) {
	t.Parallel()
	type script = func(ctx context.Context, key string, until time.Time) (bool, error)
	tests := map[string]script{
		"X01 an error":              func(context.Context, string, time.Time) (bool, error) { return false, errDown },
		"X01 an error beside first": func(context.Context, string, time.Time) (bool, error) { return true, errDown },
		"D31 a panic":               func(context.Context, string, time.Time) (bool, error) { panic("boom") },
		"D31 a timeout of its own":  func(context.Context, string, time.Time) (bool, error) { return true, context.DeadlineExceeded },
		"D31 a wrapped error":       func(context.Context, string, time.Time) (bool, error) { return false, fmt.Errorf("store: %w", errDown) },
	}
	for name, script := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGate(t)
			g.store.script = script
			proof := honest(t)
			accepted, err := g.verify(get(proof))
			requireFault(t, accepted, err)
			requireUnavailable(t, g, err)
			g.store.script = nil // up again: nothing was lost
			g.accept(t, get(proof))
		})
	}
	t.Run("X02 recorded, then an error", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		g.store.script = func(_ context.Context, key string, until time.Time) (bool, error) {
			g.store.record(key, until)
			return true, errDown
		}
		proof := honest(t)
		accepted, err := g.verify(get(proof))
		requireFault(t, accepted, err)
		g.store.script = nil
		g.refuse(t, get(proof), dpop.ErrReplay)
		g.acceptHonest(t)
	})
	t.Run("D31 a context that has ended", func(t *testing.T) {
		t.Parallel()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		for _, store := range []dpop.ReplayStore{&ledger{}, replay.Off{}, newStore(t, 0)} {
			g := newGate(t, withStore(store))
			proof := honest(t)
			accepted, err := g.verify(get(proof).WithContext(ended))
			requireFault(t, accepted, err)
			require.ErrorIs(t, err, context.Canceled)
			_, err = g.verify(get(proof))
			require.NoError(t, err)
		}
	})
	t.Run("X03 a store that hangs", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t)
			g.store.script = func(ctx context.Context, _ string, _ time.Time) (bool, error) {
				<-ctx.Done()
				return true, nil // too late, and wrong
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			accepted, err := g.verify(get(honest(t)).WithContext(ctx))
			requireFault(t, accepted, err)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(start))
		})
	})
	t.Run("X03 a store that ignores the context, in a request without deadline", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t)
			g.store.script = func(context.Context, string, time.Time) (bool, error) {
				time.Sleep(time.Minute)
				return true, nil
			}
			start := time.Now()
			accepted, err := g.verify(get(honest(t)))
			requireFault(t, accepted, err)
			require.Less(t, time.Since(start), 10*time.Second)
			time.Sleep(time.Minute) // for the store's goroutine to end
		})
	})
	t.Run("X03 a slow store that answers in time", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t)
			g.store.script = func(_ context.Context, key string, until time.Time) (bool, error) {
				time.Sleep(time.Second)
				return g.store.record(key, until), nil
			}
			g.acceptHonest(t)
		})
	})
}

func TestNonceFaults(t *testing.T) {
	t.Parallel()
	good := func() (string, error) { return "n-1", nil }
	tests := map[string]scripted{
		"X01 an error":             {good, func(context.Context) (bool, error) { return false, errDown }},
		"X01 an error beside true": {good, func(context.Context) (bool, error) { return true, errDown }},
		"X01 a panic":              {good, func(context.Context) (bool, error) { panic("boom") }},
		"X03 a source that hangs": {good, func(ctx context.Context) (bool, error) {
			<-ctx.Done()
			return true, nil
		}},
	}
	for name, source := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, withNonces(source))
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				accepted, err := g.verify(get(nonced(t, "n-1")).WithContext(ctx))
				requireFault(t, accepted, err)
				requireUnavailable(t, g, err)
				require.Zero(t, g.store.size(), "nothing is spent before the nonce is known to be good")
			})
		})
	}
	for name, nonce := range map[string]func() (string, error){
		"X01 no nonce to give":      func() (string, error) { return "", errDown },
		"X01 a panic for the offer": func() (string, error) { panic("boom") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			yes := func(context.Context) (bool, error) { return true, nil }
			g := newGate(t, withNonces(scripted{nonce, yes}))
			h := http.Header{}
			requireFault(t, nil, g.Confirm(h, get(honest(t)), accessToken, thumbprintOf(client)))
			require.Empty(t, h)
			_, err := g.verify(get())
			requireUnavailable(t, g, err)
		})
	}
}

func TestParallelClients(t *testing.T) {
	t.Parallel()
	t.Run("X17 10,000 verifications of two clients do not mix", func(t *testing.T) {
		t.Parallel()
		g := newGate(t, withStore(replay.Off{}))
		type party struct {
			bound  [32]byte
			token  string
			proofs []string
		}
		parties := make([]party, 2)
		for i := range parties {
			key := testkeys.ES256(fmt.Sprint("party ", i))
			parties[i] = party{bound: thumbprintOf(key), token: fmt.Sprint("token-", i)}
			for range 10 {
				parties[i].proofs = append(parties[i].proofs, dpoptest.Proof(t, key, "GET", apiURL, parties[i].token))
			}
		}
		var wrong, next atomic.Int64
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for i := next.Add(1); i <= 10_000; i = next.Add(1) {
					mine, other := parties[i%2], parties[(i+1)%2]
					proof := mine.proofs[i/2%10]
					if i%10 == 0 { // the other's token and binding, taken without success
						if _, err := g.VerifyResourceRequest(get(proof), other.token, other.bound); err == nil {
							wrong.Add(1)
						}
					} else if p, err := g.VerifyResourceRequest(get(proof), mine.token, mine.bound); err != nil || p.Thumbprint() != mine.bound {
						wrong.Add(1)
					}
				}
			})
		}
		group.Wait()
		require.Zero(t, wrong.Load())
	})
}

func TestObserve(t *testing.T) {
	t.Parallel()
	var events []error
	g := newGate(t, func(c *dpop.VerifierConfig) {
		c.Observe = func(e dpop.Event) { events = append(events, e.Err) }
	})
	g.acceptHonest(t)
	g.refuse(t, get(), dpop.ErrProofCount)
	g.store.script = func(context.Context, string, time.Time) (bool, error) { return false, errDown }
	_, err := g.verify(get(honest(t)))
	requireFault(t, nil, err)
	require.Len(t, events, 3)
	require.NoError(t, events[0])
	requireRule(t, events[1], dpop.ErrProofCount)
	require.ErrorIs(t, events[2], errDown)
}
