package dpop

import (
	"crypto"
	"strings"

	"github.com/go-fapi/fapi/internal/fixedtable"
)

// proofKey is the outcome of reading one protected header.
type proofKey struct {
	header     string // as received, base64url
	algorithm  string
	key        crypto.PublicKey
	thumbprint [32]byte
}

// keyTable remembers headers that were read before: all proofs of one client
// carry the same one, and decoding it costs a fifth of a verification.
//
// An entry is made only after a proof verified with a key that an access token
// is bound to. Strangers therefore cannot fill the table, and its size is
// fixed: with more clients than slots, some headers are read again.
type keyTable struct{ table *fixedtable.Table[proofKey] }

const (
	tableSlots = 1 << 14 // about 12 MiB with P-256 keys when every slot is taken, 30 at most
	maxHeader  = 1 << 10 // octets; a header with an RSA key of 4096 bits has 1,004
)

func newKeyTable() keyTable { return keyTable{fixedtable.New[proofKey](tableSlots)} }

// find returns the remembered key, or nil.
func (t keyTable) find(header string) *proofKey {
	return t.table.Find(header, func(have *proofKey) bool { return have.header == header })
}

// remember keeps an entry. A header can be padded to the size of a proof, so one
// client could multiply the table's memory; longer ones are not kept.
func (t keyTable) remember(entry *proofKey) {
	if len(entry.header) > maxHeader {
		return
	}
	entry.header = strings.Clone(entry.header) // not the whole request line with it
	t.table.Remember(entry.header, entry)
}
