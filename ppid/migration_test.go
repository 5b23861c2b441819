package ppid

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMigration(t *testing.T) {
	t.Parallel()
	d := newDeriver(t)
	from, to := sectorOf(t, "old.example.com"), sectorOf(t, "new.example.com")
	in := func(sector Sector) func(context.Context, string) (string, error) {
		return func(_ context.Context, account string) (string, error) { return d.Derive(sector, account) }
	}
	public := func(_ context.Context, account string) (string, error) { return account, nil }

	t.Run("a sector changes", func(t *testing.T) {
		t.Parallel()
		before, after, err := Migration{ClientID: "c1", From: in(from), To: in(to)}.Pair(t.Context(), "c1", "alice")
		require.NoError(t, err)
		require.Equal(t, derive(t, d, from, "alice"), before)
		require.Equal(t, derive(t, d, to, "alice"), after)
		require.NotEqual(t, before, after)
	})
	t.Run("public to stored", func(t *testing.T) {
		t.Parallel()
		s := newStored(t, nil)
		m := Migration{ClientID: "c1", From: public, To: func(ctx context.Context, account string) (string, error) {
			return s.Derive(ctx, to, account)
		}}
		before, after, err := m.Pair(t.Context(), "c1", "alice")
		require.NoError(t, err)
		require.Equal(t, "alice", before)
		account, err := s.Account(t.Context(), to, after)
		require.NoError(t, err)
		require.Equal(t, "alice", account)
	})
	t.Run("another client learns nothing", func(t *testing.T) {
		t.Parallel()
		called := false
		m := Migration{ClientID: "c1", To: in(to), From: func(context.Context, string) (string, error) {
			called = true
			return "x", nil
		}}
		for _, other := range []string{"", "c2", "c1 ", "C1"} {
			before, after, err := m.Pair(t.Context(), other, "alice")
			requireRefused(t, err, ErrClient, "unauthorized_client")
			require.Empty(t, before+after)
		}
		require.False(t, called)
		_, _, err := m.Pair(t.Context(), "c1", "alice")
		require.NoError(t, err)
		require.True(t, called, "control")
	})
	t.Run("a fault gives no half pair", func(t *testing.T) {
		t.Parallel()
		down := func(context.Context, string) (string, error) { return "x", errors.New("down") }
		space := func(context.Context, string) (string, error) { return "a b", nil }
		for _, m := range []Migration{{From: down, To: public}, {From: public, To: down}, {From: space, To: public},
			{From: public, To: space}, {From: public}, {To: public}} {
			m.ClientID = "c1"
			before, after, err := m.Pair(t.Context(), "c1", "alice")
			requireFault(t, err)
			require.Empty(t, before+after)
		}
	})
}

func TestLegacy(t *testing.T) {
	t.Parallel()
	salt := testKey(32, 0)
	for name, sector := range map[string]string{
		"sector with port": "client.example.com:8443",
		"whole-URI sector": "https://client.example.com/sector.json",
		"plain host":       "client.example.com",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sum := sha256.Sum256([]byte(sector + "alice" + string(salt)))
			old, err := Legacy{Sector: sector, Salt: salt, Hex: true}.Subject("alice")
			require.NoError(t, err)
			require.Equal(t, hex.EncodeToString(sum[:]), old)

			s, now := newStored(t, nil), sectorOf(t, "client.example.com")
			require.NoError(t, s.Import(t.Context(), now, "alice", old))
			require.NoError(t, s.Import(t.Context(), now, "alice", old), "an import may be repeated")
			subject, err := s.Derive(t.Context(), now, "alice")
			require.NoError(t, err)
			require.Equal(t, old, subject, "the identifier stays")
			account, err := s.Account(t.Context(), now, old)
			require.NoError(t, err)
			require.Equal(t, "alice", account)

			requireFault(t, s.Import(t.Context(), now, "bob", old))
			requireFault(t, s.Import(t.Context(), now, "alice", "another"))
			require.NoError(t, s.Import(t.Context(), now, "bob", "another"), "control: the refused imports left nothing")
			for _, bad := range []string{"", "a b", "\u00e9", string(make([]byte, 256))} {
				requireFault(t, s.Import(t.Context(), now, "carol", bad))
			}
		})
	}
	for _, l := range []Legacy{{}, {Sector: "a.example.com"}, {Salt: salt}} {
		_, err := l.Subject("alice")
		requireFault(t, err)
	}
}
