// Package interop_test has our packages talk to independent implementations: the
// clients and servers of npm that the folder node lists, and Debian's proxies in
// the configurations of testdata/proxies.
package interop_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const nodeFolder = "node"

// program is a Node program of the folder node. We talk with it in lines of JSON.
type program struct {
	t      *testing.T
	stdin  *json.Encoder
	stdout *json.Decoder
}

// startNode starts a program that trusts the test's servers. It ends with the
// test, which has called needNode.
func startNode(t *testing.T, name string) *program {
	t.Helper()
	// The test cache knows only of the files that the test itself has read, and
	// would else pass a test whose program has changed.
	for _, source := range []string{name, "lib.mjs"} {
		_, err := os.ReadFile(filepath.Join(nodeFolder, source))
		require.NoError(t, err)
	}
	authority := filepath.Join(t.TempDir(), "authority.pem")
	require.NoError(t, os.WriteFile(authority, []byte(serverIdentity(t).Certificate), 0o600))

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, "node", name)
	command.Dir = nodeFolder
	command.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+authority)
	command.Stderr = &stderr
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		cancel()
		_ = command.Wait() // it was killed, unless it had left
		if t.Failed() {
			t.Logf("%s says: %s", name, &stderr)
		}
	})
	return &program{t: t, stdin: json.NewEncoder(stdin), stdout: json.NewDecoder(stdout)}
}

// ask sends a value and receives the answer to it.
func (p *program) ask(value, answer any) {
	p.t.Helper()
	require.NoError(p.t, p.stdin.Encode(value))
	require.NoError(p.t, p.stdout.Decode(answer))
}

// outcome is what the function attempt of lib.mjs returns.
type outcome[T any] struct {
	Value  T
	Status int
	Error  string // an OAuth error code, or a code of the library
	Claim  string // the one at fault, where the library says so
}

// refused requires a refusal of a server, with its status.
func (o outcome[T]) refused(t *testing.T, status int, code string) {
	t.Helper()
	require.Equal(t, code, o.Error)
	require.Equal(t, status, o.Status)
}

// errMissing says that the machine lacks something the tests need.
var errMissing = errors.New("needs node and npm")

// needNode skips the test on a machine without Node, unless FAPI_REQUIRE=all.
func needNode(t *testing.T) {
	t.Helper()
	err := installed()
	if errors.Is(err, errMissing) && os.Getenv("FAPI_REQUIRE") != "all" {
		t.Skip(err)
	}
	require.NoError(t, err)
}

var installed = sync.OnceValue(install)

// install runs npm ci unless the packages of the lock file are there already.
func install() error {
	version, err := exec.Command("node", "--version").Output()
	if err != nil {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	var major int
	if _, err := fmt.Sscanf(string(version), "v%d.", &major); err != nil || major < 20 {
		return fmt.Errorf("%w: Node 20 or newer, not %s", errMissing, bytes.TrimSpace(version))
	}
	lock, err := os.ReadFile(filepath.Join(nodeFolder, "package-lock.json"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(lock)
	want := hex.EncodeToString(sum[:])
	stamp := filepath.Join(nodeFolder, "node_modules", ".installed")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return nil
	}
	if err := npmCI(); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
}

func npmCI() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "npm", "ci", "--prefer-offline", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")
	command.Dir = nodeFolder
	command.WaitDelay = time.Second
	output, err := command.CombinedOutput()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("npm ci: %w\n%s", err, output)
	if errors.Is(err, exec.ErrNotFound) || ctx.Err() != nil || isNetworkError(string(output)) {
		return fmt.Errorf("%w: %w", errMissing, err)
	}
	return err
}

// isNetworkError tells a machine without a registry from a broken lock file.
func isNetworkError(output string) bool {
	for _, code := range []string{"EAI_AGAIN", "ENOTFOUND", "ECONNREFUSED", "ECONNRESET", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT", "ERR_SOCKET_TIMEOUT"} {
		if strings.Contains(output, code) {
			return true
		}
	}
	return false
}
