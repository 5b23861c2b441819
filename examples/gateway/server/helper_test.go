package server_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/gateway/demo"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
)

// start runs a demo until the test ends.
func start(t *testing.T, config demo.Config) *demo.Demo {
	t.Helper()
	if config.Folder == "" {
		config.Folder = t.TempDir()
	}
	if config.Log == nil {
		config.Log = &buffer{}
	}
	d, err := demo.Start(config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// buffer is a log that several goroutines write.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// person is a client with a token of a user.
type person struct {
	*demo.Client
	t *testing.T
	d *demo.Demo
}

func newPerson(t *testing.T, d *demo.Demo, key crypto.Signer, certificate *tls.Certificate) person {
	t.Helper()
	client, err := d.NewClient(key, certificate)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return person{client, t, d}
}

// alice has a token that is bound to her key.
func alice(t *testing.T, d *demo.Demo, change ...func(*introspection.Answer)) person {
	t.Helper()
	p := newPerson(t, d, testkeys.ES256("alice"), nil)
	p.Token = p.issue(change...)
	return p
}

// issue is a token for Alice, bound to what the person has.
func (p person) issue(change ...func(*introspection.Answer)) string {
	answer := introspection.Answer{Subject: "alice", Confirmation: p.Confirmation(), ACR: demo.StrongACR}
	for _, f := range change {
		f(&answer)
	}
	return p.d.AS.Issue(answer)
}

func (p person) get(url string) (*http.Response, string) { return p.send("GET", url, "") }

func (p person) send(method, url, body string) (*http.Response, string) {
	p.t.Helper()
	response, err := p.Do(p.t.Context(), method, url, strings.NewReader(body))
	require.NoError(p.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(p.t, err)
	return response, string(text)
}

func selfSigned(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	certificate, err := pki.SelfSigned(name)
	require.NoError(t, err)
	certificate.Leaf, err = x509.ParseCertificate(certificate.Certificate[0])
	require.NoError(t, err)
	return &certificate
}

// seen is what the echo API got of a request.
type seen struct {
	Method, Target, Host, Body string
	Header                     http.Header
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_ = json.NewEncoder(w).Encode(seen{r.Method, r.RequestURI, r.Host, string(body), r.Header})
}
