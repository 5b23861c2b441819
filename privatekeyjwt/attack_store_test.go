package privatekeyjwt_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

var errDown = errors.New("the store is down")

// scripted stands in for every store and source at once; after is the real one.
type scripted struct {
	do    func(ctx context.Context) error
	after *server
}

func (s scripted) Use(ctx context.Context, key string, until time.Time) (bool, error) {
	if err := s.do(ctx); err != nil {
		return true, err // an error counts, whatever stands beside it
	}
	return s.after.store.Use(ctx, key, until)
}

func (s scripted) Client(ctx context.Context, id string) (privatekeyjwt.Client, bool, error) {
	client, ok, _ := s.after.clients.Client(ctx, id)
	return client, ok, s.do(ctx)
}

func (s scripted) Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	err := s.do(ctx)
	found, _ := s.after.clients["client-2"].Keys.Keys(ctx, kid, alg)
	return found, err
}

// withFault returns three servers around s, in which one part each does do.
func withFault(t *testing.T, s *server, do func(ctx context.Context) error) map[string]*server {
	t.Helper()
	faulty := scripted{do, s}
	servers := map[string]*server{
		"replay store": newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Clients, c.Replay = s.clients, faulty }),
		"clients":      newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Clients, c.Replay = faulty, s.store }),
		"keys":         newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Replay = s.store }),
	}
	servers["keys"].clients["client-2"] = privatekeyjwt.Client{Keys: faulty}
	return servers
}

// fromSecond is an assertion of client-2.
func fromSecond(t testing.TB) string {
	t.Helper()
	return sign(t, testkeys.ES256("client-2"), es256Header, claimsOf("client-2").json(t))
}

func TestFaults(t *testing.T) {
	t.Parallel()
	t.Run("X01 an error refuses", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		for name, faulty := range withFault(t, s, func(context.Context) error { return errDown }) {
			token := fromSecond(t)
			got, err := faulty.authenticate(token)
			requireFault(t, got, err)
			assert.ErrorIs(t, err, errDown, name)
			assert.Empty(t, s.store.used, name)
			s.accepts(t, "client-2", token)
			clear(s.store.used)
		}
	})
	t.Run("X01 a panic refuses", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		for name, faulty := range withFault(t, s, func(context.Context) error { panic("secret: client-2") }) {
			token := fromSecond(t)
			got, err := faulty.authenticate(token)
			requireFault(t, got, err)
			assert.NotContains(t, err.Error(), "secret", name)
			s.accepts(t, "client-2", token)
		}
	})
	t.Run("X01 a hollow key refuses", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.clients["client-2"] = privatekeyjwt.Client{Keys: anyKey{&ecdsa.PublicKey{Curve: elliptic.P256()}}}
		got, err := s.authenticate(fromSecond(t))
		require.Error(t, err)
		require.Empty(t, got)
	})
	t.Run("X02 recorded, then an error", func(t *testing.T) {
		t.Parallel()
		s, token := newServer(t), fromSecond(t)
		ambiguous := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Replay = ambiguous{s.store} })
		got, err := ambiguous.authenticate(token)
		requireFault(t, got, err)
		_, err = s.authenticate(token)
		requireRefused(t, privatekeyjwt.ErrReplay, invalidClient, err)
		s.accepts(t, "client-2", fromSecond(t))
	})
	t.Run("X03 the context ends while a part hangs", func(t *testing.T) {
		t.Parallel()
		for _, polite := range []bool{true, false} { // the other one ignores the context
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				for name, hanging := range withFault(t, s, func(ctx context.Context) error {
					if !polite {
						time.Sleep(time.Second)
						return nil
					}
					<-ctx.Done()
					return ctx.Err()
				}) {
					ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
					got, err := hanging.Authenticate(post(assertionForm(fromSecond(t))).WithContext(ctx))
					cancel()
					requireFault(t, got, err)
					assert.ErrorIs(t, err, context.DeadlineExceeded, name)
					if !polite { // control: without a deadline the late answer counts
						got, err := hanging.authenticate(fromSecond(t))
						assert.NoError(t, err, name)
						assert.Equal(t, "client-2", got, name)
					}
				}
				time.Sleep(2 * time.Second) // nothing is left behind
			})
		}
	})
	t.Run("X03 nothing found after the deadline is no refusal", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			byClients := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Clients = nothing{} })
			byKeys := newServer(t)
			byKeys.clients["client-2"] = privatekeyjwt.Client{Keys: nothing{}}
			for rule, s := range map[error]*server{privatekeyjwt.ErrClient: byClients, privatekeyjwt.ErrKey: byKeys} {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				got, err := s.Authenticate(post(assertionForm(fromSecond(t))).WithContext(ctx))
				cancel()
				requireFault(t, got, err)
				assert.ErrorIs(t, err, context.DeadlineExceeded)
				_, err = s.authenticate(fromSecond(t)) // control
				requireRefused(t, rule, invalidClient, err)
			}
		})
	})
	t.Run("X04 one atomic call decides", func(t *testing.T) {
		t.Parallel()
		// There is no read that could be stale: the store's one method is asked
		// once, and its word is final.
		s, token := newServer(t), fromSecond(t)
		s.accepts(t, "client-2", token)
		require.Equal(t, 1, s.store.calls)
		_, err := s.authenticate(token)
		requireRefused(t, privatekeyjwt.ErrReplay, invalidClient, err)
		require.Equal(t, 2, s.store.calls)
		require.Len(t, s.store.used, 1)
		for key := range s.store.used {
			require.Regexp(t, `^[A-Za-z0-9_-]{43}$`, key)
		}
	})
	t.Run("X17 two clients through one verifier", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Replay = forgetful{} })
		tokens := map[string]string{}
		for _, id := range []string{"a", "b"} {
			s.clients[id] = privatekeyjwt.Client{Keys: keys{"ed": {testkeys.EdDSA(id).Public()}}}
			tokens[id] = sign(t, testkeys.EdDSA(id), eddsaHeader, claimsOf(id).json(t))
		}
		var group sync.WaitGroup
		var wrong atomic.Int64
		for range 20 {
			for id, token := range tokens {
				group.Go(func() {
					for range 250 {
						if got, err := s.authenticate(token); err != nil || got != id {
							wrong.Add(1)
						}
					}
				})
			}
		}
		group.Wait()
		require.Zero(t, wrong.Load(), fmt.Sprint("of ", 20*2*250))
	})
}

// ambiguous records and then loses the connection.
type ambiguous struct{ store *store }

func (a ambiguous) Use(ctx context.Context, key string, until time.Time) (bool, error) {
	if _, err := a.store.Use(ctx, key, until); err != nil {
		return false, err
	}
	return true, errDown
}

// nothing is a source that takes the end of its context for an empty answer.
type nothing struct{}

func (nothing) wait(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Minute - time.Second):
	}
}

func (n nothing) Client(ctx context.Context, _ string) (privatekeyjwt.Client, bool, error) {
	n.wait(ctx)
	return privatekeyjwt.Client{}, false, nil
}

func (n nothing) Keys(ctx context.Context, _, _ string) ([]crypto.PublicKey, error) {
	n.wait(ctx)
	return nil, nil
}
