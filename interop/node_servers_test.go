package interop_test

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/accounts/api"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/replay"
)

const clientID = "fintech"

// algorithms are those our packages sign with. Peers may also call the last one
// Ed25519 (RFC 9864).
var algorithms = []string{"ES256", "PS256", "EdDSA"}

// keyFor is a key of an algorithm; every label has another, of RSA there are two.
func keyFor(algorithm, label string) crypto.Signer {
	switch {
	case algorithm == "ES256":
		return testkeys.ES256(label)
	case algorithm == "EdDSA", algorithm == "Ed25519":
		return testkeys.EdDSA(label)
	case label == "other":
		return testkeys.PS256Other()
	}
	return testkeys.PS256()
}

// identity is the certificate of all servers here, and its own authority.
type identity struct {
	Certificate string `json:"cert"`
	Key         string `json:"key"`
	pool        *x509.CertPool
}

var newIdentity = sync.OnceValues(func() (identity, error) {
	s := httptest.NewTLSServer(nil) // comes with one for 127.0.0.1
	defer s.Close()
	key, err := x509.MarshalPKCS8PrivateKey(s.TLS.Certificates[0].PrivateKey)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return identity{
		Certificate: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})),
		Key:         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
		pool:        pool,
	}, err
})

func serverIdentity(t *testing.T) identity {
	t.Helper()
	id, err := newIdentity()
	require.NoError(t, err)
	return id
}

// newTransport trusts the servers of the test and counts the requests.
func newTransport(t *testing.T) *countingTransport {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: serverIdentity(t).pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	return &countingTransport{Transport: transport}
}

type countingTransport struct {
	*http.Transport
	requests int // of one test, which sends one after the other
}

func (c *countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests++
	return c.Transport.RoundTrip(r)
}

// listener is a TLS server that has its address before it has a handler, since
// addresses are part of the configuration.
type listener struct {
	*httptest.Server
	origin string
}

func listen(t *testing.T) listener {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	t.Cleanup(s.Close)
	return listener{Server: s, origin: "https://" + s.Listener.Addr().String()}
}

func (l listener) serve(handler http.Handler) {
	l.Config.Handler = handler
	l.StartTLS()
}

// serveTokens is our authorization server.
func (l listener) serveTokens(t *testing.T, key crypto.Signer, client server.Client) *refusals {
	t.Helper()
	rules := &refusals{}
	handler, err := server.New(server.Config{
		Issuer: l.origin, Key: key, Clients: map[string]server.Client{clientID: client},
		Replay: newReplay(t), Nonces: newNonces(t, l.origin),
		ObserveClient: rules.add,
		ObserveProof:  func(e dpop.Event) { rules.add(e.Err) },
	})
	require.NoError(t, err)
	l.serve(handler)
	return rules
}

// serveAccounts is our API for the tokens of an issuer.
func (l listener) serveAccounts(t *testing.T, issuer, jwksURI string) *refusals {
	t.Helper()
	keys, err := jwks.NewRemote(jwks.RemoteConfig{
		URL: jwksURI, RootCAs: serverIdentity(t).pool,
		AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	require.NoError(t, err)
	proofs, err := dpop.NewVerifier(dpop.VerifierConfig{
		Origins: []string{l.origin}, Replay: newReplay(t), Nonces: newNonces(t, l.origin),
	})
	require.NoError(t, err)
	rules := &refusals{}
	handler, err := api.New(api.Config{
		Identifier: l.origin, Issuer: issuer, Keys: keys, Methods: []cnf.Method{proofs},
		Observe: func(e cnf.Event) { rules.add(e.Err) },
	})
	require.NoError(t, err)
	l.serve(handler)
	return rules
}

func newReplay(t *testing.T) *replay.Memory {
	t.Helper()
	store, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(t, err)
	return store
}

func newNonces(t *testing.T, server string) *dpop.Nonces {
	t.Helper()
	nonces, err := dpop.NewNonces(dpop.NoncesConfig{Server: server, Secrets: [][]byte{make([]byte, 32)}})
	require.NoError(t, err)
	return nonces
}

// refusals are the rules that refused at one server: a peer that is refused for
// another reason than the one at issue proves nothing.
type refusals struct {
	mu   sync.Mutex
	errs []error
}

func (r *refusals) add(err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, err)
}

func (r *refusals) require(t *testing.T, rules ...error) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.errs, len(rules), "%v", r.errs)
	for i, rule := range rules {
		require.True(t, errors.Is(r.errs[i], rule), "%v, not %v", r.errs[i], rule)
	}
}
