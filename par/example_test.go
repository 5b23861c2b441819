package par_test

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

// The policy of a server with one client: whole strings are compared.
func policy(_ context.Context, clientID string, params url.Values) error {
	switch {
	case clientID != "fintech":
		return par.ErrUnauthorized
	case params.Get("redirect_uri") != "https://fintech.example/cb":
		return par.ErrRedirectURI
	case params.Get("scope") != "accounts":
		return par.ErrScope
	}
	return nil
}

// A client pushes its request, the browser carries the reference, and the server
// spends it when the user has decided.
func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	server := httptest.NewTLSServer(mux)
	defer server.Close()

	// The server.
	seen, err1 := replay.NewMemory(replay.MemoryConfig{})
	registered, err2 := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
	clients, err3 := privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
		Issuer: server.URL, Clients: clients{"fintech": {Keys: registered}}, Replay: seen,
	})
	store, err4 := par.NewMemory(par.MemoryConfig{})
	handler, err5 := par.NewHandler(par.HandlerConfig{Clients: clients, Store: store, Check: policy})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		fmt.Println(err)
		return
	}
	mux.Handle("/par", handler)

	// The client.
	signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: "fintech", Issuer: server.URL, Key: key})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := par.NewClient(par.ClientConfig{
		Config: &oauth2.Config{
			ClientID: "fintech", RedirectURL: "https://fintech.example/cb", Scopes: []string{"accounts"},
			Endpoint: oauth2.Endpoint{AuthURL: server.URL + "/authorize"},
		},
		Endpoint: server.URL + "/par",
		HTTP: &http.Client{Transport: &privatekeyjwt.Transport{
			Signer: signer, Endpoints: []string{server.URL + "/par"}, Base: server.Client().Transport,
		}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier := oauth2.GenerateVerifier() // keep it, and the state, in the browser's session
	code, err := client.AuthCodeURL(context.Background(), "state-1", oauth2.S256ChallengeOption(verifier))
	if err != nil {
		fmt.Println(err)
		return
	}

	// The browser arrives at the server.
	u, err := url.Parse(code)
	if err != nil {
		fmt.Println(err)
		return
	}
	query := u.Query()
	fmt.Println("the browser carries", len(query), "parameters for", query.Get("client_id"))
	request, err := handler.Load(context.Background(), query.Get("client_id"), query.Get("request_uri"))
	fmt.Println("the page asks for", request.Params().Get("scope"), err)
	request, err = handler.Consume(context.Background(), query.Get("client_id"), query.Get("request_uri"))
	fmt.Println("the code goes to", request.Params().Get("redirect_uri"), err)
	_, err = handler.Consume(context.Background(), query.Get("client_id"), query.Get("request_uri"))
	fmt.Println("again:", errors.Is(err, par.ErrRequestURI))
	// Output:
	// the browser carries 2 parameters for fintech
	// the page asks for accounts <nil>
	// the code goes to https://fintech.example/cb <nil>
	// again: true
}

// A *dpop.Verifier checks the proof of a push, and gives nonces.
func ExampleHandlerConfig_proof() {
	store, err1 := par.NewMemory(par.MemoryConfig{})
	verifier, err2 := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{"https://as.bank.example"}, Replay: replay.Off{}})
	handler, err3 := par.NewHandler(par.HandlerConfig{
		Clients: byHeader{}, Store: store, Check: policy,
		Proof: func(h http.Header, r *http.Request) ([32]byte, error) {
			proof, err := verifier.VerifyTokenRequest(r)
			return proof.Thumbprint(), cmp.Or(verifier.OfferNonce(r.Context(), h, proof, err), err)
		},
	})
	if err := errors.Join(err1, err2, err3); err != nil {
		fmt.Println(err)
		return
	}
	r := pushRequest(form().Encode())
	r.Header.Set("DPoP", "not a proof")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	// Output: 400 {"error":"invalid_dpop_proof","error_description":"the DPoP proof is missing or not valid"}
}
