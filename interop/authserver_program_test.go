package interop_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

// authserver is the program examples/authserver, running with the configuration
// that it makes itself.
type authserver struct {
	folder       string // of -init
	issuer, mtls string
}

const authserverFolder = "../examples/authserver"

// startAuthserver runs it until the test ends. Pairs of old and new text change the
// configuration.
func startAuthserver(t *testing.T, changes ...string) *authserver {
	t.Helper()
	browsers, certificates := freeAddress(t), freeAddress(t)
	as := &authserver{
		folder: filepath.Join(t.TempDir(), "demo"),
		issuer: "https://localhost:" + fmt.Sprint(browsers.Port()), mtls: "https://localhost:" + fmt.Sprint(certificates.Port()),
	}
	program := buildAuthserver(t)
	output, err := exec.Command(program, "-init", as.folder).CombinedOutput()
	require.NoError(t, err, string(output))
	changes = append(changes, "127.0.0.1:8443", browsers.String(), "127.0.0.1:8444", certificates.String(),
		"https://localhost:8443", as.issuer, "https://localhost:8444", as.mtls)
	text := strings.NewReplacer(changes...).Replace(string(as.read(t, "as.json")))
	require.NoError(t, os.WriteFile(filepath.Join(as.folder, "as.json"), []byte(text), 0o600))
	as.run(t, program, browsers, certificates)
	return as
}

func (as *authserver) run(t *testing.T, program string, addresses ...netip.AddrPort) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var output bytes.Buffer
	command := exec.CommandContext(ctx, program, "-v", "-config", filepath.Join(as.folder, "as.json"))
	command.Stdout, command.Stderr = &output, &output
	require.NoError(t, command.Start())
	ended := make(chan struct{})
	go func() {
		_ = command.Wait() // it is killed, unless it does not start
		close(ended)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("authserver says: %s", &output)
		}
	})
	for _, address := range addresses {
		require.True(t, listens(address.String(), ended), "authserver does not listen")
	}
}

// listens waits until somebody listens at the address. It is false if the program
// has ended, or takes ten seconds.
func listens(address string, ended <-chan struct{}) bool {
	for range 1000 {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			return connection.Close() == nil
		}
		select {
		case <-ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}

// buildAuthserver builds the program. The test cache knows only of the files that
// the test itself has read, so it reads them.
func buildAuthserver(t *testing.T) (path string) {
	t.Helper()
	sources, err := filepath.Glob(filepath.Join(authserverFolder, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	for _, source := range sources {
		_, err := os.ReadFile(source)
		require.NoError(t, err)
	}
	path = filepath.Join(t.TempDir(), "authserver")
	output, err := exec.Command("go", "build", "-o", path, "github.com/go-fapi/fapi/examples/authserver").CombinedOutput()
	require.NoError(t, err, string(output))
	return path
}

// freeAddress is free at this moment. The certificate of -init is for this address
// of the loopback only.
func freeAddress(t *testing.T) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).AddrPort()
}

func (as *authserver) read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(as.folder, name))
	require.NoError(t, err)
	return content
}

// key is the private key of a client.
func (as *authserver) key(t *testing.T, client string) crypto.Signer {
	t.Helper()
	key, err := jose.ParsePrivateJWK(as.read(t, "clients/"+client+".jwk"))
	require.NoError(t, err)
	return key
}

// transport trusts the program.
func (as *authserver) transport(t *testing.T) *http.Transport {
	t.Helper()
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(as.read(t, "ca.pem")))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}
