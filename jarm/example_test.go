package jarm_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"

	"github.com/go-fapi/fapi/jarm"
	"github.com/go-fapi/fapi/jwks"
)

// sessions is where a client keeps, for each browser, the state of its pending
// request.
type sessions struct {
	mu     sync.Mutex
	states map[string]string
}

func (s *sessions) state(r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	cookie, err := r.Cookie("__Host-session")
	if err != nil {
		return ""
	}
	return s.states[cookie.Value]
}

// end reports whether this call ended the pending request: of two that bring the
// same response, only one.
func (s *sessions) end(r *http.Request, state string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	cookie, err := r.Cookie("__Host-session")
	if err != nil || s.states[cookie.Value] != state {
		return false
	}
	delete(s.states, cookie.Value)
	return true
}

// An authorization server answers a request, and the client verifies the answer.
func Example() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}

	// The authorization server, once the user has consented.
	encoder, err := jarm.NewEncoder(jarm.EncoderConfig{Issuer: "https://as.bank.example", Key: key})
	if err != nil {
		fmt.Println(err)
		return
	}
	consent := func(w http.ResponseWriter, r *http.Request) {
		params := url.Values{"code": {"SplxlOBeZQQYbYS6WxSbIA"}, "state": {"af0ifjsldkj"}}
		if err := encoder.Write(w, r, "jwt", "https://fintech.example/cb", "fintech", params); err != nil {
			http.Error(w, "", http.StatusInternalServerError)
		}
	}

	// The client: one decoder for each authorization server.
	published, err := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
	if err != nil {
		fmt.Println(err)
		return
	}
	decoder, err := jarm.NewDecoder(jarm.DecoderConfig{
		Issuer: "https://as.bank.example", ClientID: "fintech", Keys: published,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	pending := &sessions{states: map[string]string{"browser-1": "af0ifjsldkj"}}
	callback := func(w http.ResponseWriter, r *http.Request) {
		state := pending.state(r)
		params, err := decoder.Callback(r, state)
		var refused *jarm.Error
		if errors.As(err, &refused) {
			http.Error(w, "this is not the answer to a request of yours", http.StatusBadRequest)
			return
		}
		var answered *jarm.AuthorizationError
		if err != nil && !errors.As(err, &answered) {
			http.Error(w, "", http.StatusServiceUnavailable)
			return
		}
		if !pending.end(r, state) {
			http.Error(w, "this was answered before", http.StatusBadRequest)
			return
		}
		if answered != nil {
			fmt.Fprintln(w, "no access:", answered.Code())
			return
		}
		fmt.Fprintln(w, "code:", params.Get("code"))
	}

	redirect := httptest.NewRecorder()
	consent(redirect, httptest.NewRequest(http.MethodPost, "https://as.bank.example/consent", nil))
	fmt.Println(redirect.Code)
	for range 2 {
		r := httptest.NewRequest(http.MethodGet, redirect.Header().Get("Location"), nil)
		r.AddCookie(&http.Cookie{Name: "__Host-session", Value: "browser-1"})
		page := httptest.NewRecorder()
		callback(page, r)
		fmt.Print(page.Code, " ", page.Body)
	}
	// Output:
	// 303
	// 200 code: SplxlOBeZQQYbYS6WxSbIA
	// 400 this is not the answer to a request of yours
}

// A user who says no is an answer like any other: signed, and checked before the
// client believes it.
func ExampleAuthorizationError() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	encoder, err := jarm.NewEncoder(jarm.EncoderConfig{Issuer: "https://as.bank.example", Key: key})
	if err != nil {
		fmt.Println(err)
		return
	}
	response, err := encoder.Encode(context.Background(), "fintech", url.Values{"error": {"access_denied"}, "state": {"af0ifjsldkj"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	published, err := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
	if err != nil {
		fmt.Println(err)
		return
	}
	decoder, err := jarm.NewDecoder(jarm.DecoderConfig{
		Issuer: "https://as.bank.example", ClientID: "fintech", Keys: published,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = decoder.Decode(context.Background(), response)
	if answered, ok := errors.AsType[*jarm.AuthorizationError](err); ok {
		fmt.Println(answered.Code(), answered.State())
	}
	// Output: access_denied af0ifjsldkj
}

// A server without JARM answers in plain text, with iss.
func ExampleDecoder_Callback_plain() {
	decoder, err := jarm.NewDecoder(jarm.DecoderConfig{
		Issuer: "https://as.bank.example", ClientID: "fintech", ResponseMode: jarm.ModeQuery,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, issuer := range []string{"https://as.bank.example", "https://as.evil.example"} {
		query := url.Values{"code": {"SplxlOBeZQQYbYS6WxSbIA"}, "state": {"af0ifjsldkj"}, "iss": {issuer}}
		r := httptest.NewRequest(http.MethodGet, "https://fintech.example/cb?"+query.Encode(), nil)
		params, err := decoder.Callback(r, "af0ifjsldkj")
		fmt.Println(params.Get("code"), err)
	}
	// Output:
	// SplxlOBeZQQYbYS6WxSbIA <nil>
	//  jarm: iss is missing or another authorization server
}
