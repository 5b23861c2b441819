package par_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/par/partest"
)

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	partest.RunInBubble(t, func(t *testing.T) partest.Store {
		m, err := par.NewMemory(par.MemoryConfig{})
		require.NoError(t, err)
		return m
	})
}

func TestMemoryInRealTime(t *testing.T) {
	t.Parallel()
	partest.Run(t, func(t *testing.T) partest.Store {
		m, err := par.NewMemory(par.MemoryConfig{})
		require.NoError(t, err)
		return m
	})
}

func TestNewMemory(t *testing.T) {
	t.Parallel()
	for _, octets := range []int64{-1, 1, 1<<20 - 1, 1<<40 + 1} {
		m, err := par.NewMemory(par.MemoryConfig{MaxBytes: octets})
		require.ErrorContains(t, err, "MaxBytes")
		require.Nil(t, m)
	}
	var none *par.Memory
	for _, m := range []*par.Memory{none, {}} {
		require.Error(t, m.Put(t.Context(), "key", nil, time.Now().Add(time.Hour)))
		_, ok, err := m.Keep(t.Context(), "key", time.Now())
		require.Error(t, err)
		require.False(t, ok)
		ok, err = m.Take(t.Context(), "key")
		require.Error(t, err)
		require.False(t, ok)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	record := make([]byte, 600)
	key := func(i int) string { return fmt.Sprintf("%043d", i) }
	fill := func(t *testing.T, m *par.Memory, life time.Duration) (held int) {
		for i := range 10_000 {
			switch err := m.Put(t.Context(), key(i), record, time.Now().Add(life)); {
			case err == nil:
				held++
			default:
				require.ErrorIs(t, err, par.ErrFull)
			}
		}
		return held
	}
	t.Run("X13 X18 P03 full, and those inside survive", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m, err := par.NewMemory(par.MemoryConfig{MaxBytes: 1 << 20})
			require.NoError(t, err)
			held := fill(t, m, time.Hour)
			require.Equal(t, 1<<20/(43+600+256), held)
			for i := range held {
				_, ok, err := m.Keep(t.Context(), key(i), time.Now())
				require.NoError(t, err)
				require.True(t, ok)
			}
			ok, err := m.Take(t.Context(), key(0))
			require.NoError(t, err)
			require.True(t, ok)
			require.NoError(t, m.Put(t.Context(), key(1<<20), record, time.Now().Add(time.Hour)), "control: there is room again")
			require.ErrorIs(t, m.Put(t.Context(), key(1<<21), record, time.Now().Add(time.Hour)), par.ErrFull)
			require.ErrorIs(t, m.Put(t.Context(), key(1<<22), make([]byte, 2<<20), time.Now().Add(time.Hour)), par.ErrFull)
			time.Sleep(time.Hour)
			require.Equal(t, held, fill(t, m, time.Hour), "what expired makes room")
		})
	})
	t.Run("X13 a full store is a 503, not a refusal", func(t *testing.T) {
		t.Parallel()
		m, err := par.NewMemory(par.MemoryConfig{MaxBytes: 1 << 20})
		require.NoError(t, err)
		s := newServer(t, func(c *par.HandlerConfig) { c.Store = m })
		first := s.pushed(t)
		fill(t, m, time.Hour)
		for i := 20_000; m.Put(t.Context(), key(i), nil, time.Now().Add(time.Hour)) == nil; i++ { // the last gap
		}
		requireOAuthError(t, s.push(form().Encode()), 503, "server_error")
		require.ErrorIs(t, s.lastEvent().Err, par.ErrFull)
		s.works(t, first)
	})
	t.Run("X14 many expire at once, and no call pays for them", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m, err := par.NewMemory(par.MemoryConfig{})
			require.NoError(t, err)
			for i := range 50_000 {
				require.NoError(t, m.Put(t.Context(), key(i), nil, time.Now().Add(time.Minute)))
			}
			time.Sleep(time.Minute)
			for i := range 7_000 { // eight at a time, all are gone after 6,250
				require.NoError(t, m.Put(t.Context(), key(i), nil, time.Now().Add(time.Minute)))
				_, err := m.Take(t.Context(), key(i))
				require.NoError(t, err)
			}
			held := fill(t, m, time.Minute)
			require.Equal(t, 10_000, held)
		})
	})
	t.Run("X15 stores leave no goroutine and no timer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) { // the bubble would wait for them, and fail
			for range 1_000 {
				m, err := par.NewMemory(par.MemoryConfig{})
				require.NoError(t, errors.Join(err, m.Put(t.Context(), key(1), record, time.Now().Add(time.Hour))))
			}
		})
	})
}
