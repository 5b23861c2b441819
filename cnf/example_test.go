package cnf_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/replay"
)

// An API that answers only to those a token was issued to.
func Example() {
	const address, authorizationServer = "https://api.bank.example", "https://as.bank.example"
	issuerKey := testkeys.ES256("authorization server")
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: issuerKey.Public()}) // or jwks.NewRemote
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{
		Issuer: authorizationServer, Audience: address, Keys: keys,
	})
	if err != nil {
		log.Fatal(err)
	}
	store, err := replay.NewMemory(replay.MemoryConfig{}) // a shared store for several replicas
	if err != nil {
		log.Fatal(err)
	}
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{address}, Replay: store})
	if err != nil {
		log.Fatal(err)
	}
	guard, err := cnf.New(cnf.Config[*accesstoken.Token]{
		Verify:  tokens.Verify,
		Methods: []cnf.Method{proofs},
		Require: cnf.Requirement{Scope: []string{"accounts"}},
	})
	if err != nil {
		log.Fatal(err)
	}
	payments, err := guard.With(cnf.Requirement{Scope: []string{"payments"}})
	if err != nil {
		log.Fatal(err)
	}
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := cnf.FromContext[*accesstoken.Token](r.Context())
		fmt.Fprintf(w, "hello %s, by way of %s", token.Subject(), token.ClientID())
	})
	api := http.NewServeMux()
	api.Handle("GET /accounts", guard.Handler(hello))
	api.Handle("GET /payments", payments.Handler(hello))

	// The client, and what the authorization server gave it.
	client, err := dpop.NewSigner(testkeys.ES256("client"))
	if err != nil {
		log.Fatal(err)
	}
	issuer, err := accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: authorizationServer, Key: issuerKey})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	token, _, err := issuer.Issue(ctx, accesstoken.Grant{
		Subject: "alice", ClientID: "app", Audience: []string{address}, Scope: []string{"accounts"},
		Confirmation: cnf.Bind(cnf.MemberJKT, client.Thumbprint()),
	})
	if err != nil {
		log.Fatal(err)
	}
	call := func(path, scheme string) {
		proof, err := client.SignResourceRequest(ctx, "GET", address+path, token, "")
		if err != nil {
			log.Fatal(err)
		}
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Authorization", scheme+" "+token)
		r.Header.Set("DPoP", proof)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Body)
		for _, challenge := range w.Header().Values("WWW-Authenticate") {
			fmt.Println("   ", challenge)
		}
	}
	call("/accounts", "DPoP")
	call("/accounts", "Bearer")
	call("/payments", "DPoP")
	// Output:
	// 200 hello alice, by way of app
	// 401 {"error":"invalid_token"}
	//     Bearer error="invalid_token"
	//     DPoP algs="ES256 PS256 EdDSA Ed25519"
	// 403 {"error":"insufficient_scope"}
	//     DPoP error="insufficient_scope", scope="payments", algs="ES256 PS256 EdDSA Ed25519"
}

// A program with a router of its own calls Check.
func ExampleMiddleware_Check() {
	guard, err := cnf.New(cnf.Config[*accesstoken.Token]{
		Verify:  verifier().Verify,
		Methods: []cnf.Method{proofVerifier()},
	})
	if err != nil {
		log.Fatal(err)
	}
	route := func(w http.ResponseWriter, r *http.Request) {
		token, err := guard.Check(w.Header(), r)
		if err != nil {
			guard.WriteError(w, err)
			return
		}
		fmt.Fprintln(w, "hello", token.Subject())
	}
	w := httptest.NewRecorder()
	route(w, httptest.NewRequest("GET", "/accounts", nil))
	fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	// Output: 401 DPoP algs="ES256 PS256 EdDSA Ed25519"
}

func verifier() *accesstoken.Verifier {
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: testkeys.ES256("authorization server").Public()})
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{
		Issuer: "https://as.bank.example", Audience: "https://api.bank.example", Keys: keys,
	})
	if err != nil {
		log.Fatal(err)
	}
	return tokens
}

func proofVerifier() *dpop.Verifier {
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		log.Fatal(err)
	}
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{"https://api.bank.example"}, Replay: store})
	if err != nil {
		log.Fatal(err)
	}
	return proofs
}
