package fapi

import "slices"

// CheckServerMetadata checks the metadata document of an authorization server
// (RFC 8414, OpenID Connect Discovery). Absent members count with the values
// that the standards give them: without grant_types_supported, for instance,
// the implicit grant is offered. What OpenID Connect adds is checked where the
// document shows OpenID Connect. signed_metadata is not read, and whether the
// document came from its issuer is for the caller to see to (RFC 8414 section
// 3.3).
//
// The error wraps [ErrProfile], or [ErrInput] for what is not one JSON object of
// at most 1 MiB or has duplicate members. No findings and no error: nothing in
// the document contradicts the profile. What the server does is another matter.
func (p Profile) CheckServerMetadata(metadata []byte) ([]Finding, error) {
	t, err := p.tables()
	if err != nil {
		return nil, err
	}
	d, err := parse("server metadata", metadata)
	if err != nil {
		return nil, err
	}
	d.imply(impliedServer)
	d.flatten("mtls_endpoint_aliases")
	return d.findings(t.server, ""), nil
}

// impliedServer is RFC 8414 section 2, which has no default for the methods of
// the introspection endpoint, and OpenID Connect Discovery section 3.
var impliedServer = []implication{
	{"response_modes_supported", []string{"query", "fragment"}, nil},
	{"grant_types_supported", []string{"authorization_code", "implicit"}, nil},
	{"token_endpoint_auth_methods_supported", []string{"client_secret_basic"}, nil},
	{"revocation_endpoint_auth_methods_supported", []string{"client_secret_basic"}, has("revocation_endpoint")},
	{"request_uri_parameter_supported", true, nil},
}

var (
	hasCode       = lists("grant_types_supported", "authorization_code")
	hasFrontDoor  = has("authorization_endpoint")
	hasTokenGrant = lists("grant_types_supported", "authorization_code", "client_credentials", "refresh_token", "password")
	assertionAuth = []string{"private_key_jwt", "client_secret_jwt"}
)

// metadataServer are the rules for any metadata document.
var metadataServer = append([]row{
	{"RFC 8414 2", Must, "issuer", nil, given(""), "name the issuer"},
	{"RFC 8414 2", Must, "issuer", nil, issuerURL, "use an https URL without query and fragment"},
	{"RFC 8414 2", Must, "response_types_supported", nil, given(""), "list the response types"},
	{"RFC 8414 2", Must, "authorization_endpoint", hasCode, given(""), "add the endpoint, or take authorization_code out of grant_types_supported"},
	{"RFC 8414 2", Must, "token_endpoint", hasTokenGrant, given(""), "add the endpoint"},
	{"RFC 6749 3.1", Must, "authorization_endpoint", nil, noFragment, "remove the fragment"},
	{"RFC 6749 3.2", Must, "token_endpoint", nil, noFragment, "remove the fragment"},
	{"RFC 8414 2", Must, "token_endpoint_auth_signing_alg_values_supported",
		lists("token_endpoint_auth_methods_supported", assertionAuth...), given(""), "list the algorithms of client assertions"},
	{"RFC 8414 2", Must, "revocation_endpoint_auth_signing_alg_values_supported",
		lists("revocation_endpoint_auth_methods_supported", assertionAuth...), given(""), "list the algorithms of client assertions"},
	{"RFC 8414 2", Must, "introspection_endpoint_auth_signing_alg_values_supported",
		lists("introspection_endpoint_auth_methods_supported", assertionAuth...), given(""), "list the algorithms of client assertions"},
	{"RFC 8414 3.2", Must, "*_supported", nil, notEmpty, "leave the member out"},
	{"OpenID Connect Discovery 3", Must, "jwks_uri", isOpenIDProvider, given(""), "publish the keys, and say where"},
	{"OpenID Connect Discovery 3", Must, "subject_types_supported", isOpenIDProvider, given(""), "list public, pairwise or both"},
	{"OpenID Connect Discovery 3", Must, "id_token_signing_alg_values_supported", isOpenIDProvider, given(""), "list the algorithms of ID tokens"},
}, metadataServerTypes()...)

func metadataServerTypes() []row {
	return slices.Concat(
		typeText.rows("RFC 8414 2", "issuer", "jwks_uri", "*_endpoint"),
		typeList.rows("RFC 8414 3.2",
			"scopes_supported", "response_types_supported", "response_modes_supported", "grant_types_supported",
			"code_challenge_methods_supported", "subject_types_supported", "*_auth_methods_supported", "*_alg_values_supported",
			"*_enc_values_supported"),
		typeObject.rows("RFC 8705 5", "mtls_endpoint_aliases"),
		typeBoolean.rows("RFC 8705 3.3", "tls_client_certificate_bound_access_tokens"),
		typeBoolean.rows("RFC 9101 10.5", "require_signed_request_object"),
		typeBoolean.rows("RFC 9126 5", "require_pushed_authorization_requests"),
		typeBoolean.rows("RFC 9207 3", "authorization_response_iss_parameter_supported"),
		typeBoolean.rows("OpenID Connect Discovery 3", "request_parameter_supported", "request_uri_parameter_supported"),
	)
}

// securityServer is FAPI 2.0 Security Profile.
var securityServer = []row{
	{"FAPI 2.0 SP 5.2.1-1", Must, "*_endpoint", nil, httpsURL, useTLS},
	{"FAPI 2.0 SP 5.3.2.1-2", Must, "grant_types_supported", nil, avoid("password"), "drop the password grant"},
	{"FAPI 2.0 SP 5.3.2.1-3", Must, "token_endpoint_auth_methods_supported", nil, avoid("none"), "drop none: public clients are not supported"},
	{"FAPI 2.0 SP 5.3.2.1-5", Must, "tls_client_certificate_bound_access_tokens",
		nil, orElse("dpop_signing_alg_values_supported"), "bind access tokens to certificates or DPoP keys, and say so"},
	{"FAPI 2.0 SP 5.3.2.1-6", Must, "token_endpoint_auth_methods_supported", nil, only(authenticationsOrNone...), useKeys},
	{"FAPI 2.0 SP 5.3.2.1-6", Must, "revocation_endpoint_auth_methods_supported", nil, only(authentications...), useKeys},
	{"FAPI 2.0 SP 5.3.2.1-6", Must, "introspection_endpoint_auth_methods_supported", nil, only(authenticationsOrToken...), useKeys},
	{"FAPI 2.0 SP 5.3.2.2-1", Must, "response_types_supported", hasFrontDoor, only("code"), "offer response type code only"},
	{"FAPI 2.0 SP 5.3.2.2-1", Must, "grant_types_supported", nil, avoid("implicit"), "list the grant types, without implicit"},
	{"FAPI 2.0 SP 5.3.2.2-2", Must, "pushed_authorization_request_endpoint",
		hasFrontDoor, given(""), "support pushed authorization requests (RFC 9126)"},
	{"FAPI 2.0 SP 5.3.2.2-3", Must, "require_pushed_authorization_requests",
		hasFrontDoor, mustBeTrue, "refuse requests that were not pushed, and set it to true"},
	{"FAPI 2.0 SP 5.3.2.2-5", Must, "code_challenge_methods_supported", hasFrontDoor, contains("S256"), "require PKCE with S256, and list S256"},
	{"FAPI 2.0 SP 5.3.2.2-5", Must, "code_challenge_methods_supported", hasFrontDoor, only("S256"), "accept no other method than S256"},
	{"FAPI 2.0 SP 5.3.2.2-7", Must, "authorization_response_iss_parameter_supported",
		hasFrontDoor, mustBeTrue, "return iss in authorization responses (RFC 9207), and set it to true"},
	{"FAPI 2.0 SP 5.4.1", Must, "*_signing_alg_values_supported", nil, only(securityAlgorithms...), "use PS256, ES256 or EdDSA only, for ID tokens too"},
	{"RFC 8725 3.2", Should, "*_encryption_alg_values_supported", nil, avoid("RSA1_5"), useSoundEncryption},
	{"FAPI 2.0 SP 5.4.2", Should, "jwks_uri", not(isOpenIDProvider), given(""), "publish the keys, and say where"},
	{"FAPI 2.0 SP 5.4.2-1", Must, "jwks_uri", nil, httpsURL, useTLS},
}

// signedModes are the response modes of JARM section 2.3.
var signedModes = []string{"jwt", "query.jwt", "fragment.jwt", "form_post.jwt"}

// messageSigningServer is what FAPI 2.0 Message Signing adds. That every request
// has to be signed can also be a matter of each client's registration (RFC 9101
// section 10.5), and that algorithms are published is nobody's shall: what only
// tells of it is a recommendation here.
var messageSigningServer = []row{
	{"FAPI 2.0 MS 5.3.1-1", Must, "request_object_signing_alg_values_supported",
		hasFrontDoor, orElse("require_signed_request_object"), "take signed request objects, and list their algorithms"},
	{"FAPI 2.0 MS 5.3.1-1", Should, "require_signed_request_object", hasFrontDoor, mustBeTrue, "refuse unsigned requests, and set it to true"},
	{"FAPI 2.0 MS 5.4.1-1", Must, "response_modes_supported", hasFrontDoor, contains("jwt"), "support JARM, and list jwt"},
	{"FAPI 2.0 MS 5.4.1-1", Must, "response_modes_supported", hasFrontDoor, only(signedModes...), "offer signed response modes only"},
	{"JARM 4", Should, "authorization_signing_alg_values_supported", hasFrontDoor, given(""), "list the algorithms of authorization responses"},
	{"RFC 9701 7", Should, "introspection_signing_alg_values_supported",
		has("introspection_endpoint"), given(""), "list the algorithms of signed introspection responses"},
}

// advancedServer is FAPI 1.0 Advanced. The grant type implicit is not refused
// there: response type code id_token is registered with it.
var advancedServer = []row{
	{"FAPI 1.0 Advanced 5.2.2-1", Must, "request_parameter_supported",
		hasFrontDoor, orElse("request_uri_parameter_supported", "pushed_authorization_request_endpoint"), "take signed request objects, by value or by reference"},
	{"FAPI 1.0 Advanced 5.2.2-1", Should, "request_object_signing_alg_values_supported",
		hasFrontDoor, given(""), "list the algorithms of request objects"},
	{"FAPI 1.0 Advanced 5.2.2-2", Must, "response_types_supported",
		hasFrontDoor, only("code", "code id_token", "id_token code"), "offer response types code id_token, and code with response mode jwt, only"},
	{"FAPI 1.0 Advanced 5.2.2-2", Must, "response_modes_supported",
		both(hasFrontDoor, lists("response_types_supported", "code")), contains("jwt"), "support JARM for response type code, and list jwt"},
	{"FAPI 1.0 Advanced 5.2.2-6", Must, "tls_client_certificate_bound_access_tokens",
		nil, mustBeTrue, "bind access tokens to certificates, and set it to true"},
	{"FAPI 1.0 Advanced 5.2.2-14", Must, "token_endpoint_auth_methods_supported", nil, only(authenticationsOrNone...), useKeys},
	{"FAPI 1.0 Advanced 5.2.2-14", Must, "revocation_endpoint_auth_methods_supported", nil, only(authentications...), useKeys},
	{"FAPI 1.0 Advanced 5.2.2-14", Must, "introspection_endpoint_auth_methods_supported", nil, only(authenticationsOrToken...), useKeys},
	{"FAPI 1.0 Advanced 5.2.2-16", Must, "token_endpoint_auth_methods_supported", nil, avoid("none"), "drop none: public clients are not supported"},
	{"FAPI 1.0 Advanced 5.2.2-18", Must, "code_challenge_methods_supported",
		has("pushed_authorization_request_endpoint"), contains("S256"), "require PKCE with S256 of pushed requests, and list S256"},
	{"FAPI 1.0 Advanced 8.5", Must, "*_endpoint", nil, httpsURL, useTLS},
	{"FAPI 1.0 Advanced 8.6", Must, "*_signing_alg_values_supported", nil, only(advancedAlgorithms...), "use PS256 or ES256 only, for ID tokens too"},
	{"FAPI 1.0 Advanced 8.6.1", Must, "*_encryption_alg_values_supported", nil, avoid("RSA1_5"), useSoundEncryption},
	{"FAPI 1.0 Advanced 8.9", Should, "jwks_uri", not(isOpenIDProvider), given(""), "publish the keys, and say where"},
	{"FAPI 1.0 Advanced 8.9-1", Must, "jwks_uri", nil, httpsURL, useTLS},
	{"JARM 4", Should, "authorization_signing_alg_values_supported",
		lists("response_modes_supported", "jwt"), given(""), "list the algorithms of authorization responses"},
	{"RFC 9700 2.4", Must, "grant_types_supported", nil, avoid("password"), "drop the password grant"},
}
