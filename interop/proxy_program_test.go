//go:build linux

package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/stretchr/testify/require"
)

const proxyFolder = "testdata/proxies"

// proxyProgram is a proxy and how to start it in a folder with its
// configuration. It must neither fork nor go to the background.
type proxyProgram struct {
	command  []string
	files    []string // of proxyFolder; the first one is the configuration
	packages string   // of Debian
	modules  string   // a file or folder of the package, if any
}

// need skips the test on a machine without the proxy, unless FAPI_REQUIRE=all.
func (p proxyProgram) need(t *testing.T) (path string) {
	t.Helper()
	path, err := exec.LookPath(p.command[0])
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", p.command[0])) // which only root has in PATH
	}
	if err == nil && p.modules != "" {
		_, err = os.Stat(p.modules)
	}
	missing := fmt.Sprintf("needs %s (Debian: apt-get install %s)", p.command[0], p.packages)
	if err != nil && os.Getenv("FAPI_REQUIRE") != "all" {
		t.Skip(missing)
	}
	require.NoError(t, err, missing)
	return path
}

// proxyListeners are the addresses at which a proxy listens, by their names in
// its configuration.
type proxyListeners map[string]netip.AddrPort

// start runs the proxy in front of APIs, which its configuration knows by their
// names, until the test ends.
func (p proxyProgram) start(t *testing.T, apis map[string]string) proxyListeners {
	t.Helper()
	path, folder := p.need(t), t.TempDir()
	proxyCertificates(t).write(t, folder)
	listeners := p.configure(t, folder, apis)

	ctx, cancel := context.WithCancel(t.Context())
	var output bytes.Buffer
	command := exec.CommandContext(ctx, path, p.command[1:]...)
	command.Dir, command.Stdout, command.Stderr = folder, &output, &output
	command.Env = append(os.Environ(), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "XDG_DATA_HOME="+folder)
	// It has no children, and does not outlive a test that panics either.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
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
			t.Logf("%s says: %s", p.command[0], &output)
		}
	})
	for name, address := range listeners {
		require.True(t, accepts(address, ended), "%s does not listen for %s", p.command[0], name)
	}
	return listeners
}

// configure fills the addresses into the files. The proxy has a loopback
// address of its own, so that nobody takes the ports before it does.
func (p proxyProgram) configure(t *testing.T, folder string, apis map[string]string) proxyListeners {
	t.Helper()
	own := netip.AddrFrom4([4]byte{127, byte(1 + rand.N(250)), byte(rand.N(250)), byte(1 + rand.N(250))})
	listeners := proxyListeners{}
	var reserved []net.Listener // until all ports are found, so that none is found twice
	listen := func(name string) netip.AddrPort {
		if _, ok := listeners[name]; !ok {
			listener, err := net.Listen("tcp", netip.AddrPortFrom(own, 0).String())
			require.NoError(t, err)
			reserved = append(reserved, listener)
			listeners[name] = listener.Addr().(*net.TCPAddr).AddrPort()
		}
		return listeners[name]
	}
	functions := template.FuncMap{
		"listen":  listen,
		"host":    func(name string) string { return listen(name).Addr().String() },
		"port":    func(name string) uint16 { return listen(name).Port() },
		"api":     func(name string) string { return apis[name] },
		"modules": func() string { return p.modules },
	}
	for _, name := range p.files {
		var text strings.Builder
		parsed, err := template.New(name).Funcs(functions).ParseFiles(filepath.Join(proxyFolder, name))
		require.NoError(t, err)
		require.NoError(t, parsed.Execute(&text, nil))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text.String()), 0o600))
	}
	for _, listener := range reserved {
		require.NoError(t, listener.Close())
	}
	return listeners
}

// accepts waits until somebody listens at the address. It is false if the
// program has ended, or takes ten seconds.
func accepts(address netip.AddrPort, ended <-chan struct{}) bool {
	for range 1000 {
		connection, err := net.Dial("tcp", address.String())
		if err == nil {
			_ = connection.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}
