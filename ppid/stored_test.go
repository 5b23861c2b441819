package ppid

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/ppid/ppidtest"
)

func newStored(t testing.TB, store Store) *Stored {
	t.Helper()
	if store == nil {
		memory, err := NewMemory(MemoryConfig{})
		require.NoError(t, err)
		store = memory
	}
	s, err := NewStored(StoredConfig{Issuer: testIssuer, Store: store})
	require.NoError(t, err)
	return s
}

func TestMemoryContract(t *testing.T) {
	t.Parallel()
	ppidtest.Run(t, func(t *testing.T) ppidtest.Store {
		m, err := NewMemory(MemoryConfig{})
		require.NoError(t, err)
		return m
	})
}

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	for _, n := range []int{-1, maxEntries + 1} {
		_, err := NewMemory(MemoryConfig{MaxEntries: n})
		requireFault(t, err)
	}
	m, err := NewMemory(MemoryConfig{MaxEntries: 1})
	require.NoError(t, err)
	s, sector := newStored(t, m), sectorOf(t, "client.example.com")
	alice, err := s.Derive(t.Context(), sector, "alice")
	require.NoError(t, err)
	_, err = s.Derive(t.Context(), sector, "bob")
	require.ErrorIs(t, err, ErrFull)
	requireFault(t, err)
	require.Len(t, m.accounts, 1)
	again, err := s.Derive(t.Context(), sector, "alice")
	require.NoError(t, err)
	require.Equal(t, alice, again)
	require.NoError(t, s.Erase(t.Context(), "alice"))
	_, err = s.Derive(t.Context(), sector, "bob")
	require.NoError(t, err)
}

func TestStored(t *testing.T) {
	t.Parallel()
	a, b := sectorOf(t, "a.example.com"), sectorOf(t, "b.example.com")
	t.Run("U11 a UUID of version 4", func(t *testing.T) {
		t.Parallel()
		subject, err := newStored(t, nil).Derive(t.Context(), a, "alice")
		require.NoError(t, err)
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, subject)
	})
	t.Run("there and back", func(t *testing.T) {
		t.Parallel()
		s := newStored(t, nil)
		subject, err := s.Derive(t.Context(), a, "alice")
		require.NoError(t, err)
		elsewhere, err := s.Derive(t.Context(), b, "alice")
		require.NoError(t, err)
		require.NotEqual(t, subject, elsewhere)
		account, err := s.Account(t.Context(), a, subject)
		require.NoError(t, err)
		require.Equal(t, "alice", account)
		for _, wrong := range []string{elsewhere, "", "\x00", strings.Repeat("a", 256)} {
			_, err = s.Account(t.Context(), a, wrong)
			requireRefused(t, err, ErrSubject, "invalid_request")
		}
		require.NoError(t, s.Erase(t.Context(), "alice"))
		_, err = s.Account(t.Context(), a, subject)
		requireRefused(t, err, ErrSubject, "invalid_request")
		later, err := s.Derive(t.Context(), a, "alice")
		require.NoError(t, err)
		require.NotEqual(t, subject, later)
	})
	t.Run("one value for 64 first issuances", func(t *testing.T) {
		t.Parallel()
		s := newStored(t, nil)
		var subjects [64]string
		var wg sync.WaitGroup
		for i := range subjects {
			wg.Go(func() { subjects[i], _ = s.Derive(context.Background(), a, "alice") })
		}
		wg.Wait()
		for _, subject := range subjects {
			require.Equal(t, subjects[0], subject)
		}
		require.NotEmpty(t, subjects[0])
	})
	t.Run("U10 accounts", func(t *testing.T) {
		t.Parallel()
		s := newStored(t, nil)
		for _, account := range []string{"", "\xff", strings.Repeat("a", 1<<20)} {
			_, err := s.Derive(t.Context(), a, account)
			requireFault(t, err)
		}
		_, err := s.Derive(t.Context(), Sector{}, "alice")
		requireFault(t, err)
		_, err = s.Account(t.Context(), Sector{}, "x")
		requireFault(t, err)
	})
	t.Run("a store that is down or wrong", func(t *testing.T) {
		t.Parallel()
		for _, store := range []brokenStore{{err: errors.New("down")}, {}, {subject: "a b"}, {subject: strings.Repeat("a", 256)}} {
			s := newStored(t, store)
			_, err := s.Derive(t.Context(), a, "alice")
			requireFault(t, err)
			_, err = s.Account(t.Context(), a, "x")
			requireFault(t, err)
			requireFault(t, s.Import(t.Context(), a, "alice", "x"))
			require.ErrorIs(t, s.Erase(t.Context(), "alice"), store.err)
		}
	})
	t.Run("configuration", func(t *testing.T) {
		t.Parallel()
		_, err := NewStored(StoredConfig{Issuer: testIssuer})
		requireFault(t, err)
		_, err = NewStored(StoredConfig{Store: brokenStore{}})
		requireFault(t, err)
	})
}

// brokenStore finds an account without a name.
type brokenStore struct {
	subject string
	err     error
}

func (s brokenStore) InsertIfAbsent(context.Context, string, string, string, string) (string, error) {
	return s.subject, s.err
}

func (s brokenStore) Account(context.Context, string, string, string) (string, bool, error) {
	return "", true, s.err
}

func (s brokenStore) Erase(context.Context, string, string) error { return s.err }
