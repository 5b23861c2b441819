package accesstoken

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	defaultCacheSize = 10_000
	maxCacheSize     = 1 << 20

	// revalidateAfter is how long a signature check counts. The signature of a
	// token does not age, but its key can be removed.
	revalidateAfter = time.Minute

	// ways is how many tokens may compete for a place before one has to leave.
	ways = 8
)

// digest is the whole SHA-256 of a token. Every use compares all of it, so a
// place shared by two tokens never serves one for the other; and the memory
// holds no token that a dump of it would give away.
type digest [sha256.Size]byte

func digestOf(token string) digest {
	// The stack buffer keeps the usual token off the heap.
	var buffer [2048]byte
	return sha256.Sum256(append(buffer[:0], token...))
}

// cache is a set-associative table of verified tokens: a token has one set of
// slots it can be in. Its size never changes, nothing is ever scanned but one
// set, and reading takes no lock. Writers may overwrite each other's entry,
// which costs one signature check later.
type cache struct {
	slots []atomic.Pointer[entry] // the sets, one after the other
}

type entry struct {
	digest   digest
	token    *Token
	verified time.Time
}

func newCache(size int) *cache {
	sets := (size + ways - 1) / ways
	return &cache{slots: make([]atomic.Pointer[entry], sets*ways)}
}

// set maps a digest to its slots. Tokens hold values their client cannot choose
// (jti, signature), so nobody can aim at a set.
func (c *cache) set(d digest) []atomic.Pointer[entry] {
	i, _ := bits.Mul64(binary.LittleEndian.Uint64(d[:]), uint64(len(c.slots)/ways))
	return c.slots[i*ways:][:ways]
}

// get returns the token if its signature was checked recently. Whether it is
// in time now is left to the caller.
func (c *cache) get(d digest, now time.Time) *Token {
	set := c.set(d)
	for i := range set {
		if e := set[i].Load(); e != nil && e.digest == d {
			return e.tokenAt(now)
		}
	}
	return nil
}

// tokenAt is nil too when the check lies in the future: the clock went back,
// and how old the check is can no longer be told.
func (e *entry) tokenAt(now time.Time) *Token {
	if age := now.Sub(e.verified); age < 0 || age >= revalidateAfter {
		return nil
	}
	return e.token
}

// put stores a token whose signature was checked at now: over its own older
// entry, in a free slot, or over the oldest entry of its set.
func (c *cache) put(d digest, t *Token, now time.Time) {
	set := c.set(d)
	place, oldest := 0, now
	for i := range set {
		e := set[i].Load()
		if e == nil || e.digest == d {
			place = i
			break
		}
		if e.verified.Before(oldest) {
			place, oldest = i, e.verified
		}
	}
	set[place].Store(&entry{digest: d, token: t, verified: now})
}
