package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// startPair runs a primary and a replica that is in step with it.
func startPair(t *testing.T, args ...string) (primary, replica *server) {
	t.Helper()
	primary = startRedis(t, args...)
	replica = startRedis(t, "--replicaof", "127.0.0.1", primary.port)
	inStep(t, primary, replica)
	return primary, replica
}

func inStep(t *testing.T, primary, replica *server) {
	t.Helper()
	eventually(t, "the replica follows", func() bool {
		return replica.replication(t, "master_link_status") == "up" &&
			replica.replication(t, "master_repl_offset") == primary.replication(t, "master_repl_offset")
	})
}

func (s *server) replication(t *testing.T, field string) string {
	t.Helper()
	_, value, _ := strings.Cut(s.do(t, "info", "replication").(string), "\r\n"+field+":")
	value, _, _ = strings.Cut(value, "\r\n")
	return value
}

// cutOff makes the replica follow an address where nobody is. It keeps its data.
func cutOff(t *testing.T, replica *server) {
	t.Helper()
	replica.do(t, "replicaof", "127.0.0.1", freePort(t))
}

func TestStaleReplica(t *testing.T) {
	t.Parallel()
	primary, replica := startPair(t)
	cutOff(t, replica)
	r := newReplay(t, primary.client(t, nil))

	t.Run("X04 a use is a write: on a replica it errs, and reads nothing stale", func(t *testing.T) {
		onReplica := newReplay(t, replica.client(t, func(o *redis.Options) { o.MaxRetries = -1 }))
		wantFirst(t, r, "written")
		wantUsed(t, r, "written")
		require.ErrorContains(t, wantError(t, onReplica, "written"), "READONLY")
		require.Equal(t, []any{}, replica.do(t, "keys", "*"), "control: the replica does not know of it")
	})
	t.Run("X04 control: a read on the replica, then a write on the primary, accepts twice", func(t *testing.T) {
		for range 2 {
			require.ErrorIs(t, replica.admin.Get(t.Context(), "b").Err(), redis.Nil, "taken for new")
			primary.do(t, "set", "b", "1", "px", 60_000)
		}
	})
}

func TestFailOver(t *testing.T) {
	t.Parallel()
	t.Run("X05 writes the replica did not get are lost, the others are kept", func(t *testing.T) {
		t.Parallel()
		primary, replica := startPair(t)
		r := newReplay(t, primary.client(t, nil))
		wantFirst(t, r, "replicated")
		inStep(t, primary, replica)
		cutOff(t, replica)
		wantFirst(t, r, "not replicated")
		primary.stop()
		replica.do(t, "replicaof", "no", "one")

		promoted := newReplay(t, replica.client(t, nil))
		wantUsed(t, promoted, "replicated")
		wantFirst(t, promoted, "not replicated") // the window that the package comment describes
		wantUsed(t, promoted, "not replicated")
	})
	t.Run("X05 a promoted replica keeps the lives", func(t *testing.T) {
		t.Parallel()
		primary, replica := startPair(t)
		until := time.Now().Add(time.Hour)
		_, err := newReplay(t, primary.client(t, nil)).Use(t.Context(), "k", until)
		require.NoError(t, err)
		inStep(t, primary, replica)
		replica.do(t, "replicaof", "no", "one")
		dies := time.UnixMilli(replica.do(t, "pexpiretime", replica.do(t, "randomkey")).(int64))
		require.WithinRange(t, dies, until, until.Add(2*time.Second))
	})
	t.Run("X05 min-replicas-to-write refuses where a write would be lost", func(t *testing.T) {
		t.Parallel()
		primary, replica := startPair(t, "--min-replicas-to-write", "1", "--min-replicas-max-lag", "10")
		r := newReplay(t, primary.client(t, func(o *redis.Options) { o.MaxRetries = -1 }))
		eventually(t, "the primary counts the replica", func() bool {
			return primary.replication(t, "min_slaves_good_slaves") == "1"
		})
		wantFirst(t, r, "control: the replica is there")
		replica.stop()
		eventually(t, "the primary sees the replica leave", func() bool {
			return primary.replication(t, "connected_slaves") == "0"
		})
		require.ErrorContains(t, wantError(t, r, "alone"), "NOREPLICAS")
	})
	t.Run("X05 a restart without persistence forgets everything", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t)
		r := newReplay(t, s.client(t, nil))
		wantFirst(t, r, "k")
		wantUsed(t, r, "k")
		s.do(t, "flushall") // what it comes to
		wantFirst(t, r, "k")
	})
}
