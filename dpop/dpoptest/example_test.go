package dpoptest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/replay"
)

// protected is the handler under test.
func protected(bound [32]byte) http.Handler {
	v, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{"https://api.bank.example"}, Replay: replay.Off{}})
	if err != nil {
		panic(err)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := v.Confirm(w.Header(), r, "Kz8mXK1EalYznwH", bound); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

func ExampleRequest() {
	t := new(testing.T) // in a test, its own
	key := dpoptest.NewKey(t)
	handler := protected(dpoptest.Thumbprint(t, key))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, dpoptest.Request(t, key, "GET", "https://api.bank.example/accounts", "Kz8mXK1EalYznwH"))
	fmt.Println("the client:", w.Code)

	w = httptest.NewRecorder()
	handler.ServeHTTP(w, dpoptest.Request(t, dpoptest.NewKey(t), "GET", "https://api.bank.example/accounts", "Kz8mXK1EalYznwH"))
	fmt.Println("another key:", w.Code)
	// Output:
	// the client: 200
	// another key: 401
}

func ExampleForge() {
	t := new(testing.T) // in a test, its own
	key := dpoptest.NewKey(t)
	handler := protected(dpoptest.Thumbprint(t, key))

	r := dpoptest.Request(t, key, "GET", "https://api.bank.example/accounts", "Kz8mXK1EalYznwH")
	r.Header.Set("DPoP", dpoptest.Forge(t, key, r.Header.Get("DPoP"), dpoptest.Change{
		Header: map[string]any{"typ": "JWT"},
		Claims: map[string]any{"ath": nil},
	}))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output:
	// 401
}
