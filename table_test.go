package fapi

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mutation is a good document with one thing changed, and the findings that
// follow. Members that are null in the change are taken out.
type mutation struct {
	change string
	want   string // "clause field", several separated by "; "
}

type suite struct {
	rows      func(tables) []row
	check     func(Profile, []byte) ([]Finding, error)
	read      func(data []byte) document // what the rows see
	good      map[Profile]string
	mutations map[Profile][]mutation
}

func changed(t *testing.T, good, change string) []byte {
	t.Helper()
	var document, changes map[string]any
	require.NoError(t, json.Unmarshal([]byte(good), &document))
	require.NoError(t, json.Unmarshal([]byte(change), &changes), change)
	for name, value := range changes {
		if value == nil {
			delete(document, name)
		} else {
			document[name] = value
		}
	}
	data, err := json.Marshal(document)
	require.NoError(t, err)
	return data
}

// summary are the findings as a mutation names them.
func summary(found []Finding) string {
	var lines []string
	for _, f := range found {
		lines = append(lines, f.Clause+" "+f.Field)
	}
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

func requireComplete(t *testing.T, found []Finding) {
	t.Helper()
	for _, f := range found {
		require.NotEmpty(t, f.Clause)
		require.Contains(t, []Severity{Must, Should}, f.Severity)
		require.NotEmpty(t, f.Field)
		require.NotEmpty(t, f.Problem)
		require.NotEmpty(t, f.Change)
	}
}

// typed are the rows that check a JSON type: they are mutated by rule, since
// there is one for nearly every member.
func typed(r row) bool {
	return slices.ContainsFunc([]jsonType{typeText, typeList, typeBoolean, typeObject}, func(j jsonType) bool {
		return r.change == "write "+string(j)
	})
}

func typeMutations(rows []row) (mutations []mutation) {
	for _, r := range rows {
		if !typed(r) {
			continue
		}
		field := strings.Replace(r.field, "*", "some", 1)
		change := `{"` + field + `": 1}`
		if field == "jwks" {
			change = `{"jwks": 1, "jwks_uri": null}`
		}
		mutations = append(mutations, mutation{change, r.clause + " " + field})
	}
	return mutations
}

func (s suite) run(t *testing.T) {
	for profile, tables := range profiles {
		good, rows := s.good[profile], s.rows(tables)
		fired := make([]bool, len(rows))
		t.Run(string(profile)+"/good", func(t *testing.T) {
			found, err := s.check(profile, []byte(good))
			require.NoError(t, err)
			require.Empty(t, found)
		})
		for _, m := range append(s.mutations[profile], typeMutations(rows)...) {
			t.Run(string(profile)+"/"+m.want+" "+m.change, func(t *testing.T) {
				data := changed(t, good, m.change)
				found, err := s.check(profile, data)
				require.NoError(t, err)
				requireComplete(t, found)
				require.Equal(t, sorted(m.want), summary(found), "%+v", found)
				for i, r := range rows {
					fired[i] = fired[i] || len(s.read(data).findings([]row{r}, "")) > 0
				}
			})
		}
		for i, r := range rows {
			assert.True(t, fired[i], "%s: no mutation for %s %s: %s", profile, r.clause, r.field, r.change)
		}
	}
}

func sorted(want string) string {
	lines := strings.Split(want, "; ")
	slices.Sort(lines)
	return strings.Join(lines, "; ")
}

const securityServerDocument = `{
	"issuer": "https://as.example",
	"authorization_endpoint": "https://as.example/authorize",
	"token_endpoint": "https://as.example/token",
	"pushed_authorization_request_endpoint": "https://as.example/par",
	"introspection_endpoint": "https://as.example/introspect",
	"revocation_endpoint": "https://as.example/revoke",
	"userinfo_endpoint": "https://as.example/me",
	"jwks_uri": "https://as.example/jwks",
	"mtls_endpoint_aliases": {"token_endpoint": "https://mtls.as.example/token"},
	"scopes_supported": ["openid", "accounts"],
	"response_types_supported": ["code"],
	"grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
	"code_challenge_methods_supported": ["S256"],
	"token_endpoint_auth_methods_supported": ["private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"],
	"token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "EdDSA", "Ed25519"],
	"revocation_endpoint_auth_methods_supported": ["private_key_jwt"],
	"revocation_endpoint_auth_signing_alg_values_supported": ["PS256"],
	"introspection_endpoint_auth_methods_supported": ["private_key_jwt", "Bearer"],
	"introspection_endpoint_auth_signing_alg_values_supported": ["PS256"],
	"dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
	"tls_client_certificate_bound_access_tokens": true,
	"require_pushed_authorization_requests": true,
	"authorization_response_iss_parameter_supported": true,
	"subject_types_supported": ["pairwise"],
	"id_token_signing_alg_values_supported": ["PS256"],
	"some_extension": {"a": [1, null]}
}`

const messageSigningServerChange = `{
	"response_modes_supported": ["jwt", "query.jwt"],
	"require_signed_request_object": true,
	"request_object_signing_alg_values_supported": ["PS256", "ES256"],
	"authorization_signing_alg_values_supported": ["PS256"],
	"introspection_signing_alg_values_supported": ["PS256"]
}`

const advancedServerChange = `{
	"response_types_supported": ["code", "code id_token"],
	"response_modes_supported": ["jwt", "fragment"],
	"grant_types_supported": ["authorization_code", "implicit"],
	"token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256"],
	"dpop_signing_alg_values_supported": null,
	"require_pushed_authorization_requests": null,
	"authorization_response_iss_parameter_supported": null,
	"request_object_signing_alg_values_supported": ["PS256"],
	"authorization_signing_alg_values_supported": ["PS256"]
}`

// plain takes OpenID Connect out of the document.
const plain = `"scopes_supported": null, "userinfo_endpoint": null, "subject_types_supported": null, "id_token_signing_alg_values_supported": null`

// anyServerMutations are the same in all profiles.
var anyServerMutations = []mutation{
	{`{"issuer": null}`, "RFC 8414 2 issuer"},
	{`{"issuer": "http://as.example"}`, "RFC 8414 2 issuer"},
	{`{"issuer": "https://as.example?x"}`, "RFC 8414 2 issuer"},
	{`{"issuer": "https://as.example#x"}`, "RFC 8414 2 issuer"},
	{`{"issuer": null, "Issuer": "https://as.example"}`, "RFC 8414 2 issuer"},
	{`{"response_types_supported": null}`, "RFC 8414 2 response_types_supported"},
	{`{"authorization_endpoint": null}`, "RFC 8414 2 authorization_endpoint"},
	{`{"token_endpoint": null}`, "RFC 8414 2 token_endpoint"},
	{`{"authorization_endpoint": "https://as.example/authorize#x"}`, "RFC 6749 3.1 authorization_endpoint"},
	{`{"token_endpoint": "https://as.example/token#"}`, "RFC 6749 3.2 token_endpoint"},
	{`{"token_endpoint_auth_signing_alg_values_supported": null}`, "RFC 8414 2 token_endpoint_auth_signing_alg_values_supported"},
	{`{"revocation_endpoint_auth_signing_alg_values_supported": null}`, "RFC 8414 2 revocation_endpoint_auth_signing_alg_values_supported"},
	{`{"introspection_endpoint_auth_signing_alg_values_supported": null}`, "RFC 8414 2 introspection_endpoint_auth_signing_alg_values_supported"},
	{`{"acr_values_supported": []}`, "RFC 8414 3.2 acr_values_supported"},
	{`{"scopes_supported": [], "userinfo_endpoint": null}`, "RFC 8414 3.2 scopes_supported"},
	{`{"jwks_uri": null}`, "OpenID Connect Discovery 3 jwks_uri"},
	{`{"subject_types_supported": null}`, "OpenID Connect Discovery 3 subject_types_supported"},
	{`{"id_token_signing_alg_values_supported": null}`, "OpenID Connect Discovery 3 id_token_signing_alg_values_supported"},
	{`{"scopes_supported": ["openid", 1]}`, "RFC 8414 3.2 scopes_supported"},
	{`{"require_pushed_authorization_requests": "true"}`, "RFC 9126 5 require_pushed_authorization_requests"},
	{`{"mtls_endpoint_aliases": {"token_endpoint": 1}}`, "RFC 8414 2 mtls_endpoint_aliases.token_endpoint"},
}

var securityServerMutations = append([]mutation{
	{`{"revocation_endpoint": "http://as.example/revoke"}`, "FAPI 2.0 SP 5.2.1-1 revocation_endpoint"},
	{`{"some_endpoint": "/some"}`, "FAPI 2.0 SP 5.2.1-1 some_endpoint"},
	{`{"some_endpoint": "https://user@as.example/some"}`, "FAPI 2.0 SP 5.2.1-1 some_endpoint"},
	{`{"some_endpoint": "https:///some"}`, "FAPI 2.0 SP 5.2.1-1 some_endpoint"},
	{`{"mtls_endpoint_aliases": {"token_endpoint": "http://x"}}`, "FAPI 2.0 SP 5.2.1-1 mtls_endpoint_aliases.token_endpoint"},
	{`{"grant_types_supported": ["authorization_code", "password"]}`, "FAPI 2.0 SP 5.3.2.1-2 grant_types_supported"},
	{`{"grant_types_supported": ["authorization_code", "implicit"]}`, "FAPI 2.0 SP 5.3.2.2-1 grant_types_supported"},
	{`{"grant_types_supported": null}`, "FAPI 2.0 SP 5.3.2.2-1 grant_types_supported"},
	{`{"token_endpoint_auth_methods_supported": ["private_key_jwt", "none"]}`, "FAPI 2.0 SP 5.3.2.1-3 token_endpoint_auth_methods_supported"},
	{`{"token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_jwt"]}`, "FAPI 2.0 SP 5.3.2.1-6 token_endpoint_auth_methods_supported"},
	{`{"token_endpoint_auth_methods_supported": null}`, "FAPI 2.0 SP 5.3.2.1-6 token_endpoint_auth_methods_supported"},
	{`{"revocation_endpoint_auth_methods_supported": null}`, "FAPI 2.0 SP 5.3.2.1-6 revocation_endpoint_auth_methods_supported"},
	{`{"introspection_endpoint_auth_methods_supported": ["client_secret_basic"]}`, "FAPI 2.0 SP 5.3.2.1-6 introspection_endpoint_auth_methods_supported"},
	{`{"tls_client_certificate_bound_access_tokens": false, "dpop_signing_alg_values_supported": null}`, "FAPI 2.0 SP 5.3.2.1-5 tls_client_certificate_bound_access_tokens"},
	{`{"response_types_supported": ["code", "code id_token"]}`, "FAPI 2.0 SP 5.3.2.2-1 response_types_supported"},
	{`{"response_types_supported": ["token"]}`, "FAPI 2.0 SP 5.3.2.2-1 response_types_supported"},
	{`{"pushed_authorization_request_endpoint": null}`, "FAPI 2.0 SP 5.3.2.2-2 pushed_authorization_request_endpoint"},
	{`{"require_pushed_authorization_requests": null}`, "FAPI 2.0 SP 5.3.2.2-3 require_pushed_authorization_requests"},
	{`{"require_pushed_authorization_requests": false}`, "FAPI 2.0 SP 5.3.2.2-3 require_pushed_authorization_requests"},
	{`{"code_challenge_methods_supported": null}`, "FAPI 2.0 SP 5.3.2.2-5 code_challenge_methods_supported"},
	{`{"code_challenge_methods_supported": ["S256", "plain"]}`, "FAPI 2.0 SP 5.3.2.2-5 code_challenge_methods_supported"},
	{`{"authorization_response_iss_parameter_supported": null}`, "FAPI 2.0 SP 5.3.2.2-7 authorization_response_iss_parameter_supported"},
	{`{"id_token_signing_alg_values_supported": ["PS256", "RS256"]}`, "FAPI 2.0 SP 5.4.1 id_token_signing_alg_values_supported"},
	{`{"request_object_signing_alg_values_supported": ["PS256", "none"]}`, "FAPI 2.0 SP 5.4.1 request_object_signing_alg_values_supported"},
	{`{"dpop_signing_alg_values_supported": ["HS256"]}`, "FAPI 2.0 SP 5.4.1 dpop_signing_alg_values_supported"},
	{`{"id_token_encryption_alg_values_supported": ["RSA1_5"]}`, "RFC 8725 3.2 id_token_encryption_alg_values_supported"},
	{`{"jwks_uri": null, ` + plain + `}`, "FAPI 2.0 SP 5.4.2 jwks_uri"},
	{`{"jwks_uri": "http://as.example/jwks"}`, "FAPI 2.0 SP 5.4.2-1 jwks_uri"},
}, anyServerMutations...)

var messageSigningServerMutations = append([]mutation{
	{`{"request_object_signing_alg_values_supported": null, "require_signed_request_object": null}`,
		"FAPI 2.0 MS 5.3.1-1 request_object_signing_alg_values_supported; FAPI 2.0 MS 5.3.1-1 require_signed_request_object"},
	{`{"require_signed_request_object": false}`, "FAPI 2.0 MS 5.3.1-1 require_signed_request_object"},
	{`{"response_modes_supported": null}`, "FAPI 2.0 MS 5.4.1-1 response_modes_supported; FAPI 2.0 MS 5.4.1-1 response_modes_supported"},
	{`{"response_modes_supported": ["query.jwt"]}`, "FAPI 2.0 MS 5.4.1-1 response_modes_supported"},
	{`{"response_modes_supported": ["jwt", "query"]}`, "FAPI 2.0 MS 5.4.1-1 response_modes_supported"},
	{`{"authorization_signing_alg_values_supported": null}`, "JARM 4 authorization_signing_alg_values_supported"},
	{`{"introspection_signing_alg_values_supported": null}`, "RFC 9701 7 introspection_signing_alg_values_supported"},
}, securityServerMutations...)

var advancedServerMutations = append([]mutation{
	{`{"request_uri_parameter_supported": false, "pushed_authorization_request_endpoint": null}`, "FAPI 1.0 Advanced 5.2.2-1 request_parameter_supported"},
	{`{"request_object_signing_alg_values_supported": null}`, "FAPI 1.0 Advanced 5.2.2-1 request_object_signing_alg_values_supported"},
	{`{"response_types_supported": ["code id_token", "code token"]}`, "FAPI 1.0 Advanced 5.2.2-2 response_types_supported"},
	{`{"response_modes_supported": null}`, "FAPI 1.0 Advanced 5.2.2-2 response_modes_supported"},
	{`{"tls_client_certificate_bound_access_tokens": null}`, "FAPI 1.0 Advanced 5.2.2-6 tls_client_certificate_bound_access_tokens"},
	{`{"token_endpoint_auth_methods_supported": null}`, "FAPI 1.0 Advanced 5.2.2-14 token_endpoint_auth_methods_supported"},
	{`{"revocation_endpoint_auth_methods_supported": null}`, "FAPI 1.0 Advanced 5.2.2-14 revocation_endpoint_auth_methods_supported"},
	{`{"introspection_endpoint_auth_methods_supported": ["none"]}`, "FAPI 1.0 Advanced 5.2.2-14 introspection_endpoint_auth_methods_supported"},
	{`{"token_endpoint_auth_methods_supported": ["none"]}`, "FAPI 1.0 Advanced 5.2.2-16 token_endpoint_auth_methods_supported"},
	{`{"code_challenge_methods_supported": ["plain"]}`, "FAPI 1.0 Advanced 5.2.2-18 code_challenge_methods_supported"},
	{`{"token_endpoint": "http://as.example/token"}`, "FAPI 1.0 Advanced 8.5 token_endpoint"},
	{`{"id_token_signing_alg_values_supported": ["EdDSA"]}`, "FAPI 1.0 Advanced 8.6 id_token_signing_alg_values_supported"},
	{`{"request_object_encryption_alg_values_supported": ["RSA1_5"]}`, "FAPI 1.0 Advanced 8.6.1 request_object_encryption_alg_values_supported"},
	{`{"jwks_uri": null, ` + plain + `}`, "FAPI 1.0 Advanced 8.9 jwks_uri"},
	{`{"jwks_uri": "http://as.example/jwks"}`, "FAPI 1.0 Advanced 8.9-1 jwks_uri"},
	{`{"authorization_signing_alg_values_supported": null}`, "JARM 4 authorization_signing_alg_values_supported"},
	{`{"grant_types_supported": ["password"]}`, "RFC 9700 2.4 grant_types_supported"},
}, anyServerMutations...)

func TestServerTables(t *testing.T) {
	t.Parallel()
	good := securityServerDocument
	suite{
		rows:  func(t tables) []row { return t.server },
		check: Profile.CheckServerMetadata,
		read: func(data []byte) document {
			d, _ := parse("", data)
			d.imply(impliedServer)
			d.flatten("mtls_endpoint_aliases")
			return d
		},
		good: map[Profile]string{
			FAPI2Security:       good,
			FAPI2MessageSigning: string(changed(t, good, messageSigningServerChange)),
			FAPI1Advanced:       string(changed(t, good, advancedServerChange)),
		},
		mutations: map[Profile][]mutation{
			FAPI2Security: securityServerMutations, FAPI2MessageSigning: messageSigningServerMutations, FAPI1Advanced: advancedServerMutations,
		},
	}.run(t)
}

// Plain OAuth servers owe nothing to OpenID Connect, and those without an
// authorization endpoint nothing to its rules.
func TestServerConditions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"plain":         `{` + plain + `}`,
		"no front door": `{"authorization_endpoint": null, "grant_types_supported": ["client_credentials"], "pushed_authorization_request_endpoint": null, "code_challenge_methods_supported": null}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := FAPI2Security.CheckServerMetadata(changed(t, securityServerDocument, change))
			require.NoError(t, err)
			require.Empty(t, found)
		})
	}
}

// Every profile has the tables of its own checks and nothing is empty by an
// oversight.
func TestProfilesAreComplete(t *testing.T) {
	t.Parallel()
	require.Len(t, profiles, 3)
	for profile, tables := range profiles {
		for _, rows := range [][]row{tables.server, tables.client, tables.request, tables.keySet, tables.key} {
			require.NotEmpty(t, rows, profile)
			for _, r := range rows {
				require.Contains(t, []Severity{Must, Should}, r.severity, r.clause)
				require.NotNil(t, r.check, r.clause)
				require.NotEmpty(t, r.change, r.clause)
			}
		}
		require.ElementsMatch(t, []Role{BrowserEndpoint, APIEndpoint, TLSClient}, slices.Collect(maps.Keys(tables.suites)))
	}
}
