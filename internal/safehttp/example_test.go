package safehttp_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"

	"github.com/go-fapi/fapi/internal/safehttp"
)

func ExampleClient_Get() {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=300")
		fmt.Fprint(w, `["https://client.example/callback"]`)
	}))
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())

	strict, _ := safehttp.New(safehttp.Config{RootCAs: roots})
	_, err := strict.Get(context.Background(), server.URL, "application/json")
	fmt.Println(errors.Is(err, safehttp.ErrAddress), err)

	demo, _ := safehttp.New(safehttp.Config{
		RootCAs:         roots,
		AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	response, err := demo.Get(context.Background(), server.URL, "application/json")
	fmt.Println(string(response.Body), response.MaxAge, err)

	// Output:
	// true safehttp: the url must name a public https server that answers in time
	// ["https://client.example/callback"] 5m0s <nil>
}
