// Package fixedtable remembers what is dear to compute and hardly changes: the
// key behind a proof's header, the certificate behind a proxy's field. Its size
// is fixed, reading takes no lock, and nothing is ever scanned but one set of a
// few slots.
//
// A slot is found by a seeded hash, which nobody outside can aim at, and is
// believed only if the caller finds the whole key in it: a collision costs
// time, never a wrong value.
package fixedtable

import (
	"hash/maphash"
	"sync/atomic"
)

// ways is the number of slots that one key may be in.
const ways = 4

// Table holds values of one kind. Make it with [New].
type Table[V any] struct {
	seed  maphash.Seed
	slots []atomic.Pointer[V]
}

// New makes a table of so many slots, rounded up to a whole set.
func New[V any](slots int) *Table[V] {
	sets := (slots + ways - 1) / ways
	return &Table[V]{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[V], sets*ways)}
}

// Find returns the value that is, as the caller sees it, the one of key; or nil.
func (t *Table[V]) Find(key string, is func(*V) bool) *V {
	set := t.set(key)
	for i := range set {
		if value := set[i].Load(); value != nil && is(value) {
			return value
		}
	}
	return nil
}

// Remember puts a value into a free slot of its set, the last one first, or else
// moves the set down by one and lets the oldest go.
func (t *Table[V]) Remember(key string, value *V) {
	set := t.set(key)
	for i := len(set) - 1; i >= 0; i-- {
		if set[i].CompareAndSwap(nil, value) {
			return
		}
	}
	for i := range set {
		value = set[i].Swap(value)
	}
}

func (t *Table[V]) set(key string) []atomic.Pointer[V] {
	sets := uint64(len(t.slots) / ways)
	return t.slots[maphash.String(t.seed, key)%sets*ways:][:ways]
}

// Len counts the values. It looks at every slot.
func (t *Table[V]) Len() (n int) {
	for i := range t.slots {
		if t.slots[i].Load() != nil {
			n++
		}
	}
	return n
}
