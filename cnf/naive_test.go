package cnf_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/go-fapi/fapi/internal/jose"
)

// The guards below are the controls: each is what is often written, and lacks
// one defence. The attack has to pass it, or the attack is none.
type naive func(b *bank, next http.Handler) http.Handler

func naiveGuard(admits func(b *bank, r *http.Request) bool) naive {
	return func(b *bank, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !admits(b, r) {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Reads cnf with encoding/json into a struct, takes a token without jkt for a
// Bearer token, and compares leniently.
var naiveConfirmation = naiveGuard(func(b *bank, r *http.Request) bool {
	token := tokenOf(r)
	var body struct{ Cnf struct{ JKT string } }
	_ = json.Unmarshal(segment(token, 1), &body)
	if body.Cnf.JKT == "" {
		return true
	}
	have := proofKey(r)
	return provenBy(b, r, have) && resembles(body.Cnf.JKT, have)
})

// Checks the proof if there is one.
var naiveOptionalProof = naiveGuard(func(b *bank, r *http.Request) bool {
	return r.Header.Get("DPoP") == "" || provenBy(b, r, proofKey(r))
})

// Checks the proof against itself.
var naiveUnbound = naiveGuard(func(b *bank, r *http.Request) bool { return provenBy(b, r, proofKey(r)) })

// Lets the client choose by scheme what is checked, and sees the first
// Authorization field only.
var naiveScheme = naiveGuard(func(b *bank, r *http.Request) bool {
	return !strings.HasPrefix(r.Header.Get("Authorization"), "DPoP ") || provenBy(b, r, proofKey(r))
})

// Takes a token from wherever it is.
var naiveForm = naiveGuard(func(b *bank, r *http.Request) bool {
	token := r.FormValue("access_token")
	_, err := b.tokens.Verify(r.Context(), token)
	return err == nil
})

// Compares the key of a proof, and trusts its signature.
var naiveUnsigned = naiveGuard(func(b *bank, r *http.Request) bool {
	var body struct{ Cnf struct{ JKT string } }
	_ = json.Unmarshal(segment(tokenOf(r), 1), &body)
	return resembles(body.Cnf.JKT, proofKey(r))
})

// Skips what looks harmless.
var naiveHarmless = naiveGuard(func(b *bank, r *http.Request) bool {
	return r.Method == http.MethodOptions || r.Method == http.MethodHead || r.Header.Get("Upgrade") != "" ||
		strings.Contains(r.Header.Get("Accept"), "text/event-stream") || r.Header.Get("X-HTTP-Method-Override") != ""
})

// Merges trailers into the header, and reads the body to get them.
var naiveTrailer = naiveGuard(func(b *bank, r *http.Request) bool {
	_, _ = new(bytes.Buffer).ReadFrom(r.Body)
	for name, values := range r.Trailer {
		r.Header[name] = append(r.Header[name], values...)
	}
	return provenBy(b, r, proofKey(r))
})

// Forgets to return after the refusal.
func naiveFallThrough(b *bank, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !provenBy(b, r, proofKey(r)) {
			w.WriteHeader(http.StatusUnauthorized)
		}
		next.ServeHTTP(w, r)
	})
}

// Tells what was wrong, in the words of the request.
func naiveTalkative(*bank, http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var header struct{ Kid string }
		_ = json.Unmarshal(segment(r.Header.Get("DPoP"), 0), &header)
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`DPoP error="invalid_dpop_proof", error_description="key %s"`, header.Kid))
		w.WriteHeader(http.StatusUnauthorized)
	})
}

func tokenOf(r *http.Request) string {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token
}

func segment(compact string, i int) []byte {
	segments := strings.Split(compact, ".")
	if i >= len(segments) {
		return nil
	}
	data, _ := base64.RawURLEncoding.DecodeString(segments[i])
	return data
}

// proofKey is the thumbprint of the key a proof brings along.
func proofKey(r *http.Request) (thumbprint [32]byte) {
	var header struct{ JWK json.RawMessage }
	_ = json.Unmarshal(segment(r.Header.Get("DPoP"), 0), &header)
	key, err := jose.ParseJWK(header.JWK, jose.MaxEmbeddedRSABits)
	if err != nil {
		return thumbprint
	}
	return key.Thumbprint
}

// provenBy has the real verifier check all of a proof but whose it is.
func provenBy(b *bank, r *http.Request, thumbprint [32]byte) bool {
	_, err := b.proofs.VerifyResourceRequest(r, tokenOf(r), thumbprint)
	return err == nil
}

// resembles compares as far as both go, in any spelling.
func resembles(text string, want [32]byte) bool {
	sum, err := hex.DecodeString(text)
	if err != nil {
		sum, _ = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	}
	return len(sum) > 0 && (bytes.HasPrefix(sum, want[:]) || bytes.HasPrefix(want[:], sum))
}
