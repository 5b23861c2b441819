//go:build linux

package interop_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/examples/gateway/demo"
	gateway "github.com/go-fapi/fapi/examples/gateway/server"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/mtls"
)

// front is what terminates TLS in front of the gateway of examples/gateway: a
// proxy, or nothing.
type front struct {
	name    string // a column of the tables
	program proxyProgram
	form    proxyForm // how it hands on the certificate
	format  string    // the gateway's name for that
}

var fronts = []front{
	{name: "direct"},
	{name: "nginx", program: nginx, form: proxyForm{config: mtls.ProxyConfig{Format: mtls.PEM, Header: "X-Client-Cert"}}, format: "pem"},
	{
		name: "haproxy", format: "rfc9440", form: proxyForm{config: mtls.ProxyConfig{Format: mtls.RFC9440}},
		program: proxyProgram{command: haproxy.command, files: []string{"haproxy.cfg"}, packages: haproxy.packages},
	},
	{name: "apache", program: apache, form: proxyForm{config: mtls.ProxyConfig{Format: mtls.PEM, Header: "X-Client-Cert"}}, format: "pem"},
	{name: "caddy", program: caddy, form: proxyForm{config: mtls.ProxyConfig{Format: mtls.RFC9440}}, format: "rfc9440"},
}

// edge is a front with a gateway behind it, and an API behind that.
type edge struct {
	front
	certificates
	column    int  // of outcomes.tsv
	exact     bool // that column is about this version
	demo      *demo.Demo
	addresses map[string]string // careful and careless, and those of the gateway: direct and proxied
	echoed    *echoes
}

// echoes are the requests that reached the API, which answers each with itself.
type echoes struct {
	mu      sync.Mutex
	targets map[string]int
}

// echoedRequest is what the API answers.
type echoedRequest struct {
	Method, Target, Host, Body string
	Header                     http.Header
}

// ServeHTTP is http.Handler.
func (e *echoes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	e.mu.Lock()
	e.targets[r.RequestURI]++
	e.mu.Unlock()
	_ = json.NewEncoder(w).Encode(echoedRequest{r.Method, r.RequestURI, r.Host, string(body), r.Header})
}

func (e *echoes) count(target string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.targets[target]
}

// newEdge starts all of it until the test ends.
func newEdge(t *testing.T, f front, column int) *edge {
	t.Helper()
	e := &edge{front: f, column: column, certificates: proxyCertificates(t), echoed: &echoes{targets: map[string]int{}}}
	if f.program.command != nil {
		f.program.need(t)
	}
	e.exact = e.isRecorded(t)
	folder := t.TempDir()
	e.write(t, folder)
	require.NoError(t, os.WriteFile(filepath.Join(folder, "trusted.pem"), pemOfLeaf(e.proxy.Leaf), 0o600))
	var err error
	e.demo, err = demo.Start(demo.Config{Folder: folder, Echo: e.echoed, Gateway: func(c *gateway.Config) {
		c.Origins = append(c.Origins, "https://"+siteName)
		c.TLS.Certificate, c.TLS.Key = "site.pem", "site.pem"
		if f.format != "" {
			c.Proxy = &gateway.Proxy{
				Listen: "127.0.0.1:0", Format: f.format, Header: f.form.config.Header, Certificates: []string{"trusted.pem"},
			}
		}
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.demo.Close()) })
	e.addresses = map[string]string{
		"careful": strings.TrimPrefix(e.demo.MTLSOrigin, "https://"), "proxied": e.demo.ProxyAddress,
	}
	if f.program.command != nil {
		f.startInFront(t, e)
	}
	return e
}

// startInFront runs the proxy until the test ends. It has a loopback address of its
// own, so that nobody takes the ports before it does.
func (f front) startInFront(t *testing.T, e *edge) {
	t.Helper()
	path, folder := f.program.need(t), t.TempDir()
	e.write(t, folder)
	listeners := f.configureInFront(t, folder, e.demo.ProxyAddress)

	ctx, cancel := context.WithCancel(t.Context())
	var output bytes.Buffer
	command := exec.CommandContext(ctx, path, f.program.command[1:]...)
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
			t.Logf("%s says: %.2000s", f.name, &output)
		}
	})
	for name, address := range listeners {
		require.True(t, accepts(address, ended), "%s does not listen for %s", f.name, name)
		e.addresses[name] = address.String()
	}
}

func (f front) configureInFront(t *testing.T, folder, gateway string) proxyListeners {
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
		"gateway": func() string { return gateway },
		"modules": func() string { return f.program.modules },
	}
	for _, name := range f.program.files {
		var text strings.Builder
		parsed, err := template.New(name).Funcs(functions).ParseFiles(filepath.Join("testdata/gateway", name))
		require.NoError(t, err)
		require.NoError(t, parsed.Execute(&text, nil))
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text.String()), 0o600))
	}
	for _, listener := range reserved {
		require.NoError(t, listener.Close())
	}
	return listeners
}

// token is an opaque token of Alice's, bound to a certificate.
func (e *edge) token(bound tls.Certificate) string {
	return e.demo.AS.Issue(introspection.Answer{
		Subject: "alice", Confirmation: cnf.Bind(cnf.MemberX5TS256, mtls.Thumbprint(bound.Leaf)),
	})
}

// header is the field of certificates between front and gateway.
func (e *edge) header() string {
	if e.format == "" {
		return "Client-Cert"
	}
	return e.form.header()
}

// forge is the field as the front would write it.
func (e *edge) forge(c tls.Certificate) string {
	form := e.form
	if e.format == "" {
		form.config.Format = mtls.RFC9440
	}
	return form.forge(c)
}
