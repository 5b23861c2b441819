package partest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// table is a correct store with a switch for each mistake a store can make. With
// all of them off it must pass; with one on, the rule that names it must fail.
type table struct {
	mu      sync.Mutex
	records map[string]row
	order   []string

	racyTake      bool // looks, then removes
	racyKeep      bool // reads, then writes back
	takesNothing  bool
	neverExpires  bool
	halfLife      bool
	includesUntil bool
	ignoresKeep   bool
	keepSets      bool // to until, even if that is earlier
	keepForever   bool
	keepMakes     bool
	replaces      bool
	forgets       int // how many records it holds, 0: all
	keepsText     bool
	foldsCase     bool
	shares        bool
	ignoresCtx    bool
}

type row struct {
	record []byte
	until  time.Time
}

var errTable = errors.New("table: no")

func (s *table) Put(ctx context.Context, key string, record []byte, until time.Time) error {
	if ctx.Err() != nil && !s.ignoresCtx {
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key = s.name(key)
	if _, live := s.live(key); live && !s.replaces {
		return errTable
	}
	if s.halfLife {
		until = time.Now().Add(time.Until(until) / 2)
	}
	if s.keepsText {
		record = []byte(strings.ToValidUTF8(string(record), "?"))
	}
	if !s.shares {
		record = bytes.Clone(record)
	}
	s.set(key, row{record, until})
	s.order = append(s.order, key)
	if s.forgets > 0 && len(s.order) > s.forgets {
		delete(s.records, s.order[0])
		s.order = s.order[1:]
	}
	return nil
}

func (s *table) Keep(ctx context.Context, key string, until time.Time) ([]byte, bool, error) {
	if ctx.Err() != nil && !s.ignoresCtx {
		return nil, false, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key = s.name(key)
	r, ok := s.live(key)
	if !ok {
		if s.keepMakes {
			s.set(key, row{until: until})
		}
		return nil, false, nil
	}
	if s.racyKeep {
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
		s.mu.Lock()
	}
	if s.keepForever {
		until = until.Add(24 * time.Hour)
	}
	if !s.ignoresKeep && (until.After(r.until) || s.keepSets) {
		r.until = until
	}
	s.set(key, r)
	if s.shares {
		return r.record, true, nil
	}
	return bytes.Clone(r.record), true, nil
}

func (s *table) Take(ctx context.Context, key string) (bool, error) {
	if ctx.Err() != nil && !s.ignoresCtx {
		return false, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key = s.name(key)
	_, ok := s.live(key)
	if s.racyTake {
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
		s.mu.Lock()
	}
	if !s.takesNothing {
		delete(s.records, key)
	}
	return ok, nil
}

func (s *table) name(key string) string {
	if s.foldsCase {
		return strings.ToLower(key)
	}
	return key
}

func (s *table) live(key string) (row, bool) {
	r, ok := s.records[key]
	now := time.Now()
	return r, ok && (s.neverExpires || now.Before(r.until) || s.includesUntil && now.Equal(r.until))
}

func (s *table) set(key string, r row) {
	if s.records == nil {
		s.records = map[string]row{}
	}
	s.records[key] = r
}

func TestRulesFindBrokenStores(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule  string // a part of its name
		what  string
		store func() *table
	}{
		{"taken once", "does not take", func() *table { return &table{takesNothing: true} }},
		{"concurrent takes", "looks, then removes", func() *table { return &table{racyTake: true} }},
		{"brings nothing back", "writes back what was taken", func() *table { return &table{racyKeep: true} }},
		{"from its until on", "never expires", func() *table { return &table{neverExpires: true} }},
		{"from its until on", "half a life", func() *table { return &table{halfLife: true} }},
		{"from its until on", "includes until", func() *table { return &table{includesUntil: true} }},
		{"prolongs", "ignores it", func() *table { return &table{ignoresKeep: true} }},
		{"prolongs", "for ever", func() *table { return &table{keepForever: true} }},
		{"not shorten", "sets until", func() *table { return &table{keepSets: true} }},
		{"makes nothing", "makes something", func() *table { return &table{keepMakes: true} }},
		{"not replace", "replaces", func() *table { return &table{replaces: true} }},
		{"past until", "never expires at all", func() *table { return &table{neverExpires: true} }},
		{"push one out", "keeps the last 400", func() *table { return &table{forgets: 400} }},
		{"as it was", "repairs UTF-8", func() *table { return &table{keepsText: true} }},
		{"case-sensitive", "folds case", func() *table { return &table{foldsCase: true} }},
		{"nobody's to change", "hands out its own", func() *table { return &table{shares: true} }},
		{"cancelled", "ignores the context", func() *table { return &table{ignoresCtx: true} }},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				require.Error(t, ruleNamed(t, c.rule).check(c.store(), bubbleTime()))
			})
			if c.what == "includes until" { // an instant that real time does not hit
				return
			}
			synctest.Test(t, func(t *testing.T) {
				require.Error(t, ruleNamed(t, c.rule).check(c.store(), realTime()))
			})
		})
	}
}

func TestRulesPassACorrectStore(t *testing.T) {
	t.Parallel()
	RunInBubble(t, func(*testing.T) Store { return &table{} })
}

func TestRun(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) Store { return &table{} })
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
