package replay_test

import (
	"context"
	"errors"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/replay"
	"github.com/go-fapi/fapi/replay/replaytest"
)

// shared stands for a database that keeps keys with a time to live and is rid of
// them when it is over, like Redis.
type shared struct {
	mu   sync.Mutex
	dies map[string]time.Time
}

func (s *shared) setNX(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if dies, ok := s.dies[key]; ok && time.Now().Before(dies) {
		return false, nil
	}
	if s.dies == nil {
		s.dies = make(map[string]time.Time)
	}
	s.dies[key] = time.Now().Add(ttl)
	return true, nil
}

func TestSetIfAbsentKeepsTheContract(t *testing.T) {
	t.Parallel()
	replaytest.RunInBubble(t, func(*testing.T) replaytest.Store {
		return replay.SetIfAbsent(new(shared).setNX)
	})
}

func TestSetIfAbsentArguments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		plain := regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)
		seen := make(map[string]bool)
		for _, key := range []string{"", "a", "\xff\x00", strings.Repeat("x", 1<<20)} {
			for left, want := range map[time.Duration]time.Duration{
				0:                              time.Second,
				1:                              time.Second,
				time.Second - 1:                time.Second,
				time.Second:                    2 * time.Second,
				70*time.Second + 1:             71 * time.Second,
				replay.MaxAhead:                replay.MaxAhead + time.Second,
				time.Minute - time.Millisecond: time.Minute,
			} {
				var gotKey string
				var gotTTL time.Duration
				f := replay.SetIfAbsent(func(_ context.Context, key string, ttl time.Duration) (bool, error) {
					gotKey, gotTTL = key, ttl
					return true, nil
				})
				first, err := f.Use(t.Context(), key, time.Now().Add(left))
				require.NoError(t, err)
				require.True(t, first)
				require.Equal(t, want, gotTTL)
				require.Regexp(t, plain, gotKey)
				seen[gotKey] = true
			}
		}
		require.Len(t, seen, 4, "one name for each key")
	})
}

func TestSetIfAbsentIsNotCalled(t *testing.T) {
	t.Parallel()
	f := replay.SetIfAbsent(func(context.Context, string, time.Duration) (bool, error) {
		t.Error("called")
		return true, nil
	})
	var noContext context.Context
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	soon := time.Now().Add(time.Minute)
	for _, c := range []struct {
		name  string
		f     replay.SetIfAbsent
		ctx   context.Context
		until time.Time
		want  error
	}{
		{"nil function", nil, t.Context(), soon, replay.ErrNotReady},
		{"nil context", f, noContext, soon, replay.ErrNotReady},
		{"cancelled", f, cancelled, soon, context.Canceled},
		{"D35 past", f, t.Context(), time.Now().Add(-time.Second), replay.ErrUntil},
		{"zero until", f, t.Context(), time.Time{}, replay.ErrUntil},
		{"too far ahead", f, t.Context(), time.Now().Add(replay.MaxAhead + time.Hour), replay.ErrUntil},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, err := c.f.Use(c.ctx, "k", c.until)
			require.ErrorIs(t, err, c.want)
			require.False(t, first)
		})
	}
}

func TestSetIfAbsentAttacks(t *testing.T) {
	t.Parallel()
	down := errors.New("database is down")
	for name, f := range map[string]replay.SetIfAbsent{
		"X01 an error refuses":                func(context.Context, string, time.Duration) (bool, error) { return false, down },
		"X01 stored together with an error":   func(context.Context, string, time.Duration) (bool, error) { return true, down },
		"X01 a panic refuses":                 func(context.Context, string, time.Duration) (bool, error) { panic("k is in here") },
		"X01 a panic with an error refuses":   func(context.Context, string, time.Duration) (bool, error) { panic(down) },
		"X01 a nil panic refuses":             func(context.Context, string, time.Duration) (bool, error) { panic(nil) },
		"X01 a function that exits refuses":   func(context.Context, string, time.Duration) (bool, error) { runtime.Goexit(); return true, nil },
		"X01 control: the same, with success": func(context.Context, string, time.Duration) (bool, error) { return true, nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, err := f.Use(t.Context(), "k", time.Now().Add(time.Minute))
			if strings.Contains(name, "control") {
				require.NoError(t, err)
				require.True(t, first)
				return
			}
			require.Error(t, err)
			require.False(t, first)
			require.NotContains(t, err.Error(), "k is in here")
		})
	}
	t.Run("X02 a write that was committed and reported as failed", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var db shared
			fail := true
			f := replay.SetIfAbsent(func(ctx context.Context, key string, ttl time.Duration) (bool, error) {
				stored, err := db.setNX(ctx, key, ttl)
				if fail {
					return false, down
				}
				return stored, err
			})
			until := time.Now().Add(time.Minute)
			first, err := f.Use(t.Context(), "k", until)
			require.ErrorIs(t, err, down)
			require.False(t, first)
			fail = false
			first, err = f.Use(t.Context(), "k", until)
			require.NoError(t, err)
			require.False(t, first, "the retry counts as a replay: safe, and a client makes a new value")
		})
	})
	t.Run("X03 a function that sleeps 60 s and ignores ctx", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var db shared
			running := 0
			f := replay.SetIfAbsent(func(_ context.Context, key string, ttl time.Duration) (bool, error) {
				running++
				defer func() { running-- }()
				time.Sleep(time.Minute)
				return db.setNX(context.Background(), key, ttl)
			})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			start := time.Now()
			first, err := f.Use(ctx, "k", start.Add(time.Hour))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.False(t, first)
			require.Equal(t, 2*time.Second, time.Since(start))

			time.Sleep(time.Minute)
			synctest.Wait()
			require.Zero(t, running, "its goroutine is gone")
			first, err = f.Use(t.Context(), "k", start.Add(time.Hour))
			require.NoError(t, err)
			require.False(t, first, "the late write counts")
			first, err = f.Use(t.Context(), "control: another key", start.Add(time.Hour))
			require.NoError(t, err)
			require.True(t, first)
		})
	})
	t.Run("X03 a slow write that lands after the first entry died", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var db shared
			delay := time.Duration(0)
			f := replay.SetIfAbsent(func(ctx context.Context, key string, ttl time.Duration) (bool, error) {
				time.Sleep(delay)
				return db.setNX(ctx, key, ttl)
			})
			until := time.Now().Add(time.Minute)
			first, err := f.Use(t.Context(), "k", until)
			require.NoError(t, err)
			require.True(t, first)

			time.Sleep(59 * time.Second)
			delay = 5 * time.Second
			first, err = f.Use(t.Context(), "k", until)
			require.ErrorIs(t, err, replay.ErrUntil)
			require.False(t, first)
			require.Len(t, db.dies, 1, "control: the database took it for new")
			require.True(t, time.Now().Before(firstOf(db.dies)))
		})
	})
	t.Run("X04 control: get, then set is not atomic and lets several through", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var db shared
			f := replay.SetIfAbsent(func(ctx context.Context, key string, ttl time.Duration) (bool, error) {
				db.mu.Lock()
				_, there := db.dies[key]
				db.mu.Unlock()
				time.Sleep(time.Millisecond)
				if there {
					return false, nil
				}
				_, err := db.setNX(ctx, key, ttl)
				return true, err
			})
			require.Equal(t, 4, firsts(t, f, 4), "no adapter can repair that")
			require.Equal(t, 1, firsts(t, replay.SetIfAbsent(new(shared).setNX), 4))
		})
	})
	t.Run("X15 calls leave nothing running", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := replay.SetIfAbsent(new(shared).setNX)
			for range 10_000 {
				if _, err := f.Use(t.Context(), "k", time.Now().Add(time.Minute)); err != nil {
					t.Fatal(err)
				}
			}
		})
	})
}

func firsts(t *testing.T, s replaytest.Store, uses int) int {
	t.Helper()
	answers := make(chan bool, uses)
	until := time.Now().Add(time.Minute)
	for range uses {
		go func() {
			first, err := s.Use(t.Context(), "k", until)
			answers <- first && err == nil
		}()
	}
	n := 0
	for range uses {
		if <-answers {
			n++
		}
	}
	return n
}

func firstOf(m map[string]time.Time) time.Time {
	for _, v := range m {
		return v
	}
	return time.Time{}
}
