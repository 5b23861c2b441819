package ppidtest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// table is a correct store with a switch for each mistake a store can make.
type table struct {
	insertion sync.Mutex // makes InsertIfAbsent atomic
	mu        sync.Mutex
	rows      []row

	overwrites    bool // the last candidate stays
	racy          bool
	joins         bool // names are joined without lengths
	folds         bool // case is folded
	trims         bool
	givesTwice    bool
	noIssuer      bool
	noSector      bool // Account ignores the sector
	keepsOthers   bool // Erase removes one sector only
	erasesAll     bool
	eraseFailsOff bool // Erase errs when there is nothing
	ignoresCtx    bool
}

func (s *table) key(parts ...string) string {
	if s.noIssuer {
		parts[0] = ""
	}
	separator := "\x00"
	if s.joins {
		separator = ""
	}
	key := strings.Join(parts, separator)
	if s.folds {
		key = strings.ToLower(key)
	}
	if s.trims {
		key = strings.TrimSpace(key)
	}
	return key
}

func (s *table) find(match func(row) bool) (row, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rows {
		if match(r) {
			return r, true
		}
	}
	return row{}, false
}

func (s *table) InsertIfAbsent(ctx context.Context, issuer, sector, account, candidate string) (string, error) {
	if ctx.Err() != nil && !s.ignoresCtx {
		return "", ctx.Err()
	}
	if !s.racy {
		s.insertion.Lock()
		defer s.insertion.Unlock()
	}
	key := s.key(issuer, sector, account)
	if r, ok := s.find(func(r row) bool { return s.key(r.issuer, r.sector, r.account) == key }); ok {
		if s.overwrites {
			return candidate, nil
		}
		return r.subject, nil
	}
	runtime.Gosched()
	taken := s.key(issuer, candidate)
	if _, ok := s.find(func(r row) bool { return s.key(r.issuer, r.subject) == taken }); ok && !s.givesTwice {
		return "", errors.New("table: taken")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, row{issuer, sector, account, candidate})
	return candidate, nil
}

func (s *table) Account(ctx context.Context, issuer, sector, subject string) (string, bool, error) {
	if ctx.Err() != nil && !s.ignoresCtx {
		return "", false, ctx.Err()
	}
	key := s.key(issuer, subject)
	r, ok := s.find(func(r row) bool {
		return s.key(r.issuer, r.subject) == key && (s.noSector || r.sector == sector)
	})
	if !ok {
		return "", false, nil
	}
	return r.account, true, nil
}

func (s *table) Erase(ctx context.Context, issuer, account string) error {
	if ctx.Err() != nil && !s.ignoresCtx {
		return ctx.Err()
	}
	key, erased := s.key(issuer, account), false
	var kept []row
	for _, r := range s.rows {
		hit := s.key(r.issuer, r.account) == key || s.erasesAll
		if !hit || s.keepsOthers && erased {
			kept = append(kept, r)
			continue
		}
		erased = true
	}
	s.rows = kept
	if s.eraseFailsOff && !erased {
		return errors.New("table: no row")
	}
	return nil
}

func TestKit(t *testing.T) {
	t.Parallel()
	Run(t, func(*testing.T) Store { return &table{} })
}

func TestKitFindsBrokenStores(t *testing.T) {
	t.Parallel()
	broken := map[string]*table{
		"the first candidate stays":                     {overwrites: true},
		"issuers, sectors and accounts are independent": {joins: true},
		"any two different accounts are independent":    {folds: true},
		"a subject leads back to its account":           nil, // no switch of its own: every other rule looks up
		"a subject is compared octet by octet":          {trims: true},
		"a subject is taken once":                       {givesTwice: true},
		"erasing removes an account from all sectors":   {keepsOthers: true},
		"erasing keeps everything else":                 {erasesAll: true},
		"a done context changes nothing":                {ignoresCtx: true},
		"of 64 concurrent candidates one wins":          {racy: true},
	}
	for _, r := range rules() {
		store, ok := broken[r.name]
		require.True(t, ok, r.name)
		if store == nil {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			var err error
			for range 100 { // a race does not show at once
				if err = r.check(t.Context(), store); err != nil {
					break
				}
			}
			require.Error(t, err)
		})
	}
	for name, store := range map[string]*table{
		"issuers, sectors and accounts are independent": {noIssuer: true},
		"erasing removes an account from all sectors":   {eraseFailsOff: true},
	} {
		for _, r := range rules() {
			if r.name == name {
				require.Error(t, r.check(t.Context(), store), name)
			}
		}
	}
	require.Error(t, independent(t.Context(), &table{noSector: true}))
}
