package replay

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// These tests move the clock themselves, since the fake time of a bubble only goes
// forward.
var noon = time.Unix(1_800_000_000, 0)

func smallMemory(t testing.TB, entries int) *Memory {
	t.Helper()
	m, err := NewMemory(MemoryConfig{MaxEntries: entries})
	require.NoError(t, err)
	return m
}

// expireAll removes every entry that is past at the instant now, and wants none left.
func expireAll(t *testing.T, m *Memory, now time.Time) {
	t.Helper()
	for i := range m.shards {
		m.shards[i].earliest.Store(0)
		m.shards[i].sweepAll(m, now.UnixNano())
	}
	require.Zero(t, m.live.Load())
}

func TestClock(t *testing.T) {
	t.Parallel()
	const life = 70 * time.Second
	until := noon.Add(life)
	setup := func(t *testing.T) *Memory {
		m := smallMemory(t, 1_000)
		first, err := m.useAt("k", until, noon)
		require.NoError(t, err)
		require.True(t, first)
		return m
	}
	refused := func(t *testing.T, m *Memory, until, now time.Time) {
		t.Helper()
		first, err := m.useAt("k", until, now)
		require.NoError(t, err)
		require.False(t, first)
	}
	t.Run("D35 X08 set back by an hour after the purge", func(t *testing.T) {
		m := setup(t)
		expireAll(t, m, noon.Add(life+1))
		refused(t, m, until, noon.Add(-time.Hour))
		refused(t, m, until, until)
	})
	t.Run("D35 control: a store that was not purged forgets nothing either", func(t *testing.T) {
		refused(t, setup(t), until, noon.Add(-time.Hour))
	})
	t.Run("D35 control: without the mark the replay would be accepted", func(t *testing.T) {
		m := setup(t)
		expireAll(t, m, noon.Add(life+1))
		for i := range m.shards {
			m.shards[i].mark = 0
		}
		first, err := m.useAt("k", until, noon.Add(-time.Hour))
		require.NoError(t, err)
		require.True(t, first)
	})
	t.Run("X08 set back by a second, new values are served", func(t *testing.T) {
		m := setup(t)
		expireAll(t, m, noon.Add(life+1))
		now := noon.Add(life - time.Second)
		refused(t, m, until, now)
		first, err := m.useAt("k", now.Add(life), now)
		require.NoError(t, err)
		require.True(t, first)
	})
	t.Run("X08 a day ahead and back", func(t *testing.T) {
		m := setup(t)
		ahead := noon.Add(24 * time.Hour)
		_, err := m.useAt("k", until, ahead)
		require.ErrorIs(t, err, ErrUntil)
		expireAll(t, m, ahead)
		refused(t, m, until, noon)
		first, err := m.useAt("k", noon.Add(life+time.Second), noon.Add(time.Second))
		require.NoError(t, err)
		require.True(t, first, "values made after the jump are served at once")
	})
	t.Run("X08 a value accepted during the jump and purged is refused when its time comes", func(t *testing.T) {
		m := setup(t)
		ahead := noon.Add(24 * time.Hour)
		first, err := m.useAt("k", ahead.Add(life), ahead)
		require.NoError(t, err)
		require.True(t, first)
		expireAll(t, m, ahead.Add(life+1))
		refused(t, m, ahead.Add(life), ahead)
	})
	t.Run("X08 an expired entry that a newer one replaced", func(t *testing.T) {
		m := setup(t)
		later := until.Add(time.Second)
		first, err := m.useAt("k", later.Add(life), later)
		require.NoError(t, err)
		require.True(t, first)
		expireAll(t, m, later.Add(life+1))
		refused(t, m, until, noon)
		refused(t, m, later.Add(life), later)
	})
	t.Run("a call that read the clock before another purged", func(t *testing.T) {
		m := setup(t)
		expireAll(t, m, until.Add(1))
		refused(t, m, until, until)
	})
	t.Run("a clock outside 1970 to 2242 refuses", func(t *testing.T) {
		m := setup(t)
		for _, now := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0), time.Unix(1<<33+1, 0)} {
			first, err := m.useAt("k2", now.Add(life), now)
			assert.ErrorIs(t, err, errClock)
			assert.False(t, first)
		}
	})
}

func TestPurgeIsBounded(t *testing.T) {
	t.Parallel()
	const entries = 200_000
	m := smallMemory(t, entries+entries/2)
	for i := range entries {
		m.useAt(strconv.Itoa(i), noon.Add(time.Minute), noon)
	}
	require.EqualValues(t, entries, m.live.Load())
	slots := slotsOf(m)

	t.Run("X14 a use removes a few of the entries that expired at once", func(t *testing.T) {
		now, uses := noon.Add(time.Minute+1), 0
		for ; m.live.Load() > int64(uses); uses++ {
			before := m.live.Load()
			first, err := m.useAt("new"+strconv.Itoa(uses), now.Add(time.Hour), now)
			if err != nil || !first || m.live.Load() < before+1-8 {
				t.Fatal(first, err, before, m.live.Load())
			}
		}
		require.Less(t, uses, entries, "entries must leave faster than they come")
	})
	t.Run("X13 memory is given back", func(t *testing.T) {
		now := noon.Add(3 * time.Hour)
		for i := range 50_000 { // 256 shards: a few laps each
			now = now.Add(time.Second)
			m.useAt("later"+strconv.Itoa(i), now.Add(time.Second), now)
		}
		require.Less(t, slotsOf(m), slots/10)
	})
}

// Keys that expired come back before a sweep has passed them.
func TestExpiredKeyIsUsedAgain(t *testing.T) {
	t.Parallel()
	m := smallMemory(t, 10_000)
	now := noon
	for round := range 3 {
		for _, want := range []bool{true, false} {
			for i := range 5_000 {
				first, err := m.useAt(strconv.Itoa(i), now.Add(time.Minute), now)
				if err != nil || first != want {
					t.Fatal(round, i, first, err)
				}
			}
		}
		now = now.Add(time.Minute + 1)
	}
	checkTable(t, m)
}

// A full store of more shards than one reclaim visits: an expired entry in the
// shard that needs the place is found at once, any other within a few refusals.
func TestReclaim(t *testing.T) {
	t.Parallel()
	const entries = 64 * shardEntries
	shardOf := func(m *Memory, key string) *shard { return &m.shards[m.digest(key).lo%64] }
	setup := func(t *testing.T) (*Memory, string) {
		m := smallMemory(t, entries)
		require.Len(t, m.shards, 64)
		for i := range entries {
			life := time.Hour
			if i == 0 {
				life = time.Minute
			}
			if first, err := m.useAt(strconv.Itoa(i), noon.Add(life), noon); err != nil || !first {
				t.Fatal(first, err)
			}
		}
		// Every bound becomes exact, so that only the expired entry is worth a visit.
		for i := range m.shards {
			require.False(t, m.shards[i].sweepAll(m, noon.UnixNano()))
		}
		return m, "0"
	}
	now := noon.Add(time.Minute + 1)
	t.Run("own shard", func(t *testing.T) {
		m, expired := setup(t)
		n := 0
		for shardOf(m, "new"+strconv.Itoa(n)) != shardOf(m, expired) {
			n++
		}
		first, err := m.useAt("new"+strconv.Itoa(n), now.Add(time.Hour), now)
		require.NoError(t, err)
		require.True(t, first)
	})
	t.Run("another shard", func(t *testing.T) {
		m, _ := setup(t)
		for round := range 5 {
			at, admitted := now.Add(time.Duration(round)*(time.Minute+1)), 0
			for i := range 64 / reclaimShards {
				if first, err := m.useAt(strconv.Itoa(-1-i-100*round), at.Add(time.Minute), at); err == nil && first {
					admitted++
				}
			}
			require.Equal(t, 1, admitted, "the value of the round before has expired")
		}
	})
	t.Run("a whole shard at once", func(t *testing.T) {
		m, _ := setup(t)
		s := &m.shards[0]
		for i, e := range s.slots {
			if e.until != 0 && i%3 > 0 {
				s.slots[i].until = now.UnixNano() - 1
			}
		}
		s.earliest.Store(0)
		require.True(t, s.sweepAll(m, now.UnixNano()))
		for i := range s.slots {
			require.False(t, s.expired(i, now.UnixNano()))
		}
		require.False(t, s.sweepAll(m, now.UnixNano()))
		checkTable(t, m)
	})
}

func slotsOf(m *Memory) int {
	n := 0
	for i := range m.shards {
		n += len(m.shards[i].slots)
	}
	return n
}

func TestLongKeyDoesNotShareWithShortOne(t *testing.T) {
	t.Parallel()
	m := smallMemory(t, 0)
	long := string(make([]byte, 1<<20))
	for _, k := range []string{"", "\x00", long, long + "\x00", string(make([]byte, 111)), string(make([]byte, 112)), string(make([]byte, 113))} {
		for _, want := range []bool{true, false} {
			first, err := m.useAt(k, noon.Add(time.Minute), noon)
			require.NoError(t, err)
			require.Equal(t, want, first)
		}
	}
}

func TestDigestsDifferBetweenStores(t *testing.T) {
	t.Parallel()
	require.NotEqual(t, smallMemory(t, 0).digest("k"), smallMemory(t, 0).digest("k"))
}

// FuzzMemory drives a store with a clock that goes both ways and compares it with
// what may never happen, and with what must happen while the clock is steady.
func FuzzMemory(f *testing.F) {
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		script := make([]byte, 4*120)
		for i := 0; i < len(script); i += 8 {
			binary.LittleEndian.PutUint64(script[i:], r.Uint64())
		}
		f.Add(script, uint8(seed*seed)%64, seed%2 == 0)
	}
	f.Fuzz(func(t *testing.T, script []byte, size uint8, steady bool) {
		m := smallMemory(t, int(size)+1)
		m.seed = [16]byte{}     // the same script must take the same path
		m.shards = m.shards[:1] // all in one table, which a sweep does not pass through at once
		model := model{granted: map[string]time.Time{}, size: int64(size) + 1, steady: steady}
		now := noon
		for ; len(script) >= 4; script = script[4:] {
			step := time.Duration(int8(script[0])) * time.Second
			if steady {
				step = max(step, 0)
			}
			now = now.Add(step)
			key, until := strconv.Itoa(int(script[1]%64)), now.Add(time.Duration(script[2])*time.Second/2)
			first, err := m.useAt(key, until, now)
			model.check(t, key, until, now, first, err)
			checkTable(t, m)
		}
	})
}

type model struct {
	granted map[string]time.Time // last until for which the key was first
	latest  time.Time            // the latest instant of any use
	size    int64
	steady  bool
}

func (o *model) check(t *testing.T, key string, until, now time.Time, first bool, err error) {
	t.Helper()
	if now.After(o.latest) {
		o.latest = now
	}
	last, known := o.granted[key]
	switch {
	case err != nil && (first || err != ErrFull):
		t.Fatal(first, err)
	case err != nil && o.steady && o.live(now) < o.size:
		t.Fatal("full, although an entry has expired")
	case first && known && !until.After(last):
		t.Fatal("the same until was accepted twice")
	case first && known && !o.latest.After(last):
		t.Fatal("accepted again before until passed")
	case first:
		o.granted[key] = until
	case err == nil && o.steady && !(known && !now.After(last)):
		t.Fatal("a new key was refused")
	}
}

func (o *model) live(now time.Time) int64 {
	n := int64(0)
	for _, until := range o.granted {
		if !now.After(until) {
			n++
		}
	}
	return n
}

// checkTable proves that every entry can be found and that the counters are right.
func checkTable(t *testing.T, m *Memory) {
	t.Helper()
	held := int64(0)
	for i := range m.shards {
		s, used := &m.shards[i], 0
		for j, e := range s.slots {
			if e.until == 0 {
				continue
			}
			used++
			if at, found := s.find(e.digest); !found || at != j || e.until < s.earliest.Load() {
				t.Fatal("an entry is lost", i, j, at, found)
			}
		}
		if used != s.used {
			t.Fatal("a shard counts", s.used, "but holds", used)
		}
		held += int64(used)
	}
	if held != m.live.Load() || held > m.max {
		t.Fatal("the store counts", m.live.Load(), "but holds", held, "of", m.max)
	}
}
