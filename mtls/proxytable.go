package mtls

import (
	"crypto/x509"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/internal/fixedtable"
)

// parsedField is the outcome of reading one request's certificates.
type parsedField struct {
	value, intermediates string
	chain                []*x509.Certificate
}

// chainTable remembers fields that were read before: all requests of one client
// carry the same ones, and parsing costs ten times what is left to do.
//
// An entry is made only of what the trusted proxy sent. Strangers with
// certificates of their own making can have it make entries, at the price of a
// handshake each; the table's size is fixed, and what they can push out is read
// again.
type chainTable struct {
	table *fixedtable.Table[parsedField]
}

const (
	tableSlots = 1 << 12
	maxEntry   = 8 << 10 // octets of both fields; an RSA certificate of 4096 bits has 2,500
)

func newChainTable() chainTable { return chainTable{fixedtable.New[parsedField](tableSlots)} }

// find returns the remembered chain, or nil.
func (t chainTable) find(value, intermediates string) []*x509.Certificate {
	entry := t.table.Find(value, func(have *parsedField) bool {
		return have.value == value && have.intermediates == intermediates
	})
	if entry == nil {
		return nil
	}
	return entry.chain
}

// remember keeps a chain. The strings are clones, so that an entry does not hold
// a whole request.
func (t chainTable) remember(value, intermediates string, chain []*x509.Certificate) {
	if len(value)+len(intermediates) > maxEntry {
		return
	}
	t.table.Remember(value, &parsedField{strings.Clone(value), strings.Clone(intermediates), slices.Clip(chain)})
}
