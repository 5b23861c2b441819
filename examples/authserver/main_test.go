package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// program runs the program with a context that is done: it starts and stops.
func program(args ...string) (status int, out, log string) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stdout, stderr bytes.Buffer
	status = run(ctx, args, &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{}, {"as.json"}, {"-config", "a", "-print-config"}, {"-init", "a", "-config", "b"}, {"-v", "-print-config"}, {"-print-config", "x"}, {"-subjects"},
	} {
		status, out, log := program(args...)
		require.Equal(t, 2, status, args)
		require.Empty(t, out)
		require.Equal(t, "authserver: "+errUsage.Error()+"\n", log)
	}
	status, _, log := program("-unknown")
	require.Equal(t, 2, status)
	require.Contains(t, log, "-unknown")
	status, _, log = program("-help")
	require.Equal(t, 0, status)
	require.Contains(t, log, "-print-config")
}

// What -print-config prints is a configuration that reads as what it was made of,
// and that runs where -init has put the files it names.
func TestPrintConfig(t *testing.T) {
	t.Parallel()
	status, out, log := program("-print-config")
	require.Equal(t, 0, status)
	require.Empty(t, log)
	var read config
	require.Nil(t, strictjson.Decode([]byte(out), &read))
	again, err := marshal(read)
	require.NoError(t, err)
	require.Equal(t, out, string(again))
	_, err = loadDocument(t, newFolder(t), []byte(out))
	require.NoError(t, err)

	_, other, _ := program("-print-config")
	require.NotEqual(t, out, other, "its keys are nobody's, and never the same")
}

func TestInit(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "demo")
	status, out, log := program("-init", folder)
	require.Equal(t, 0, status, log)
	readme, err := os.ReadFile("../gateway/README.md")
	require.NoError(t, err)
	commands := regexp.MustCompile(`  (go run .*)\n`).FindAllStringSubmatch(strings.ReplaceAll(out, folder, "demo"), -1)
	require.Len(t, commands, 3)
	for _, command := range commands {
		require.Contains(t, string(readme), "    "+command[1]+"\n")
	}
	entries, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	require.NoError(t, err)
	require.Len(t, entries, 8)
	for _, entry := range append(entries, filepath.Join(folder, "as.json"), filepath.Join(folder, "signing.pem")) {
		info, err := os.Stat(entry)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), entry)
	}

	before, err := os.ReadFile(filepath.Join(folder, "signing.pem"))
	require.NoError(t, err)
	status, _, log = program("-init", folder)
	require.Equal(t, 1, status, "what is there stays")
	require.Contains(t, log, "exists")
	after, err := os.ReadFile(filepath.Join(folder, "signing.pem"))
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestConfig(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	write := func(change string, value any) (name string) {
		d := readDocument(t, folder)
		d.set(t, "listen", "127.0.0.1:0")
		d.set(t, "mtls_listen", "127.0.0.1:0")
		d.set(t, change, value)
		text, err := marshal(d)
		require.NoError(t, err)
		name = filepath.Join(folder, change+".json")
		require.NoError(t, os.WriteFile(name, text, 0o600))
		return name
	}
	status, _, log := program("-config", write("signing_key", absent{}))
	require.Equal(t, 0, status, log)
	require.Contains(t, log, "no signing_key is configured")

	status, _, log = program("-config", write("issuer", "http://localhost"))
	require.Equal(t, 2, status)
	require.Equal(t, "authserver: configuration refused\n  issuer: must be an https URL (RFC 8414 2, FAPI 2.0 SP 5.2.1-1)\n", log)

	status, _, log = program("-config", filepath.Join(folder, "none.json"))
	require.Equal(t, 2, status)
	require.Contains(t, log, "none.json")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	for _, field := range []string{"listen", "mtls_listen"} {
		status, _, log = program("-config", write(field, taken.Addr().String()))
		require.Equal(t, 1, status)
		require.Contains(t, log, "address already in use")
	}
}
