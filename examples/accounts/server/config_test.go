package server_test

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	accounts "github.com/go-fapi/fapi/examples/accounts/server"
	"github.com/go-fapi/fapi/examples/internal/configtest"
	"github.com/go-fapi/fapi/examples/internal/program"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

func TestPrintConfig(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	p := program.Program{Name: "accounts", Example: accounts.Example(), Run: accounts.Run}
	require.Equal(t, 0, p.Do(t.Context(), []string{"-print-config"}, &out, &log))
	var read accounts.Config
	require.Nil(t, strictjson.Decode(out.Bytes(), &read))
	require.Equal(t, accounts.Example(), read)
}

func TestProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	run := func(listen, behind string) (status int, text string) {
		d := configtest.Read(t, filepath.Join(w.folder, "accounts.json"))
		d.Set(t, "listen", listen)
		d.Set(t, "gateway.listen", behind)
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // it starts and stops
		var log bytes.Buffer
		p := program.Program{Name: "accounts", Run: accounts.Run}
		status = p.Do(ctx, []string{"-config", d.Write(t, w.folder)}, &bytes.Buffer{}, &log)
		return status, log.String()
	}
	status, log := run("127.0.0.1:0", "127.0.0.1:0")
	require.Equal(t, 0, status, log)
	require.Equal(t, 2, strings.Count(log, "https://accounts.bank.example on 127.0.0.1:"))
	taken := strings.TrimPrefix(w.Accounts, "https://")
	status, log = run("127.0.0.1:0", taken)
	require.Equal(t, 1, status)
	require.Contains(t, log, "address already in use")
	status, log = run("127.0.0.1:0", "x")
	require.Equal(t, 2, status)
	require.Contains(t, log, "gateway.listen: must be host:port")
}

func TestConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	load := func(path string, value any) error {
		d := configtest.Read(t, filepath.Join(w.folder, "accounts.json"))
		d.Set(t, path, value)
		_, err := accounts.Load(d.Write(t, w.folder), program.NewJournal(&bytes.Buffer{}, "accounts", false))
		return err
	}
	require.NoError(t, load("gateway", configtest.Absent{}))
	for _, test := range []struct {
		path  string
		value any
		field string // if another one
		rule  string
	}{
		{"identifier", "accounts", "", "must be an https URL"},
		{"issuer", configtest.Absent{}, "", "must be an https URL"},
		{"jwks_uri", "http://as/jwks", "", "must be an https URL"},
		{"trust", "none.pem", "", "no such file"},
		{"internal_networks[0]", "::/0", "", "not everything"},
		{"tls.key", "payments-key.pem", "tls", "must be PEM files of a certificate and its key"},
		{"origins", []string{}, "", "required"},
		{"origins[0]", "https://localhost/x", "", "must be an origin"},
		{"listen", "x", "", "must be host:port"},
		{"gateway.listen", "x", "", "must be host:port"},
		{"gateway.certificates", []string{}, "", "required, or peers"},
		{"gateway.certificates[0]", "evidence.pem", "", "must have certificates only"},
		{"gateway.issuer", "x", "", "must be an https URL"},
		{"gateway.jwks_uri", "x", "", "must be an https URL"},
		{"balances.origin", "http://x", "", "must be an https URL"},
		{"balances.resource", configtest.Absent{}, "", "must be an https URL"},
		{"balances.token_endpoint", "x", "", "must be an https URL"},
		{"balances.client_id", "", "", "required"},
		{"balances.identity.certificate", configtest.Absent{}, "", "required: a file name"},
		{"payment_acr", []string{}, "", "required"},
		{"payment_acr[0]", "", "", "must be printable ASCII"},
		{"accounts[1].id", "DE-4711", "", "must not be there twice"},
		{"accounts[0].owner", "", "", "required"},
		{"accounts[0].balance", 1.5, "", "must be a whole number"},
		{"accounts[0].iban", "x", "", "is not a field"},
	} {
		field := test.field
		if field == "" {
			field = test.path
		}
		err := load(test.path, test.value)
		require.ErrorContains(t, err, "\n  "+field+": ", test.path)
		require.ErrorContains(t, err, test.rule, test.path)
		problems, ok := err.(strictjson.Problems)
		require.True(t, ok)
		require.Len(t, problems, 1, test.path)
	}
}
