package fapi_test

import (
	"fmt"
	"net/url"

	"github.com/go-fapi/fapi"
)

// The metadata of a server that was made for OpenID Connect.
func ExampleProfile_CheckServerMetadata() {
	findings, err := fapi.FAPI2Security.CheckServerMetadata([]byte(`{
		"issuer": "https://as.bank.example",
		"authorization_endpoint": "https://as.bank.example/authorize",
		"token_endpoint": "https://as.bank.example/token",
		"pushed_authorization_request_endpoint": "https://as.bank.example/par",
		"require_pushed_authorization_requests": true,
		"jwks_uri": "https://as.bank.example/jwks",
		"response_types_supported": ["code", "code id_token"],
		"grant_types_supported": ["authorization_code", "refresh_token"],
		"code_challenge_methods_supported": ["S256"],
		"authorization_response_iss_parameter_supported": true,
		"token_endpoint_auth_methods_supported": ["private_key_jwt"],
		"token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256"],
		"dpop_signing_alg_values_supported": ["ES256"]
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range findings {
		fmt.Printf("%s (%s): %s %s\n  %s\n", f.Clause, f.Severity, f.Field, f.Problem, f.Change)
	}
	// Output:
	// FAPI 2.0 SP 5.3.2.2-1 (must): response_types_supported has "code id_token"
	//   offer response type code only
	// FAPI 2.0 SP 5.4.1 (must): token_endpoint_auth_signing_alg_values_supported has "RS256"
	//   use PS256, ES256 or EdDSA only, for ID tokens too
}

// A registration that leaves things to defaults.
func ExampleProfile_CheckClientMetadata() {
	findings, err := fapi.FAPI2Security.CheckClientMetadata([]byte(`{
		"redirect_uris": ["https://fintech.example/callback"],
		"dpop_bound_access_tokens": true
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range findings {
		fmt.Printf("%s: %s %s\n", f.Clause, f.Field, f.Problem)
	}
	// Output:
	// FAPI 2.0 SP 5.3.3.1-2: token_endpoint_auth_method has "client_secret_basic", since it is absent
}

func ExampleProfile_CheckKeys() {
	findings, err := fapi.FAPI2Security.CheckKeys([]byte(`{"keys": [
		{"kty": "EC", "crv": "P-384", "use": "sig", "kid": "1", "alg": "ES384",
		 "x": "iA7lWQLzVrKGEFjfGMfMHfTEZ2KnLiKU7JuNT3E7ygsfE7ygsfE7ygsfE7ygsfE7",
		 "y": "iA7lWQLzVrKGEFjfGMfMHfTEZ2KnLiKU7JuNT3E7ygsfE7ygsfE7ygsfE7ygsfE7"}
	]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range findings {
		fmt.Printf("%s: %s %s\n", f.Clause, f.Field, f.Problem)
	}
	// Output:
	// FAPI 2.0 SP 5.4.1: keys[0].alg has "ES384"
}

// The client pushes its request, but leaves a scope in the front channel.
func ExampleProfile_CheckAuthorizationRequest() {
	pushed := url.Values{
		"client_id": {"fintech"}, "response_type": {"code"}, "redirect_uri": {"https://fintech.example/callback"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	front := url.Values{
		"client_id": {"fintech"}, "request_uri": {"urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"}, "scope": {"accounts"},
	}
	findings, err := fapi.FAPI2Security.CheckAuthorizationRequest("https://as.bank.example", pushed, front)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, f := range findings {
		fmt.Printf("%s: %s %s\n", f.Clause, f.Field, f.Problem)
	}
	// Output:
	// FAPI 2.0 SP 5.3.3.2-6: front.scope does not belong here
}

func ExampleProfile_Rules() {
	for _, profile := range []fapi.Profile{fapi.FAPI2Security, fapi.FAPI1Advanced} {
		rules, err := profile.Rules()
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(rules.Title, rules.SigningAlgorithms, rules.ResponseTypes, rules.AssertionAudience)
	}
	// Output:
	// FAPI 2.0 Security Profile [PS256 ES256 EdDSA Ed25519] [code] issuer
	// FAPI 1.0 Advanced [PS256 ES256] [code id_token code] issuer or endpoint
}

func ExampleMetadataURLs() {
	oauth, openID, err := fapi.MetadataURLs("https://bank.example/retail")
	fmt.Println(oauth)
	fmt.Println(openID)
	fmt.Println(err)
	// Output:
	// https://bank.example/.well-known/oauth-authorization-server/retail
	// https://bank.example/retail/.well-known/openid-configuration
	// <nil>
}
