package jar_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"

	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/jwks"
)

// registry is where a server keeps its clients: here, a map.
type registry map[string]jar.Client

func (r registry) Client(_ context.Context, clientID string) (jar.Client, bool, error) {
	client, ok := r[clientID]
	return client, ok, nil
}

// exampleParties are the client's key, and a server that knows it.
func exampleParties() (*ecdsa.PrivateKey, *jar.Verifier, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	registered, err := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
	if err != nil {
		return nil, nil, err
	}
	verifier, err := jar.NewVerifier(jar.VerifierConfig{
		Issuer:  "https://as.bank.example",
		Clients: registry{"fintech": {Keys: registered, SigningAlg: "ES256"}},
	})
	return key, verifier, err
}

// A client signs its request, an attacker on the way adds to it, and the server
// takes what was signed.
func Example() {
	key, verifier, err := exampleParties()
	if err != nil {
		fmt.Println(err)
		return
	}

	// The client.
	signer, err := jar.NewSigner(jar.SignerConfig{ClientID: "fintech", Issuer: "https://as.bank.example", Key: key})
	if err != nil {
		fmt.Println(err)
		return
	}
	object, err := signer.Sign(context.Background(), url.Values{
		"response_type": {"code"},
		"redirect_uri":  {"https://fintech.example/callback"},
		"scope":         {"payments"},
		"max_age":       {"300"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	form := url.Values{"client_id": {"fintech"}, "request": {object}}

	// On the way.
	form.Set("redirect_uri", "https://evil.example/callback")
	form.Set("scope", "payments accounts")

	// The server, which knows from client authentication who is asking.
	params, err := verifier.Verify(context.Background(), "fintech", form)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(params.Encode())
	// Output:
	// client_id=fintech&max_age=300&redirect_uri=https%3A%2F%2Ffintech.example%2Fcallback&response_type=code&scope=payments
}

// Whose fault it is decides the answer: an *Error is the client's, and names
// the rule that was broken; any other error is the server's. Neither goes to a
// redirect_uri.
func ExampleError() {
	key, verifier, err := exampleParties()
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := jar.NewSigner(jar.SignerConfig{ClientID: "fintech", Issuer: "https://as.other.example", Key: key})
	if err != nil {
		fmt.Println(err)
		return
	}
	object, err := signer.Sign(context.Background(), url.Values{"redirect_uri": {"https://fintech.example/callback"}})
	if err != nil {
		fmt.Println(err)
		return
	}

	_, err = verifier.Verify(context.Background(), "fintech", url.Values{"request": {object}})

	if refused, ok := errors.AsType[*jar.Error](err); ok {
		fmt.Println(refused.OAuthCode())
		fmt.Println(errors.Is(err, jar.ErrAudience))
	}
	// Output:
	// invalid_request_object
	// true
}

// Where the request may pass through the browser, the client also encrypts it.
func ExampleEncryptTo() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	registered, err := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := jar.NewVerifier(jar.VerifierConfig{
		Issuer:         "https://as.bank.example",
		Clients:        registry{"fintech": {Keys: registered}},
		DecryptionKeys: []jar.DecryptionKey{{Key: serverKey, KeyID: "enc-1"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := jar.NewSigner(jar.SignerConfig{
		ClientID: "fintech", Issuer: "https://as.bank.example", Key: key,
		EncryptTo: &jar.EncryptTo{Key: serverKey.Public(), KeyID: "enc-1"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	object, err := signer.Sign(context.Background(), url.Values{"login_hint": {"alice@example.com"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	request, err := verifier.VerifyRequest(context.Background(), "fintech", url.Values{"request": {object}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(request.Params.Get("login_hint"), request.ID != "")
	// Output:
	// alice@example.com true
}
