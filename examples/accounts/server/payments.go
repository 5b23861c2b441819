package server

import (
	"io"
	"net/http"
	"time"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// payments takes orders. It is a service of its own, which happens to live in the
// same process: it knows whose an account is, and asks accounts for the balance as
// any other API would.
type payments struct {
	ledger   ledger
	balances *balances
	journal  func(what string, err error, fault bool)
}

// order is the body of POST /payments. The amount is in cents.
type order struct {
	From   string `json:"from"`
	To     string `json:"to"`
	Amount int    `json:"amount"`
}

// maxOrder is in octets.
const maxOrder = 4 << 10

// accept takes an order. Nothing is booked: this example ends where the books
// begin, which have to look at the balance again.
func (p *payments) accept(w http.ResponseWriter, r *http.Request) {
	order, ok := readOrder(w, r)
	if !ok {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_request"})
		return
	}
	if !p.ledger.owns(r, order.From) {
		writeForbidden(w)
		return
	}
	balance, err := p.balances.of(r.Context(), order.From)
	p.journal("balance", err, err != nil)
	switch {
	case err != nil:
		w.Header().Set("Retry-After", "2")
		writeJSON(w, http.StatusServiceUnavailable, map[string]string{"error": "temporarily_unavailable"})
	case order.Amount > balance:
		writeJSON(w, http.StatusConflict, map[string]string{"error": "insufficient_funds"})
	default:
		writeJSON(w, http.StatusAccepted, map[string]string{"status": "accepted", "at": time.Now().UTC().Format(time.RFC3339)})
	}
}

// readOrder takes nothing that two readers could understand in two ways, such as two
// amounts.
func readOrder(w http.ResponseWriter, r *http.Request) (o order, ok bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxOrder))
	if err != nil || strictjson.Decode(body, &o) != nil {
		return o, false
	}
	return o, o.From != "" && o.To != "" && o.From != o.To && o.Amount > 0
}
