package phantom_test

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/replay"
)

// A client with an opaque token and a DPoP key, the gateway, and an API that
// believes neither without evidence.
func Example() {
	const bank, accounts, authorizationServer = "https://api.bank.example", "https://accounts.internal", "https://as.bank.example"
	gatewayKey, issuerKey, clientKey := testkeys.EdDSA("gateway"), testkeys.ES256("issuer"), testkeys.ES256("client")
	signer, err := dpop.NewSigner(clientKey)
	check(err)

	// The authorization server. In a program of its own it would be an
	// introspection.Handler.
	issuer, err := accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: authorizationServer, Key: issuerKey})
	check(err)
	jwt, _, err := issuer.Issue(context.Background(), accesstoken.Grant{
		Subject: "alice", ClientID: "app", Audience: []string{accounts}, Scope: []string{"accounts"},
		Confirmation: cnf.Bind(cnf.MemberJKT, signer.Thumbprint()),
	})
	check(err)
	introspect := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("token") != "opaque" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/jwt")
		w.Header().Set("Cache-Control", "private, max-age=60")
		_, _ = w.Write([]byte(jwt))
	}))
	defer introspect.Close()

	// The API verifies the JWT, and the gateway's statement about the key.
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: issuerKey.Public()}) // or jwks.NewRemote
	check(err)
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: authorizationServer, Audience: accounts, Keys: keys})
	check(err)
	gatewayKeys, err := jwks.NewStaticKeys(jwks.Key{Key: gatewayKey.Public()})
	check(err)
	used, err := replay.NewMemory(replay.MemoryConfig{})
	check(err)
	evidence, err := phantom.NewEvidence(phantom.EvidenceConfig{
		Issuer: "https://gw.bank.example", Audience: accounts, Keys: gatewayKeys, Replay: used,
	})
	check(err)
	guard, err := cnf.New(cnf.Config[*accesstoken.Token]{Verify: tokens.Verify, Methods: []cnf.Method{evidence}})
	check(err)
	api := httptest.NewServer(guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, _ := cnf.FromContext[*accesstoken.Token](r.Context())
		fmt.Fprintf(w, "the accounts of %s", token.Subject())
	})))
	defer api.Close()

	// The gateway.
	exchange, err := introspection.NewPhantom(introspection.PhantomConfig[*accesstoken.Token]{
		Endpoint: introspect.URL, Audience: accounts, HTTP: introspect.Client(), Verify: tokens.Verify,
	})
	check(err)
	seen, err := replay.NewMemory(replay.MemoryConfig{})
	check(err)
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{bank}, Replay: seen})
	check(err)
	gateway, err := phantom.NewGateway(phantom.GatewayConfig[*accesstoken.Token]{
		Origins: []string{bank},
		Methods: []cnf.Method{proofs},
		Issuer:  "https://gw.bank.example",
		Key:     gatewayKey,
		APIs: []phantom.API[*accesstoken.Token]{{
			Upstream: api.URL, Audience: accounts, Tokens: exchange,
			Routes: []phantom.Route{
				{Path: "/accounts", Methods: []string{"GET"}, Require: cnf.Requirement{Scope: []string{"accounts"}}},
				{Path: "/payments", Require: cnf.Requirement{Scope: []string{"payments"}, ACR: []string{"sca"}}},
			},
		}},
	})
	check(err)

	// The client, and a thief with its token.
	ask := func(who string, signer *dpop.Signer, path string) {
		proof, err := signer.SignResourceRequest(context.Background(), "GET", bank+path, "opaque", "")
		check(err)
		r := httptest.NewRequest("GET", bank+path, nil)
		r.Header.Set("Authorization", "DPoP opaque")
		r.Header.Set("DPoP", proof)
		w := httptest.NewRecorder()
		gateway.ServeHTTP(w, r)
		fmt.Println(who, path, w.Code, w.Body)
	}
	thief, err := dpop.NewSigner(testkeys.ES256("thief"))
	check(err)
	ask("client", signer, "/accounts")
	ask("client", signer, "/payments")
	ask("thief", thief, "/accounts")
	// Output:
	// client /accounts 200 the accounts of alice
	// client /payments 403 {"error":"insufficient_scope"}
	// thief /accounts 401 {"error":"invalid_token"}
}

func check(err error) {
	if err != nil {
		stdlog.Fatal(err)
	}
}

// A gateway that leaves without dropping requests: it first tells the load
// balancer, then waits for what is under way.
func ExampleGateway_Drain() {
	var gateway *phantom.Gateway[*accesstoken.Token] // of NewGateway
	server := &http.Server{
		Handler:           gateway,
		MaxHeaderBytes:    16 << 10,
		ReadHeaderTimeout: 5 * time.Second,
	}
	probes := http.NewServeMux() // on a listener of its own
	probes.Handle("/healthz", gateway.Health())

	stop := func() error {
		gateway.Drain()
		// Wait here for as long as the load balancer takes to notice, say 10 s.
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return server.Shutdown(ctx)
	}
	fmt.Println(stop())
	// Output: <nil>
}

// What becomes of requests, for logs and counters. Texts hold nothing of a
// token.
func ExampleEvent() {
	observe := func(event phantom.Event) {
		var refusal interface{ OAuthCode() string }
		switch {
		case event.Err == nil:
			fmt.Println("passed", event.Status)
		case errors.As(event.Err, &refusal):
			fmt.Println("refused", event.Status, event.Err)
		case errors.Is(event.Err, introspection.ErrCredentials):
			fmt.Println("repair our credentials") // the client got 503
		default:
			fmt.Println("fault", event.Status, event.Err)
		}
	}
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{"https://api.bank.example"}, Replay: replay.Off{}})
	check(err)
	gateway, err := phantom.NewGateway(phantom.GatewayConfig[*accesstoken.Token]{
		Origins: []string{"https://api.bank.example"}, Methods: []cnf.Method{proofs},
		Issuer: "https://gw.bank.example", Key: testkeys.EdDSA("gateway"), Observe: observe,
		APIs: []phantom.API[*accesstoken.Token]{{
			Upstream: "https://accounts.internal", Audience: "https://accounts.internal", Tokens: misconfigured{},
			Routes: []phantom.Route{{Path: "/accounts"}},
		}},
	})
	check(err)
	for _, target := range []string{"/accounts/../admin", "/accounts"} {
		r := httptest.NewRequest("GET", target, nil)
		r.Host = "api.bank.example"
		r.Header.Set("Authorization", "DPoP opaque")
		gateway.ServeHTTP(httptest.NewRecorder(), r)
	}
	// Output:
	// refused 400 phantom: target is not in the one form that all servers read
	// repair our credentials
}

// misconfigured is an exchange with a wrong secret.
type misconfigured struct{}

func (misconfigured) Exchange(context.Context, string) (string, *accesstoken.Token, error) {
	return "", nil, introspection.ErrCredentials
}
