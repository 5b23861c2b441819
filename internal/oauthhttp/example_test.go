package oauthhttp_test

import (
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/go-fapi/fapi/internal/oauthhttp"
)

func ExampleChallenge_String() {
	fmt.Println(oauthhttp.Challenge{Scheme: "DPoP", Params: []oauthhttp.Param{
		{Name: "error", Value: "invalid_token"},
		{Name: "error_description", Value: "not \"this\"\r\nkey"},
		{Name: "algs", Value: "ES256 PS256"},
	}})
	// Output: DPoP error="invalid_token", error_description="not ?this???key", algs="ES256 PS256"
}

func ExampleParseChallenges() {
	challenges := oauthhttp.ParseChallenges([]string{`Basic realm="a, b", dpop Error = use_dpop_nonce`})
	if c, ok := oauthhttp.Find(challenges, "DPoP"); ok {
		fmt.Println(c.Get("error"))
	}
	// Output: use_dpop_nonce
}

func ExampleCredentials() {
	r := httptest.NewRequest("GET", "/accounts", nil)
	r.Header.Set("Authorization", "dpop Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
	fmt.Println(oauthhttp.Credentials(r))
	r = httptest.NewRequest("GET", "/accounts", nil)
	fmt.Println(oauthhttp.Credentials(r))
	// Output:
	// DPoP Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU <nil>
	//   oauthhttp: no authorization field
}

func ExampleReadForm() {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("POST", "/par", strings.NewReader("client_id=a&scope=x&scope=y"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if _, err := oauthhttp.ReadForm(w, r, 0, "resource"); err != nil {
		oauthhttp.WriteError(w, err)
	}
	fmt.Println(w.Code, w.Body)
	// Output: 400 {"error":"invalid_request","error_description":"a parameter is repeated"}
}
