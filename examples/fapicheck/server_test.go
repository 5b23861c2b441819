package main

import (
	"context"
	"crypto"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/replay"
)

type nobody struct{}

// Authenticate implements [server.Users].
func (nobody) Authenticate(context.Context, string, string) (server.User, bool, error) {
	return server.User{}, false, nil
}

// edit changes what a server publishes: its metadata, its first key.
type edit func(metadata, key map[string]any)

// newAuthserver is the site of the example server, with clients of one profile.
func newAuthserver(t *testing.T, profile fapi.Profile, configure func(*server.Config), edit edit) *site {
	t.Helper()
	s := newSite(t)
	store, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(t, err)
	config := server.Config{
		Issuer: s.url, Alias: "https://mtls.as.example", Key: testkeys.ES256("server"), Replay: store, Users: nobody{},
		Clients: map[string]server.Client{"client": newClient(t, profile)},
		Opaque:  []string{"https://api.example"},
		ResourceServers: map[string]server.ResourceServer{"gateway": {
			Keys: newKeys(t, testkeys.ES256("gateway")), APIs: []string{"https://api.example"},
		}},
	}
	if configure != nil {
		configure(&config)
	}
	as, err := server.New(config)
	require.NoError(t, err)
	s.handle = as.ServeHTTP
	if edit != nil {
		s.handle = edited(as, edit)
	}
	return s
}

func newKeys(t *testing.T, key crypto.Signer) *jwks.Static {
	t.Helper()
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
	require.NoError(t, err)
	return keys
}

func newClient(t *testing.T, profile fapi.Profile) server.Client {
	t.Helper()
	return server.Client{
		Keys: newKeys(t, testkeys.ES256("client")), Profile: profile, RedirectURIs: []string{"https://client.example/cb"},
		Scopes: []string{"openid", "accounts"}, APIs: []string{"https://api.example"},
		CertificateBound: profile == fapi.FAPI1Advanced,
	}
}

// edited serves the documents of a server with changes.
func edited(as http.Handler, edit edit) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		as.ServeHTTP(recorder, r)
		var body map[string]any
		if json.Unmarshal(recorder.Body.Bytes(), &body) != nil {
			w.WriteHeader(recorder.Code)
			return
		}
		metadata, key := map[string]any{}, map[string]any{}
		if keys, ok := body["keys"].([]any); ok {
			key = keys[0].(map[string]any)
		} else {
			metadata = body
		}
		edit(metadata, key)
		writeJSON(w, body)
	}
}

// A server whose clients are all of one profile has nothing to hear about it.
func TestServerHasNoFinding(t *testing.T) {
	t.Parallel()
	for _, profile := range profiles {
		for name, configure := range map[string]func(*server.Config){
			"":                         nil,
			" without introspection":   func(c *server.Config) { c.Opaque, c.ResourceServers = nil, nil },
			" without a flow":          func(c *server.Config) { c.Users = nil },
			" signs with PS256":        func(c *server.Config) { c.Key = testkeys.PS256() },
			" without a second origin": func(c *server.Config) { c.Alias = "" },
			" beside a machine": func(c *server.Config) {
				c.Clients["machine"] = server.Client{Keys: c.Clients["client"].Keys, Scopes: []string{"accounts"}, APIs: []string{"https://api.example"}}
			},
		} {
			t.Run(string(profile)+name, func(t *testing.T) {
				t.Parallel()
				status, r := newAuthserver(t, profile, configure, nil).decoded(t, "-profile", string(profile))
				require.Equal(t, exitClean, status)
				require.Empty(t, r.Profiles[0].Findings)
				require.NotEmpty(t, r.Keys)
			})
		}
	}
}

var profiles = []fapi.Profile{fapi.FAPI2Security, fapi.FAPI2MessageSigning, fapi.FAPI1Advanced}

// without takes members out of the metadata.
func without(names ...string) edit {
	return func(metadata, _ map[string]any) {
		for _, name := range names {
			delete(metadata, name)
		}
	}
}

// has replaces a member that is there.
func has(name string, value any) edit {
	return func(metadata, _ map[string]any) {
		if _, ok := metadata[name]; ok {
			metadata[name] = value
		}
	}
}

// key replaces members of the key.
func key(changes map[string]any) edit {
	return func(_, key map[string]any) {
		if len(key) > 0 {
			maps.Copy(key, changes)
		}
	}
}

type list = []string

// breaches are ways to break one clause each, of all profiles or of one.
var breaches = []struct {
	clause, field string
	severity      fapi.Severity
	profiles      []fapi.Profile
	configure     func(*testing.T, *server.Config)
	edit          edit
}{
	{"RFC 8414 3.3", "issuer", fapi.Must, profiles, nil, has("issuer", "https://other.example")},
	{"RFC 8414 2", "response_types_supported", fapi.Must, profiles, nil, without("response_types_supported")},
	{"RFC 8414 2", "token_endpoint", fapi.Must, profiles, nil, without("token_endpoint")},
	{"RFC 8414 2", "authorization_endpoint", fapi.Must, profiles, nil, without("authorization_endpoint")},
	{"RFC 8414 2", "token_endpoint_auth_signing_alg_values_supported", fapi.Must, profiles, nil, without("token_endpoint_auth_signing_alg_values_supported")},
	{"RFC 8414 2", "revocation_endpoint_auth_signing_alg_values_supported", fapi.Must, profiles, nil, without("revocation_endpoint_auth_signing_alg_values_supported")},
	{"RFC 8414 2", "introspection_endpoint_auth_signing_alg_values_supported", fapi.Must, profiles, nil, without("introspection_endpoint_auth_signing_alg_values_supported")},
	{"RFC 8414 3.2", "scopes_supported", fapi.Must, profiles, nil, has("scopes_supported", list{})},
	{"RFC 8414 3.2", "grant_types_supported", fapi.Must, profiles, nil, has("grant_types_supported", "authorization_code")},
	{"RFC 6749 3.1", "authorization_endpoint", fapi.Must, profiles, nil, has("authorization_endpoint", "https://as.example/authorize#x")},
	{"RFC 6749 3.2", "token_endpoint", fapi.Must, profiles, nil, has("token_endpoint", "https://as.example/token#x")},
	{"OpenID Connect Discovery 3", "jwks_uri", fapi.Must, profiles, nil, without("jwks_uri")},
	{"OpenID Connect Discovery 3", "subject_types_supported", fapi.Must, profiles, nil, without("subject_types_supported")},
	{"OpenID Connect Discovery 3", "id_token_signing_alg_values_supported", fapi.Must, profiles, nil, without("id_token_signing_alg_values_supported")},
	{"RFC 8705 5", "mtls_endpoint_aliases", fapi.Must, profiles, nil, has("mtls_endpoint_aliases", list{"x"})},
	{"RFC 7517 9.2", "keys[0].d", fapi.Must, profiles, nil, key(map[string]any{"d": "AAAA"})},

	{"FAPI 2.0 SP 5.2.1-1", "userinfo_endpoint", fapi.Must, profiles[:2], nil, has("userinfo_endpoint", "http://as.example/userinfo")},
	{"FAPI 2.0 SP 5.3.2.1-2", "grant_types_supported", fapi.Must, profiles[:2], nil, has("grant_types_supported", list{"authorization_code", "password"})},
	{"FAPI 2.0 SP 5.3.2.1-3", "token_endpoint_auth_methods_supported", fapi.Must, profiles[:2], nil, has("token_endpoint_auth_methods_supported", list{"private_key_jwt", "none"})},
	{"FAPI 2.0 SP 5.3.2.1-5", "tls_client_certificate_bound_access_tokens", fapi.Must, profiles[:2], nil, without("tls_client_certificate_bound_access_tokens", "dpop_signing_alg_values_supported")},
	{"FAPI 2.0 SP 5.3.2.1-6", "token_endpoint_auth_methods_supported", fapi.Must, profiles[:2], nil, without("token_endpoint_auth_methods_supported")},
	{"FAPI 2.0 SP 5.3.2.1-6", "revocation_endpoint_auth_methods_supported", fapi.Must, profiles[:2], nil, has("revocation_endpoint_auth_methods_supported", list{"private_key_jwt", "client_secret_basic"})},
	{"FAPI 2.0 SP 5.3.2.1-6", "introspection_endpoint_auth_methods_supported", fapi.Must, profiles[:2], nil, has("introspection_endpoint_auth_methods_supported", list{"private_key_jwt", "client_secret_basic"})},
	{"FAPI 2.0 SP 5.3.2.2-1", "response_types_supported", fapi.Must, profiles[:2], nil, has("response_types_supported", list{"code", "code id_token"})},
	{"FAPI 2.0 SP 5.3.2.2-1", "grant_types_supported", fapi.Must, profiles[:2], nil, without("grant_types_supported")},
	{"FAPI 2.0 SP 5.3.2.2-2", "pushed_authorization_request_endpoint", fapi.Must, profiles[:2], nil, without("pushed_authorization_request_endpoint")},
	{"FAPI 2.0 SP 5.3.2.2-3", "require_pushed_authorization_requests", fapi.Must, profiles[:2], beside("older", fapi.FAPI1Advanced), nil},
	{"FAPI 2.0 SP 5.3.2.2-5", "code_challenge_methods_supported", fapi.Must, profiles[:2], nil, without("code_challenge_methods_supported")},
	{"FAPI 2.0 SP 5.3.2.2-5", "code_challenge_methods_supported", fapi.Must, profiles[:2], nil, has("code_challenge_methods_supported", list{"S256", "plain"})},
	{"FAPI 2.0 SP 5.3.2.2-7", "authorization_response_iss_parameter_supported", fapi.Must, profiles[:2], nil, without("authorization_response_iss_parameter_supported")},
	{"FAPI 2.0 SP 5.4.1", "id_token_signing_alg_values_supported", fapi.Must, profiles[:2], nil, has("id_token_signing_alg_values_supported", list{"ES256", "RS256"})},
	{"FAPI 2.0 SP 5.4.1", "keys[0].alg", fapi.Must, profiles[:2], nil, key(map[string]any{"alg": "ES384"})},
	{"FAPI 2.0 SP 5.4.2-1", "jwks_uri", fapi.Must, profiles[:2], nil, has("jwks_uri", "http://as.example/jwks")},
	{"RFC 8725 3.2", "id_token_encryption_alg_values_supported", fapi.Should, profiles[:2], nil, func(metadata, _ map[string]any) {
		metadata["id_token_encryption_alg_values_supported"] = list{"RSA1_5"}
	}},

	{"FAPI 2.0 MS 5.3.1-1", "request_object_signing_alg_values_supported", fapi.Must, profiles[1:2], nil, without("request_object_signing_alg_values_supported", "require_signed_request_object")},
	{"FAPI 2.0 MS 5.3.1-1", "require_signed_request_object", fapi.Should, profiles[1:2], nil, without("require_signed_request_object")},
	{"FAPI 2.0 MS 5.4.1-1", "response_modes_supported", fapi.Must, profiles[1:2], nil, has("response_modes_supported", list{"jwt", "query"})},
	{"FAPI 2.0 MS 5.4.1-1", "response_modes_supported", fapi.Must, profiles[1:2], nil, has("response_modes_supported", list{"query.jwt"})},
	{"JARM 4", "authorization_signing_alg_values_supported", fapi.Should, profiles[1:], nil, without("authorization_signing_alg_values_supported")},
	{"RFC 9701 7", "introspection_signing_alg_values_supported", fapi.Should, profiles[1:2], nil, without("introspection_signing_alg_values_supported")},

	{"FAPI 1.0 Advanced 5.2.2-1", "request_object_signing_alg_values_supported", fapi.Should, profiles[2:], nil, without("request_object_signing_alg_values_supported")},
	{"FAPI 1.0 Advanced 5.2.2-2", "response_types_supported", fapi.Must, profiles[2:], nil, has("response_types_supported", list{"code", "token"})},
	{"FAPI 1.0 Advanced 5.2.2-2", "response_modes_supported", fapi.Must, profiles[2:], nil, has("response_modes_supported", list{"query.jwt"})},
	{"FAPI 1.0 Advanced 5.2.2-6", "tls_client_certificate_bound_access_tokens", fapi.Must, profiles[2:], nil, without("tls_client_certificate_bound_access_tokens")},
	{"FAPI 1.0 Advanced 5.2.2-14", "token_endpoint_auth_methods_supported", fapi.Must, profiles[2:], nil, has("token_endpoint_auth_methods_supported", list{"private_key_jwt", "client_secret_jwt"})},
	{"FAPI 1.0 Advanced 5.2.2-14", "revocation_endpoint_auth_methods_supported", fapi.Must, profiles[2:], nil, without("revocation_endpoint_auth_methods_supported")},
	{"FAPI 1.0 Advanced 5.2.2-16", "token_endpoint_auth_methods_supported", fapi.Must, profiles[2:], nil, has("token_endpoint_auth_methods_supported", list{"private_key_jwt", "none"})},
	{"FAPI 1.0 Advanced 5.2.2-18", "code_challenge_methods_supported", fapi.Must, profiles[2:], nil, has("code_challenge_methods_supported", list{"plain"})},
	{"FAPI 1.0 Advanced 8.5", "revocation_endpoint", fapi.Must, profiles[2:], nil, has("revocation_endpoint", "http://as.example/revoke")},
	{"FAPI 1.0 Advanced 8.6", "token_endpoint_auth_signing_alg_values_supported", fapi.Must, profiles[2:], nil, has("token_endpoint_auth_signing_alg_values_supported", list{"ES256", "EdDSA"})},
	{"FAPI 1.0 Advanced 8.6", "dpop_signing_alg_values_supported", fapi.Must, profiles[2:], beside("newer", fapi.FAPI2MessageSigning), nil},
	{"FAPI 1.0 Advanced 8.6", "keys[0].alg", fapi.Must, profiles[2:], nil, key(map[string]any{"alg": "EdDSA"})},
	{"FAPI 1.0 Advanced 8.9-1", "jwks_uri", fapi.Must, profiles[2:], nil, has("jwks_uri", "http://as.example/jwks")},
	{"RFC 9700 2.4", "grant_types_supported", fapi.Must, profiles[2:], nil, has("grant_types_supported", list{"authorization_code", "password"})},
}

// beside adds a client of another profile.
func beside(id string, profile fapi.Profile) func(*testing.T, *server.Config) {
	return func(t *testing.T, c *server.Config) { c.Clients[id] = newClient(t, profile) }
}

// A server that is changed in one respect breaks that clause and no other.
func TestServerBreaksOneClause(t *testing.T) {
	t.Parallel()
	for _, b := range breaches {
		for _, profile := range b.profiles {
			t.Run(string(profile)+" "+b.clause+" "+b.field, func(t *testing.T) {
				t.Parallel()
				configure := func(c *server.Config) {
					if b.configure != nil {
						b.configure(t, c)
					}
				}
				status, r := newAuthserver(t, profile, configure, b.edit).decoded(t, "-profile", string(profile))
				found := r.Profiles[0].Findings
				about := slices.IndexFunc(found, func(f finding) bool { return f.Field == b.field })
				require.GreaterOrEqual(t, about, 0, "%+v", found)
				require.Equal(t, b.severity, found[about].Severity)
				for _, f := range found { // a clause may be about several fields
					require.Equal(t, b.clause, f.Clause, "%+v", found)
				}
				require.Equal(t, b.severity == fapi.Must, status == exitFindings)
			})
		}
	}
}

// What a mixed server would have to say of Message Signing: one client that need not
// sign makes two clauses untrue for all.
func TestServerOfTwoProfiles(t *testing.T) {
	t.Parallel()
	configure := func(c *server.Config) { beside("plain", fapi.FAPI2Security)(t, c) }
	_, r := newAuthserver(t, fapi.FAPI2MessageSigning, configure, nil).decoded(t, "-profile", "all")
	require.Empty(t, r.Profiles[0].Findings)
	clauses := list{}
	for _, f := range r.Profiles[1].Findings {
		clauses = append(clauses, f.Clause+" "+f.Field)
	}
	require.ElementsMatch(t, list{"FAPI 2.0 MS 5.3.1-1 require_signed_request_object", "FAPI 2.0 MS 5.4.1-1 response_modes_supported"}, clauses)
}
