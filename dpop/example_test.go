package dpop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/replay"
)

func newExampleSigner() *dpop.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	signer, err := dpop.NewSigner(key)
	if err != nil {
		log.Fatal(err)
	}
	return signer
}

// newExampleVerifier knows its server by one address.
func newExampleVerifier(origin string) *dpop.Verifier {
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		log.Fatal(err)
	}
	secret := make([]byte, 32)
	rand.Read(secret)
	nonces, err := dpop.NewNonces(dpop.NoncesConfig{Server: origin, Secrets: [][]byte{secret}})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{origin}, Replay: store, Nonces: nonces})
	if err != nil {
		log.Fatal(err)
	}
	return verifier
}

// A Signer makes proofs for any HTTP stack.
func ExampleSigner() {
	signer := newExampleSigner()
	ctx := context.Background()
	proof, err := signer.SignResourceRequest(ctx, "GET", "https://api.bank.example/accounts?page=2", "Kz8mXK1EalYznwH", "")
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "https://api.bank.example/accounts?page=2", nil)
	r.Header.Set("Authorization", "DPoP Kz8mXK1EalYznwH")
	r.Header.Set("DPoP", proof)

	fmt.Println("segments:", len(strings.Split(proof, ".")))
	fmt.Println("dpop_jkt of", len(dpop.JKT(signer.Thumbprint())), "characters")
	// Output:
	// segments: 3
	// dpop_jkt of 43 characters
}

// With golang.org/x/oauth2, the transport is all a client needs: token
// requests and API requests get their proofs, and nonces are taken care of.
func ExampleTransport() {
	as, api := exampleServers()
	defer as.Close()
	defer api.Close()

	base := &http.Client{Transport: &dpop.Transport{Signer: newExampleSigner()}}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, base)
	config := clientcredentials.Config{ClientID: "app", TokenURL: as.URL + "/token", AuthStyle: oauth2.AuthStyleInParams}
	client := config.Client(ctx)

	for range 2 {
		response, err := client.Get(api.URL + "/accounts")
		if err != nil {
			log.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			log.Fatal(err)
		}
		response.Body.Close()
		fmt.Println(response.StatusCode, string(body))
	}
	// Output:
	// 200 balance: 42
	// 200 balance: 42
}

// exampleServers are an authorization server that gives a token to anybody,
// and an API that wants it back with the same key.
func exampleServers() (as, api *httptest.Server) {
	var bound [32]byte
	as, api = httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	atAS := newExampleVerifier("http://" + as.Listener.Addr().String())
	atAPI := newExampleVerifier("http://" + api.Listener.Addr().String())

	as.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proof, err := atAS.VerifyTokenRequest(r)
		if err != nil {
			atAS.WriteTokenError(w, r, err)
			return
		}
		bound = proof.Thumbprint() // a real server writes it into the token, as cnf.jkt
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": "Kz8mXK1EalYznwH", "token_type": "DPoP", "expires_in": 60})
	})
	api.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Package cnf does this, and finds the token and its binding itself.
		err := atAPI.Confirm(w.Header(), r, "Kz8mXK1EalYznwH", bound)
		if refused, ok := errors.AsType[*dpop.Error](err); ok {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("DPoP error=%q, algs=%q", refused.OAuthCode(), atAPI.Algorithms()))
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, "balance: 42")
	})
	as.Start()
	api.Start()
	return as, api
}

// A token endpoint binds the token to the key of the proof. Where the
// authorization request carried dpop_jkt, the proof has to be of that key.
func ExampleVerifier_VerifyTokenRequest() {
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{"https://as.bank.example"}, Replay: store})
	if err != nil {
		log.Fatal(err)
	}
	app, thief := newExampleSigner(), newExampleSigner()

	// At the authorization endpoint:
	dpopJKT, err := dpop.ParseJKT(dpop.JKT(app.Thumbprint()))
	if err != nil {
		log.Fatal(err)
	}
	// At the token endpoint, after client authentication:
	token := func(w http.ResponseWriter, r *http.Request) {
		proof, err := verifier.VerifyTokenRequest(r)
		if err == nil {
			err = proof.Check(dpopJKT) // before the code is spent
		}
		if err != nil {
			verifier.WriteTokenError(w, r, err)
			return
		}
		fmt.Fprint(w, `{"access_token":"…","token_type":"DPoP"}`)
	}

	for _, signer := range []*dpop.Signer{thief, app} {
		proof, err := signer.SignTokenRequest(context.Background(), "https://as.bank.example/token", "")
		if err != nil {
			log.Fatal(err)
		}
		r := httptest.NewRequest("POST", "https://as.bank.example/token", nil)
		r.Header.Set("DPoP", proof)
		w := httptest.NewRecorder()
		token(w, r)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 400 {"error":"invalid_dpop_proof","error_description":"the DPoP proof is missing or not valid"}
	// 200 {"access_token":"…","token_type":"DPoP"}
}

// The error says to the log what it does not say to the client.
func ExampleError() {
	verifier, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{"https://api.bank.example"}, Replay: replay.Off{}})
	if err != nil {
		log.Fatal(err)
	}
	const internal = "http://10.0.0.1:8080/accounts" // what a client behind the proxy should not use
	signer := newExampleSigner()
	proof, err := signer.SignResourceRequest(context.Background(), "GET", internal, "Kz8mXK1EalYznwH", "")
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", internal, nil)
	r.Header.Set("DPoP", proof)
	_, err = verifier.VerifyResourceRequest(r, "Kz8mXK1EalYznwH", signer.Thumbprint())

	var refused *dpop.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.OAuthCode(), errors.Is(err, dpop.ErrTarget))
		for _, attr := range refused.LogValue().Group() {
			fmt.Println(attr)
		}
	}
	// Output:
	// invalid_dpop_proof true
	// rule=dpop: htu is not the request's target URI
	// code=invalid_dpop_proof
	// expected="https://api.bank.example/accounts"
	// received="http://10.0.0.1:8080/accounts"
}
