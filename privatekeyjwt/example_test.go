package privatekeyjwt_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

// registry is where a server keeps its clients: here, a map.
type registry map[string]privatekeyjwt.Client

func (r registry) Client(_ context.Context, clientID string) (privatekeyjwt.Client, bool, error) {
	client, ok := r[clientID]
	return client, ok, nil
}

// A client and a token endpoint. Everything x/oauth2 posts to the token endpoint
// is authenticated, refreshes included.
func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}

	// The server: what is registered, and a verifier.
	registered, err := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
	if err != nil {
		fmt.Println(err)
		return
	}
	seen, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
		Issuer:  "https://as.bank.example",
		Clients: registry{"fintech": {Keys: registered, SigningAlg: "ES256"}},
		Replay:  seen,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clientID, err := verifier.Authenticate(r)
		if err != nil {
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		fmt.Println("token endpoint:", clientID, r.PostForm.Get("grant_type"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"at","token_type":"DPoP","expires_in":60}`)
	}))
	defer server.Close()

	// The client.
	signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{
		ClientID: "fintech", Issuer: "https://as.bank.example", Key: key,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	transport := &privatekeyjwt.Transport{
		Signer: signer, Endpoints: []string{server.URL + "/token"}, Base: server.Client().Transport,
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, &http.Client{Transport: transport})
	config := clientcredentials.Config{ClientID: "fintech", TokenURL: server.URL + "/token", AuthStyle: oauth2.AuthStyleInParams}
	token, err := config.Token(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("client:", token.AccessToken)
	// Output:
	// token endpoint: fintech client_credentials
	// client: at
}

// Whose fault it is decides the answer: an *Error is the client's, and names
// the rule that was broken; any other error is the server's.
func ExampleError() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	registered, err := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
		Issuer:  "https://as.bank.example",
		Clients: registry{"fintech": {Keys: registered}},
		Replay:  replay.Off{}, // an example; never so in a server
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{
		ClientID: "fintech", Issuer: "https://as.other.example", Key: key, Lifetime: 30 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	form := url.Values{"grant_type": {"client_credentials"}}
	if err := signer.AuthenticateClient(context.Background(), form); err != nil {
		fmt.Println(err)
		return
	}
	_, err = verifier.Authenticate(post(form))

	if refused, ok := errors.AsType[*privatekeyjwt.Error](err); ok {
		fmt.Println(refused.OAuthCode())
		fmt.Println(errors.Is(err, privatekeyjwt.ErrAudience))
	}
	// Output:
	// invalid_client
	// true
}

// The retry of a DPoP transport, or of anything else outside, gets an assertion
// of its own.
func ExampleSigner_AuthenticateClient() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{
		ClientID: "fintech", Issuer: "https://as.bank.example", Key: key,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	form := url.Values{"response_type": {"code"}}
	if err := signer.AuthenticateClient(context.Background(), form); err != nil {
		fmt.Println(err)
		return
	}
	first := form.Get("client_assertion")
	if err := signer.AuthenticateClient(context.Background(), form); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(form.Get("client_id"), form.Get("client_assertion_type"))
	fmt.Println(len(form["client_assertion"]), form.Get("client_assertion") != first)
	// Output:
	// fintech urn:ietf:params:oauth:client-assertion-type:jwt-bearer
	// 1 true
}
