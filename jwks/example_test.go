package jwks_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jwks"
)

func ExampleNewStatic() {
	registered := []byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"2026-07",
		"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	client, err := jwks.NewStatic(registered)
	if err != nil {
		panic(err)
	}
	keys, err := client.Keys(context.Background(), "2026-07", "EdDSA")
	fmt.Println(len(keys), err)
	keys, err = client.Keys(context.Background(), "unknown", "EdDSA")
	fmt.Println(len(keys), err)
	// Output:
	// 1 <nil>
	// 0 <nil>
}

func ExampleNewRemote() {
	// The issuer, here on this machine.
	issuer, err := jwks.NewPublisher(jwks.PublisherConfig{
		Keys: []jwks.Key{{Key: testkeys.ES256("issuer").Public(), KeyID: "2026-07"}},
	})
	if err != nil {
		panic(err)
	}
	server := httptest.NewTLSServer(issuer)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	remote, err := jwks.NewRemote(jwks.RemoteConfig{
		URL:             server.URL,
		RootCAs:         roots,
		AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, // only for this example
	})
	if err != nil {
		panic(err)
	}
	keys, err := remote.Keys(context.Background(), "2026-07", "ES256")
	fmt.Println(len(keys), err)
	// Output:
	// 1 <nil>
}

// A key is announced, signs, and retires when the last token it signed expires.
func ExamplePublisher() {
	current := jwks.Key{Key: testkeys.ES256("first").Public(), KeyID: "2026-07"}
	next := jwks.Key{Key: testkeys.EdDSA("second").Public(), KeyID: "2026-08"}

	publisher, err := jwks.NewPublisher(jwks.PublisherConfig{Keys: []jwks.Key{current}, MaxAge: 5 * time.Minute})
	if err != nil {
		panic(err)
	}
	show := func() {
		w := httptest.NewRecorder()
		publisher.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/jwks", nil))
		set, err := jwks.NewStatic(w.Body.Bytes())
		if err != nil {
			panic(err)
		}
		for _, key := range []struct{ kid, alg string }{{"2026-07", "ES256"}, {"2026-08", "EdDSA"}} {
			keys, _ := set.Keys(context.Background(), key.kid, key.alg)
			fmt.Print(key.kid, ": ", len(keys) == 1, "  ")
		}
		fmt.Println(w.Header().Get("Cache-Control"))
	}
	show()

	if err := publisher.Set(current, next); err != nil { // five minutes later, next may sign
		panic(err)
	}
	show()

	lastExpiry := time.Now() // in life, this lies in the future
	current.Until = lastExpiry
	if err := publisher.Set(next, current); err != nil {
		panic(err)
	}
	show()
	// Output:
	// 2026-07: true  2026-08: false  public, max-age=300
	// 2026-07: true  2026-08: true  public, max-age=300
	// 2026-07: false  2026-08: true  public, max-age=300
}
