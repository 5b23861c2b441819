package main

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
)

// uuid is RFC 9562 section 4, in either case.
var uuid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// withInteractionID gives every answer, refusals included, the client's
// x-fapi-interaction-id back, or a new one (FAPI 1.0 Baseline 6.2.1-11).
func withInteractionID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Fapi-Interaction-Id")
		if !uuid.MatchString(id) {
			id = newUUID()
		}
		w.Header().Set("X-Fapi-Interaction-Id", id)
		next.ServeHTTP(w, r)
	})
}

// newUUID is a random one (RFC 9562 section 5.4).
func newUUID() string {
	var u [16]byte
	rand.Read(u[:]) // never fails: it ends the program instead
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
