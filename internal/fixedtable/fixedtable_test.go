package fixedtable

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func find(t *Table[string], key string) *string {
	return t.Find(key, func(have *string) bool { return *have == key })
}

func TestTable(t *testing.T) {
	t.Parallel()
	t.Run("a value is found by its whole key", func(t *testing.T) {
		t.Parallel()
		table := New[string](1 << 10)
		require.Nil(t, find(table, "a"))
		value := "a"
		table.Remember("a", &value)
		require.Equal(t, &value, find(table, "a"))
		require.Nil(t, find(table, "b"))
	})
	t.Run("keys of one set", func(t *testing.T) {
		t.Parallel()
		table := New[string](1) // one set: every key collides with every other
		keys := make([]string, ways+1)
		for i := range keys {
			keys[i] = fmt.Sprint("key ", i)
			for _, earlier := range keys[:i] {
				require.NotNil(t, find(table, earlier), "there is room for all before one has to go")
			}
			require.Nil(t, find(table, keys[i]), "a hash alone is not believed")
			table.Remember(keys[i], &keys[i])
		}
		require.Equal(t, ways, table.Len())
		require.Nil(t, find(table, keys[0]), "the oldest went")
		for _, key := range keys[1:] {
			require.Equal(t, key, *find(table, key))
		}
	})
	t.Run("concurrent use", func(t *testing.T) {
		t.Parallel()
		table := New[string](64)
		var workers sync.WaitGroup
		for worker := range 8 {
			workers.Go(func() {
				for i := range 1000 {
					key := fmt.Sprint(worker, i%100)
					if value := find(table, key); value != nil && *value != key {
						t.Errorf("%q is not %q", *value, key)
					}
					table.Remember(key, &key)
				}
			})
		}
		workers.Wait()
	})
}
