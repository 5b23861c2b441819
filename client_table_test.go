package fapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const securityClientDocument = `{
	"client_id": "fintech",
	"redirect_uris": ["https://fintech.example/callback"],
	"grant_types": ["authorization_code", "refresh_token"],
	"response_types": ["code"],
	"scope": "openid accounts",
	"token_endpoint_auth_method": "private_key_jwt",
	"token_endpoint_auth_signing_alg": "PS256",
	"id_token_signed_response_alg": "EdDSA",
	"jwks_uri": "https://fintech.example/jwks",
	"dpop_bound_access_tokens": true,
	"application_type": "web",
	"contacts": ["x@fintech.example"]
}`

const messageSigningClientChange = `{
	"response_modes": ["jwt"],
	"request_object_signing_alg": "PS256",
	"authorization_signed_response_alg": "ES256"
}`

const advancedClientChange = `{
	"response_types": ["code", "code id_token"],
	"response_modes": ["jwt", "fragment"],
	"id_token_signed_response_alg": "PS256",
	"authorization_signed_response_alg": "PS256",
	"dpop_bound_access_tokens": null,
	"tls_client_certificate_bound_access_tokens": true
}`

const noKeys = `"jwks_uri": null`

var anyClientMutations = []mutation{
	{`{"jwks": {"keys": []}}`, "RFC 7591 2 jwks_uri"},
	{`{"redirect_uris": ["https://fintech.example/callback#x"]}`, "RFC 6749 3.1.2 redirect_uris"},
	{`{` + noKeys + `}`, "OpenID Connect Core 9 jwks_uri"},
	{`{"token_endpoint_auth_method": "tls_client_auth"}`, "RFC 8705 2.1.2 tls_client_auth_subject_dn"},
	{`{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "a", "tls_client_auth_san_ip": "b"}`, "RFC 8705 2.1.2 tls_client_auth_subject_dn"},
	{`{` + noKeys + `, "jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}}`, "RFC 7517 9.2 jwks.keys[0].k"},
	{`{` + noKeys + `, "jwks": {}}`, "RFC 7517 5 jwks.keys"},
	{`{"dpop_bound_access_tokens": "true", "tls_client_certificate_bound_access_tokens": true}`, "RFC 9449 5.2 dpop_bound_access_tokens"},
}

var securityClientMutations = append([]mutation{
	{`{"grant_types": ["authorization_code", "password"]}`, "FAPI 2.0 SP 5.3.2.1-2 grant_types"},
	{`{"grant_types": ["authorization_code", "implicit"]}`, "FAPI 2.0 SP 5.3.3.2-1 grant_types"},
	{`{"response_types": ["code id_token"]}`, "FAPI 2.0 SP 5.3.2.2-1 response_types"},
	{`{"redirect_uris": ["http://fintech.example/callback"]}`, "FAPI 2.0 SP 5.3.2.2-8 redirect_uris"},
	{`{"redirect_uris": ["http://127.0.0.1/callback"]}`, "FAPI 2.0 SP 5.3.2.2-8 redirect_uris"},
	{`{"redirect_uris": ["http://127.0.0.1.fintech.example/"], "application_type": "native"}`, "FAPI 2.0 SP 5.3.2.2-8 redirect_uris"},
	{`{"redirect_uris": ["/callback"]}`, "FAPI 2.0 SP 5.3.2.2-8 redirect_uris"},
	{`{"redirect_uris": ["example.fintech:/callback"]}`, "RFC 8252 7.2 redirect_uris"},
	{`{"dpop_bound_access_tokens": null}`, "FAPI 2.0 SP 5.3.3.1-1 tls_client_certificate_bound_access_tokens"},
	{`{"dpop_bound_access_tokens": false, "tls_client_certificate_bound_access_tokens": false}`, "FAPI 2.0 SP 5.3.3.1-1 tls_client_certificate_bound_access_tokens"},
	{`{"token_endpoint_auth_method": "none"}`, "FAPI 2.0 SP 5.3.2.1-3 token_endpoint_auth_method"},
	{`{"token_endpoint_auth_method": null}`, "FAPI 2.0 SP 5.3.3.1-2 token_endpoint_auth_method"},
	{`{"token_endpoint_auth_method": "client_secret_jwt"}`, "FAPI 2.0 SP 5.3.3.1-2 token_endpoint_auth_method"},
	{`{"token_endpoint_auth_signing_alg": "RS256"}`, "FAPI 2.0 SP 5.4.1 token_endpoint_auth_signing_alg"},
	{`{"request_object_signing_alg": "none"}`, "FAPI 2.0 SP 5.4.1 request_object_signing_alg"},
	{`{"userinfo_signed_response_alg": "HS256"}`, "FAPI 2.0 SP 5.4.1 userinfo_signed_response_alg"},
	{`{"id_token_signed_response_alg": null}`, "FAPI 2.0 SP 5.4.1 id_token_signed_response_alg"},
	{`{"jwks_uri": "http://fintech.example/jwks"}`, "FAPI 2.0 SP 5.4.2-1 jwks_uri"},
	{`{"id_token_encrypted_response_alg": "RSA1_5"}`, "RFC 8725 3.2 id_token_encrypted_response_alg"},
	{`{"request_object_encryption_alg": "RSA1_5"}`, "RFC 8725 3.2 request_object_encryption_alg"},
}, anyClientMutations...)

const selfSigned = `{"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks_uri": null}`

var messageSigningClientMutations = append([]mutation{
	{selfSigned, "RFC 8705 2.2.2 jwks_uri; FAPI 2.0 MS 5.3.2-1 jwks_uri"},
	{`{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=x", "jwks_uri": null}`, "FAPI 2.0 MS 5.3.2-1 jwks_uri"},
	{`{"response_modes": ["query"]}`, "FAPI 2.0 MS 5.4.2-1 response_modes"},
	{`{"authorization_signed_response_alg": null}`, "FAPI 2.0 SP 5.4.1 authorization_signed_response_alg"},
	{`{"authorization_encrypted_response_alg": "ECDH-ES"}`, "FAPI 2.0 MS 6.1 authorization_encrypted_response_alg"},
}, securityClientMutations...)

var advancedClientMutations = append([]mutation{
	{`{"redirect_uris": null}`, "FAPI 1.0 Baseline 5.2.2-8 redirect_uris"},
	{`{"redirect_uris": ["http://localhost/callback"], "application_type": "native"}`, "FAPI 1.0 Baseline 5.2.2-20 redirect_uris"},
	{`{"redirect_uris": ["example.fintech:/callback"]}`, "FAPI 1.0 Baseline 5.2.2-20 redirect_uris"},
	{selfSigned, "RFC 8705 2.2.2 jwks_uri; FAPI 1.0 Advanced 5.2.2-1 jwks_uri"},
	{`{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=x", "jwks_uri": null}`, "FAPI 1.0 Advanced 5.2.2-1 jwks_uri"},
	{`{"response_types": ["token"]}`, "FAPI 1.0 Advanced 5.2.2-2 response_types"},
	{`{"response_modes": ["query"]}`, "FAPI 1.0 Advanced 5.2.2-2 response_modes"},
	{`{"token_endpoint_auth_method": null}`, "FAPI 1.0 Advanced 5.2.2-14 token_endpoint_auth_method"},
	{`{"token_endpoint_auth_method": "none"}`, "FAPI 1.0 Advanced 5.2.2-16 token_endpoint_auth_method"},
	{`{"tls_client_certificate_bound_access_tokens": null}`, "FAPI 1.0 Advanced 5.2.3-1 tls_client_certificate_bound_access_tokens"},
	{`{"request_object_signing_alg": "RS256"}`, "FAPI 1.0 Advanced 8.6 request_object_signing_alg"},
	{`{"authorization_signed_response_alg": "EdDSA"}`, "FAPI 1.0 Advanced 8.6 authorization_signed_response_alg"},
	{`{"authorization_signed_response_alg": null}`, "FAPI 1.0 Advanced 8.6 authorization_signed_response_alg"},
	{`{"id_token_signed_response_alg": null}`, "FAPI 1.0 Advanced 8.6 id_token_signed_response_alg"},
	{`{"id_token_encrypted_response_alg": "RSA1_5"}`, "FAPI 1.0 Advanced 8.6.1 id_token_encrypted_response_alg"},
	{`{"request_object_encryption_alg": "RSA1_5"}`, "FAPI 1.0 Advanced 8.6.1 request_object_encryption_alg"},
	{`{"jwks_uri": "http://fintech.example/jwks"}`, "FAPI 1.0 Advanced 8.9-1 jwks_uri"},
	{`{"grant_types": ["authorization_code", "password"]}`, "RFC 9700 2.4 grant_types"},
}, anyClientMutations...)

func TestClientTables(t *testing.T) {
	t.Parallel()
	good := securityClientDocument
	suite{
		rows:  func(t tables) []row { return t.client },
		check: Profile.CheckClientMetadata,
		read: func(data []byte) document {
			d, _ := parse("", data)
			d.imply(impliedClient)
			return d
		},
		good: map[Profile]string{
			FAPI2Security:       good,
			FAPI2MessageSigning: string(changed(t, good, messageSigningClientChange)),
			FAPI1Advanced:       string(changed(t, good, advancedClientChange)),
		},
		mutations: map[Profile][]mutation{
			FAPI2Security:       append([]mutation{{selfSigned, "RFC 8705 2.2.2 jwks_uri"}}, securityClientMutations...),
			FAPI2MessageSigning: messageSigningClientMutations,
			FAPI1Advanced:       advancedClientMutations,
		},
	}.run(t)
}

func TestGoodClients(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"native":             `{"application_type": "native", "redirect_uris": ["http://127.0.0.1:8080/cb", "http://[::1]/cb", "http://localhost/cb"]}`,
		"plain OAuth":        `{"scope": "accounts", "id_token_signed_response_alg": null}`,
		"certificate":        `{"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "CN=x", "jwks_uri": null, "dpop_bound_access_tokens": null, "tls_client_certificate_bound_access_tokens": true}`,
		"client credentials": `{"grant_types": ["client_credentials"], "redirect_uris": null}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := FAPI2Security.CheckClientMetadata(changed(t, securityClientDocument, change))
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
}

func TestTooManyClientKeys(t *testing.T) {
	t.Parallel()
	keys := `{"jwks": {"keys": [` + strings.Repeat("{},", 100) + `{}]}, "jwks_uri": null}`
	found, err := FAPI2Security.CheckClientMetadata(changed(t, securityClientDocument, keys))
	require.ErrorIs(t, err, ErrInput)
	require.Nil(t, found)
}
