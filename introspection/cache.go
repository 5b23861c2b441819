package introspection

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"time"
)

// ways is how many tokens may compete for a place before one has to leave.
const ways = 8

// digest stands for a token in the tables. It is keyed, so nobody can aim at a set,
// and a dump of the tables gives no token away.
type digest [sha256.Size]byte

// entry is an answer with the time it serves for.
type entry[V any] struct {
	digest  digest
	value   V
	until   time.Time // by the monotonic clock, which nobody sets
	expires time.Time // exp: by the wall clock. Zero: none
}

func (e *entry[V]) serves(now time.Time) bool {
	return now.Before(e.until) && (e.expires.IsZero() || now.Before(e.expires))
}

// table is set-associative: a digest has one set of slots that it can be in. Its
// size never changes, nothing is ever scanned but one set, and reading takes no lock.
// Writers need one: put and remove must not run at once.
type table[V any] struct {
	slots []atomic.Pointer[entry[V]] // the sets, one after the other
}

func newTable[V any](size int) *table[V] {
	sets := (size + ways - 1) / ways
	return &table[V]{slots: make([]atomic.Pointer[entry[V]], sets*ways)}
}

func (t *table[V]) set(d digest) []atomic.Pointer[entry[V]] {
	i, _ := bits.Mul64(binary.LittleEndian.Uint64(d[:]), uint64(len(t.slots)/ways))
	return t.slots[i*ways:][:ways]
}

// get returns an entry that serves now, or nil.
func (t *table[V]) get(d digest, now time.Time) *entry[V] {
	set := t.set(d)
	for i := range set {
		if e := set[i].Load(); e != nil && e.digest == d && e.serves(now) {
			return e
		}
	}
	return nil
}

// put stores an entry over the older one of its digest, or in a free slot, or over
// the one of its set that would have ended first.
func (t *table[V]) put(entry *entry[V]) {
	t.remove(entry.digest)
	set := t.set(entry.digest)
	place := &set[0]
	for i := range set {
		have := set[i].Load()
		if have == nil {
			place = &set[i]
			break
		}
		if have.until.Before(place.Load().until) {
			place = &set[i]
		}
	}
	place.Store(entry)
}

func (t *table[V]) remove(d digest) {
	set := t.set(d)
	for i := range set {
		if e := set[i].Load(); e != nil && e.digest == d {
			set[i].Store(nil)
		}
	}
}
