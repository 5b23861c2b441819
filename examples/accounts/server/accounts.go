package server

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
)

type token = *accesstoken.Token

// ledger has the accounts by their identifiers. It does not change.
type ledger map[string]Account

// shown is an account as its owner sees it.
type shown struct {
	ID      string `json:"id"`
	Balance string `json:"balance"`
}

// list answers with the accounts of the token's user, and of nobody else.
func (l ledger) list(w http.ResponseWriter, r *http.Request) {
	own := []shown{}
	for _, id := range slices.Sorted(maps.Keys(l)) {
		if l.owns(r, id) {
			own = append(own, shown{id, euros(l[id].Balance)})
		}
	}
	writeJSON(w, http.StatusOK, own)
}

// one answers with an account. Somebody else's is 403, and so is one that does not
// exist: another answer would tell which numbers are accounts.
func (l ledger) one(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if !l.owns(r, id) {
		writeForbidden(w)
		return
	}
	writeJSON(w, http.StatusOK, shown{id, euros(l[id].Balance)})
}

// owns is the check on the object, which no token can replace: the scope says what
// may be done, sub to whose accounts. A token without a user, whose sub is the
// client, owns nothing, whatever the client is called.
func (l ledger) owns(r *http.Request, id string) bool {
	claims, ok := cnf.FromContext[token](r.Context())
	account, exists := l[id]
	return ok && exists && !isService(claims) && account.Owner == claims.Subject()
}

// balance answers another service, which acts on its own behalf and not on a
// user's.
func (l ledger) balance(w http.ResponseWriter, r *http.Request) {
	claims, ok := cnf.FromContext[token](r.Context())
	account, exists := l[r.PathValue("id")]
	if !ok || !exists || !isService(claims) {
		writeForbidden(w)
		return
	}
	writeJSON(w, http.StatusOK, cents{account.Balance})
}

type cents struct {
	Cents int `json:"cents"`
}

// isService tells a token of the client credentials grant (RFC 9068 section 2.2).
func isService(claims token) bool { return claims.Subject() == claims.ClientID() }

func writeForbidden(w http.ResponseWriter) {
	writeJSON(w, http.StatusForbidden, map[string]string{"error": "forbidden"})
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client has left: nobody to tell
}
