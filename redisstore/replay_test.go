package redisstore_test

import (
	"context"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/redisstore"
	"github.com/go-fapi/fapi/replay"
	"github.com/go-fapi/fapi/replay/replaytest"
)

func TestNewReplay(t *testing.T) {
	t.Parallel()
	client := func(read, write time.Duration, byContext bool) redis.UniversalClient {
		o := &redis.Options{ReadTimeout: read, WriteTimeout: write, ContextTimeoutEnabled: byContext}
		c := redis.NewClient(o)
		t.Cleanup(func() { c.Close() })
		return c
	}
	cluster := func(read time.Duration, byContext bool) redis.UniversalClient {
		o := &redis.ClusterOptions{Addrs: []string{"127.0.0.1:1"}, ReadTimeout: read, ContextTimeoutEnabled: byContext}
		c := redis.NewClusterClient(o)
		t.Cleanup(func() { c.Close() })
		return c
	}
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
	t.Cleanup(func() { ring.Close() })
	good := client(0, 0, false)
	for _, c := range []struct {
		name   string
		config redisstore.ReplayConfig
		want   string // of the error; empty: none
	}{
		{"client only", redisstore.ReplayConfig{Client: good}, ""},
		{"cluster", redisstore.ReplayConfig{Client: cluster(0, false)}, ""},
		{"all set", redisstore.ReplayConfig{Client: good, Prefix: strings.Repeat("p", 128), Timeout: 10 * time.Second}, ""},
		{"shortest timeout", redisstore.ReplayConfig{Client: good, Timeout: time.Millisecond}, ""},
		{"no limit but the context's", redisstore.ReplayConfig{Client: client(-1, -1, true)}, ""},
		{"no client", redisstore.ReplayConfig{}, "Client is required"},
		{"nil client", redisstore.ReplayConfig{Client: (*redis.Client)(nil)}, "Client is required"},
		{"nil cluster", redisstore.ReplayConfig{Client: (*redis.ClusterClient)(nil)}, "Client is required"},
		{"zero client", redisstore.ReplayConfig{Client: new(redis.Client)}, "Client is required"},
		{"zero cluster", redisstore.ReplayConfig{Client: new(redis.ClusterClient)}, "Client is required"},
		{"ring", redisstore.ReplayConfig{Client: ring}, "moves keys"},
		{"wrapped", redisstore.ReplayConfig{Client: struct{ redis.UniversalClient }{good}}, "want *redis.Client or"},
		{"no read limit", redisstore.ReplayConfig{Client: client(-1, time.Second, false)}, "waits without limit"},
		{"no write limit", redisstore.ReplayConfig{Client: client(time.Second, -1, false)}, "waits without limit"},
		{"no deadline ever", redisstore.ReplayConfig{Client: client(-2, 0, true)}, "waits without limit"},
		{"cluster without limit", redisstore.ReplayConfig{Client: cluster(-1, false)}, "waits without limit"},
		{"cluster without deadline", redisstore.ReplayConfig{Client: cluster(-2, true)}, "waits without limit"},
		{"long prefix", redisstore.ReplayConfig{Client: good, Prefix: strings.Repeat("p", 129)}, "Prefix has 129 bytes"},
		{"negative timeout", redisstore.ReplayConfig{Client: good, Timeout: -1}, "Timeout"},
		{"short timeout", redisstore.ReplayConfig{Client: good, Timeout: time.Microsecond}, "Timeout"},
		{"long timeout", redisstore.ReplayConfig{Client: good, Timeout: 10*time.Second + 1}, "Timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := redisstore.NewReplay(c.config)
			if c.want == "" {
				require.NoError(t, err)
				require.NotNil(t, r)
				return
			}
			require.ErrorContains(t, err, c.want)
			require.True(t, strings.HasPrefix(err.Error(), "redisstore: "))
			require.Nil(t, r)
		})
	}
}

func TestReplayNotReady(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { client.Close() })
	var noContext context.Context
	for name, use := range map[string]func() (bool, error){
		"nil": func() (bool, error) {
			return (*redisstore.Replay)(nil).Use(t.Context(), "k", time.Now().Add(time.Minute))
		},
		"zero": func() (bool, error) { return new(redisstore.Replay).Use(t.Context(), "k", time.Now().Add(time.Minute)) },
		"nil context": func() (bool, error) {
			return newReplay(t, client).Use(noContext, "k", time.Now().Add(time.Minute))
		},
		"nil, check":         func() (bool, error) { return false, (*redisstore.Replay)(nil).Check(t.Context()) },
		"zero, check":        func() (bool, error) { return false, new(redisstore.Replay).Check(t.Context()) },
		"nil context, check": func() (bool, error) { return false, newReplay(t, client).Check(noContext) },
	} {
		t.Run(name, func(t *testing.T) {
			first, err := use()
			require.ErrorIs(t, err, replay.ErrNotReady)
			require.False(t, first)
		})
	}
}

// replicas is what several processes with one Redis are to their users.
type replicas struct {
	stores []*redisstore.Replay
	next   atomic.Uint64
}

func (r *replicas) Use(ctx context.Context, key string, until time.Time) (bool, error) {
	return r.stores[r.next.Add(1)%uint64(len(r.stores))].Use(ctx, key, until)
}

func TestReplayKeepsTheContract(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	replaytest.Run(t, func(t *testing.T) replaytest.Store {
		r := new(replicas)
		for range 3 {
			r.stores = append(r.stores, newReplay(t, s.client(t, nil)))
		}
		return r
	})
}

func TestReplayCommand(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	var w wire
	client := s.client(t, w.options)
	require.NoError(t, client.Ping(t.Context()).Err())
	for prefix, want := range map[string]string{"": "fapi:replay:", "as 1 ü:": "as 1 ü:"} {
		r, err := redisstore.NewReplay(redisstore.ReplayConfig{Client: client, Prefix: prefix, Timeout: 10 * time.Second})
		require.NoError(t, err)
		w.loseReplies(0, nil)
		for range 10 {
			_, err := r.Use(t.Context(), "jti \x00\xff of a proof", time.Now().Add(69900*time.Millisecond))
			require.NoError(t, err)
		}
		sets, replies := w.seen()
		assert.Len(t, sets, 10, "one command a use")
		assert.Equal(t, 10, replies, "one round trip a use")
		for _, set := range sets {
			args := strings.Split(strings.TrimSuffix(set, "\r\n"), "\r\n")
			require.Len(t, args, 13, "%q", set)
			assert.Equal(t, []string{"*6", "$3", "set"}, args[:3])
			assert.Regexp(t, "^"+regexp.QuoteMeta(want)+"[A-Za-z0-9_-]{43}$", args[4])
			assert.Equal(t, []string{"$1", "1", "$2", "px", "$5", "70001", "$2", "nx"}, args[5:])
		}
	}
	t.Run("a past until sends nothing", func(t *testing.T) {
		w.loseReplies(0, nil)
		first, err := newReplay(t, client).Use(t.Context(), "k", time.Now().Add(-time.Millisecond))
		require.ErrorIs(t, err, replay.ErrUntil)
		require.False(t, first)
		sets, _ := w.seen()
		require.Empty(t, sets)
	})
}

func TestReplayExpiry(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	r := newReplay(t, s.client(t, nil))
	wantFirst(t, r, "warm up")

	t.Run("D26 X08 at least until until, at most 1.001 s longer", func(t *testing.T) {
		for _, left := range []time.Duration{
			500 * time.Millisecond, 999*time.Millisecond + 999_999, time.Second, time.Second + 1,
			70*time.Second + 500*time.Microsecond, replay.MaxAhead,
		} {
			s.do(t, "flushall")
			before := time.Now()
			until := before.Add(left)
			first, err := r.Use(t.Context(), "k", until)
			require.NoError(t, err)
			require.True(t, first)
			after := time.Now()
			dies := time.UnixMilli(s.do(t, "pexpiretime", s.do(t, "randomkey")).(int64))
			// Redis keeps the key through the millisecond of this instant.
			require.True(t, dies.Add(time.Millisecond).After(until), "%v: dies %v before until", left, until.Sub(dies))
			require.True(t, dies.Before(after.Add(left+1002*time.Millisecond)), "%v: lives %v too long", left, dies.Sub(until))
		}
	})
	t.Run("D26 D35 used until until, refused at it, free after", func(t *testing.T) {
		until := time.Now().Add(150 * time.Millisecond)
		first, err := r.Use(t.Context(), "short", until)
		require.NoError(t, err)
		require.True(t, first)
		time.Sleep(time.Until(until.Add(-20 * time.Millisecond)))
		wantUsed(t, r, "short")
		time.Sleep(time.Until(until.Add(time.Millisecond)))
		first, err = r.Use(t.Context(), "short", until)
		require.ErrorIs(t, err, replay.ErrUntil)
		require.False(t, first)
		time.Sleep(time.Until(until.Add(1005 * time.Millisecond)))
		wantFirst(t, r, "short")
	})
	t.Run("control: PXAT by a Redis clock that is ahead takes every use for a first", func(t *testing.T) {
		past := time.Now().Add(-time.Second).UnixMilli()
		for range 2 {
			require.Equal(t, "OK", s.do(t, "set", "k", "1", "nx", "pxat", past))
		}
		require.Equal(t, "OK", s.do(t, "set", "k2", "1", "nx", "px", 1000))
		require.ErrorIs(t, s.admin.Do(t.Context(), "set", "k2", "1", "nx", "px", 1000).Err(), redis.Nil)
	})
}
