package replaytest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/replay"
)

// table is a correct store with a switch for each mistake a store can make. With
// all of them off it must pass; with one on, the rule that names it must fail.
type table struct {
	mu      sync.Mutex
	entries map[string]time.Time
	order   []string

	racy            bool
	dropAfter       int                               // 0: never evicts
	life            func(time.Duration) time.Duration // nil: exact
	name            func(string) string               // nil: the key as it is
	ignoresCtx      bool
	writesFirst     bool // looks at ctx when the entry is already there
	forgetsOnCancel bool
	rollsBackLate   bool
	acceptsPast     bool
	clampsPast      bool
	diesAtUntil     bool
	neverForgets    bool
	overwrites      bool
	refusesAll      bool
	firstWithError  bool
	ownError        bool
}

var errTable = errors.New("table: unavailable")

func (s *table) Use(ctx context.Context, key string, until time.Time) (bool, error) {
	if s.name != nil {
		key = s.name(key)
	}
	if s.writesFirst {
		s.set(key, until)
	}
	if err := ctx.Err(); err != nil && !s.ignoresCtx {
		if s.forgetsOnCancel {
			s.forget(key)
		}
		if s.ownError {
			err = errTable
		}
		return s.firstWithError, err
	}
	if s.rollsBackLate {
		return s.useRollingBack(ctx, key, until)
	}
	if s.racy {
		return s.useRacing(key, until)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.useLocked(key, until)
}

func (s *table) useLocked(key string, until time.Time) (bool, error) {
	now := time.Now()
	if until.Before(now) && !s.acceptsPast {
		if !s.clampsPast {
			return false, errTable
		}
		until = now.Add(time.Millisecond)
	}
	if s.live(key, now) || s.refusesAll {
		if s.overwrites {
			s.entries[key] = until
		}
		return false, nil
	}
	if s.life != nil {
		until = now.Add(s.life(until.Sub(now)))
	}
	s.put(key, until)
	return true, nil
}

func (s *table) live(key string, now time.Time) bool {
	until, ok := s.entries[key]
	switch {
	case s.neverForgets:
		return ok
	case s.diesAtUntil:
		return ok && now.Before(until)
	}
	return ok && !now.After(until)
}

func (s *table) put(key string, until time.Time) {
	if s.entries == nil {
		s.entries = make(map[string]time.Time)
	}
	s.entries[key] = until
	s.order = append(s.order, key)
	if s.dropAfter > 0 && len(s.order) > s.dropAfter {
		delete(s.entries, s.order[0])
		s.order = s.order[1:]
	}
}

func (s *table) set(key string, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, until)
}

func (s *table) forget(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entries, key)
}

// useRacing looks first and writes afterwards, as two separate operations.
func (s *table) useRacing(key string, until time.Time) (bool, error) {
	s.mu.Lock()
	live := s.live(key, time.Now())
	s.mu.Unlock()
	time.Sleep(time.Millisecond)
	if live || until.Before(time.Now()) {
		return false, nil
	}
	s.set(key, until)
	return true, nil
}

// useRollingBack takes a while, and when interrupted removes, later, an entry that
// may by then belong to somebody else.
func (s *table) useRollingBack(ctx context.Context, key string, until time.Time) (bool, error) {
	time.Sleep(time.Millisecond)
	if err := ctx.Err(); err != nil {
		time.AfterFunc(10*time.Millisecond, func() { s.forget(key) })
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.useLocked(key, until)
}

func TestRulesFindBrokenStores(t *testing.T) {
	t.Parallel()
	cut := func(n int) func(string) string {
		return func(k string) string { return k[:min(n, len(k))] }
	}
	for _, c := range []struct {
		rule  string // a part of its name
		what  string
		store Store
	}{
		{"first once", "no memory", replay.Off{}},
		{"first once", "refuses everything", &table{refusesAll: true}},
		{"concurrent", "reads, waits, writes", &table{racy: true}},
		{"including until", "dies at until", &table{diesAtUntil: true}},
		{"including until", "rounds down to seconds", &table{life: func(d time.Duration) time.Duration { return d.Truncate(time.Second) }}},
		{"including until", "10 s short", &table{life: func(d time.Duration) time.Duration { return d - 10*time.Second }}},
		{"free again", "never forgets", &table{neverForgets: true}},
		{"far ahead", "at most an hour", &table{life: func(d time.Duration) time.Duration { return min(d, time.Hour) }}},
		{"far ahead", "one life for all", &table{life: func(time.Duration) time.Duration { return 5 * time.Minute }}},
		{"shorten", "writes until each time", &table{overwrites: true}},
		{"past until", "accepts it", &table{acceptsPast: true}},
		{"past until", "accepts it for a moment", &table{clampsPast: true}},
		{"push one out", "keeps the last 1,000", &table{dropAfter: 1_000}},
		{"records nothing", "ignores ctx", &table{ignoresCtx: true}},
		{"records nothing", "writes, then looks at ctx", &table{writesFirst: true}},
		{"records nothing", "first with an error", &table{firstWithError: true}},
		{"records nothing", "error says nothing of ctx", &table{ownError: true}},
		{"forgets nothing", "undoes what it did not do", &table{forgetsOnCancel: true}},
		{"interrupted", "undoes too late", &table{rollsBackLate: true}},
		{"independent", "folds case", &table{name: strings.ToLower}},
		{"independent", "trims", &table{name: strings.TrimSpace}},
		{"independent", "ends at NUL", &table{name: func(k string) string { k, _, _ = strings.Cut(k, "\x00b"); return k }}},
		{"independent", "repairs UTF-8", &table{name: func(k string) string { return strings.ToValidUTF8(k, string(utf8.RuneError)) }}},
		{"independent", "cuts at 64", &table{name: cut(64)}},
		{"independent", "cuts at 255", &table{name: cut(255)}},
		{"independent", "cuts at 65,536", &table{name: cut(64<<10 + 32)}},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				require.Error(t, ruleNamed(t, c.rule).check(c.store, bubbleTime()))
			})
		})
	}
}

// The rules of Run use coarser times; the mistakes they can see, they must see.
func TestRealTimeRulesFindBrokenStores(t *testing.T) {
	t.Parallel()
	for rule, store := range map[string]Store{
		"first once":      replay.Off{},
		"concurrent":      &table{racy: true},
		"including until": &table{life: func(d time.Duration) time.Duration { return d.Truncate(time.Second) }},
		"free again":      &table{neverForgets: true},
		"far ahead":       &table{life: func(d time.Duration) time.Duration { return min(d, time.Second) }},
		"shorten":         &table{overwrites: true},
		"past until":      &table{acceptsPast: true},
		"push one out":    &table{dropAfter: 500},
		"records nothing": &table{ignoresCtx: true},
		"forgets nothing": &table{forgetsOnCancel: true},
		"interrupted":     &table{rollsBackLate: true},
		"independent":     &table{name: strings.ToLower},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				require.Error(t, ruleNamed(t, rule).check(store, realTime()))
			})
		})
	}
}

func TestRulesPassACorrectStore(t *testing.T) {
	t.Parallel()
	RunInBubble(t, func(*testing.T) Store { return &table{} })
}

// A store that counts in whole seconds, rounded up, keeps the contract too.
func TestRulesPassACoarseStore(t *testing.T) {
	t.Parallel()
	RunInBubble(t, func(*testing.T) Store {
		return &table{life: func(d time.Duration) time.Duration { return d.Truncate(time.Second) + time.Second }}
	})
}

func TestRealTimeRulesPassACorrectStore(t *testing.T) {
	t.Parallel()
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				require.NoError(t, r.check(&table{}, realTime()))
			})
		})
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	Run(t, func(t *testing.T) Store {
		m, err := replay.NewMemory(replay.MemoryConfig{})
		require.NoError(t, err)
		return m
	})
}

func ruleNamed(t *testing.T, part string) rule {
	t.Helper()
	for _, r := range rules() {
		if strings.Contains(r.name, part) {
			return r
		}
	}
	require.FailNow(t, "no such rule", part)
	return rule{}
}
