package redisstore_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/redisstore"
	"github.com/go-fapi/fapi/replay"
)

const (
	replicaOf    = "REDISSTORE_TEST_REPLICA_OF" // set: this process is a replica in D25
	raceKeys     = 20
	usesInFlight = 50 // of each key, in each process
)

func TestReplicas(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	t.Run("D25 C13 one of 3,000 uses in 3 processes is first", func(t *testing.T) {
		var processes []*process
		for range 3 {
			processes = append(processes, startReplica(t, s.addr))
		}
		for _, p := range processes {
			require.Equal(t, "ready", p.line(t))
		}
		for _, p := range processes {
			_, err := io.WriteString(p.in, "go\n")
			require.NoError(t, err)
		}
		total := 0
		for _, p := range processes {
			n, err := strconv.Atoi(p.line(t))
			require.NoError(t, err)
			total += n
		}
		require.Equal(t, raceKeys, total, "firsts, one a key")
	})
	t.Run("D25 one of 1,000 uses through 3 clients is first", func(t *testing.T) {
		var stores []user
		for range 3 {
			stores = append(stores, newReplay(t, s.client(t, nil)))
		}
		require.Equal(t, 1, race(stores, "a", 1_000))
	})
	t.Run("D25 control: 3 stores in memory take it 3 times", func(t *testing.T) {
		var stores []user
		for range 3 {
			m, err := replay.NewMemory(replay.MemoryConfig{})
			require.NoError(t, err)
			stores = append(stores, m)
		}
		require.Equal(t, 3, race(stores, "a", 1_000))
	})
	t.Run("prefixes are stores of their own", func(t *testing.T) {
		client := s.client(t, nil)
		other, err := redisstore.NewReplay(redisstore.ReplayConfig{Client: client, Prefix: "other:", Timeout: 10 * time.Second})
		require.NoError(t, err)
		wantFirst(t, newReplay(t, client), "b")
		wantFirst(t, other, "b")
		wantUsed(t, other, "b")
	})
}

type user interface {
	Use(ctx context.Context, key string, until time.Time) (bool, error)
}

// race counts the firsts of concurrent uses of one key, spread over the stores. An
// error counts as -1,000,000, so that it cannot pass.
func race(stores []user, key string, uses int) int {
	var wg sync.WaitGroup
	var firsts atomic.Int64
	begin := make(chan struct{})
	for i := range uses {
		wg.Go(func() {
			<-begin
			first, err := stores[i%len(stores)].Use(context.Background(), key, time.Now().Add(time.Minute))
			switch {
			case err != nil:
				firsts.Add(-1_000_000)
			case first:
				firsts.Add(1)
			}
		})
	}
	close(begin)
	wg.Wait()
	return int(firsts.Load())
}

// runReplica is the process of a replica: on a line of input it uses all keys, and
// prints how many were first.
func runReplica(addr string) int {
	client := redis.NewClient(&redis.Options{Addr: addr})
	defer client.Close()
	r, err := redisstore.NewReplay(redisstore.ReplayConfig{Client: client, Timeout: 10 * time.Second})
	if err != nil || client.Ping(context.Background()).Err() != nil {
		return 1
	}
	fmt.Println("ready")
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return 1
	}
	total := 0
	for i := range raceKeys {
		total += race([]user{r}, "key "+strconv.Itoa(i), usesInFlight)
	}
	fmt.Println(total)
	return 0
}

type process struct {
	in  io.WriteCloser
	out *bufio.Reader
}

func startReplica(t *testing.T, addr string) *process {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(path)
	cmd.Env = append(os.Environ(), replicaOf+"="+addr)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		in.Close() // a process that still waits ends
		cmd.Wait()
	})
	return &process{in, bufio.NewReader(out)}
}

func (p *process) line(t *testing.T) string {
	t.Helper()
	line, err := p.out.ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(line)
}
