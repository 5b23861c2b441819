package replay

import (
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	// sweepSlots is how many slots each use looks at for expired entries. One use
	// adds one entry at most, so entries leave up to eight times as fast as they
	// come, and those waiting to be removed take up to an eighth of the slots.
	sweepSlots = 8

	minSlots = 8
)

// digest identifies a key: lo chooses the shard, hi the slot.
type digest struct{ hi, lo uint64 }

// slot is an entry. until is in nanoseconds since 1970; 0 is an empty slot.
type slot struct {
	digest
	until int64
}

// shard is an open-addressing table with linear probing. Removal shifts entries
// back instead of leaving tombstones, so probing never degrades with age.
type shard struct {
	mu    sync.Mutex
	slots []slot
	used  int
	hand  int   // where the next sweep starts
	mark  int64 // latest until of all entries ever removed
	// earliest is a lower bound of all untils, read without the lock.
	earliest atomic.Int64
}

// use records d unless it is there. now and until are in nanoseconds since 1970,
// until is not before now.
func (s *shard) use(m *Memory, d digest, until, now int64) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.sweep(now); n > 0 {
		m.live.Add(-int64(n))
	}
	i, found := s.find(d)
	if found && s.slots[i].until >= now {
		return false, nil
	}
	if until <= s.mark {
		return false, nil // may have been removed earlier, and the clock went back since
	}
	if found {
		s.slots[i].until = until
		return true, nil
	}
	if !m.reserve() {
		return false, ErrFull
	}
	s.insert(slot{d, until})
	return true, nil
}

// sweep removes expired entries among the next few slots and returns how many.
func (s *shard) sweep(now int64) int {
	removed := 0
	for range min(sweepSlots, len(s.slots)) {
		if s.hand >= len(s.slots) {
			s.hand = 0
		}
		if s.expired(s.hand, now) {
			s.remove(s.hand) // another entry may have moved here: look again
			removed++
		} else {
			s.hand++
		}
	}
	return removed
}

// sweepAll removes every expired entry of the shard and reports whether there was
// one. It is for a full store only, and afterwards earliest is exact, so the next
// call that finds nothing to remove costs one load.
func (s *shard) sweepAll(m *Memory, now int64) bool {
	if s.earliest.Load() >= now {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before, earliest := s.used, int64(math.MaxInt64)
	for i := 0; i < len(s.slots); {
		if s.expired(i, now) {
			s.remove(i)
			continue
		}
		if u := s.slots[i].until; u != 0 {
			earliest = min(earliest, u)
		}
		i++
	}
	s.earliest.Store(earliest)
	m.live.Add(int64(s.used - before))
	return s.used < before
}

// expired: an entry lives up to and including its until.
func (s *shard) expired(i int, now int64) bool {
	u := s.slots[i].until
	return u != 0 && u < now
}

// find returns where d is, or the empty slot where it belongs.
func (s *shard) find(d digest) (int, bool) {
	if len(s.slots) == 0 {
		return 0, false
	}
	i := s.home(d)
	for s.slots[i].until != 0 {
		if s.slots[i].digest == d {
			return i, true
		}
		i = s.next(i)
	}
	return i, false
}

// insert adds an entry whose digest is not there.
func (s *shard) insert(e slot) {
	s.used++
	s.resize()
	i, _ := s.find(e.digest)
	s.slots[i] = e
	if e.until < s.earliest.Load() {
		s.earliest.Store(e.until)
	}
}

// remove empties slot i and moves back the entries that probed past it.
func (s *shard) remove(i int) {
	s.mark = max(s.mark, s.slots[i].until)
	s.used--
	for j := s.next(i); s.slots[j].until != 0; j = s.next(j) {
		if s.distance(s.home(s.slots[j].digest), j) >= s.distance(i, j) {
			s.slots[i] = s.slots[j]
			i = j
		}
	}
	s.slots[i] = slot{}
}

// resize keeps the table between a quarter and four fifths full. Going back to
// half full leaves room both ways, so it happens once in many uses.
func (s *shard) resize() {
	n := len(s.slots)
	if s.used*5 <= n*4 && (s.used*4 >= n || n == minSlots) {
		return
	}
	old := s.slots
	s.slots = make([]slot, max(minSlots, 2*s.used))
	if len(old) > 0 {
		s.hand = s.hand * len(s.slots) / len(old) // home keeps the order, so the hand keeps its place
	}
	for _, e := range old {
		if e.until != 0 {
			i, _ := s.find(e.digest)
			s.slots[i] = e
		}
	}
}

// home maps a digest to its slot without needing a power of two, so that growing
// can be by less than double.
func (s *shard) home(d digest) int {
	hi, _ := bits.Mul64(d.hi, uint64(len(s.slots)))
	return int(hi)
}

func (s *shard) next(i int) int {
	if i++; i < len(s.slots) {
		return i
	}
	return 0
}

// distance is the number of steps from slot i forward to slot j.
func (s *shard) distance(i, j int) int {
	if j -= i; j < 0 {
		j += len(s.slots)
	}
	return j
}
