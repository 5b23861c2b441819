package server_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	accounts "github.com/go-fapi/fapi/examples/accounts/server"
	"github.com/go-fapi/fapi/examples/gateway/demo"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
)

// world is a demo, and where its files are.
type world struct {
	*demo.Demo
	t      *testing.T
	folder string
}

func newWorld(t *testing.T, change ...func(*accounts.Config)) world {
	t.Helper()
	folder := t.TempDir()
	d, err := demo.Start(demo.Config{Folder: folder, Accounts: func(c *accounts.Config) {
		for _, f := range change {
			f(c)
		}
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return world{d, t, folder}
}

// certificate is one of the demo's files.
func (w world) certificate(name string) *tls.Certificate {
	pair, err := tls.LoadX509KeyPair(filepath.Join(w.folder, name+".pem"), filepath.Join(w.folder, name+"-key.pem"))
	require.NoError(w.t, err)
	return &pair
}

// client is one with a JWT of what g says, bound to what it has.
func (w world) client(label string, certificate *tls.Certificate, g introspection.Answer) *demo.Client {
	w.t.Helper()
	var client *demo.Client
	var err error
	if label == "" {
		client, err = w.NewClient(nil, certificate)
	} else {
		client, err = w.NewClient(testkeys.ES256(label), certificate)
	}
	require.NoError(w.t, err)
	w.t.Cleanup(client.Close)
	if g.Confirmation = client.Confirmation(); !g.Confirmation.IsZero() {
		client.Token, err = w.AS.IssueJWT(w.t.Context(), g)
		require.NoError(w.t, err)
	}
	return client
}

func (w world) send(c *demo.Client, method, url, body string) (status int, text string) {
	w.t.Helper()
	response, err := c.Do(w.t.Context(), method, url, strings.NewReader(body))
	require.NoError(w.t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	return response.StatusCode, string(content)
}

func selfSigned(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	certificate, err := pki.SelfSigned(name)
	require.NoError(t, err)
	certificate.Leaf, err = x509.ParseCertificate(certificate.Certificate[0])
	require.NoError(t, err)
	return &certificate
}

func TestDirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := introspection.Answer{Subject: "alice", ACR: demo.StrongACR}
	for name, c := range map[string]*demo.Client{
		"DPoP": w.client("alice", nil, alice), "certificate": w.client("", selfSigned(t, "alice"), alice),
		"both": w.client("alice", selfSigned(t, "alice"), alice),
	} {
		status, body := w.send(c, "GET", w.Accounts+"/accounts", "")
		require.Equal(t, 200, status, name)
		require.JSONEq(t, `[{"id":"DE-4711","balance":"1204.50 EUR"}]`, body)
		status, other := w.send(c, "GET", w.Accounts+"/accounts/DE-4712", "")
		require.Equal(t, 403, status, "Bob's")
		status, none := w.send(c, "GET", w.Accounts+"/accounts/DE-0000", "")
		require.Equal(t, 403, status, "nobody's")
		require.Equal(t, other, none)
		status, _ = w.send(c, "POST", w.Accounts+"/payments", `{"from":"DE-4711","to":"DE-4712","amount":1}`)
		require.Equal(t, 202, status, name)

		for _, thief := range []*demo.Client{
			w.client("mallory", nil, alice), w.client("", selfSigned(t, "alice"), alice), w.client("", nil, alice),
		} {
			thief.Token = c.Token
			status, _ = w.send(thief, "GET", w.Accounts+"/accounts", "")
			require.Equal(t, 401, status, name)
		}
	}
	weak := w.client("alice", nil, introspection.Answer{Subject: "alice", ACR: "urn:example:acr:1fa"})
	status, _ := w.send(weak, "POST", w.Accounts+"/payments", `{"from":"DE-4711","to":"DE-4712","amount":1}`)
	require.Equal(t, 401, status)
	service := w.client("alice", nil, introspection.Answer{Subject: "app", ClientID: "app"})
	status, body := w.send(service, "GET", w.Accounts+"/accounts", "")
	require.Equal(t, 200, status)
	require.Equal(t, "[]\n", body, "a client owns nothing")
}

// Payments asks with its own token: a user's is no good there, nor is that of
// payments with another certificate.
func TestBalances(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	url := w.Accounts + "/balances/DE-4711"
	own := introspection.Answer{
		Subject: "payments", ClientID: "payments", Scope: []string{"balances"}, Audience: []string{demo.BalancesAudience},
	}
	payments := w.client("", w.certificate("payments"), own)
	status, body := w.send(payments, "GET", url, "")
	require.Equal(t, 200, status, body)
	require.JSONEq(t, `{"cents":120450}`, body)

	thief := w.client("", selfSigned(t, "payments"), own)
	thief.Token = payments.Token
	status, _ = w.send(thief, "GET", url, "")
	require.Equal(t, 401, status)
	balances := []string{demo.BalancesAudience}
	user := w.client("alice", nil, introspection.Answer{Subject: "alice", Scope: []string{"balances"}})
	status, _ = w.send(user, "GET", url, "")
	require.Equal(t, 401, status, "for the API of users")
	user = w.client("alice", nil, introspection.Answer{Subject: "alice", Audience: balances})
	status, _ = w.send(user, "GET", url, "")
	require.Equal(t, 403, status, "no scope")
	user = w.client("alice", nil, introspection.Answer{Subject: "alice", Audience: balances, Scope: []string{"balances"}})
	status, _ = w.send(user, "GET", url, "")
	require.Equal(t, 403, status, "a user's, even with the scope")
	status, _ = w.send(user, "GET", w.Accounts+"/accounts", "")
	require.Equal(t, 401, status, "and for nothing else")

	pay := func() int {
		c := w.client("alice", nil, introspection.Answer{Subject: "alice", ACR: demo.StrongACR})
		status, _ := w.send(c, "POST", w.Accounts+"/payments", `{"from":"DE-4711","to":"DE-4712","amount":1}`)
		return status
	}
	warm := w.client("alice", nil, introspection.Answer{Subject: "alice"})
	status, _ = w.send(warm, "GET", w.Accounts+"/accounts", "")
	require.Equal(t, 200, status)
	w.AS.Fail(true)
	require.Equal(t, 503, pay(), "no token, no balance, no payment")
	w.AS.Fail(false)
	require.Equal(t, 202, pay())
}

// The listener for the gateway believes nobody else, and the gateway only with
// evidence.
func TestBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice := selfSigned(t, "alice")
	bound := w.client("", alice, introspection.Answer{Subject: "alice"})
	field := ":" + base64.StdEncoding.EncodeToString(alice.Certificate[0]) + ":"
	ask := func(shown *tls.Certificate, clientCert string) int {
		transport := w.Transport(*shown)
		defer transport.CloseIdleConnections()
		request, err := http.NewRequestWithContext(t.Context(), "GET", w.Behind+"/accounts", nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+bound.Token)
		if clientCert != "" {
			request.Header.Set("Client-Cert", clientCert)
		}
		response, err := transport.RoundTrip(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	gateway := w.certificate("gateway-identity")
	require.Equal(t, 403, ask(selfSigned(t, "gateway-echo"), field), "M06 a forged field")
	require.Equal(t, 403, ask(alice, ""), "not even the client itself")
	require.Equal(t, 401, ask(gateway, ""), "no evidence")
	require.Equal(t, 200, ask(gateway, field))

	keyed := w.client("alice", nil, introspection.Answer{Subject: "alice"})
	bound.Token = keyed.Token
	require.Equal(t, 401, ask(gateway, field), "a certificate is no evidence of a key")
}

// A gateway may be known by its address instead.
func TestPeers(t *testing.T) {
	t.Parallel()
	for peer, status := range map[string]int{"127.0.0.1/32": 200, "127.0.0.2/32": 403} {
		w := newWorld(t, func(c *accounts.Config) { c.Gateway.Certificates, c.Gateway.Peers = nil, []string{peer} })
		alice := selfSigned(t, "alice")
		for _, c := range []*demo.Client{w.client("alice", nil, introspection.Answer{Subject: "alice"}), w.client("", alice, introspection.Answer{Subject: "alice"})} {
			c.Token = w.AS.Issue(introspection.Answer{Subject: "alice", Confirmation: c.Confirmation()})
			got, _ := w.send(c, "GET", w.MTLSOrigin+"/accounts", "")
			require.Equal(t, status, got, peer)
		}
	}
}
