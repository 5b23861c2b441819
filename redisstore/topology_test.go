package redisstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/redisstore"
)

// startCluster runs two primaries with half of the slots each.
func startCluster(t *testing.T) [2]*server {
	t.Helper()
	bus := freePort(t)
	a := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", freePort(t))
	b := startRedis(t, "--cluster-enabled", "yes", "--cluster-port", bus)
	a.do(t, "cluster", "addslotsrange", 0, 8191)
	b.do(t, "cluster", "addslotsrange", 8192, 16383)
	b.do(t, "cluster", "set-config-epoch", 2)
	a.do(t, "cluster", "meet", "127.0.0.1", b.port, bus)
	for _, n := range []*server{a, b} {
		eventually(t, "the cluster is ready", func() bool {
			info := n.do(t, "cluster", "info").(string)
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_size:2")
		})
	}
	return [2]*server{a, b}
}

func TestCluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t)
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: []string{nodes[0].addr, nodes[1].addr}, ContextTimeoutEnabled: true, RouteRandomly: true,
	})
	t.Cleanup(func() { client.Close() })
	require.IsType(t, new(redis.ClusterClient), client)
	r := newReplay(t, client)

	t.Run("keys are spread, and each is first once", func(t *testing.T) {
		for i := range 100 {
			wantFirst(t, r, fmt.Sprint("key ", i))
			wantUsed(t, r, fmt.Sprint("key ", i))
		}
		for _, n := range nodes {
			require.Greater(t, n.do(t, "dbsize"), int64(20))
		}
	})
	t.Run("D25 one of 500 uses is first", func(t *testing.T) {
		require.Equal(t, 1, race([]user{r}, "raced", 500))
	})
	t.Run("X06 every primary is checked", func(t *testing.T) {
		require.NoError(t, r.Check(t.Context()))
		for _, n := range nodes {
			n.do(t, "config", "set", "maxmemory-policy", "volatile-lru", "maxmemory", "1gb")
			err := r.Check(t.Context())
			require.ErrorIs(t, err, redisstore.ErrEviction)
			require.ErrorContains(t, err, n.addr)
			n.do(t, "config", "set", "maxmemory-policy", "noeviction")
		}
		require.NoError(t, r.Check(t.Context()))
	})
	t.Run("X04 a used value stays used while its slot moves, and X01 refuses when its node is gone", func(t *testing.T) {
		const key = "on the move"
		moving := func(timeout time.Duration) *redisstore.Replay {
			r, err := redisstore.NewReplay(redisstore.ReplayConfig{Client: client, Prefix: "move:", Timeout: timeout})
			require.NoError(t, err)
			return r
		}
		mover := moving(10 * time.Second)
		wantFirst(t, mover, key)
		from, to := nodes[0], nodes[1]
		if len(from.do(t, "keys", "move:*").([]any)) == 0 {
			from, to = to, from
		}
		name := from.do(t, "keys", "move:*").([]any)[0]
		slot := from.do(t, "cluster", "keyslot", name)
		fromID, toID := from.do(t, "cluster", "myid"), to.do(t, "cluster", "myid")
		to.do(t, "cluster", "setslot", slot, "importing", fromID)
		from.do(t, "cluster", "setslot", slot, "migrating", toID)
		wantUsed(t, mover, key)
		from.do(t, "migrate", "127.0.0.1", to.port, name, 0, 5_000)
		wantUsed(t, mover, key) // ASK
		to.do(t, "cluster", "setslot", slot, "node", toID)
		from.do(t, "cluster", "setslot", slot, "node", toID)
		wantUsed(t, mover, key) // MOVED
		to.stop()
		wantError(t, moving(300*time.Millisecond), key)
	})
	t.Run("X01 a cluster nobody answers for", func(t *testing.T) {
		for _, n := range nodes {
			n.stop()
		}
		alone := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].addr}, DialerRetries: 1, MaxRedirects: -1})
		t.Cleanup(func() { alone.Close() })
		r := newReplay(t, alone)
		wantError(t, r, "k")
		require.ErrorContains(t, r.Check(t.Context()), "does not tell its primaries")
	})
}

func startSentinel(t *testing.T, primary *server) *server {
	t.Helper()
	return start(t, func(port string) []string {
		dir := t.TempDir()
		path := filepath.Join(dir, "sentinel.conf") // a sentinel writes to it
		conf := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nsentinel monitor bank 127.0.0.1 %s 1\n", port, dir, primary.port)
		require.NoError(t, os.WriteFile(path, []byte(conf), 0o600))
		return []string{path, "--sentinel"}
	})
}

func TestSentinel(t *testing.T) {
	t.Parallel()
	primary, replica := startPair(t)
	sentinel := startSentinel(t, primary)
	eventually(t, "the sentinel finds the replica", func() bool {
		return len(sentinel.do(t, "sentinel", "replicas", "bank").([]any)) == 1
	})
	cutOff(t, replica)
	for name, readsFromReplicas := range map[string]bool{"plain": false, "X04 reading from replicas": true} {
		t.Run(name, func(t *testing.T) {
			client := redis.NewUniversalClient(&redis.UniversalOptions{
				Addrs: []string{sentinel.addr}, MasterName: "bank", ContextTimeoutEnabled: true, RouteRandomly: readsFromReplicas,
			})
			t.Cleanup(func() { client.Close() })
			r := newReplay(t, client)
			for i := range 20 {
				key := fmt.Sprint(name, i)
				wantFirst(t, r, key)
				wantUsed(t, r, key)
			}
			require.NoError(t, r.Check(t.Context()))
			primary.do(t, "config", "set", "maxmemory", "1gb", "maxmemory-policy", "allkeys-lru")
			require.ErrorIs(t, r.Check(t.Context()), redisstore.ErrEviction)
			primary.do(t, "config", "set", "maxmemory", "0")
		})
	}
	require.Zero(t, replica.do(t, "dbsize"), "control: the replica has nothing of it")
}
