package redisstore_test

import (
	"context"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/redisstore"
)

func TestEviction(t *testing.T) {
	t.Parallel()
	const none, plenty = 1, 1 << 30
	limit := func(t *testing.T, s *server, bytes int) { s.do(t, "config", "set", "maxmemory", bytes) }

	t.Run("X06 noeviction refuses while the memory is full, and keeps the used values", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t, "--maxmemory-policy", "noeviction")
		r := newReplay(t, s.client(t, nil))
		wantFirst(t, r, "used")
		limit(t, s, none)
		require.ErrorContains(t, wantError(t, r, "used"), "OOM")
		require.ErrorContains(t, wantError(t, r, "another"), "OOM")
		require.NoError(t, r.Check(t.Context()))
		limit(t, s, plenty)
		wantUsed(t, r, "used")
		wantFirst(t, r, "another")
	})
	for _, policy := range []string{"allkeys-lru", "volatile-ttl"} {
		t.Run("X06 control: "+policy+" accepts a used value again, and Check says so", func(t *testing.T) {
			t.Parallel()
			s := startRedis(t, "--maxmemory-policy", policy, "--maxmemory", "1gb")
			r := newReplay(t, s.client(t, nil))
			wantFirst(t, r, "used")
			err := r.Check(t.Context())
			require.ErrorIs(t, err, redisstore.ErrEviction)
			require.ErrorContains(t, err, policy)
			require.ErrorContains(t, err, s.addr)
			limit(t, s, none)
			eventually(t, "the key is evicted", func() bool { return s.do(t, "dbsize") == int64(0) })
			limit(t, s, plenty)
			wantFirst(t, r, "used")
		})
	}
	t.Run("X06 without a limit any policy is fine", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t, "--maxmemory-policy", "allkeys-lru", "--maxmemory", "0")
		r := newReplay(t, s.client(t, nil))
		require.NoError(t, r.Check(t.Context()))
		s.do(t, "config", "set", "maxmemory", "1gb")
		require.ErrorIs(t, r.Check(t.Context()), redisstore.ErrEviction)
	})
	t.Run("X06 CONFIG may be forbidden, INFO is needed", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t)
		s.do(t, "acl", "setuser", "managed", "on", ">p", "~fapi:replay:*", "+set", "+info")
		s.do(t, "acl", "setuser", "narrow", "on", ">p", "~fapi:replay:*", "+set")
		as := func(name string) *redisstore.Replay {
			return newReplay(t, s.client(t, func(o *redis.Options) { o.Username, o.Password = name, "p" }))
		}
		require.NoError(t, as("managed").Check(t.Context()))
		err := as("narrow").Check(t.Context())
		require.ErrorContains(t, err, "does not answer INFO memory")
		require.ErrorContains(t, err, "NOPERM")
		require.NotErrorIs(t, err, redisstore.ErrEviction)
		wantFirst(t, as("narrow"), "control: SET is enough for Use")
	})
	t.Run("X06 a server that does not tell", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t)
		for _, field := range []string{"maxmemory:", "maxmemory_policy:"} {
			client := s.client(t, nil)
			client.AddHook(&infoWithout{field: field})
			err := newReplay(t, client).Check(t.Context())
			require.ErrorContains(t, err, "does not report")
			require.NotErrorIs(t, err, redisstore.ErrEviction)
		}
	})
}

// infoWithout leaves a field out of INFO, as some services do.
type infoWithout struct {
	noHook
	field string
}

func (h *infoWithout) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if info, ok := cmd.(*redis.StringCmd); ok {
			info.SetVal(strings.Replace(info.Val(), h.field, "renamed:", 1))
		}
		return err
	}
}
