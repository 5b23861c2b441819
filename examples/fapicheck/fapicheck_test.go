package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
)

// site is an authorization server of which only the documents exist.
type site struct {
	url      string
	ca       string // file
	metadata map[string]any
	keys     map[string]any
	handle   http.HandlerFunc // nil: serves the documents
}

func newSite(t *testing.T, changes ...func(*tls.Config)) *site {
	t.Helper()
	s := &site{}
	server := httptest.NewUnstartedServer(s)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	for _, change := range changes {
		change(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	s.url = server.URL
	s.ca = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	require.NoError(t, os.WriteFile(s.ca, block, 0o600))
	s.metadata = map[string]any{
		"issuer":                                           s.url,
		"authorization_endpoint":                           s.url + "/authorize",
		"token_endpoint":                                   s.url + "/token",
		"pushed_authorization_request_endpoint":            s.url + "/par",
		"jwks_uri":                                         s.url + "/jwks",
		"response_types_supported":                         []string{"code"},
		"grant_types_supported":                            []string{"authorization_code"},
		"code_challenge_methods_supported":                 []string{"S256"},
		"token_endpoint_auth_methods_supported":            []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": []string{"ES256"},
		"dpop_signing_alg_values_supported":                []string{"ES256"},
		"require_pushed_authorization_requests":            true,
		"authorization_response_iss_parameter_supported":   true,
	}
	s.keys = map[string]any{"keys": []any{map[string]any{
		"kty": "EC", "crv": "P-256", "use": "sig", "kid": "1", "alg": "ES256",
		"x": strings.Repeat("i", 42) + "g", "y": strings.Repeat("i", 42) + "g",
	}}}
	return s
}

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.handle != nil:
		s.handle(w, r)
	case r.URL.Path == "/.well-known/oauth-authorization-server":
		writeJSON(w, s.metadata)
	case r.URL.Path == "/jwks":
		writeJSON(w, s.keys)
	default:
		http.NotFound(w, r)
	}
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// fapicheck runs the program against the site.
func (s *site) fapicheck(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), append(append([]string{"-ca", s.ca}, args...), s.url), &out, &errs)
	return status, out.String(), errs.String()
}

// decoded is the report of -json.
func (s *site) decoded(t *testing.T, args ...string) (int, report) {
	t.Helper()
	status, stdout, stderr := s.fapicheck(t, append(args, "-json")...)
	require.Empty(t, stderr)
	var r report
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&r))
	return status, r
}

func TestClean(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	status, stdout, stderr := s.fapicheck(t)
	require.Equal(t, exitClean, status, "%s%s", stdout, stderr)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "FAPI 2.0 Security Profile: 0 must, 0 should")
	require.Contains(t, stdout, "TLS 1.3")
	require.NotContains(t, stdout, "\x1b", "no colours in a buffer")
}

func TestFindings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		clause, field string
		status        int
		change        func(*site)
	}{
		{"FAPI 2.0 SP 5.2.1-1", "token_endpoint", 1, func(s *site) { s.metadata["token_endpoint"] = "http://as.example/token" }},
		{"FAPI 2.0 SP 5.3.2.1-2", "grant_types_supported", 1, func(s *site) { s.metadata["grant_types_supported"] = []string{"authorization_code", "password"} }},
		{"FAPI 2.0 SP 5.3.2.1-5", "tls_client_certificate_bound_access_tokens", 1, func(s *site) { delete(s.metadata, "dpop_signing_alg_values_supported") }},
		{"FAPI 2.0 SP 5.3.2.1-6", "token_endpoint_auth_methods_supported", 1, func(s *site) { delete(s.metadata, "token_endpoint_auth_methods_supported") }},
		{"FAPI 2.0 SP 5.3.2.2-1", "response_types_supported", 1, func(s *site) { s.metadata["response_types_supported"] = []string{"token"} }},
		{"FAPI 2.0 SP 5.3.2.2-2", "pushed_authorization_request_endpoint", 1, func(s *site) { delete(s.metadata, "pushed_authorization_request_endpoint") }},
		{"FAPI 2.0 SP 5.3.2.2-3", "require_pushed_authorization_requests", 1, func(s *site) { s.metadata["require_pushed_authorization_requests"] = false }},
		{"FAPI 2.0 SP 5.3.2.2-5", "code_challenge_methods_supported", 1, func(s *site) { delete(s.metadata, "code_challenge_methods_supported") }},
		{"FAPI 2.0 SP 5.3.2.2-7", "authorization_response_iss_parameter_supported", 1, func(s *site) { delete(s.metadata, "authorization_response_iss_parameter_supported") }},
		{"FAPI 2.0 SP 5.4.1", "dpop_signing_alg_values_supported", 1, func(s *site) { s.metadata["dpop_signing_alg_values_supported"] = []string{"RS256"} }},
		{"FAPI 2.0 SP 5.4.2", "jwks_uri", 0, func(s *site) { delete(s.metadata, "jwks_uri") }},
		{"FAPI 2.0 SP 5.4.2-1", "jwks_uri", 1, func(s *site) { s.metadata["jwks_uri"] = "http://as.example/jwks" }},
		{"RFC 8725 3.2", "request_object_encryption_alg_values_supported", 0, func(s *site) { s.metadata["request_object_encryption_alg_values_supported"] = []string{"RSA1_5"} }},
		{"FAPI 2.0 SP 5.4.1", "keys[0].alg", 1, func(s *site) { s.key()["alg"] = "RS256" }},
		{"RFC 7517 9.2", "keys[0].d", 1, func(s *site) { s.key()["d"] = "AAAA" }},
		{"FAPI 2.0 SP 5.4.2-3", "keys.kid", 0, func(s *site) { s.keys["keys"] = []any{s.key(), s.key()} }},
		{"RFC 8414 3.3", "issuer", 1, func(s *site) { s.metadata["issuer"] = s.url + "/" }},
		{"RFC 8414 3.3", "issuer", 1, func(s *site) { s.metadata = map[string]any{"issuer": "https://other.example"} }},
	} {
		t.Run(c.clause+" "+c.field, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			c.change(s)
			status, r := s.decoded(t)
			require.Equal(t, c.status, status)
			require.Len(t, r.Profiles, 1)
			require.Len(t, r.Profiles[0].Findings, 1, "%+v", r.Profiles[0].Findings)
			require.Equal(t, c.clause, r.Profiles[0].Findings[0].Clause)
			require.Equal(t, c.field, r.Profiles[0].Findings[0].Field)
		})
	}
}

func (s *site) key() map[string]any { return s.keys["keys"].([]any)[0].(map[string]any) }

func TestJSON(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	delete(s.metadata, "require_pushed_authorization_requests")
	status, r := s.decoded(t, "-profile", "all")
	require.Equal(t, exitFindings, status)
	require.Equal(t, s.url, r.Issuer)
	require.Equal(t, s.url+"/.well-known/oauth-authorization-server", r.Metadata)
	require.Equal(t, s.url+"/jwks", r.Keys)
	require.Contains(t, r.TLS, "TLS 1.3, TLS_")
	require.Len(t, r.Profiles, 3)
	security := r.Profiles[0]
	require.Equal(t, fapi.FAPI2Security, security.Profile)
	require.Equal(t, "FAPI 2.0 Security Profile", security.Title)
	require.Equal(t, []int{1, 0}, []int{security.Must, security.Should})
	require.Equal(t, []finding{{"metadata", fapi.Finding{
		Clause: "FAPI 2.0 SP 5.3.2.2-3", Severity: fapi.Must, Field: "require_pushed_authorization_requests",
		Problem: "is false, since it is absent", Change: "refuse requests that were not pushed, and set it to true",
	}}}, security.Findings)

	clean := newSite(t)
	_, stdout, _ := clean.fapicheck(t, "-json")
	require.Contains(t, stdout, `"findings": []`, "an empty list, not null")
}

func TestText(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.metadata["token_endpoint_auth_methods_supported"] = []string{"none", "client_secret_basic", "client_secret_post"}
	delete(s.metadata, "jwks_uri")
	status, stdout, _ := s.fapicheck(t)
	require.Equal(t, exitFindings, status)
	for line := range strings.Lines(stdout) {
		require.LessOrEqual(t, len(strings.TrimSuffix(line, "\n")), width, line)
	}
	require.Contains(t, stdout, "2 must, 1 should")
	require.Contains(t, stdout, "\n  must    FAPI 2.0 SP 5.3.2.1-3  token_endpoint_auth_methods_supported has \"none\"\n")
	require.Contains(t, stdout, "\n  should  FAPI 2.0 SP 5.4.2      jwks_uri is absent\n")

	r := report{Profiles: []*profileReport{{Title: "T", Findings: []finding{{"metadata", fapi.Finding{Severity: fapi.Must}}}}}}
	require.Contains(t, r.text(true), "\x1b[31mmust  \x1b[0m")
	require.NotContains(t, r.text(false), "\x1b")
}

func TestOpenIDFallback(t *testing.T) {
	t.Parallel()
	for name, absence := range map[string]http.HandlerFunc{
		"not found": http.NotFound,
		"a page":    func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<!doctype html>")) },
		"redirect":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.handle = func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/.well-known/openid-configuration":
					writeJSON(w, s.metadata)
				case "/jwks":
					writeJSON(w, s.keys)
				default:
					absence(w, r)
				}
			}
			status, r := s.decoded(t)
			require.Equal(t, exitClean, status)
			require.Equal(t, s.url+"/.well-known/openid-configuration", r.Metadata)
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	serve := func(contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = w.Write([]byte(body))
		}
	}
	for _, c := range []struct {
		name, want string
		handle     http.HandlerFunc
	}{
		{"nothing there", "status 404", http.NotFound},
		{"redirect", "it redirects", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://other.example", http.StatusFound)
		}},
		{"HTML", "content type", serve("text/html", "<!doctype html>")},
		{"HTML that says it is JSON", "not one strict JSON object", serve("application/json", "<!doctype html>")},
		{"duplicates", "duplicate member", serve("application/json", `{"issuer":"a","issuer":"b"}`)},
		{"huge", "larger than 1 MiB", serve("application/json", `{"a":"`+strings.Repeat("x", 2<<20)+`"}`)},
		{"hostile", "status 500", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.handle = c.handle
			status, stdout, stderr := s.fapicheck(t)
			require.Equal(t, exitFailure, status)
			require.Empty(t, stdout)
			require.Contains(t, stderr, c.want)
		})
	}
}

// Without its keys a server is not checked; what the metadata shows is printed.
func TestKeyFailures(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*site){
		"absent": func(s *site) { s.metadata["jwks_uri"] = s.url + "/nothing" },
		"no set": func(s *site) { s.metadata["jwks_uri"] = s.url + "/null"; s.keys = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			change(s)
			s.handle = func(w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/.well-known/oauth-authorization-server":
					writeJSON(w, s.metadata)
				case "/null":
					writeJSON(w, nil)
				default:
					http.NotFound(w, r)
				}
			}
			status, stdout, stderr := s.fapicheck(t)
			require.Equal(t, exitFailure, status)
			require.Contains(t, stdout, "FAPI 2.0 Security Profile")
			require.NotEmpty(t, stderr)
		})
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for name, args := range map[string][]string{
		"no issuer":         {},
		"two":               {s.url, s.url},
		"http":              {"http://localhost:8080"},
		"no URL":            {"as.example"},
		"unknown profile":   {"-profile", "fapi3", s.url},
		"no profile":        {"-profile", "", s.url},
		"unknown flag":      {"-insecure", s.url},
		"no file":           {"-ca", filepath.Join(t.TempDir(), "none.pem"), s.url},
		"no certificate":    {"-ca", "main.go", s.url},
		"unknown authority": {s.url},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			require.Equal(t, exitFailure, run(t.Context(), args, &stdout, &stderr))
			require.Empty(t, stdout.String())
			require.NotEmpty(t, stderr.String())
		})
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailure, run(ctx, []string{"-ca", s.ca, s.url}, &stdout, &stderr))
	require.Contains(t, stderr.String(), "canceled")
}

func TestWeakSuite(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(c *tls.Config) {
		c.MaxVersion = tls.VersionTLS12
		c.NextProtos = []string{"http/1.1"} // HTTP/2 refuses the suite itself
		c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}
	})
	status, r := s.decoded(t)
	require.Equal(t, exitFindings, status)
	require.Len(t, r.Profiles[0].Findings, 1)
	require.Equal(t, "FAPI 2.0 SP 5.2.2-1", r.Profiles[0].Findings[0].Clause)
	require.Equal(t, "connection", r.Profiles[0].Findings[0].Document)
	require.Equal(t, "is TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", r.Profiles[0].Findings[0].Problem)

	control := newSite(t, func(c *tls.Config) {
		c.MaxVersion = tls.VersionTLS12
		c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	})
	status, _ = control.decoded(t)
	require.Equal(t, exitClean, status)

	old := newSite(t, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS11, tls.VersionTLS11 })
	status, _, stderr := old.fapicheck(t)
	require.Equal(t, exitFailure, status)
	require.Contains(t, stderr, "protocol version")
}

// A server does not write to the terminal of who checks it.
func TestHostileText(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const hostile = "\x1b[2J\u202e"
	s.metadata["response_types_supported"] = []string{hostile}
	s.metadata[hostile+"_endpoint"] = "x"
	s.metadata["jwks_uri"] = s.url + "/jwks?\u202e"
	_, stdout, stderr := s.fapicheck(t)
	for _, c := range stdout + stderr {
		require.True(t, c == '\n' || c >= ' ' && c <= '~', "%+q", c)
	}
	s.metadata["issuer"] = hostile
	_, stdout, stderr = s.fapicheck(t)
	for _, c := range stdout + stderr {
		require.True(t, c == '\n' || c >= ' ' && c <= '~', "%+q", c)
	}
}
