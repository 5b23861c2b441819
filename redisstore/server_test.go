package redisstore_test

import (
	"bufio"
	"context"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/redisstore"
)

// server is a redis-server of the test's own.
type server struct {
	addr, port string
	admin      *redis.Client
	stop       func()
}

// startRedis runs one on a free port of 127.0.0.1, without persistence, and ends it
// in Cleanup.
func startRedis(t testing.TB, args ...string) *server {
	t.Helper()
	return start(t, func(port string) []string {
		return append([]string{
			"--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no", "--dir", t.TempDir(),
			"--hz", "100", "--repl-diskless-sync-delay", "0", "--repl-diskless-sync", "yes",
		}, args...)
	})
}

// supervise runs a program until its standard input ends, which it also does when the
// test ends without Cleanup.
const supervise = `"$@" >&2 & echo $!; read _; kill -9 $!; wait`

// start tries several ports: redis-server cannot pick one itself, so another process
// may take the free port before it does. The process id tells whose server answers.
func start(t testing.TB, args func(port string) []string) *server {
	t.Helper()
	path := program(t, "redis-server", "redis-server")
	for range 5 {
		port := freePort(t)
		cmd := exec.Command("sh", append([]string{"-c", supervise, "sh", path}, args(port)...)...)
		in, err := cmd.StdinPipe()
		require.NoError(t, err)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		stop := func() {
			in.Close()
			cmd.Wait()
		}
		t.Cleanup(stop)
		pid, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		s := &server{addr: "127.0.0.1:" + port, port: port, stop: stop}
		if s.answers(strings.TrimSpace(pid)) {
			s.admin = s.client(t, nil)
			return s
		}
		stop()
	}
	require.FailNow(t, "redis-server does not start")
	return nil
}

func (s *server) answers(pid string) bool {
	c := redis.NewClient(&redis.Options{Addr: s.addr, MaxRetries: -1, DialerRetries: 1, ReadTimeout: time.Second})
	defer c.Close()
	for range 1_000 {
		info, err := c.Info(context.Background(), "server").Result()
		if err == nil {
			return strings.Contains(info, "process_id:"+pid+"\r\n")
		}
		time.Sleep(5 * time.Millisecond)
	}
	return false
}

// client returns a new client of the server, closed in Cleanup.
func (s *server) client(t testing.TB, change func(*redis.Options)) *redis.Client {
	t.Helper()
	o := &redis.Options{Addr: s.addr, ContextTimeoutEnabled: true}
	if change != nil {
		change(o)
	}
	c := redis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

// do runs a command through the admin client.
func (s *server) do(t testing.TB, args ...any) any {
	t.Helper()
	answer, err := s.admin.Do(t.Context(), args...).Result()
	require.NoError(t, err, args)
	return answer
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// newReplay returns a store with a timeout that a busy machine does not reach.
func newReplay(t testing.TB, client redis.UniversalClient) *redisstore.Replay {
	t.Helper()
	return newReplayWithin(t, client, 10*time.Second)
}

func newReplayWithin(t testing.TB, client redis.UniversalClient, timeout time.Duration) *redisstore.Replay {
	t.Helper()
	r, err := redisstore.NewReplay(redisstore.ReplayConfig{Client: client, Timeout: timeout})
	require.NoError(t, err)
	return r
}

// eventually waits for something that another process does.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	for range 2_000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	require.FailNow(t, "did not happen: "+what)
}

func wantFirst(t testing.TB, r *redisstore.Replay, key string) {
	t.Helper()
	first, err := r.Use(t.Context(), key, time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.True(t, first, "want a first use")
}

func wantUsed(t testing.TB, r *redisstore.Replay, key string) {
	t.Helper()
	first, err := r.Use(t.Context(), key, time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.False(t, first, "want a refused use")
}

func wantError(t testing.TB, r *redisstore.Replay, key string) error {
	t.Helper()
	first, err := r.Use(t.Context(), key, time.Now().Add(time.Minute))
	require.Error(t, err)
	require.False(t, first)
	require.NotContains(t, err.Error(), "\""+key)
	return err
}
