package fapi

import "slices"

// CheckClientMetadata checks the registration of a client (RFC 7591), as it is
// sent or as it came back. Absent members count with the values that the
// standards give them: without token_endpoint_auth_method, for instance, the
// client has a secret. Keys in jwks are checked as [Profile.CheckKeys] does.
//
// The error wraps [ErrProfile], or [ErrInput] for what is not one JSON object of
// at most 1 MiB and 100 keys, or has duplicate members.
func (p Profile) CheckClientMetadata(metadata []byte) ([]Finding, error) {
	t, err := p.tables()
	if err != nil {
		return nil, err
	}
	d, err := parse("client metadata", metadata)
	if err != nil {
		return nil, err
	}
	d.imply(impliedClient)
	found := d.findings(t.client, "")
	if set, ok := d.members["jwks"].(map[string]any); ok {
		keys, err := t.checkKeys(set, "jwks.")
		if err != nil {
			return nil, err
		}
		found = append(found, keys...)
	}
	return found, nil
}

// impliedClient is RFC 7591 section 2. Algorithms that default to RS256 have rows
// of their own, since it depends on what the client does whether the default
// matters.
var impliedClient = []implication{
	{"token_endpoint_auth_method", "client_secret_basic", nil},
	{"grant_types", []string{"authorization_code"}, nil},
	{"response_types", []string{"code"}, nil},
}

var (
	hasAssertions = lists("token_endpoint_auth_method", "private_key_jwt")
	isNativeApp   = lists("application_type", "native")
)

// otherNames are the alternatives to tls_client_auth_subject_dn.
var otherNames = []string{"tls_client_auth_san_dns", "tls_client_auth_san_uri", "tls_client_auth_san_ip", "tls_client_auth_san_email"}

const meansRS256 = ", which means RS256"

// metadataClient are the rules for any registration.
var metadataClient = append([]row{
	{"RFC 7591 2", Must, "jwks_uri", nil, notBeside("jwks"), "register one of the two"},
	{"RFC 6749 3.1.2", Must, "redirect_uris", nil, noFragment, "remove the fragment"},
	{"OpenID Connect Core 9", Must, "jwks_uri", hasAssertions, someKeys, "register the public keys of the client's assertions"},
	{"RFC 8705 2.2.2", Must, "jwks_uri",
		lists("token_endpoint_auth_method", "self_signed_tls_client_auth"), someKeys, "register the client's certificates as keys"},
	{"RFC 8705 2.1.2", Must, "tls_client_auth_subject_dn",
		lists("token_endpoint_auth_method", "tls_client_auth"), oneAmong(otherNames...), "register exactly one name of the certificate"},
}, metadataClientTypes()...)

// someKeys wants keys; two sets of them are the matter of RFC 7591 section 2.
func someKeys(d document, _ string) string {
	if d.has("jwks") || d.has("jwks_uri") {
		return ""
	}
	return "is absent, and so is jwks"
}

func metadataClientTypes() []row {
	return slices.Concat(
		typeText.rows("RFC 7591 2", "token_endpoint_auth_method", "scope", "jwks_uri"),
		typeList.rows("RFC 7591 2", "redirect_uris", "grant_types", "response_types"),
		typeObject.rows("RFC 7591 2", "jwks"),
		typeText.rows("OpenID Connect Registration 2", "application_type", "*_signing_alg", "*_signed_response_alg",
			"*_encrypted_response_alg", "*_encryption_alg"),
		typeText.rows("RFC 8705 2.1.2", "tls_client_auth_*"),
		typeBoolean.rows("RFC 8705 3.4", "tls_client_certificate_bound_access_tokens"),
		typeBoolean.rows("RFC 9101 10.5", "require_signed_request_object"),
		typeBoolean.rows("RFC 9126 6", "require_pushed_authorization_requests"),
		typeBoolean.rows("RFC 9449 5.2", "dpop_bound_access_tokens"),
		typeBoolean.rows("FAPI 2.0 SP 5.2.2.1", "use_mtls_endpoint_aliases"),
		typeList.rows("FAPI 2.0 MS 5.3.3", "response_modes"),
	)
}

// securityClient is FAPI 2.0 Security Profile.
var securityClient = []row{
	{"FAPI 2.0 SP 5.3.2.1-2", Must, "grant_types", nil, avoid("password"), "drop the password grant"},
	{"FAPI 2.0 SP 5.3.2.1-3", Must, "token_endpoint_auth_method", nil, avoid("none"), "register a confidential client"},
	{"FAPI 2.0 SP 5.3.2.2-1", Must, "response_types", nil, only("code"), "register response type code only"},
	{"FAPI 2.0 SP 5.3.2.2-8", Must, "redirect_uris",
		nil, unencryptedRedirect(isNativeApp), "use https; http only on the loopback interface and with application_type native"},
	{"RFC 8252 7.2", Should, "redirect_uris", nil, privateScheme, "use https URIs that the application claims"},
	{"FAPI 2.0 SP 5.3.3.1-1", Must, "tls_client_certificate_bound_access_tokens",
		nil, orElse("dpop_bound_access_tokens"), "have the client's tokens bound: set one of the two to true"},
	{"FAPI 2.0 SP 5.3.3.1-2", Must, "token_endpoint_auth_method", nil, only(authenticationsOrNone...), useKeys},
	{"FAPI 2.0 SP 5.3.3.2-1", Must, "grant_types", nil, avoid("implicit"), "use the authorization code grant"},
	{"FAPI 2.0 SP 5.4.1", Must, "*_signing_alg", nil, only(securityAlgorithms...), "register PS256, ES256 or EdDSA"},
	{"FAPI 2.0 SP 5.4.1", Must, "*_signed_response_alg", nil, only(securityAlgorithms...), "register PS256, ES256 or EdDSA"},
	{"FAPI 2.0 SP 5.4.1", Must, "id_token_signed_response_alg", isOpenIDClient, given(meansRS256), "register PS256, ES256 or EdDSA"},
	{"FAPI 2.0 SP 5.4.2-1", Must, "jwks_uri", nil, httpsURL, useTLS},
	{"RFC 8725 3.2", Should, "*_encrypted_response_alg", nil, avoid("RSA1_5"), useSoundEncryption},
	{"RFC 8725 3.2", Should, "*_encryption_alg", nil, avoid("RSA1_5"), useSoundEncryption},
}

// usesCode is false for registrations of, say, client_credentials alone.
var usesCode = lists("grant_types", "authorization_code")

// messageSigningClient is what FAPI 2.0 Message Signing adds.
var messageSigningClient = []row{
	// Without keys, a client with assertions is the matter of OpenID Connect Core 9.
	{"FAPI 2.0 MS 5.3.2-1", Must, "jwks_uri", both(usesCode, not(hasAssertions)), someKeys, "register the public keys of the client's request objects"},
	{"FAPI 2.0 MS 5.4.2-1", Must, "response_modes", both(usesCode, has("response_modes")), contains("jwt"), "register response mode jwt"},
	{"FAPI 2.0 SP 5.4.1", Must, "authorization_signed_response_alg", usesCode, given(meansRS256), "register PS256, ES256 or EdDSA"},
	{"FAPI 2.0 MS 6.1", Should, "authorization_encrypted_response_alg", nil, absent, "have authorization responses signed, not encrypted"},
}

// advancedClient is FAPI 1.0 Advanced.
var advancedClient = []row{
	{"FAPI 1.0 Baseline 5.2.2-8", Must, "redirect_uris", usesCode, given(""), "register the redirect URIs"},
	{"FAPI 1.0 Baseline 5.2.2-20", Must, "redirect_uris", nil, httpsURL, "use https"},
	{"FAPI 1.0 Advanced 5.2.2-1", Must, "jwks_uri",
		both(usesCode, not(hasAssertions)), someKeys, "register the public keys of the client's request objects"},
	{"FAPI 1.0 Advanced 5.2.2-2", Must, "response_types",
		nil, only("code", "code id_token", "id_token code"), "register response types code id_token, or code with response mode jwt"},
	{"FAPI 1.0 Advanced 5.2.2-2", Must, "response_modes",
		both(has("response_modes"), lists("response_types", "code")), contains("jwt"), "register response mode jwt"},
	{"FAPI 1.0 Advanced 5.2.2-14", Must, "token_endpoint_auth_method", nil, only(authenticationsOrNone...), useKeys},
	{"FAPI 1.0 Advanced 5.2.2-16", Must, "token_endpoint_auth_method", nil, avoid("none"), "register a confidential client"},
	{"FAPI 1.0 Advanced 5.2.3-1", Must, "tls_client_certificate_bound_access_tokens",
		nil, mustBeTrue, "have the client's tokens bound to its certificate: set it to true"},
	{"FAPI 1.0 Advanced 8.6", Must, "*_signing_alg", nil, only(advancedAlgorithms...), "register PS256 or ES256"},
	{"FAPI 1.0 Advanced 8.6", Must, "*_signed_response_alg", nil, only(advancedAlgorithms...), "register PS256 or ES256"},
	{"FAPI 1.0 Advanced 8.6", Must, "id_token_signed_response_alg", isOpenIDClient, given(meansRS256), "register PS256 or ES256"},
	{"FAPI 1.0 Advanced 8.6", Must, "authorization_signed_response_alg",
		both(usesCode, lists("response_types", "code")), given(meansRS256), "register PS256 or ES256"},
	{"FAPI 1.0 Advanced 8.6.1", Must, "*_encrypted_response_alg", nil, avoid("RSA1_5"), useSoundEncryption},
	{"FAPI 1.0 Advanced 8.6.1", Must, "*_encryption_alg", nil, avoid("RSA1_5"), useSoundEncryption},
	{"FAPI 1.0 Advanced 8.9-1", Must, "jwks_uri", nil, httpsURL, useTLS},
	{"RFC 9700 2.4", Must, "grant_types", nil, avoid("password"), "drop the password grant"},
}
