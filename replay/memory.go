package replay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	defaultEntries = 1 << 20
	maxEntries     = 1 << 28

	// shardEntries is the number of entries a shard holds when the store is full.
	// Whatever must look at a whole shard (growing, shrinking, making room) stays
	// in the tens of microseconds, for a store of any size.
	shardEntries = 1024

	// minShards keeps the cores apart in small stores. It equals reclaimShards, so
	// a full store of up to minShards x shardEntries finds every expired entry
	// before it refuses; a larger one finds them within a few refusals.
	minShards     = 16
	reclaimShards = 16
)

// MemoryConfig sets up a [Memory]. The zero value is usable.
type MemoryConfig struct {
	// MaxEntries bounds the number of values held at once. 0 means 1,048,576 (at
	// most 64 MB when full); negative, or more than 268,435,456, is refused.
	MaxEntries int
}

// Memory is a store for one process. Its zero value refuses every use; make it
// with [NewMemory]. It is safe for concurrent use, starts no goroutine and no
// timer, and needs no closing.
//
// Memory grows with the number of values held, at most 64 bytes each, and shrinks
// as they expire. Every Use looks at eight places for expired entries, so there is
// no pause when a million expire at once; only a full store looks further, through
// the few thousand places of some shards. An idle store keeps its memory until it
// is used again.
//
// When the clock is set back, values that were removed as expired would become
// acceptable again. Each part of the store therefore keeps the latest until of
// all it removed, and answers "not first" to any until at or before it. After a
// clock that ran ahead is set back by more than the life of the values, new ones
// are refused too, until the clock has caught up or the process restarts.
type Memory struct {
	shards []shard
	seed   [16]byte
	max    int64

	_      [64]byte // keeps the counters off the read-only cache line above
	live   atomic.Int64
	cursor atomic.Uint64
}

// NewMemory returns an empty store. It errs when MaxEntries is out of range.
func NewMemory(c MemoryConfig) (*Memory, error) {
	if c.MaxEntries < 0 || c.MaxEntries > maxEntries {
		return nil, fmt.Errorf("replay: MaxEntries %d is not between 0 and %d", c.MaxEntries, maxEntries)
	}
	if c.MaxEntries == 0 {
		c.MaxEntries = defaultEntries
	}
	m := &Memory{max: int64(c.MaxEntries)}
	wanted := (c.MaxEntries + shardEntries - 1) / shardEntries
	m.shards = make([]shard, max(minShards, 1<<bits.Len(uint(wanted-1))))
	rand.Read(m.seed[:]) // never fails: crypto/rand ends the process instead
	return m, nil
}

// NeverBlocks marks a store that answers from memory. Verifiers call such a
// store directly, and any other under a deadline.
func (*Memory) NeverBlocks() {}

// Use records key until the instant until has passed and reports whether it was
// not recorded before. A refused use changes nothing, in particular not the expiry
// of the recorded one.
//
// It errs with [ErrFull], [ErrUntil], [ErrNotReady], or the error of a context that
// is done before the call; nothing is recorded then. It never blocks on I/O, so a
// context that ends during the call has no effect.
func (m *Memory) Use(ctx context.Context, key string, until time.Time) (first bool, err error) {
	if m == nil || len(m.shards) == 0 {
		return false, ErrNotReady
	}
	if err := checkContext(ctx); err != nil {
		return false, err
	}
	return m.useAt(key, until, time.Now())
}

// useAt is Use at the instant now. Calls may reach a shard out of the order of
// their now: an entry removed in between is caught by the shard's mark, as after
// a clock set back.
func (m *Memory) useAt(key string, until, now time.Time) (bool, error) {
	left, err := remaining(now, until)
	if err != nil {
		return false, err
	}
	at := now.UnixNano()
	d := m.digest(key)
	s := &m.shards[d.lo&uint64(len(m.shards)-1)]
	first, err := s.use(m, d, at+int64(left), at)
	if errors.Is(err, ErrFull) && m.reclaim(s, at) {
		first, err = s.use(m, d, at+int64(left), at)
	}
	return first, err
}

// digest gives every key the same size. SHA-256 under a random prefix, cut to 128
// bits: two keys that collide make the second look used, which refuses and never
// accepts, and nobody outside the process can look for such keys or aim at one
// shard. By chance a collision is less likely than 2^-80 with a million entries.
func (m *Memory) digest(key string) digest {
	buf := append(append(make([]byte, 0, 128), m.seed[:]...), key...)
	sum := sha256.Sum256(buf)
	return digest{hi: binary.LittleEndian.Uint64(sum[:8]), lo: binary.LittleEndian.Uint64(sum[8:16])}
}

// reserve takes the place of one entry.
func (m *Memory) reserve() bool {
	// The load first: a full store is then refused without writing to a line that
	// all cores share.
	if m.live.Load() >= m.max {
		return false
	}
	if m.live.Add(1) > m.max {
		m.live.Add(-1)
		return false
	}
	return true
}

// reclaim makes room in a full store: in the shard that needs it, or else in the
// next few. It reports whether anything was removed.
func (m *Memory) reclaim(s *shard, now int64) bool {
	if s.sweepAll(m, now) {
		return true
	}
	next := m.cursor.Add(reclaimShards)
	for i := next - reclaimShards; i != next; i++ {
		if m.shards[i&uint64(len(m.shards)-1)].sweepAll(m, now) {
			return true
		}
	}
	return false
}
