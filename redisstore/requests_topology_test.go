package redisstore_test

import (
	"context"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/redisstore"
)

func TestRequestsInACluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t)
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs: []string{nodes[0].addr, nodes[1].addr}, ContextTimeoutEnabled: true, RouteRandomly: true,
	})
	t.Cleanup(func() { client.Close() })
	require.IsType(t, new(redis.ClusterClient), client)
	r := newRequests(t, client)

	t.Run("requests are spread, and each is taken once", func(t *testing.T) {
		for i := range 100 {
			name := fmt.Sprint("request ", i)
			wantPut(t, r, name)
			wantKept(t, r, name)
		}
		for _, n := range nodes {
			require.Greater(t, n.do(t, "dbsize"), int64(20))
		}
		for i := range 100 {
			wantTake(t, r, fmt.Sprint("request ", i), true)
			wantTake(t, r, fmt.Sprint("request ", i), false)
		}
		require.NoError(t, r.Check(t.Context()))
	})
	t.Run("P14 one of 500 takes", func(t *testing.T) {
		wantPut(t, r, "raced")
		require.Equal(t, 1, raceToTake([]par.Store{r}, "raced", 500))
	})
	t.Run("P14 X04 a request is there once while its slot moves", func(t *testing.T) {
		wantPut(t, r, "moved")
		key := "fapi:par:" + named("moved")
		from, to := nodes[0], nodes[1]
		slot := from.do(t, "cluster", "keyslot", key)
		if slot.(int64) > 8191 {
			from, to = to, from
		}
		fromID, toID := from.do(t, "cluster", "myid"), to.do(t, "cluster", "myid")
		to.do(t, "cluster", "setslot", slot, "importing", fromID)
		from.do(t, "cluster", "setslot", slot, "migrating", toID)
		wantKept(t, r, "moved")
		from.do(t, "migrate", "127.0.0.1", to.port, key, 0, 5_000)
		wantKept(t, r, "moved") // ASK
		require.ErrorContains(t, r.Put(t.Context(), named("moved"), nil, inAMinute()), "in use")
		to.do(t, "cluster", "setslot", slot, "node", toID)
		from.do(t, "cluster", "setslot", slot, "node", toID)
		wantKept(t, r, "moved") // MOVED
		wantTake(t, r, "moved", true)
		wantTake(t, r, "moved", false)
	})
	t.Run("X02 put, then the answer is lost: here, too, nothing is sent twice", func(t *testing.T) {
		var w wire
		o := new(redis.Options)
		w.options(o)
		client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{nodes[0].addr}, Dialer: o.Dialer})
		t.Cleanup(func() { client.Close() })
		r := newRequests(t, client)
		wantPut(t, r, "warm up")
		w.loseReplies(1, io.EOF)
		require.ErrorIs(t, r.Put(t.Context(), named("lost"), []byte("record of lost"), inAMinute()), io.EOF)
		commands, _ := w.seen()
		require.Len(t, commands, 1)
		wantKept(t, r, "lost")
	})
	t.Run("X01 a node is gone", func(t *testing.T) {
		for _, n := range nodes {
			n.stop()
		}
		failures(t, newRequestsWithin(t, client, 300*time.Millisecond), t.Context(), "k")
	})
}

// raceToTake counts the takes that are told true. An error counts as -1,000,000, so
// that it cannot pass.
func raceToTake(stores []par.Store, name string, takes int) int {
	var wg sync.WaitGroup
	var won atomic.Int64
	begin := make(chan struct{})
	for i := range takes {
		wg.Go(func() {
			<-begin
			ok, err := stores[i%len(stores)].Take(context.Background(), named(name))
			switch {
			case err != nil:
				won.Add(-1_000_000)
			case ok:
				won.Add(1)
			}
		})
	}
	close(begin)
	wg.Wait()
	return int(won.Load())
}

func TestRequestsWithSentinel(t *testing.T) {
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
			r := newRequests(t, client)
			for i := range 20 {
				request := fmt.Sprint(name, i)
				wantPut(t, r, request)
				wantKept(t, r, request)
				wantTake(t, r, request, true)
				wantNone(t, r, request)
			}
			require.NoError(t, r.Check(t.Context()))
		})
	}
	require.Zero(t, replica.do(t, "dbsize"), "control: the replica has nothing of it")
}

func TestRequestsFailOver(t *testing.T) {
	t.Parallel()
	noRetry := func(o *redis.Options) { o.MaxRetries = -1 }

	t.Run("X04 a server that became a replica answers nothing", func(t *testing.T) {
		t.Parallel()
		primary, replica := startPair(t)
		r := newRequests(t, primary.client(t, nil))
		onReplica := newRequests(t, replica.client(t, noRetry))
		wantPut(t, r, "taken elsewhere")
		inStep(t, primary, replica)
		cutOff(t, replica)
		wantTake(t, r, "taken elsewhere", true)
		key := "fapi:par:" + named("taken elsewhere")
		require.Contains(t, replica.do(t, "get", key), "record of taken elsewhere", "control: a read finds what is gone")
		look := "return redis.call('GET', KEYS[1])"
		require.Contains(t, replica.do(t, "eval", look, 1, key), "record of taken elsewhere", "control: so does a script that only reads")
		for _, name := range []string{"taken elsewhere", "never there"} {
			for _, err := range failures(t, onReplica, t.Context(), name) {
				require.ErrorContains(t, err, "READONLY")
			}
		}
	})
	t.Run("X05 what the replica got is kept, with its life; what it did not get is lost, takes included", func(t *testing.T) {
		t.Parallel()
		primary, replica := startPair(t)
		r := newRequests(t, primary.client(t, nil))
		for _, name := range []string{"pushed", "taken before", "taken after"} {
			wantPut(t, r, name)
		}
		longer := time.Now().Add(time.Hour)
		_, _, err := r.Keep(t.Context(), named("pushed"), longer)
		require.NoError(t, err)
		wantTake(t, r, "taken before", true)
		inStep(t, primary, replica)
		cutOff(t, replica)
		wantTake(t, r, "taken after", true)
		wantPut(t, r, "pushed after")
		primary.stop()
		replica.do(t, "replicaof", "no", "one")

		promoted := newRequests(t, replica.client(t, nil))
		wantKept(t, promoted, "pushed")
		dies := time.UnixMilli(replica.do(t, "pexpiretime", "fapi:par:"+named("pushed")).(int64))
		require.WithinRange(t, dies, longer.Add(-time.Millisecond), longer.Add(time.Second))
		wantTake(t, promoted, "taken before", false)
		wantNone(t, promoted, "pushed after")
		wantTake(t, promoted, "taken after", true) // the window that the package comment describes
		wantTake(t, promoted, "taken after", false)
	})
}

func TestRequestsRestart(t *testing.T) {
	t.Parallel()
	restart := func(t *testing.T, s *server) {
		s.admin.Do(t.Context(), "debug", "restart") // it breaks the connection, which is an error
		eventually(t, "the server is back", func() bool { return s.admin.Ping(t.Context()).Err() == nil })
	}
	begin := func(t *testing.T, args ...string) (*server, *redisstore.Requests) {
		s := startRedis(t, append([]string{"--enable-debug-command", "yes"}, args...)...)
		return s, newRequests(t, s.client(t, nil))
	}
	for what, persists := range map[string]bool{"with files": true, "without": false} {
		t.Run("X05 "+what, func(t *testing.T) {
			t.Parallel()
			args := []string{"--appendonly", "yes"}
			if !persists {
				args = nil
			}
			s, r := begin(t, args...)
			wantPut(t, r, "pushed")
			wantPut(t, r, "taken")
			wantTake(t, r, "taken", true)
			restart(t, s)
			wantTake(t, r, "taken", false) // through the same client, which connects again
			wantTake(t, r, "pushed", persists)
			wantPut(t, r, "after")
		})
	}
}
