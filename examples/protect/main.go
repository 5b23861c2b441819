// Protect is the smallest API behind the guard: the program in the README.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/replay"
)

func main() {
	const issuer, api = "https://as.bank.example", "https://api.bank.example"
	keys := must(jwks.NewRemote(jwks.RemoteConfig{URL: issuer + "/jwks"}))
	tokens := must(accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: issuer, Audience: api, Keys: keys}))
	used := must(replay.NewMemory(replay.MemoryConfig{}))
	proofs := must(dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{api}, Replay: used}))
	guard := must(cnf.New(cnf.Config[*accesstoken.Token]{
		Verify:  tokens.Verify,
		Methods: []cnf.Method{proofs},
		Require: cnf.Requirement{Scope: []string{"accounts"}},
	}))
	http.Handle("GET /accounts", guard.Handler(http.HandlerFunc(accounts)))
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil)) // behind your TLS proxy
}

func accounts(w http.ResponseWriter, r *http.Request) {
	token, _ := cnf.FromContext[*accesstoken.Token](r.Context())
	fmt.Fprintln(w, "accounts of", token.Subject())
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
