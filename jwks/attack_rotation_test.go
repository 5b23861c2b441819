package jwks

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAttackRotation(t *testing.T) {
	t.Parallel()
	swaps := 10_000
	if testing.Short() {
		swaps = 1_000
	}
	even, odd := []Key{ec("a"), ec("b")}, []Key{ec("c"), ec("d")}
	whole := func(t *testing.T, s source) bool {
		keys, err := s.Keys(t.Context(), "", "ES256")
		return assert.NoError(t, err) && (same(keys, even...) || same(keys, odd...))
	}
	// load runs readers until swap is over.
	load := func(t *testing.T, read func() bool, swap func()) {
		var over atomic.Bool
		var readers sync.WaitGroup
		for range 2 {
			readers.Go(func() {
				for !over.Load() {
					if !assert.True(t, read(), "torn read") {
						return
					}
				}
			})
		}
		swap()
		over.Store(true)
		readers.Wait()
	}

	t.Run("X16 published set is swapped 10,000 times under load", func(t *testing.T) {
		t.Parallel()
		p, err := NewPublisher(PublisherConfig{Keys: even})
		require.NoError(t, err)
		documents := []string{string(document(t, even...)), string(document(t, odd...))}
		load(t, func() bool {
			return whole(t, p) && assert.Contains(t, documents, get(t, p).Body.String())
		}, func() {
			for i := range swaps {
				require.NoError(t, p.Set([][]Key{odd, even}[i%2]...))
			}
		})
	})
	t.Run("X16 fetched set is swapped 10,000 times under load", func(t *testing.T) {
		t.Parallel()
		var o origin
		o.serve(document(t, even...))
		r := o.remote(t)
		r.minInterval, r.maxAge = 1, 1
		documents := [][]byte{document(t, odd...), document(t, even...)}
		load(t, func() bool { return whole(t, r) }, func() {
			for i := 0; o.fetches() < swaps; i++ {
				o.serve(documents[i%2])
				require.True(t, whole(t, r))
			}
		})
	})
	t.Run("X16 control: a mixture of two sets would be seen", func(t *testing.T) {
		t.Parallel()
		s, err := NewStaticKeys(even[0], odd[1])
		require.NoError(t, err)
		require.False(t, whole(t, s))
	})
	t.Run("X16 the old key is valid inside the overlap only", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			current, next := ec("current"), ec("next")
			old, young := sign(t, "current", "current"), sign(t, "next", "next")
			p, err := NewPublisher(PublisherConfig{Keys: []Key{current}})
			require.NoError(t, err)
			require.True(t, verifies(t, p, old))
			require.False(t, verifies(t, p, young))

			require.NoError(t, p.Set(current, next))
			time.Sleep(15 * time.Minute)
			current.Until = time.Now().Add(time.Hour)
			require.NoError(t, p.Set(next, current))
			time.Sleep(time.Hour - 1)
			require.True(t, verifies(t, p, old))
			require.True(t, verifies(t, p, young))
			require.Contains(t, get(t, p).Body.String(), `"current"`)
			time.Sleep(time.Nanosecond)
			require.False(t, verifies(t, p, old))
			require.True(t, verifies(t, p, young))
			require.NotContains(t, get(t, p).Body.String(), `"current"`)
		})
	})
}
