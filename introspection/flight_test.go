package introspection_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/introspection"
)

func TestParallelQuestionsAreOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(func(string) *http.Response { time.Sleep(time.Second); return active("") })
		client := newClient(t, s.client())
		var group sync.WaitGroup
		errs := make([]error, 1000)
		for i := range errs {
			group.Go(func() { _, errs[i] = client.Introspect(context.Background(), opaque) })
		}
		group.Wait()
		require.NoError(t, errors.Join(errs...))
		require.EqualValues(t, 1, s.asked.Load())
	})
}

func TestCancellationIsOnesOwn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(func(string) *http.Response { time.Sleep(time.Second); return active("") })
		client := newClient(t, s.client())
		ctx, cancel := context.WithCancel(context.Background())
		var first, second error
		var group sync.WaitGroup
		group.Go(func() { _, first = client.Introspect(ctx, opaque) })
		synctest.Wait()
		group.Go(func() { _, second = client.Introspect(context.Background(), opaque) })
		synctest.Wait()
		cancel()
		group.Wait()
		requireFault(t, introspection.ErrUnavailable, first)
		require.ErrorIs(t, first, context.Canceled)
		require.NoError(t, second)
		require.EqualValues(t, 1, s.asked.Load())

		_, err := client.Introspect(ctx, opaque)
		require.NoError(t, err, "what is remembered costs no time")
		_, err = client.Introspect(ctx, "another")
		requireFault(t, introspection.ErrUnavailable, err)
		require.EqualValues(t, 1, s.asked.Load(), "nobody waits for this question")
	})
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}).client()
		start := time.Now()
		_, err := newClient(t, h).Introspect(context.Background(), opaque)
		requireFault(t, introspection.ErrUnavailable, err)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 2*time.Second, time.Since(start))
	})
}

// Whatever the transport does, everybody gets an error and the next question works.
func TestBrokenTransports(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(string) *http.Response{
		"panic":  func(string) *http.Response { panic(opaque) },
		"goexit": func(string) *http.Response { runtime.Goexit(); return nil },
		"nil":    func(string) *http.Response { return nil },
		"error body": func(string) *http.Response {
			r := active("")
			r.Body = brokenBody{}
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(broken)
			client := newClient(t, s.client())
			_, err := client.Introspect(context.Background(), opaque)
			requireFault(t, introspection.ErrUnavailable, err)
			s.set(always(""))
			_, err = client.Introspect(context.Background(), opaque)
			require.NoError(t, err)
		})
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, coded("invalid_token") }
func (brokenBody) Close() error             { return nil }

func TestQuestionsUnderWayAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(func(string) *http.Response { time.Sleep(time.Second); return active("") })
		client := newClient(t, s.client())
		var group sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		for i := range 1024 {
			group.Go(func() { _, _ = client.Introspect(ctx, fmt.Sprint(i)) })
		}
		synctest.Wait()
		cancel() // nobody waits any more, but the questions are under way
		group.Wait()
		_, err := client.Introspect(context.Background(), opaque)
		requireFault(t, introspection.ErrUnavailable, err)
		_, err = client.Introspect(context.Background(), "7")
		require.NoError(t, err, "a question under way can be joined")
		time.Sleep(time.Second)
		_, err = client.Introspect(context.Background(), opaque)
		require.NoError(t, err)
		require.EqualValues(t, 1025, s.asked.Load())
	})
}
