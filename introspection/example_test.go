package introspection_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
)

// apiKey stands for client authentication, which is privatekeyjwt or mtls: here, an
// API is who its header says.
type apiKey struct{ caller string }

func (k apiKey) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Test-Client", k.caller)
	return http.DefaultTransport.RoundTrip(r)
}

// An authorization server with one token, which is for one API.
func exampleServer() *httptest.Server {
	phantom, err := accesstoken.NewIssuer(accesstoken.IssuerConfig{
		Issuer: "https://as.bank.example", Key: testkeys.ES256("issuer"), KeyID: "as-1",
	})
	if err != nil {
		log.Fatal(err)
	}
	handler, err := introspection.NewHandler(introspection.HandlerConfig{
		Issuer:  "https://as.bank.example",
		Callers: byHeader{}, // a *privatekeyjwt.Verifier or *mtls.ClientAuthenticator
		Resources: func(_ context.Context, caller string) ([]string, error) {
			return map[string][]string{"accounts-api": {"https://api.bank.example"}}[caller], nil
		},
		Lookup: func(_ context.Context, _, token string) (introspection.Answer, bool, error) {
			return introspection.Answer{
				Audience: []string{"https://api.bank.example"}, Expires: time.Now().Add(5 * time.Minute),
				ClientID: "app", Subject: "user-4711", Scope: []string{"accounts"},
				Confirmation: cnf.Bind(cnf.MemberJKT, [32]byte{1, 2, 3}),
			}, token == "the-users-token", nil
		},
		Key: testkeys.ES256("issuer"), KeyID: "as-1",
		Phantom: func(ctx context.Context, _, token string, a introspection.Answer) (string, error) {
			jwt, _, err := phantom.Issue(ctx, accesstoken.Grant{
				Subject: a.Subject, ClientID: a.ClientID, Audience: a.Audience, Scope: a.Scope, Confirmation: a.Confirmation,
				Expires: a.Expires, // the JWT must not outlive the token
				Extra:   map[string]any{"opaque_ath": introspection.OpaqueATH(token)},
			})
			return jwt, err
		},
		MaxAge: 30 * time.Second, // APIs may remember answers for so long
	})
	if err != nil {
		log.Fatal(err)
	}
	return httptest.NewServer(handler)
}

func exampleKeys() *jwks.Static {
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: testkeys.ES256("issuer").Public(), KeyID: "as-1"})
	if err != nil {
		log.Fatal(err)
	}
	return keys
}

func ExampleClient() {
	as := exampleServer()
	defer as.Close()
	client, err := introspection.NewClient(introspection.ClientConfig{
		Issuer:   "https://as.bank.example",
		Endpoint: as.URL,
		Audience: "https://api.bank.example",
		HTTP:     &http.Client{Transport: apiKey{"accounts-api"}},
		Keys:     exampleKeys(), // asks for signed answers
	})
	if err != nil {
		log.Fatal(err)
	}
	token, err := client.Introspect(context.Background(), "the-users-token")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Subject(), "by", token.ClientID(), token.Scopes())

	_, err = client.Introspect(context.Background(), "another-token")
	fmt.Println(errors.Is(err, introspection.ErrInactive), err)
	// Output:
	// user-4711 by app [accounts]
	// true introspection: token is not active
}

// A gateway verifies the JWT before it hands it on.
func ExamplePhantom() {
	as := exampleServer()
	defer as.Close()
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{
		Issuer: "https://as.bank.example", Audience: "https://api.bank.example", Keys: exampleKeys(),
	})
	if err != nil {
		log.Fatal(err)
	}
	phantom, err := introspection.NewPhantom(introspection.PhantomConfig[*accesstoken.Token]{
		Endpoint: as.URL,
		Audience: "https://api.bank.example",
		HTTP:     &http.Client{Transport: apiKey{"accounts-api"}},
		Verify:   tokens.Verify,
	})
	if err != nil {
		log.Fatal(err)
	}
	jwt, claims, err := phantom.Exchange(context.Background(), "the-users-token")
	if err != nil {
		log.Fatal(err)
	}
	_, bound := claims.Confirmation().Thumbprint(cnf.MemberJKT)
	fmt.Println(jwt[:3], claims.Subject(), "bound to a key:", bound)

	// The gateway's own credentials are bad: no reason to tell the client 401.
	stranger, err := introspection.NewPhantom(introspection.PhantomConfig[*accesstoken.Token]{
		Endpoint: as.URL, Audience: "https://api.bank.example", Verify: tokens.Verify,
		HTTP: &http.Client{Transport: apiKey{""}},
	})
	if err != nil {
		log.Fatal(err)
	}
	_, _, err = stranger.Exchange(context.Background(), "the-users-token")
	fmt.Println(errors.Is(err, introspection.ErrCredentials), err)
	// Output:
	// eyJ user-4711 bound to a key: true
	// true introspection: the authorization server refuses our own credentials: status 401
}
