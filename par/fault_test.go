package par_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/par"
)

func failing(call string, err error) func(string) error {
	return func(c string) error {
		if c == call {
			return err
		}
		return nil
	}
}

func TestStoreFaults(t *testing.T) {
	t.Parallel()
	down := errors.New("redis: secret.internal:6379 is down")
	for _, trouble := range []error{down, coded("invalid_request"), par.ErrRequestURI, par.ErrFull, context.DeadlineExceeded} {
		t.Run("P22 X01 never 201 without a durable entry", func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			for _, call := range []string{"Put", "after Put"} { // the second one: stored, and reported as failed
				s.store.set(failing(call, trouble))
				w := s.push(form().Encode())
				requireOAuthError(t, w, http.StatusServiceUnavailable, "server_error")
				require.NotContains(t, w.Body.String(), "secret")
				requireFault(t, nil, s.lastEvent().Err)
			}
			s.store.set(nil)
			s.works(t, s.pushed(t))
		})
		t.Run("P22 X01 never authorize on a store error", func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			requestURI := s.pushed(t)
			s.store.set(failing("Keep", trouble))
			request, err := s.Load(t.Context(), "client-1", requestURI)
			requireFault(t, request, err)
			request, err = s.Consume(t.Context(), "client-1", requestURI)
			requireFault(t, request, err)
			s.store.set(failing("Take", trouble))
			request, err = s.Consume(t.Context(), "client-1", requestURI)
			requireFault(t, request, err)
			s.store.set(nil)
			s.works(t, requestURI)
		})
		t.Run("P22 X02 taken, and reported as failed", func(t *testing.T) {
			t.Parallel()
			s := newServer(t)
			requestURI := s.pushed(t)
			s.store.set(failing("after Take", trouble))
			request, err := s.Consume(t.Context(), "client-1", requestURI)
			requireFault(t, request, err)
			s.store.set(nil)
			s.dead(t, requestURI)
			s.works(t, s.pushed(t))
		})
	}
	t.Run("X01 a store that panics", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI := s.pushed(t)
		for _, call := range []string{"Put", "Keep", "Take"} {
			s.store.set(func(c string) error {
				if c == call {
					panic("secret")
				}
				return nil
			})
			if call == "Put" {
				requireOAuthError(t, s.push(form().Encode()), http.StatusServiceUnavailable, "server_error")
				continue
			}
			request, err := s.Consume(t.Context(), "client-1", requestURI)
			requireFault(t, request, err)
			require.NotContains(t, err.Error(), "secret")
		}
		s.store.set(nil)
		s.works(t, requestURI)
	})
	t.Run("a request whose client has gone reaches no store", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI := s.pushed(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		requireOAuthError(t, s.serve(pushRequest(form().Encode()).WithContext(ctx)), http.StatusServiceUnavailable, "server_error")
		request, err := s.Consume(ctx, "client-1", requestURI)
		requireFault(t, request, err)
		require.ErrorIs(t, err, context.Canceled)
		s.works(t, requestURI)
	})
}

func TestCancelledMeanwhile(t *testing.T) {
	t.Parallel()
	t.Run("X03 a store that succeeds when the client has gone", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		ctx, cancel := context.WithCancel(t.Context())
		s.store.set(func(call string) error {
			if call == "after Put" {
				cancel()
			}
			return nil
		})
		requireOAuthError(t, s.serve(pushRequest(form().Encode()).WithContext(ctx)), http.StatusServiceUnavailable, "server_error")
		require.ErrorIs(t, s.lastEvent().Err, context.Canceled)
		s.store.set(nil)
		s.works(t, s.pushed(t))
	})
}

// slow is a store behind a network, without a method NeverBlocks.
type slow struct {
	memory *par.Memory
	delay  time.Duration
	deaf   bool // to its context
}

func (s *slow) wait(ctx context.Context) error {
	if s.deaf {
		time.Sleep(s.delay)
		return nil
	}
	select {
	case <-time.After(s.delay):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slow) Put(ctx context.Context, key string, record []byte, until time.Time) error {
	if err := s.wait(ctx); err != nil {
		return err
	}
	return s.memory.Put(context.WithoutCancel(ctx), key, record, until)
}

func (s *slow) Keep(ctx context.Context, key string, until time.Time) ([]byte, bool, error) {
	if err := s.wait(ctx); err != nil {
		return nil, false, err
	}
	return s.memory.Keep(context.WithoutCancel(ctx), key, until)
}

func (s *slow) Take(ctx context.Context, key string) (bool, error) {
	if err := s.wait(ctx); err != nil {
		return false, err
	}
	return s.memory.Take(context.WithoutCancel(ctx), key)
}

func TestSlowStore(t *testing.T) {
	t.Parallel()
	for _, deaf := range []bool{false, true} {
		t.Run("X03 hangs for a minute", func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &slow{deaf: deaf}
				s := newServer(t, func(c *par.HandlerConfig) {
					store.memory = c.Store.(*ledger).Memory
					c.Store = store
				})
				requestURI := s.pushed(t)
				store.delay = time.Second // control: slow, but in time
				_, err := s.Load(t.Context(), "client-1", requestURI)
				require.NoError(t, err)
				store.delay = time.Minute
				start := time.Now()
				requireOAuthError(t, s.push(form().Encode()), http.StatusServiceUnavailable, "server_error")
				request, err := s.Load(t.Context(), "client-1", requestURI)
				requireFault(t, request, err)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				request, err = s.Consume(t.Context(), "client-1", requestURI)
				requireFault(t, request, err)
				require.Equal(t, 6*time.Second, time.Since(start))
				time.Sleep(time.Hour) // goroutines end: synctest would see it otherwise
			})
		})
	}
	t.Run("P14 X04 all have loaded before the first one takes", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			store := &slow{}
			s := newServer(t, func(c *par.HandlerConfig) {
				store.memory = c.Store.(*ledger).Memory
				c.Store = store
			})
			requestURI := s.pushed(t)
			store.delay = time.Second // Keep of all at 1 s, Take of all at 2 s
			errs := make(chan error, 1_000)
			for range cap(errs) {
				go func() {
					_, err := s.Consume(t.Context(), "client-1", requestURI)
					errs <- err
				}()
			}
			won := 0
			for range cap(errs) {
				if err := <-errs; err == nil {
					won++
				} else {
					requireRule(t, par.ErrRequestURI, err)
				}
			}
			require.Equal(t, 1, won)
		})
	})
	t.Run("X03 a take that answers too late does not count", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			store := &slow{deaf: true}
			s := newServer(t, func(c *par.HandlerConfig) {
				store.memory = c.Store.(*ledger).Memory
				c.Store, c.Lifetime, c.Interaction = store, 5*time.Second, time.Second
			})
			requestURI := s.pushed(t)
			time.Sleep(4900 * time.Millisecond)
			_, err := s.Load(t.Context(), "client-1", requestURI) // keeps it until 5.9 s
			require.NoError(t, err)
			time.Sleep(600 * time.Millisecond)
			store.delay = 300 * time.Millisecond // Keep at 5.8 s; Take at 6.1 s, past the last second of any request
			_, err = s.Consume(t.Context(), "client-1", requestURI)
			requireRule(t, par.ErrRequestURI, err)
		})
	})
}
