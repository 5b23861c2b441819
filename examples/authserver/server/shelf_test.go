package server

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestShelf(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf[int](2, time.Minute)
		put := func(name string, value int) int {
			kept, err := s.put(name, value)
			require.NoError(t, err)
			return kept
		}
		require.Equal(t, 1, put("a", 1))
		require.Equal(t, 1, put("a", 2), "what is there stays")
		time.Sleep(30 * time.Second)
		put("b", 3)
		_, err := s.put("c", 4)
		require.ErrorIs(t, err, errFull)
		s.renew("a")
		time.Sleep(30 * time.Second)
		_, ok := s.get("b")
		require.True(t, ok)
		time.Sleep(30*time.Second - 1)
		_, ok = s.get("a")
		require.True(t, ok)
		time.Sleep(time.Nanosecond)
		for _, name := range []string{"a", "b", "unknown"} {
			_, ok = s.get(name)
			require.False(t, ok, name)
		}
		s.renew("a")
		_, ok = s.get("a")
		require.False(t, ok, "what is gone does not come back")
	})
}

func TestWithQuery(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]string{
		"https://a.example/cb": "https://a.example/cb?x=1", "https://a.example/cb?": "https://a.example/cb?x=1",
		"https://a.example/cb?b=%2f": "https://a.example/cb?b=%2f&x=1", "https://a.example/cb?b&": "https://a.example/cb?b&x=1",
	} {
		require.Equal(t, want, withQuery(uri, "x=1"))
	}
}

// Neither what expires nor what is renewed or removed makes the shelf grow.
func TestShelfIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf[int](10, time.Minute)
		_, err := s.put("renewed", 0)
		require.NoError(t, err)
		for i := range 1000 {
			name := fmt.Sprint(i)
			_, err := s.put(name, i)
			require.NoError(t, err)
			s.renew("renewed")
			if i%2 == 0 {
				s.remove(name)
			}
			time.Sleep(20 * time.Second)
		}
		require.LessOrEqual(t, len(s.items), 10)
		require.LessOrEqual(t, len(s.queue), 10)
		_, ok := s.get("renewed")
		require.True(t, ok)
	})
}
