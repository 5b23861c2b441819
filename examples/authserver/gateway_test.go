package main

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	accounts "github.com/go-fapi/fapi/examples/accounts/server"
	edge "github.com/go-fapi/fapi/examples/gateway/server"
	"github.com/go-fapi/fapi/examples/internal/browser"
	"github.com/go-fapi/fapi/examples/internal/configtest"
	shared "github.com/go-fapi/fapi/examples/internal/program"
	"github.com/go-fapi/fapi/par"
)

// bank is the server with the API and the gateway that -init wrote, on ports of their
// own.
type bank struct {
	*running
	gateway, direct string // origins
}

func startBank(t *testing.T) bank {
	t.Helper()
	r := start(t, rememberedForASecond)
	at := make([]net.Listener, 5)
	for i := range at {
		var err error
		at[i], err = net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
	}
	origin := func(i int) string { return "https://" + at[i].Addr().String() }

	api := configtest.Read(t, filepath.Join(r.folder, "accounts.json"))
	for path, value := range map[string]any{
		"issuer": r.issuer, "jwks_uri": r.issuer + "/jwks", "origins[0]": origin(3),
		"listen": at[3].Addr().String(), "gateway.listen": at[4].Addr().String(), "gateway.jwks_uri": origin(2) + "/jwks",
		"balances.origin": origin(3), "balances.token_endpoint": r.alias + "/token",
		// The issuer is part of what a sub is derived from.
		"accounts[0].owner": r.subject(t, "alice"), "accounts[1].owner": r.subject(t, "bob"),
	} {
		api.Set(t, path, value)
	}
	behind, err := accounts.Load(api.Write(t, r.folder), shared.NewJournal(r.log, "accounts", true))
	require.NoError(t, err)

	front := configtest.Read(t, filepath.Join(r.folder, "gateway.json"))
	for path, value := range map[string]any{
		"issuer": r.issuer, "jwks_uri": r.issuer + "/jwks", "introspection_endpoint": r.issuer + "/introspect",
		"origins[0]": origin(0), "origins[1]": origin(1), "apis[0].upstream": origin(4),
		"listen": at[0].Addr().String(), "mtls_listen": at[1].Addr().String(), "inside_listen": at[2].Addr().String(),
		"timeouts.drain": "0s",
	} {
		front.Set(t, path, value)
	}
	gateway, err := edge.Load(front.Write(t, r.folder), shared.NewJournal(r.log, "gateway", true))
	require.NoError(t, err)
	serve(t, behind, at[3:])
	serve(t, gateway, at[:3])
	return bank{r, origin(0), origin(3)}
}

// serve runs a program until the test ends.
func serve(t *testing.T, server interface {
	Serve(context.Context, []net.Listener) error
}, listeners []net.Listener) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listeners) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
}

// rememberedForASecond is a server that lets gateways remember its answers for a
// second instead of 30, so that a test can wait for it.
func rememberedForASecond(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/introspect" {
			next.ServeHTTP(w, r)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		if strings.Contains(answer.Header().Get("Cache-Control"), "max-age=") {
			w.Header().Set("Cache-Control", "private, max-age=1")
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

// subject is what -subjects prints.
func (r *running) subject(t *testing.T, username string) string {
	t.Helper()
	status, out, log := program("-config", filepath.Join(r.folder, "as.json"), "-subjects")
	require.Equal(t, 0, status, log)
	_, rest, ok := strings.Cut(out, exampleCaller+" "+username+" ")
	require.True(t, ok, out)
	subject, _, _ := strings.Cut(rest, "\n")
	return subject
}

// visitor is the budget book with a token of a user, who has just logged in.
type visitor struct {
	t     *testing.T
	bank  bank
	over  http.RoundTripper
	token string
}

func (b bank) login(t *testing.T, username, password string) visitor {
	t.Helper()
	over := b.keyed(t, "budget")
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: over, Timeout: 10 * time.Second})
	conf := &oauth2.Config{
		ClientID: "budget", RedirectURL: "https://localhost:8454/callback", Scopes: []string{"accounts", "payments"},
		Endpoint: oauth2.Endpoint{AuthURL: b.issuer + "/authorize", TokenURL: b.issuer + "/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	pushes, err := par.NewClient(par.ClientConfig{Config: conf, Endpoint: b.issuer + "/par"})
	require.NoError(t, err)
	verifier := oauth2.GenerateVerifier()
	address, err := pushes.AuthCodeURL(ctx, "a state", oauth2.S256ChallengeOption(verifier))
	require.NoError(t, err)
	window, err := browser.New(b.issuer, b.transport(t, ""))
	require.NoError(t, err)
	callback, err := window.Authorize(ctx, address, username, password)
	require.NoError(t, err)
	token, err := conf.Exchange(ctx, callback.URL.Query().Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	require.NotContains(t, token.AccessToken, ".", "it is opaque")
	return visitor{t, b, over, token.AccessToken}
}

func (v visitor) send(method, url, body string) (status int, text string) {
	v.t.Helper()
	response, text := v.bank.do(v.t, v.over, method, url, body, "Authorization", "DPoP "+v.token, "Content-Type", "application/json")
	return response.StatusCode, text
}

// What -init writes is one system: accounts through the gateway, to their owner only.
func TestInitGateway(t *testing.T) {
	t.Parallel()
	b := startBank(t)
	alice, bob := b.login(t, "alice", "wonderland"), b.login(t, "bob", "builder")
	for v, want := range map[visitor]string{
		alice: `[{"id":"DE-4711","balance":"1204.50 EUR"}]`, bob: `[{"id":"DE-4712","balance":"17.20 EUR"}]`,
	} {
		status, text := v.send("GET", b.gateway+"/accounts", "")
		require.Equal(t, http.StatusOK, status, b.log)
		require.JSONEq(t, want, text)
	}
	status, _ := alice.send("GET", b.gateway+"/accounts/DE-4712", "")
	require.Equal(t, http.StatusForbidden, status, "Bob's")
	status, text := alice.send("POST", b.gateway+"/payments", `{"from":"DE-4711","to":"DE-4712","amount":1000}`)
	require.Equal(t, http.StatusAccepted, status, "%s\n%s", text, b.log)
	status, _ = alice.send("POST", b.gateway+"/payments", `{"from":"DE-4711","to":"DE-4712","amount":120451}`)
	require.Equal(t, http.StatusConflict, status, "more than there is")
	status, _ = alice.send("POST", b.gateway+"/payments", `{"from":"DE-4712","to":"DE-4711","amount":1}`)
	require.Equal(t, http.StatusForbidden, status, "Bob's")

	status, _ = alice.send("GET", b.direct+"/accounts", "")
	require.Equal(t, http.StatusUnauthorized, status, "past the gateway, it means nothing")
	thief := visitor{t, b, b.keyed(t, "budget"), alice.token}
	status, _ = thief.send("GET", b.gateway+"/accounts", "")
	require.Equal(t, http.StatusUnauthorized, status, "another key")

	form := url.Values{"client_id": {"budget"}, "token": {alice.token}}
	response, text := b.do(t, alice.over, "POST", b.issuer+"/revoke", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusOK, response.StatusCode, text)
	require.Eventually(t, func() bool {
		status, _ := alice.send("GET", b.gateway+"/accounts", "")
		return status == http.StatusUnauthorized
	}, 5*time.Second, 50*time.Millisecond, "revoked, and forgotten after a second")
	status, _ = bob.send("GET", b.gateway+"/accounts", "")
	require.Equal(t, http.StatusOK, status)
}

// Owners are the users' sub for the gateway, as -subjects prints them.
func TestInitOwners(t *testing.T) {
	t.Parallel()
	r := &running{folder: newFolder(t)}
	var written accounts.Config
	text, err := os.ReadFile(filepath.Join(r.folder, "accounts.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &written))
	_, err = accounts.Load(filepath.Join(r.folder, "accounts.json"), shared.NewJournal(io.Discard, "accounts", false))
	require.NoError(t, err, "as printed")
	_, err = edge.Load(filepath.Join(r.folder, "gateway.json"), shared.NewJournal(io.Discard, "gateway", false))
	require.NoError(t, err, "as printed")
	require.Equal(t, r.subject(t, "alice"), written.Accounts[0].Owner)
	require.Equal(t, r.subject(t, "bob"), written.Accounts[1].Owner)

	d := readDocument(t, r.folder)
	d.set(t, "subject_key", absent{})
	changed, err := marshal(d)
	require.NoError(t, err)
	name := filepath.Join(r.folder, "keyless.json")
	require.NoError(t, os.WriteFile(name, changed, 0o600))
	status, out, log := program("-config", name, "-subjects")
	require.Equal(t, 2, status)
	require.Empty(t, out)
	require.Contains(t, log, "subject_key: required")
	require.Error(t, printSubjects(io.Discard, filepath.Join(r.folder, "none.json")))
}
