package dpop

import (
	"crypto"
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// proofKey is the outcome of reading one protected header.
type proofKey struct {
	header     string // as received, base64url
	algorithm  string
	key        crypto.PublicKey
	thumbprint [32]byte
}

// keyTable remembers headers that were read before: all proofs of one client
// carry the same one, and decoding it costs a fifth of a verification. A slot
// is found by a seeded hash and believed only if the whole header is equal, so
// a collision costs time, never a wrong key.
//
// An entry is made only after a proof verified with a key that an access token
// is bound to. Strangers therefore cannot fill the table, and its size is
// fixed: with more clients than slots, some headers are read again.
type keyTable struct {
	seed  maphash.Seed
	slots []atomic.Pointer[proofKey]
}

const (
	tableSlots = 1 << 14 // about 12 MiB with P-256 keys when every slot is taken, 30 at most
	tableWays  = 4       // slots that one header may be in
	maxHeader  = 1 << 10 // octets; a header with an RSA key of 4096 bits has 1,004
)

func newKeyTable() *keyTable {
	return &keyTable{seed: maphash.MakeSeed(), slots: make([]atomic.Pointer[proofKey], tableSlots)}
}

// find returns the remembered key, or nil.
func (t *keyTable) find(header string) *proofKey {
	set := t.set(header)
	for i := range set {
		if entry := set[i].Load(); entry != nil && entry.header == header {
			return entry
		}
	}
	return nil
}

func (t *keyTable) set(header string) []atomic.Pointer[proofKey] {
	start := maphash.String(t.seed, header) % (tableSlots / tableWays) * tableWays
	return t.slots[start : start+tableWays]
}

// remember puts an entry into the last free slot of its set, or else moves the
// set down by one and lets the oldest go. A header can be padded to the size of a
// proof, so one client could multiply the table's memory; longer ones are not
// kept.
func (t *keyTable) remember(entry *proofKey) {
	if len(entry.header) > maxHeader {
		return
	}
	entry.header = strings.Clone(entry.header) // not the whole request line with it
	set := t.set(entry.header)
	for i := len(set) - 1; i >= 0; i-- { // from the end, where the oldest belongs
		if set[i].CompareAndSwap(nil, entry) {
			return
		}
	}
	for i := range set {
		entry = set[i].Swap(entry)
	}
}
