package redisstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/par/partest"
	"github.com/go-fapi/fapi/redisstore"
)

var _ par.Store = (*redisstore.Requests)(nil)

// newRequests returns a store with a timeout that a busy machine does not reach.
func newRequests(t testing.TB, client redis.UniversalClient) *redisstore.Requests {
	t.Helper()
	return newRequestsWithin(t, client, 10*time.Second)
}

func newRequestsWithin(t testing.TB, client redis.UniversalClient, timeout time.Duration) *redisstore.Requests {
	t.Helper()
	r, err := redisstore.NewRequests(redisstore.RequestsConfig{Client: client, Timeout: timeout})
	require.NoError(t, err)
	return r
}

// named is a key in the form that package par gives them.
func named(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func inAMinute() time.Time { return time.Now().Add(time.Minute) }

func wantPut(t testing.TB, r par.Store, name string) {
	t.Helper()
	require.NoError(t, r.Put(t.Context(), named(name), []byte("record of "+name), inAMinute()))
}

func wantKept(t testing.TB, r par.Store, name string) {
	t.Helper()
	record, ok, err := r.Keep(t.Context(), named(name), inAMinute())
	require.NoError(t, err)
	require.True(t, ok, "want a record")
	require.Equal(t, "record of "+name, string(record))
}

func wantNone(t testing.TB, r par.Store, name string) {
	t.Helper()
	record, ok, err := r.Keep(t.Context(), named(name), inAMinute())
	require.NoError(t, err)
	require.False(t, ok, "want no record")
	require.Nil(t, record)
}

func wantTake(t testing.TB, r par.Store, name string, want bool) {
	t.Helper()
	ok, err := r.Take(t.Context(), named(name))
	require.NoError(t, err)
	require.Equal(t, want, ok)
}

// failures are the errors of all methods, each of which must be one.
func failures(t testing.TB, r par.Store, ctx context.Context, name string) map[string]error {
	t.Helper()
	put := r.Put(ctx, named(name), []byte("record of "+name), inAMinute())
	record, kept, keep := r.Keep(ctx, named(name), inAMinute())
	taken, take := r.Take(ctx, named(name))
	require.Nil(t, record)
	require.False(t, kept)
	require.False(t, taken)
	errs := map[string]error{"put": put, "keep": keep, "take": take}
	for method, err := range errs {
		require.Error(t, err, method)
		require.True(t, strings.HasPrefix(err.Error(), "redisstore: ") || ctx != nil && ctx.Err() != nil, err)
		require.NotContains(t, err.Error(), named(name))
		require.NotContains(t, err.Error(), "record of")
	}
	return errs
}

func TestNewRequests(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { client.Close() })
	ring := redis.NewRing(&redis.RingOptions{Addrs: map[string]string{"a": "127.0.0.1:1"}})
	t.Cleanup(func() { ring.Close() })
	for _, c := range []struct {
		name   string
		config redisstore.RequestsConfig
		want   string // of the error; empty: none
	}{
		{"client only", redisstore.RequestsConfig{Client: client}, ""},
		{"all set", redisstore.RequestsConfig{Client: client, Prefix: strings.Repeat("p", 128), Timeout: 10 * time.Second}, ""},
		{"no client", redisstore.RequestsConfig{}, "Client is required"},
		{"ring", redisstore.RequestsConfig{Client: ring}, "requests are lost"},
		{"long prefix", redisstore.RequestsConfig{Client: client, Prefix: strings.Repeat("p", 129)}, "Prefix has 129 bytes"},
		{"negative timeout", redisstore.RequestsConfig{Client: client, Timeout: -1}, "Timeout"},
		{"short timeout", redisstore.RequestsConfig{Client: client, Timeout: time.Microsecond}, "Timeout"},
		{"long timeout", redisstore.RequestsConfig{Client: client, Timeout: 10*time.Second + 1}, "Timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, err := redisstore.NewRequests(c.config)
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

func TestRequestsNotReady(t *testing.T) {
	t.Parallel()
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:1"})
	t.Cleanup(func() { client.Close() })
	var noContext context.Context
	for name, c := range map[string]struct {
		store *redisstore.Requests
		ctx   context.Context
	}{
		"nil":         {nil, t.Context()},
		"zero":        {new(redisstore.Requests), t.Context()},
		"nil context": {newRequests(t, client), noContext},
	} {
		t.Run(name, func(t *testing.T) {
			errs := failures(t, c.store, c.ctx, "k")
			errs["check"] = c.store.Check(c.ctx)
			for _, err := range errs {
				require.ErrorContains(t, err, "not made by NewRequests")
			}
		})
	}
}

// spread is what several processes with one Redis are to their users.
type spread struct {
	stores []*redisstore.Requests
	next   atomic.Uint64
}

func (s *spread) one() *redisstore.Requests {
	return s.stores[s.next.Add(1)%uint64(len(s.stores))]
}

func (s *spread) Put(ctx context.Context, key string, record []byte, until time.Time) error {
	return s.one().Put(ctx, key, record, until)
}

func (s *spread) Keep(ctx context.Context, key string, until time.Time) ([]byte, bool, error) {
	return s.one().Keep(ctx, key, until)
}

func (s *spread) Take(ctx context.Context, key string) (bool, error) { return s.one().Take(ctx, key) }

func TestRequestsKeepTheContract(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	partest.Run(t, func(t *testing.T) partest.Store {
		all := new(spread)
		for range 3 {
			all.stores = append(all.stores, newRequests(t, s.client(t, nil)))
		}
		return all
	})
}

func TestRequestsCommands(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	var w wire
	client := s.client(t, w.options)
	require.NoError(t, client.Ping(t.Context()).Err())
	for prefix, want := range map[string]string{"": "fapi:par:", "as 1 ü:": "as 1 ü:"} {
		r, err := redisstore.NewRequests(redisstore.RequestsConfig{Client: client, Prefix: prefix, Timeout: 10 * time.Second})
		require.NoError(t, err)
		w.loseReplies(0, nil)
		wantPut(t, r, "k")
		wantKept(t, r, "k")
		wantTake(t, r, "k", true)
		commands, replies := w.seen()
		require.Len(t, commands, 3, "one command a call")
		require.Equal(t, 3, replies, "one round trip a call")
		key := regexp.QuoteMeta(want + named("k"))
		life := `\$5\r\n(5999\d|6000[12])\r\n`
		assert.Regexp(t, `^\*6\r\n\$3\r\nset\r\n\$\d+\r\n`+key+`\r\n\$30\r\n\d{19}record of k\r\n\$2\r\npx\r\n`+life+`\$2\r\nnx\r\n$`, commands[0])
		assert.Regexp(t, `^\*7\r\n\$4\r\neval\r\n(?s:.*)\$1\r\n1\r\n\$\d+\r\n`+key+`\r\n\$19\r\n\d{19}\r\n\$19\r\n\d{19}\r\n`+life+`$`, commands[1])
		assert.Regexp(t, `^\*2\r\n\$6\r\ngetdel\r\n\$\d+\r\n`+key+`\r\n$`, commands[2])
	}
	t.Run("a put with a past until sends nothing", func(t *testing.T) {
		w.loseReplies(0, nil)
		err := newRequests(t, client).Put(t.Context(), named("k"), nil, time.Now())
		require.ErrorContains(t, err, "expired already")
		commands, _ := w.seen()
		require.Empty(t, commands)
	})
	t.Run("an until that is more than a day ahead", func(t *testing.T) {
		r, far := newRequests(t, client), time.Now().Add(25*time.Hour)
		require.ErrorContains(t, r.Put(t.Context(), named("far"), nil, far), "more than 24h0m0s ahead")
		wantPut(t, r, "near")
		_, ok, err := r.Keep(t.Context(), named("near"), far)
		require.ErrorContains(t, err, "more than 24h0m0s ahead")
		require.False(t, ok)
		wantKept(t, r, "near")
	})
	t.Run("a put does not replace, and an empty record is one", func(t *testing.T) {
		r := newRequests(t, client)
		require.NoError(t, r.Put(t.Context(), named("empty"), nil, inAMinute()))
		require.ErrorContains(t, r.Put(t.Context(), named("empty"), []byte("x"), inAMinute()), "the key is in use")
		record, ok, err := r.Keep(t.Context(), named("empty"), inAMinute())
		require.NoError(t, err)
		require.True(t, ok)
		require.Empty(t, record)
	})
	t.Run("prefixes are stores of their own", func(t *testing.T) {
		other, err := redisstore.NewRequests(redisstore.RequestsConfig{Client: client, Prefix: "other:", Timeout: 10 * time.Second})
		require.NoError(t, err)
		wantPut(t, newRequests(t, client), "b")
		wantNone(t, other, "b")
		wantTake(t, other, "b", false)
		wantTake(t, newRequests(t, client), "b", true)
	})
	t.Run("2 MiB come back", func(t *testing.T) {
		r, big := newRequests(t, client), bytes.Repeat([]byte("\x00\r\n\xff"), 512<<10)
		require.NoError(t, r.Put(t.Context(), named("big"), big, inAMinute()))
		record, ok, err := r.Keep(t.Context(), named("big"), inAMinute())
		require.NoError(t, err)
		require.True(t, ok && bytes.Equal(big, record))
	})
}

func TestRequestsExpiry(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	r := newRequests(t, s.client(t, nil))
	wantPut(t, r, "warm up")
	const late = 3 * time.Millisecond // beside the time on the way

	dies := func(t *testing.T, key string) time.Time {
		// Redis keeps the key through the millisecond of its instant.
		return time.UnixMilli(s.do(t, "pexpiretime", "fapi:par:"+key).(int64)).Add(time.Millisecond)
	}
	for _, left := range []time.Duration{
		time.Second, 500 * time.Millisecond, 999*time.Millisecond + 999_999, 5*time.Minute + 500*time.Microsecond, 2*time.Hour + 10*time.Minute,
	} {
		t.Run("P15 X08 no life is short, "+left.String(), func(t *testing.T) {
			key := named(left.String())
			until := time.Now().Add(left)
			require.NoError(t, r.Put(t.Context(), key, nil, until))
			put := time.Since(until.Add(-left))
			require.WithinRange(t, dies(t, key), until, until.Add(put+late))

			longer := until.Add(time.Minute)
			before := time.Now()
			_, ok, err := r.Keep(t.Context(), key, longer)
			require.NoError(t, err)
			require.True(t, ok)
			require.WithinRange(t, dies(t, key), longer, longer.Add(time.Since(before)+late))

			for _, earlier := range []time.Time{until, time.Now(), time.Now().Add(-time.Hour)} {
				_, ok, err = r.Keep(t.Context(), key, earlier)
				require.NoError(t, err)
				require.True(t, ok)
				require.False(t, dies(t, key).Before(longer), "cut by a keep")
			}
		})
	}
	t.Run("a record without a life gets one", func(t *testing.T) {
		wantPut(t, r, "persisted")
		s.do(t, "persist", "fapi:par:"+named("persisted"))
		wantKept(t, r, "persisted")
		require.Positive(t, s.do(t, "pttl", "fapi:par:"+named("persisted")))
	})
	t.Run("a keep of nothing leaves nothing", func(t *testing.T) {
		wantNone(t, r, "nothing")
		require.Zero(t, s.do(t, "exists", "fapi:par:"+named("nothing")))
	})
}

func TestRequestsThatArriveLate(t *testing.T) {
	t.Parallel()
	const life, delay = time.Second, 500
	for _, method := range []string{"put", "keep"} {
		t.Run("P15 X03 a "+method+" does not make a record live longer", func(t *testing.T) {
			t.Parallel()
			s := startRedis(t)
			r := newRequests(t, s.client(t, nil))
			wantPut(t, r, "warm up")
			until, key := time.Now().Add(life), "fapi:par:"+named("k")
			if method == "keep" {
				require.NoError(t, r.Put(t.Context(), named("k"), nil, until.Add(-time.Millisecond)))
			}
			s.do(t, "client", "pause", delay, "write")
			if method == "keep" {
				_, ok, err := r.Keep(t.Context(), named("k"), until)
				require.NoError(t, err)
				require.True(t, ok)
			} else {
				require.NoError(t, r.Put(t.Context(), named("k"), nil, until))
			}
			time.Sleep(time.Until(until))
			wantNone(t, r, "k")
			require.EqualValues(t, 1, s.do(t, "exists", key), "control: Redis has it for longer")
			wantTake(t, r, "k", false)
			require.EqualValues(t, 0, s.do(t, "exists", key), "control: it was still there")
		})
	}
}
