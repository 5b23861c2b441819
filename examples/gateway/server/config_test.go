package server_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/gateway/demo"
	gateway "github.com/go-fapi/fapi/examples/gateway/server"
	"github.com/go-fapi/fapi/examples/internal/configtest"
	"github.com/go-fapi/fapi/examples/internal/program"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// runProgram runs the program with a context that is done: it starts and stops.
func runProgram(args ...string) (status int, out, log string) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	p := program.Program{Name: "gateway", Example: gateway.Example(), Run: gateway.Run}
	status = p.Do(ctx, args, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func TestPrintConfig(t *testing.T) {
	t.Parallel()
	status, out, log := runProgram("-print-config")
	require.Equal(t, 0, status)
	require.Empty(t, log)
	var read gateway.Config
	require.Nil(t, strictjson.Decode([]byte(out), &read))
	require.Equal(t, gateway.Example(), read)
}

// A folder with all the files that the example names.
func newFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	d, err := demo.Start(demo.Config{Folder: folder, Gateway: func(c *gateway.Config) { *c = example() }})
	require.NoError(t, err)
	require.NoError(t, d.Close())
	pem, err := os.ReadFile(filepath.Join(folder, "payments.pem"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "proxy.pem"), pem, 0o600))
	return folder
}

// example is the example without what the demo has no files for.
func example() gateway.Config {
	c := gateway.Example()
	c.Proxy, c.Timeouts.Drain = nil, "0s"
	return c
}

func document(t *testing.T) configtest.Document {
	t.Helper()
	text, err := program.Marshal(gateway.Example())
	require.NoError(t, err)
	name := filepath.Join(t.TempDir(), "example.json")
	require.NoError(t, os.WriteFile(name, text, 0o600))
	return configtest.Read(t, name)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	load := func(change func(configtest.Document)) error {
		d := document(t)
		change(d)
		_, err := gateway.Load(d.Write(t, folder), program.NewJournal(&bytes.Buffer{}, "gateway", false))
		return err
	}
	require.NoError(t, load(func(configtest.Document) {}))
	api := func(path string) string { return "apis[0]." + path }
	for _, test := range []struct {
		path  string
		value any
		field string // if another one
		rule  string
	}{
		{"origins", configtest.Absent{}, "", "required: what proofs are addressed to"},
		{"origins[0]", "http://localhost", "", "must be an https URL"},
		{"origins[0]", "https://localhost/", "", "must be an origin"},
		{"listen", "8470", "", "must be host:port"},
		{"mtls_listen", "localhost:x", "", "must be host:port"},
		{"inside_listen", configtest.Absent{}, "", "must be host:port"},
		{"proxy.listen", "", "", "must be host:port"},
		{"proxy.format", "raw", "", "must be rfc9440"},
		{"proxy.header", "X_Cert", "", "Header"},
		{"proxy.format", "pem", "proxy.header", "Header"},
		{"proxy.certificates", configtest.Absent{}, "", "required, or peers"},
		{"proxy.peers", []string{"127.0.0.1/32"}, "proxy.certificates", "required, or peers"},
		{"proxy.certificates[0]", "none.pem", "", "no such file"},
		{"tls.certificate", "ca.pem", "tls", "must be PEM files of a certificate and its key"},
		{"tls.key", "", "", "required: a file name"},
		{"identity.key", "gateway-key.pem", "identity", "must be PEM files"},
		{"trust", "evidence.pem", "", "must have certificates only"},
		{"trust", "gateway.pem", "", "must be certificates of authorities"},
		{"internal_networks[0]", "0.0.0.0/0", "", "not everything"},
		{"internal_networks[0]", "127.0.0.1", "", "must be a network"},
		{"issuer", "http://as", "", "must be an https URL"},
		{"jwks_uri", "x", "", "must be an https URL"},
		{"introspection_endpoint", "https://as/#x", "", "must be an https URL"},
		{"evidence.issuer", "https://localhost:8443", "", "must not be the issuer of tokens"},
		{"evidence.key", "gateway.pem", "", "must be a private key"},
		{"evidence.others", []string{"evidence.pem"}, "evidence.others[0]", "must be a public key"},
		{"apis", []any{}, "", "required"},
		{api("upstream"), "https://localhost:8461/v1", "", "must be an origin"},
		{api("audience"), "accounts", "", "must be an https URL"},
		{api("credentials.client_id"), "", "", "required"},
		{api("credentials.key"), configtest.Absent{}, "", "required, or identity"},
		{api("credentials.key"), "ca.pem", "", "must be a private key"},
		{api("routes"), []any{}, "", "required"},
		{api("routes[0].path"), "/accounts/", api("routes[0]"), "Path"},
		{api("routes[0].methods"), []string{"TRACE"}, api("routes[0]"), "method"},
		{api("routes[0].scope"), []string{}, "", "required"},
		{api("routes[1].acr[0]"), "a b", "", "must be printable ASCII"},
		{api("routes[1].max_age"), "5", "", "must be a duration"},
		{api("routes[1].path"), 1, "", "must be a string"},
		{"max_header_bytes", 100, "", "must be from 1024"},
		{"max_body_bytes", -1, "", "must be from 1 "},
		{"timeouts.read", "0s", "", "must be a duration from 100ms"},
		{"timeouts.upstream", "1m", "", "must be less than write"},
		{"timeout", "1s", "", "is not a field of the configuration"},
	} {
		field := test.field
		if field == "" {
			field = test.path
		}
		err := load(func(d configtest.Document) { d.Set(t, test.path, test.value) })
		require.ErrorContains(t, err, "\n  "+field+": ", test.path)
		require.ErrorContains(t, err, test.rule, test.path)
		problems, ok := err.(strictjson.Problems)
		require.True(t, ok)
		require.Len(t, problems, 1, test.path)
	}
	err := load(func(d configtest.Document) {
		d.Set(t, "listen", "x")
		d.Set(t, "tls.key", "none")
	})
	require.ErrorContains(t, err, "\n  listen: ")
	require.ErrorContains(t, err, "\n  tls.key: file none: no such file or directory", "all at once")

	second := document(t)["apis"].([]any)[0]
	err = load(func(d configtest.Document) { d["apis"] = append(d["apis"].([]any), second) })
	require.ErrorContains(t, err, "apis[1].audience: must not be that of another API")
	require.ErrorContains(t, err, "apis[1].credentials.client_id: must not be that of another API")
}

func TestProgram(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	d := document(t)
	for _, name := range []string{"listen", "mtls_listen", "inside_listen", "proxy.listen"} {
		d.Set(t, name, "127.0.0.1:0")
	}
	d.Set(t, "timeouts.drain", "0s")
	status, _, log := runProgram("-config", d.Write(t, folder))
	require.Equal(t, 0, status, log)
	for _, purpose := range []string{"clients", "clients with certificates", "the proxy", "health and keys"} {
		require.Contains(t, log, "for "+purpose+": 127.0.0.1:")
	}
	d.Set(t, "listen", "nowhere:1")
	status, _, log = runProgram("-config", d.Write(t, folder))
	require.Equal(t, 1, status, log)
	d.Set(t, "listen", "1")
	status, _, log = runProgram("-config", d.Write(t, folder))
	require.Equal(t, 2, status, log)
	status, _, _ = runProgram("-config", filepath.Join(folder, "none.json"))
	require.Equal(t, 2, status)
	for _, args := range [][]string{{}, {"x"}, {"-config", "a", "-print-config"}, {"-v", "-print-config"}, {"-unknown"}} {
		status, _, log = runProgram(args...)
		require.Equal(t, 2, status, args)
		require.NotEmpty(t, log)
	}
	status, _, log = runProgram("-help")
	require.Equal(t, 0, status)
	require.Contains(t, log, "-print-config")
}
