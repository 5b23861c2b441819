package main

import (
	"crypto/ecdsa"
	"crypto/tls"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// change is one broken configuration: what differs from the example, and all that
// is then reported.
type change struct {
	name string
	set  map[string]any
	want []string
}

func one(path string, value any, want ...string) change {
	return change{set: map[string]any{path: value}, want: want}
}

// The clients of the example, by index.
const (
	shop    = "clients[0]."
	planner = "clients[1]."
	lender  = "clients[2]."
	desktop = "clients[3]."
	budget  = "clients[4]."
	paying  = "clients[5]."
	gateway = "resource_servers[0]."
)

// noResource is said of the only resource of a client.
const noResource = "resources[0]: must be one of resources or opaque_resources"

var changes = []change{
	one("issuer", absent{}, "issuer: must be an https URL (RFC 8414 2, FAPI 2.0 SP 5.2.1-1)"),
	one("issuer", "http://localhost:8443", "issuer: must be an https URL (RFC 8414 2, FAPI 2.0 SP 5.2.1-1)"),
	{"the default of resources is not reported", map[string]any{"issuer": "http://localhost", "resources": absent{}},
		[]string{"issuer: must be an https URL (RFC 8414 2, FAPI 2.0 SP 5.2.1-1)", paying + noResource}},
	one("issuer", "https://localhost:8443/", "issuer: must be an origin, https://host or https://host:port, in lower case and without a slash at the end"),
	one("issuer", "https://localhost:443", "issuer: must not have the port 443, nor an empty one: leave it out"),
	one("issuer", "https://as.bank.example", "tls.certificate: must be for the host of issuer (FAPI 2.0 SP 5.2.1-5)"),
	one("mtls_origin", absent{}, "mtls_origin: must be an https URL (RFC 8414 2, FAPI 2.0 SP 5.2.1-1)"),
	one("mtls_origin", "https://localhost:8443", "mtls_origin: must not be the issuer: browsers are not asked for certificates (RFC 8705 5)"),
	one("mtls_origin", "https://as.bank.example", "tls.certificate: must be for the host of mtls_origin (FAPI 2.0 SP 5.2.1-5)"),
	one("mtls_listen", "127.0.0.1:8443", "mtls_listen: must not be listen: browsers are not asked for certificates (RFC 8705 5)"),
	one("mtls_listen", "127.0.0.1", `mtls_listen: must be host:port or :port, with a number, such as "127.0.0.1:8443"`),
	{"no listener for certificates", map[string]any{"mtls_origin": absent{}, "mtls_listen": absent{}},
		[]string{"mtls_origin: required, with mtls_listen, as soon as a client has a certificate (RFC 8705 5)"}},
	one("listen", "127.0.0.1:https", `listen: must be host:port or :port, with a number, such as "127.0.0.1:8443"`),

	one("tls", absent{}, "tls.certificate: required: a file name", "tls.key: required: a file name"),
	one("tls.certificate", "none.pem", "tls.certificate: file none.pem: no such file or directory"),
	one("tls.certificate", "clients/lender.pem", "tls: must be PEM files of a certificate and its key: tls: private key type does not match public key type"),
	one("tls.key", "as.json", "tls: must be PEM files of a certificate and its key: tls: failed to find any PEM data in key input"),
	one("client_ca", absent{}, lender+"token_endpoint_auth_method: needs client_ca (RFC 8705 2.1)",
		paying+"token_endpoint_auth_method: needs client_ca (RFC 8705 2.1)"),
	one("client_ca", "as.json", "client_ca: file as.json: must have certificates (PEM)"),
	one("client_ca", "signing.pem", "client_ca: file signing.pem: must have certificates only"),
	one("client_ca", "clients/lender.pem", "client_ca: must be certificates of authorities"),
	one("signing_key", "as.json", "signing_key: file as.json: must be a private key, PKCS #8 in PEM or JWK, for PS256, ES256 or EdDSA (FAPI 2.0 SP 5.4.1)"),
	one("signing_key", "ca.pem", "signing_key: file ca.pem: must be a private key, PKCS #8 in PEM or JWK, for PS256, ES256 or EdDSA (FAPI 2.0 SP 5.4.1)"),
	one("subject_key", "short.key", "subject_key: file short.key: must have 32 octets or more"),

	one("scopes[0]", "open id", "scopes[0]: must be printable ASCII without space, quote and backslash (RFC 6749 3.3)",
		shop+`scope: must have values of scopes only: ["openid"]`, planner+`scope: must have values of scopes only: ["openid"]`, lender+`scope: must have values of scopes only: ["openid"]`),
	one("scopes[1]", "openid", "scopes[1]: must not be there twice", shop+`scope: must have values of scopes only: ["profile"]`),
	one("resources[0]", "https://localhost:8443/accounts", "resources[0]: must be an origin, https://host or https://host:port, in lower case and without a slash at the end"),
	one("resources", []string{exampleOrigin, "https://localhost:8443/#", exampleOrigin},
		"resources[1]: must be an https URL without fragment (RFC 8707 2)", "resources[2]: must not be there twice", paying+noResource),
	one("users[1].username", "alice", "users[1].username: must not be there twice"),
	one("users[0].username", absent{}, "users[0].username: required"),
	one("users[0].password", "", "users[0].password: required: an empty one would let anybody in"),
	one("users[0].account", absent{}, "users[0].account: required"),
	one("users[0].account", "shop", shop+"client_id: must not be the account of a user (RFC 9700 4.15)"),
	one("users", absent{}, shop+"redirect_uris: must be absent while there are no users: nobody could log in",
		planner+"redirect_uris: must be absent while there are no users: nobody could log in",
		lender+"redirect_uris: must be absent while there are no users: nobody could log in",
		desktop+"redirect_uris: must be absent while there are no users: nobody could log in",
		budget+"redirect_uris: must be absent while there are no users: nobody could log in"),
	one("clients", absent{}, "clients: required"),

	one(shop+"client_id", "planner", planner+"client_id: must not be there twice"),
	one(shop+"client_id", "", shop+"client_id: must be printable ASCII (RFC 6749 A.1)"),
	one(shop+"client_id", "käse", shop+"client_id: must be printable ASCII (RFC 6749 A.1)"),
	one(shop+"profile", absent{}, shop+"profile: must be fapi2-security, fapi2-message-signing or fapi1-advanced"),
	one(shop+"application_type", "desktop", shop+"application_type: must be web or native (OpenID Connect Registration 2)"),
	one(planner+"redirect_uris[0]", "http://client.example/callback", planner+"redirect_uris[0]: must be https, or http on 127.0.0.1 or [::1] for application_type native (FAPI 2.0 SP 5.3.2.2-8)"),
	one(planner+"redirect_uris[0]", "http://127.0.0.1/callback", planner+"redirect_uris[0]: must be https: http on loopback is for application_type native (FAPI 2.0 SP 5.3.2.2-8)"),
	one(desktop+"redirect_uris[0]", "http://localhost/callback", desktop+"redirect_uris[0]: must be https, or http on 127.0.0.1 or [::1] for application_type native (FAPI 2.0 SP 5.3.2.2-8)"),
	one(desktop+"redirect_uris[0]", "com.example:/callback", desktop+"redirect_uris[0]: must be an absolute URL without fragment and user (RFC 6749 3.1.2)"),
	{"FAPI 1.0 knows no loopback", map[string]any{lender + "redirect_uris[0]": "http://127.0.0.1/callback", lender + "application_type": "native"},
		[]string{lender + "redirect_uris[0]: must be https (FAPI 1.0 Baseline 5.2.2-20)"}},
	one(shop+"redirect_uris[1]", "https://localhost:8450/callback", shop+"redirect_uris[1]: must not be there twice"),
	one(shop+"redirect_uris[0]", "https://client.example/#x", shop+"redirect_uris[0]: must be an absolute URL without fragment and user (RFC 6749 3.1.2)"),
	one(shop+"redirect_uris[0]", "https://user@client.example/", shop+"redirect_uris[0]: must be an absolute URL without fragment and user (RFC 6749 3.1.2)"),
	one(shop+"redirect_uris[0]", "https://client.example/?a=%zz", shop+"redirect_uris[0]: must have a well-formed query (RFC 6749 3.1.2)"),
	one(shop+"redirect_uris[0]", "https://client.example/?code=1", shop+"redirect_uris[0]: must not have code in its query: the response adds it, and none may be there twice (RFC 6749 3.1)"),
	one(shop+"scope", "admin accounts root", shop+`scope: must have values of scopes only: ["admin" "root"]`),
	one(shop+"scope", "accounts accounts", shop+`scope: must not have "accounts" twice`),
	one(shop+"resources", []string{"https://other.example", exampleOrigin, exampleOrigin}, shop+"resources[0]: must be one of resources or opaque_resources", shop+"resources[2]: must not be there twice"),

	one(shop+"token_endpoint_auth_method", "client_secret_basic",
		shop+"token_endpoint_auth_method: * (FAPI 2.0 SP 5.3.3.1-2)",
		shop+"token_endpoint_auth_signing_alg: must be absent unless token_endpoint_auth_method is private_key_jwt"),
	one(shop+"jwks", absent{}, shop+"jwks_uri: * (OpenID Connect Core 9)"),
	{"signed requests without keys", map[string]any{desktop + "require_signed_request_object": true, desktop + "jwks": absent{}},
		[]string{desktop + "require_signed_request_object: needs jwks or jwks_uri (RFC 9101 10.5)"}},
	one(shop+"jwks.keys[0].kid", absent{}, shop+"jwks.keys[0].kid: required: signatures name the key (RFC 7515 4.1.4)"),
	one(shop+"jwks_uri", "https://client.example/jwks", shop+"jwks_uri: * (RFC 7591 2)"),
	{"jwks_uri over http", map[string]any{shop + "jwks": absent{}, shop + "jwks_uri": "http://client.example/jwks"},
		[]string{shop + "jwks_uri: * (FAPI 2.0 SP 5.4.2-1)"}},
	one(lender+"jwks", absent{}, lender+"jwks_uri: * (FAPI 1.0 Advanced 5.2.2-1)"),
	one(lender+"tls_client_auth_subject_dn", absent{}, lender+"tls_client_auth_subject_dn: * (RFC 8705 2.1.2)"),
	one(lender+"tls_client_auth_san_dns", "lender.example", lender+"tls_client_auth_subject_dn: * (RFC 8705 2.1.2)"),
	one(shop+"tls_client_auth_subject_dn", "CN=shop", shop+"tls_client_auth_subject_dn: must be absent unless token_endpoint_auth_method is tls_client_auth"),
	one(desktop+"certificate", absent{}, desktop+"certificate: required, or x5c in jwks, for self_signed_tls_client_auth (RFC 8705 2.2.2)"),
	one(desktop+"certificate", "subject.key", desktop+"certificate: file subject.key: must have certificates (PEM)"),
	one(shop+"certificate", "ca.pem", shop+"certificate: must be absent unless token_endpoint_auth_method is self_signed_tls_client_auth"),

	one(shop+"dpop_bound_access_tokens", absent{}, shop+"tls_client_certificate_bound_access_tokens: * (FAPI 2.0 SP 5.3.3.1-1)"),
	one(shop+"tls_client_certificate_bound_access_tokens", true,
		shop+"dpop_bound_access_tokens: must be absent beside tls_client_certificate_bound_access_tokens: this server insists on one of them"),
	one(lender+"tls_client_certificate_bound_access_tokens", false, lender+"tls_client_certificate_bound_access_tokens: * (FAPI 1.0 Advanced 5.2.3-1)"),
	one(lender+"dpop_bound_access_tokens", true, lender+"dpop_bound_access_tokens: must be absent: FAPI 1.0 Advanced knows certificates only"),

	one(shop+"token_endpoint_auth_signing_alg", "RS256", shop+"token_endpoint_auth_signing_alg: * (FAPI 2.0 SP 5.4.1)"),
	one(shop+"token_endpoint_auth_signing_alg", "PS256", shop+"jwks: must have a key for PS256"),
	one(planner+"request_object_signing_alg", "none", planner+"request_object_signing_alg: * (FAPI 2.0 SP 5.4.1)"),
	one(lender+"request_object_signing_alg", "EdDSA", lender+"request_object_signing_alg: * (FAPI 1.0 Advanced 8.6)"),
	one(planner+"id_token_signed_response_alg", "HS256", planner+"id_token_signed_response_alg: * (FAPI 2.0 SP 5.4.1)"),
	one(planner+"authorization_signed_response_alg", "PS256", planner+"authorization_signed_response_alg: must be ES256, the algorithm of signing_key"),
	{"signing key of another algorithm", map[string]any{"signing_key": "ed25519.pem", shop + "id_token_signed_response_alg": "EdDSA", planner + "id_token_signed_response_alg": "EdDSA", planner + "authorization_signed_response_alg": "EdDSA"},
		[]string{
			lender + "profile: must not be fapi1-advanced with a signing_key for EdDSA",
			lender + "id_token_signed_response_alg: must be EdDSA, the algorithm of signing_key",
			lender + "authorization_signed_response_alg: must be EdDSA, the algorithm of signing_key",
		}},
	one(shop+"id_token_signed_response_alg", absent{}, shop+"id_token_signed_response_alg: * (FAPI 2.0 SP 5.4.1)"),
	{"sector of the redirect URI", map[string]any{shop + "sector": absent{}}, []string{shop + "sector_identifier_uri: * (OpenID Connect Core 8.1)"}},
	one(shop+"sector", "localhost", shop+"sector: * (OpenID Connect Core 8.1)"),
	one(planner+"sector", "planner.example", planner+"sector: must be absent unless subject_type is pairwise"),
	one(shop+"sector_identifier_uri", "https://shop.example/uris", shop+"sector: must be absent beside sector_identifier_uri"),
	{"sector document that does not fit", map[string]any{shop + "sector": absent{}, shop + "sector_identifier_uri": "https://other.example/uris"},
		[]string{shop + "sector_identifier_uri: no such document (OpenID Connect Core 8.1)"}},
	one(shop+"backchannel_logout_uri", "http://shop.example/logout", shop+"backchannel_logout_uri: must be an https URL without fragment (OpenID Connect Back-Channel Logout 2.2)"),
	one(shop+"grant_types", []string{"authorization_code", "refresh_token", "urn:example:grant"}, shop+"grant_types[2]: must be authorization_code, refresh_token or client_credentials"),
	one(shop+"grant_types", []string{"authorization_code", "refresh_token", "refresh_token"}, shop+"grant_types[2]: must not be there twice"),
	one(shop+"grant_types", []string{"authorization_code"}, shop+"grant_types: must have refresh_token with redirect_uris, and only then (RFC 7591 2.1)"),

	one("opaque_resources[0]", "http://localhost:8460", "opaque_resources[0]: must be an https URL without fragment (RFC 8707 2)", budget+noResource, gateway+noResource),
	one("opaque_resources", []string{exampleGateway, exampleGateway}, "opaque_resources[1]: must not be there twice"),
	one("opaque_resources", []string{exampleGateway, exampleOrigin}, "opaque_resources[1]: must not be one of resources as well, nor the issuer"),
	one("resource_servers", absent{}, "opaque_resources[0]: must be a resource of one of resource_servers: nobody else can read its tokens"),
	one(gateway+"id", "", gateway+"id: must be printable ASCII"),
	one(gateway+"id", "shop", gateway+"id: must not be a client_id (FAPI 2.0 Message Signing 6.2)"),
	one(gateway+"resources", absent{}, "opaque_resources[0]: must be a resource of one of resource_servers: nobody else can read its tokens", gateway+"resources: required"),
	one(gateway+"jwks", absent{}, gateway+"jwks: required, or certificate: who asks about tokens authenticates (RFC 7662 2.1)"),
	one(gateway+"jwks", map[string]any{"keys": []any{map[string]any{"kty": "RSA", "n": "AQAB", "e": "AQAB"}}}, gateway+"jwks.keys[0].n: *"),
	one(gateway+"certificate", "clients/desktop.pem", gateway+"certificate: must be absent beside jwks"),
	one(gateway+"sector", "localhost", gateway+"sector: * (OpenID Connect Core 8.1)"),
	one(gateway+"introspection_signed_response_alg", "PS256", gateway+"introspection_signed_response_alg: must be ES256, the algorithm of signing_key"),

	one(shop+"subject_type", "private", shop+"subject_type: must be public or pairwise (OpenID Connect Core 8)"),
	one(shop+"sector_identifier_uri", "http://shop.example/uris", shop+"sector_identifier_uri: must be an https URL without fragment (OpenID Connect Core 8.1)", shop+"sector: must be absent beside sector_identifier_uri"),
}

// brokenFolder is the example with a few more files.
func brokenFolder(t *testing.T) string {
	folder := newFolder(t)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "short.key"), make([]byte, 31), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "ed25519.pem"), ed25519PEM(t), 0o600))
	return folder
}

func TestChanges(t *testing.T) {
	t.Parallel()
	folder := brokenFolder(t)
	_, err := loadDocument(t, folder, readDocument(t, folder))
	require.NoError(t, err, "the control: without a change it is accepted")
	for _, change := range changes {
		name := change.name
		for _, path := range slices.Sorted(maps.Keys(change.set)) {
			name += " " + path
		}
		t.Run(strings.TrimSpace(name), func(t *testing.T) {
			t.Parallel()
			d := readDocument(t, folder)
			for path, value := range change.set {
				d.set(t, path, value)
			}
			_, err := loadDocument(t, folder, d)
			var found strictjson.Problems
			require.ErrorAs(t, err, &found)
			require.Len(t, found, len(change.want), err)
			for i, want := range change.want {
				got := found[i].String()
				before, after, isPattern := strings.Cut(want, "*") // what is between them is the profile's
				if !isPattern {
					assert.Equal(t, want, got)
				}
				assert.True(t, strings.HasPrefix(got, before) && strings.HasSuffix(got, after), got)
			}
		})
	}
}

// What the example does not show, but is allowed.
func TestAccepted(t *testing.T) {
	t.Parallel()
	folder := brokenFolder(t)
	clients := func(from, to int) any { return readDocument(t, folder)["clients"].([]any)[from:to] }
	for name, set := range map[string]map[string]any{
		"keys behind a URL":         {shop + "jwks": absent{}, shop + "jwks_uri": "https://shop.example/jwks"},
		"signing key as JWK":        {"signing_key": "clients/planner.jwk"},
		"no signing key":            {"signing_key": absent{}, "subject_key": absent{}},
		"certificate in jwks":       {desktop + "certificate": absent{}, desktop + "jwks": certificateSet(t, folder)},
		"loopback over IPv6":        {desktop + "redirect_uris[0]": "http://[::1]:8453/"},
		"several resources":         {"resources": []string{exampleOrigin, exampleBalances, "https://other.example/api"}, shop + "resources": []string{"https://other.example/api"}},
		"pairwise subjects":         {shop + "sector": absent{}, shop + "sector_identifier_uri": "https://shop.example/uris"},
		"pairwise by redirect URIs": {shop + "sector": absent{}, shop + "redirect_uris": []string{"https://shop.example/cb"}},
		"gateway with certificate":  {gateway + "jwks": absent{}, gateway + "certificate": "clients/desktop.pem", gateway + "introspection_signed_response_alg": "ES256"},
		"no introspection":          {"resource_servers": absent{}, "opaque_resources": absent{}, budget + "resources": absent{}},
		"ports for nobody to know":  {"listen": ":0", "mtls_listen": ":0"},
		"no certificates anywhere":  {"clients": clients(0, 2), "mtls_origin": absent{}, "mtls_listen": absent{}, "client_ca": absent{}},
		"Ed25519 without FAPI 1.0":  {"clients": clients(3, 4), "signing_key": "ed25519.pem"},
		"nobody who could log in":   {"clients": clients(3, 4), "clients[0].redirect_uris": absent{}, "users": absent{}},
		"a native app with a claim": {desktop + "redirect_uris[0]": "https://desktop.example/callback"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := readDocument(t, folder)
			for _, path := range slices.Sorted(maps.Keys(set)) {
				d.set(t, path, set[path])
			}
			_, err := loadDocument(t, folder, d)
			require.NoError(t, err)
		})
	}
}

// certificateSet is the certificate of the example's self-signed client as jwks.
func certificateSet(t *testing.T, folder string) any {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(folder, "clients", "desktop.pem"), filepath.Join(folder, "clients", "desktop-key.pem"))
	require.NoError(t, err)
	key, err := newJWK(pair.PrivateKey.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	return map[string]any{"keys": []any{map[string]any{
		"kty": key.KeyType, "crv": key.Curve, "x": key.X, "y": key.Y, "x5c": [][]byte{pair.Certificate[0]},
	}}}
}

// Every problem is reported, not only the first.
func TestAllAtOnce(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	d := readDocument(t, folder)
	d.set(t, "issuer", "http://localhost")
	d.set(t, "tls.key", "none.pem")
	d.set(t, shop+"scope", "admin")
	d.set(t, lender+"redirect_uris[0]", "http://lender.example")
	_, err := loadDocument(t, folder, d)
	require.Len(t, err, 4)
	for _, field := range []string{"issuer: ", "tls.key: ", shop + "scope: ", lender + "redirect_uris[0]: "} {
		require.ErrorContains(t, err, "\n  "+field)
	}
}

// fields are the paths of all members of the configuration, without indices.
func fields(path string, of reflect.Type) (paths []string) {
	switch {
	case of.Kind() == reflect.Slice && of != reflect.TypeFor[json.RawMessage]():
		return append([]string{path}, fields(path, of.Elem())[1:]...)
	case of.Kind() == reflect.Struct:
		paths = []string{path}
		for i := range of.NumField() {
			name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			paths = append(paths, fields(joined(path, name), of.Field(i).Type)...)
		}
		return paths
	}
	return []string{path}
}

// Whoever adds a field has to say how it can be wrong.
func TestEveryFieldIsChecked(t *testing.T) {
	t.Parallel()
	free := []string{
		"users.name", "clients.client_name", // any text
		"clients.tls_client_auth_san_uri", "clients.tls_client_auth_san_ip", "clients.tls_client_auth_san_email", // TestSubjects
	}
	tested := map[string]bool{"": true}
	for _, change := range changes {
		for path := range change.set {
			for whole := regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, ""); whole != ""; whole = whole[:max(0, strings.LastIndex(whole, "."))] {
				tested[whole] = true
			}
		}
	}
	for _, path := range fields("", reflect.TypeFor[config]()) {
		assert.True(t, tested[path] != slices.Contains(free, path), path)
	}
}

// Every field of a wrong type is refused under its own name.
func TestTypes(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	for _, path := range fields("", reflect.TypeFor[config]())[1:] {
		path = strings.NewReplacer("clients.", "clients[3].", "users.", "users[0].", "resource_servers.", "resource_servers[0].").Replace(path)
		d := readDocument(t, folder)
		d.set(t, path, 1)
		_, err := loadDocument(t, folder, d)
		require.Regexp(t, "\n  "+regexp.QuoteMeta(path)+": must be .*, not a number|\n  "+regexp.QuoteMeta(path)+": is not an object", err, path)
	}
}

func TestSubjects(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	for name, values := range map[string][2]string{
		"tls_client_auth_subject_dn": {"CN=lender", "/CN=lender"},
		"tls_client_auth_san_dns":    {"lender.example", "*.lender.example"},
		"tls_client_auth_san_uri":    {"https://lender.example", "lender"},
		"tls_client_auth_san_ip":     {"192.0.2.1", "192.0.2"},
		"tls_client_auth_san_email":  {"it@lender.example", "lender"},
	} {
		d := readDocument(t, folder)
		d.set(t, lender+"tls_client_auth_subject_dn", absent{})
		d.set(t, lender+name, values[0])
		_, err := loadDocument(t, folder, d)
		require.NoError(t, err, name)
		d.set(t, lender+name, values[1])
		_, err = loadDocument(t, folder, d)
		require.Len(t, err, 1, name)
		require.ErrorContains(t, err, "\n  "+lender+name+": mtls: ")
		require.NotContains(t, err.Error(), values[1])
	}
}

// A private key in a registration is refused, and not repeated.
func TestSecretsStayOut(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	private, err := os.ReadFile(filepath.Join(folder, "clients", "shop.jwk"))
	require.NoError(t, err)
	var key jwk
	require.NoError(t, json.Unmarshal(private, &key))
	d := readDocument(t, folder)
	d.set(t, shop+"jwks", map[string]any{"keys": []jwk{key}})
	d.set(t, "users[0].password", "correct horse")
	_, err = loadDocument(t, folder, d)
	require.ErrorContains(t, err, "\n  "+shop+"jwks.keys[0].d: ")
	require.NotContains(t, err.Error(), key.D)
	require.NotContains(t, err.Error(), "horse")
}

func joined(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }
