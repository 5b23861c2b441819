package par

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSweep(t *testing.T) {
	t.Parallel()
	put := func(t *testing.T, m *Memory, i int, life time.Duration) error {
		return m.Put(t.Context(), fmt.Sprint(i), make([]byte, 600), time.Now().Add(life))
	}
	t.Run("X14 expired entries go without anybody asking for them", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m, err := NewMemory(MemoryConfig{})
			require.NoError(t, err)
			for i := range 8_000 {
				require.NoError(t, put(t, m, i, time.Minute))
			}
			time.Sleep(time.Minute)
			for i := range 2_000 {
				require.NoError(t, put(t, m, 10_000+i, time.Hour))
			}
			require.Len(t, m.order, 2_000)
			require.Len(t, m.entries, 2_000)
		})
	})
	t.Run("X13 a full store finds the few that expired", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			m, err := NewMemory(MemoryConfig{MaxBytes: 1 << 20})
			require.NoError(t, err)
			n := 0
			for ; put(t, m, n, time.Hour) == nil; n++ {
			}
			ok, err := m.Take(t.Context(), fmt.Sprint(n/2))
			require.NoError(t, err)
			require.True(t, ok)
			require.NoError(t, put(t, m, n, time.Minute))
			time.Sleep(time.Minute)
			m.cursor = 0 // far from the one that expired, which is last
			require.NoError(t, put(t, m, n+1, time.Hour))
			require.ErrorIs(t, put(t, m, n+2, time.Hour), ErrFull)
			for i := n + 1; i >= 0; i-- { // every one is in its place, the newest first
				_, err := m.Take(t.Context(), fmt.Sprint(i))
				require.NoError(t, err)
			}
			require.Empty(t, m.order)
			require.Empty(t, m.entries)
			require.Zero(t, m.size)
		})
	})
}
