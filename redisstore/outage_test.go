package redisstore_test

import (
	"context"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/redisstore"
)

func TestOutages(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	noRetry := func(o *redis.Options) { o.MaxRetries = -1 }

	t.Run("X01 control: all is well", func(t *testing.T) {
		wantFirst(t, newReplay(t, s.client(t, nil)), "well")
	})
	t.Run("X01 a server that is gone refuses", func(t *testing.T) {
		t.Parallel()
		gone := startRedis(t)
		client := gone.client(t, nil)
		wantFirst(t, newReplay(t, client), "before")
		r := newReplayWithin(t, client, 200*time.Millisecond)
		gone.stop()
		for _, key := range []string{"before", "after"} {
			wantError(t, r, key)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		require.ErrorContains(t, r.Check(ctx), "does not answer INFO memory")
	})
	t.Run("X01 a closed client refuses", func(t *testing.T) {
		t.Parallel()
		client := s.client(t, nil)
		r := newReplay(t, client)
		wantFirst(t, r, "before closing")
		require.NoError(t, client.Close())
		require.ErrorIs(t, wantError(t, r, "after closing"), redis.ErrClosed)
		require.ErrorIs(t, r.Check(t.Context()), redis.ErrClosed)
	})
	t.Run("X01 a forbidden command refuses", func(t *testing.T) {
		t.Parallel()
		s.do(t, "acl", "setuser", "nothing", "on", ">p", "~*", "+ping")
		r := newReplay(t, s.client(t, func(o *redis.Options) { o.Username, o.Password = "nothing", "p" }))
		require.ErrorContains(t, wantError(t, r, "forbidden"), "NOPERM")
	})
	t.Run("X01 a wrong password refuses", func(t *testing.T) {
		t.Parallel()
		r := newReplay(t, s.client(t, func(o *redis.Options) { o.Username, o.Password = "nobody", "secret" }))
		require.NotContains(t, wantError(t, r, "who").Error(), "secret")
	})

	lost := map[string]error{"the connection breaks": io.EOF, "the wait ends": os.ErrDeadlineExceeded}
	for how, err := range lost {
		t.Run("X02 written, then "+how+", and the client repeats it by itself", func(t *testing.T) {
			t.Parallel()
			var w wire
			r := newReplay(t, s.client(t, w.options))
			w.loseReplies(1, err)
			wantUsed(t, r, "repeated, "+how)
			sets, _ := w.seen()
			require.Len(t, sets, 2, "control: the client did repeat the command")
			require.Equal(t, sets[0], sets[1])
			wantUsed(t, r, "repeated, "+how)
			wantFirst(t, r, "control: not lost, "+how)
		})
		t.Run("X02 written, then "+how+", and the caller repeats it", func(t *testing.T) {
			t.Parallel()
			var w wire
			r := newReplay(t, s.client(t, func(o *redis.Options) { w.options(o); noRetry(o) }))
			w.loseReplies(1, err)
			wantError(t, r, "ambiguous, "+how)
			wantUsed(t, r, "ambiguous, "+how)
			wantFirst(t, r, "control: not ambiguous, "+how)
		})
	}
	t.Run("X02 never written: the caller's repetition is first", func(t *testing.T) {
		t.Parallel()
		var broken atomic.Bool
		r := newReplay(t, s.client(t, func(o *redis.Options) {
			noRetry(o)
			o.DialerRetries = 1
			o.Dialer = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if broken.Load() {
					return nil, io.ErrClosedPipe
				}
				return new(net.Dialer).DialContext(ctx, network, addr)
			}
		}))
		broken.Store(true)
		require.ErrorIs(t, wantError(t, r, "unwritten"), io.ErrClosedPipe)
		broken.Store(false)
		wantFirst(t, r, "unwritten")
	})
}

// noHook leaves everything as it is; hooks that change one thing embed it.
type noHook struct{}

func (noHook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (noHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (noHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// counter counts the commands under way in a client.
type counter struct {
	noHook
	running atomic.Int64
}

func (c *counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.running.Add(1)
		defer c.running.Add(-1)
		return next(ctx, cmd)
	}
}

func TestHangingServer(t *testing.T) {
	t.Parallel()
	const timeout, soon = 100 * time.Millisecond, 3 * time.Second // the client's own is 5 s
	s := startRedis(t)
	patient := newReplay(t, s.client(t, nil))
	use := func(t *testing.T, byContext bool) (*redisstore.Replay, *counter) {
		client, count := s.client(t, func(o *redis.Options) { o.ContextTimeoutEnabled = byContext }), new(counter)
		client.AddHook(count)
		require.NoError(t, client.Ping(t.Context()).Err())
		return newReplayWithin(t, client, timeout), count
	}
	hang := func(t *testing.T) { s.do(t, "client", "pause", 60_000, "write") }

	t.Run("X03 the timeout ends the use, and with ContextTimeoutEnabled the command", func(t *testing.T) {
		r, count := use(t, true)
		hang(t)
		begin := time.Now()
		err := wantError(t, r, "early")
		require.GreaterOrEqual(t, time.Since(begin), timeout)
		require.Less(t, time.Since(begin), soon)
		require.ErrorContains(t, err, "redisstore: ")
		eventually(t, "the command ends while the server still hangs", func() bool { return count.running.Load() == 0 })
		s.do(t, "client", "unpause")
		wantFirst(t, patient, "control: after the pause")
	})
	t.Run("X03 the timeout ends the use although the client does not look at it", func(t *testing.T) {
		r, count := use(t, false)
		hang(t)
		begin := time.Now()
		err := wantError(t, r, "late")
		require.Less(t, time.Since(begin), soon)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "no answer within 100ms")
		require.EqualValues(t, 1, count.running.Load(), "control: the command is still waiting")
		s.do(t, "client", "unpause")
		eventually(t, "the command ends", func() bool { return count.running.Load() == 0 })
		wantUsed(t, patient, "late")
		wantFirst(t, patient, "control: another")
	})
	t.Run("X03 the caller's deadline is shorter, or the caller goes away", func(t *testing.T) {
		hang(t)
		defer s.do(t, "client", "unpause")
		deadline, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		begin := time.Now()
		first, err := patient.Use(deadline, "short", time.Now().Add(time.Minute))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotContains(t, err.Error(), "no answer within", "that would blame the store")
		require.False(t, first)
		require.Less(t, time.Since(begin), soon)

		leaving, leave := context.WithCancel(t.Context())
		time.AfterFunc(timeout, leave)
		first, err = patient.Use(leaving, "gone", time.Now().Add(time.Minute))
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, first)
	})
}
