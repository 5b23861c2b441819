package accesstoken_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
)

// oneKey is the simplest KeySource: one key that never changes.
type oneKey struct {
	kid string
	key crypto.PublicKey
}

func (k oneKey) Keys(_ context.Context, kid, _ string) ([]crypto.PublicKey, error) {
	if kid != k.kid {
		return nil, nil // no such key
	}
	return []crypto.PublicKey{k.key}, nil
}

func Example() {
	ctx := context.Background()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // or a key in an HSM or KMS
	if err != nil {
		log.Fatal(err)
	}

	// The authorization server.
	issuer, err := accesstoken.NewIssuer(accesstoken.IssuerConfig{
		Issuer: "https://as.bank.example",
		Key:    key,
		KeyID:  "2025-06",
	})
	if err != nil {
		log.Fatal(err)
	}
	clientKey := [32]byte{1, 2, 3} // the thumbprint of the client's DPoP key
	text, expires, err := issuer.Issue(ctx, accesstoken.Grant{
		Subject:      "user-4711",
		ClientID:     "client-1",
		Audience:     []string{"https://api.bank.example"},
		Scope:        []string{"accounts", "payments"},
		Confirmation: cnf.Bind(cnf.MemberJKT, clientKey),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("expires in", time.Until(expires).Round(time.Minute))

	// The API.
	verifier, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{
		Issuer:   "https://as.bank.example",
		Audience: "https://api.bank.example",
		Keys:     oneKey{"2025-06", key.Public()},
	})
	if err != nil {
		log.Fatal(err)
	}
	token, err := verifier.Verify(ctx, text)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Subject(), "by", token.ClientID(), token.Scopes())
	bound, _ := token.Confirmation().Thumbprint(cnf.MemberJKT)
	fmt.Println("bound to the client's key:", bound == clientKey)

	// A token of somebody else.
	_, err = verifier.Verify(ctx, text[:len(text)-8]+"AAAAAAAA")
	fmt.Println(errors.Is(err, accesstoken.ErrSignature), err)
	// Output:
	// expires in 5m0s
	// user-4711 by client-1 [accounts payments]
	// bound to the client's key: true
	// true accesstoken: signature invalid
}
