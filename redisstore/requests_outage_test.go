package redisstore_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/redisstore"
)

func TestRequestsOutages(t *testing.T) {
	t.Parallel()
	s := startRedis(t)

	t.Run("X01 a server that is gone", func(t *testing.T) {
		t.Parallel()
		gone := startRedis(t)
		client := gone.client(t, nil)
		r := newRequestsWithin(t, client, 200*time.Millisecond)
		wantPut(t, newRequests(t, client), "before")
		wantKept(t, newRequests(t, client), "before")
		gone.stop()
		failures(t, r, t.Context(), "before")
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		require.ErrorContains(t, r.Check(ctx), "does not answer INFO memory")
	})
	t.Run("X01 a closed client", func(t *testing.T) {
		t.Parallel()
		client := s.client(t, nil)
		r := newRequests(t, client)
		wantPut(t, r, "before closing")
		require.NoError(t, client.Close())
		for _, err := range failures(t, r, t.Context(), "before closing") {
			require.ErrorIs(t, err, redis.ErrClosed)
		}
	})
	t.Run("X01 a panic of the client's", func(t *testing.T) {
		t.Parallel()
		client := s.client(t, nil)
		client.AddHook(panics{})
		for _, err := range failures(t, newRequests(t, client), t.Context(), "k") {
			require.ErrorContains(t, err, "the client panicked (*errors.errorString)")
			require.NotContains(t, err.Error(), "secret")
		}
	})
	t.Run("X01 forbidden commands, and those that are enough", func(t *testing.T) {
		t.Parallel()
		s.do(t, "acl", "setuser", "few", "on", ">p", "~fapi:par:*", "+set", "+eval", "+get", "+pttl", "+pexpire", "+setrange", "+getdel")
		s.do(t, "acl", "setuser", "none", "on", ">p", "~*", "+ping")
		as := func(name string) *redisstore.Requests {
			return newRequests(t, s.client(t, func(o *redis.Options) { o.Username, o.Password = name, "p" }))
		}
		for _, err := range failures(t, as("none"), t.Context(), "forbidden") {
			require.ErrorContains(t, err, "NOPERM")
		}
		wantPut(t, as("few"), "permitted")
		wantKept(t, as("few"), "permitted")
		wantTake(t, as("few"), "permitted", true)
	})
	t.Run("X01 something else under the key", func(t *testing.T) {
		t.Parallel()
		s.do(t, "set", "fapi:par:"+named("short"), "9999", "px", 60_000)
		s.do(t, "rpush", "fapi:par:"+named("list"), "a")
		r := newRequests(t, s.client(t, nil))
		_, ok, err := r.Keep(t.Context(), named("list"), inAMinute())
		require.ErrorContains(t, err, "WRONGTYPE")
		require.False(t, ok)
		_, ok, err = r.Keep(t.Context(), named("short"), inAMinute())
		require.ErrorContains(t, err, "not a record")
		require.False(t, ok)
		ok, err = r.Take(t.Context(), named("short"))
		require.ErrorContains(t, err, "not a record")
		require.False(t, ok)
	})
	t.Run("X03 a context that is done", func(t *testing.T) {
		t.Parallel()
		done, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range failures(t, newRequests(t, s.client(t, nil)), done, "done") {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}

type panics struct{ noHook }

func (panics) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(context.Context, redis.Cmder) error { panic(errors.New("secret")) }
}

func TestRequestsLostAnswers(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	calm := newRequests(t, s.client(t, nil))
	for how, lost := range map[string]error{"the connection breaks": io.EOF, "the wait ends": os.ErrDeadlineExceeded} {
		start := func(t *testing.T, retries int) (*wire, *redisstore.Requests) {
			w := new(wire)
			return w, newRequests(t, s.client(t, func(o *redis.Options) { w.options(o); o.MaxRetries = retries }))
		}
		t.Run("X02 put, then "+how+": an error, and nothing is sent twice", func(t *testing.T) {
			t.Parallel()
			w, r := start(t, 3)
			w.loseReplies(1, lost)
			name := "put, " + how
			require.ErrorIs(t, r.Put(t.Context(), named(name), []byte("record of "+name), inAMinute()), lost)
			commands, _ := w.seen()
			require.Len(t, commands, 1)
			wantKept(t, calm, name) // it was stored, under a name that nobody will be told
			wantPut(t, r, "control: not lost, "+how)
		})
		t.Run("X02 keep, then "+how+": it is sent again, and does the same", func(t *testing.T) {
			t.Parallel()
			w, r := start(t, 3)
			wantPut(t, calm, "keep, "+how)
			w.loseReplies(1, lost)
			wantKept(t, r, "keep, "+how)
			commands, _ := w.seen()
			require.Len(t, commands, 2, "control: the client did repeat the command")
		})
		t.Run("X02 take, then "+how+": whoever repeats it, nobody is told true", func(t *testing.T) {
			t.Parallel()
			w, r := start(t, 3)
			wantPut(t, calm, "take, "+how)
			w.loseReplies(1, lost)
			wantTake(t, r, "take, "+how, false)
			commands, _ := w.seen()
			require.Len(t, commands, 2, "control: the client did repeat the command")

			w, r = start(t, -1)
			wantPut(t, calm, "take, "+how)
			w.loseReplies(1, lost)
			ok, err := r.Take(t.Context(), named("take, "+how))
			require.ErrorIs(t, err, lost)
			require.False(t, ok)
			wantTake(t, r, "take, "+how, false)

			wantPut(t, calm, "take, "+how)
			wantTake(t, r, "take, "+how, true)
		})
	}
	t.Run("P12 X02 control: a copy of a put that arrives late brings a taken request back", func(t *testing.T) {
		wantPut(t, calm, "late")
		wantTake(t, calm, "late", true)
		later := strconv.FormatInt(inAMinute().UnixNano(), 10)
		require.NoError(t, s.admin.SetNX(t.Context(), "fapi:par:"+named("late"), later+"record of late", time.Minute).Err())
		wantTake(t, calm, "late", true)
	})
}

func TestRequestsOnAHangingServer(t *testing.T) {
	t.Parallel()
	const timeout, soon = 100 * time.Millisecond, 3 * time.Second // the client's own is 5 s
	s := startRedis(t)
	calm := newRequests(t, s.client(t, nil))
	for what, byContext := range map[string]bool{"with ContextTimeoutEnabled": true, "though the client does not look at it": false} {
		t.Run("X03 the timeout ends the call, "+what, func(t *testing.T) {
			client := s.client(t, func(o *redis.Options) { o.ContextTimeoutEnabled = byContext })
			count := new(counter)
			client.AddHook(count)
			require.NoError(t, client.Ping(t.Context()).Err())
			r := newRequestsWithin(t, client, timeout)
			wantPut(t, calm, "there, "+what)
			s.do(t, "client", "pause", 60_000, "write")
			begin := time.Now()
			errs := failures(t, r, t.Context(), "there, "+what)
			require.Less(t, time.Since(begin), soon)
			if !byContext {
				for _, err := range errs {
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.ErrorContains(t, err, "no answer within 100ms")
				}
			}
			s.do(t, "client", "unpause")
			eventually(t, "the commands end", func() bool { return count.running.Load() == 0 })
			wantPut(t, calm, "control: after the pause, "+what)
		})
	}
	t.Run("X03 the caller goes away", func(t *testing.T) {
		s.do(t, "client", "pause", 60_000, "write")
		defer s.do(t, "client", "unpause")
		leaving, leave := context.WithCancel(t.Context())
		time.AfterFunc(timeout, leave)
		begin := time.Now()
		for _, err := range failures(t, calm, leaving, "gone") {
			require.ErrorIs(t, err, context.Canceled)
			require.NotContains(t, err.Error(), "no answer within", "that would blame the store")
		}
		require.Less(t, time.Since(begin), soon)
	})
}

func TestRequestsEviction(t *testing.T) {
	t.Parallel()
	t.Run("X06 noeviction: a full server takes no more, and serves those it has", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t, "--maxmemory-policy", "noeviction")
		r := newRequests(t, s.client(t, nil))
		wantPut(t, r, "kept")
		s.do(t, "config", "set", "maxmemory", 1)
		require.ErrorContains(t, r.Put(t.Context(), named("new"), nil, inAMinute()), "OOM")
		wantKept(t, r, "kept")
		wantTake(t, r, "kept", true)
		require.NoError(t, r.Check(t.Context()))
		s.do(t, "config", "set", "maxmemory", "1gb")
		wantPut(t, r, "new")
	})
	t.Run("X06 control: allkeys-lru loses requests, and Check says so", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t, "--maxmemory-policy", "allkeys-lru", "--maxmemory", "1gb")
		r := newRequests(t, s.client(t, nil))
		wantPut(t, r, "kept")
		require.ErrorIs(t, r.Check(t.Context()), redisstore.ErrEviction)
		s.do(t, "config", "set", "maxmemory", 1)
		eventually(t, "the key is evicted", func() bool { return s.do(t, "dbsize") == int64(0) })
		wantNone(t, r, "kept")
	})
}
