package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/internal/browser"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// running is the example on ports of its own.
type running struct {
	folder         string
	issuer, alias  string
	log            *buffer
	stop           context.CancelFunc
	ended          chan error
	roots          *x509.CertPool
	plain, certain net.Addr
}

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

// start knows the addresses before the configuration is written: the issuer is
// part of it. around, if given, is put around its handler.
func start(t *testing.T, around ...func(http.Handler) http.Handler) *running {
	t.Helper()
	r := &running{folder: newFolder(t), log: &buffer{}, ended: make(chan error, 1), roots: x509.NewCertPool()}
	var l listeners
	var err error
	l.browsers, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.certificates, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r.plain, r.certain = l.browsers.Addr(), l.certificates.Addr()
	r.issuer, r.alias = "https://"+r.plain.String(), "https://"+r.certain.String()
	d := readDocument(t, r.folder)
	d.set(t, "issuer", r.issuer)
	d.set(t, "mtls_origin", r.alias)
	d.set(t, "resources[0]", r.issuer)
	for _, client := range []string{shop, lender, desktop} {
		d.set(t, client+"grant_types", []string{"authorization_code", "refresh_token", "client_credentials"})
	}
	text, err := json.Marshal(d)
	require.NoError(t, err)
	name := filepath.Join(r.folder, "as.json")
	require.NoError(t, os.WriteFile(name, text, 0o600))
	require.True(t, r.roots.AppendCertsFromPEM(r.file(t, "ca.pem")))

	s, err := load(name, newJournal(r.log, true))
	require.NoError(t, err)
	for _, wrap := range around {
		s.handler = wrap(s.handler)
	}
	var ctx context.Context
	ctx, r.stop = context.WithCancel(context.Background())
	go func() { r.ended <- s.serve(ctx, l); close(r.ended) }()
	t.Cleanup(func() {
		r.stop()
		for err := range r.ended {
			assert.NoError(t, err)
		}
	})
	return r
}

func (r *running) file(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.folder, name))
	require.NoError(t, err)
	return text
}

// transport is that of a client with the certificate of this name, if any.
func (r *running) transport(t *testing.T, certificate string) *http.Transport {
	t.Helper()
	config := &tls.Config{RootCAs: r.roots}
	if certificate != "" {
		pair, err := tls.X509KeyPair(r.file(t, "clients/"+certificate+".pem"), r.file(t, "clients/"+certificate+"-key.pem"))
		require.NoError(t, err)
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

func (r *running) do(t *testing.T, over http.RoundTripper, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := (&http.Client{Transport: over, Timeout: 10 * time.Second}).Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(text)
}

// token asks for an access token with the client_credentials grant.
func (r *running) token(t *testing.T, over http.RoundTripper, origin, clientID string) (token string) {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {"accounts"}, "client_id": {clientID}}
	response, text := r.do(t, over, "POST", origin+"/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	require.Equal(t, http.StatusOK, response.StatusCode, text)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &answer))
	return answer.AccessToken
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	r := start(t)
	response, text := r.do(t, r.transport(t, ""), "GET", r.issuer+"/.well-known/oauth-authorization-server", "")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Date"))
	var metadata struct {
		Issuer  string            `json:"issuer"`
		Aliases map[string]string `json:"mtls_endpoint_aliases"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &metadata))
	require.Equal(t, r.issuer, metadata.Issuer)
	require.Equal(t, r.alias+"/token", metadata.Aliases["token_endpoint"])
	require.Contains(t, r.log.String(), r.issuer+" on "+r.plain.String()+", "+r.alias+" on "+r.certain.String()+
		" (client certificates); clients: budget, desktop, lender, payments, planner, shop\n")
}

func TestChallenge(t *testing.T) {
	t.Parallel()
	r := start(t)
	const id = "C770AEF3-6784-41F7-8E0E-FF5F97BDDB3A"
	for _, origin := range []string{r.issuer, r.alias} {
		response, _ := r.do(t, r.transport(t, ""), "GET", origin+"/accounts", "", "x-fapi-interaction-id", id)
		require.Equal(t, http.StatusUnauthorized, response.StatusCode)
		challenges := strings.Join(response.Header.Values("WWW-Authenticate"), ", ")
		require.Contains(t, challenges, "DPoP ")
		require.Contains(t, challenges, "Bearer ")
		require.Contains(t, challenges, `resource_metadata="`+r.issuer+`/.well-known/oauth-protected-resource"`)
		require.NotContains(t, challenges, "error=", "no token, no error code (RFC 6750 3.1)")
		require.NotEmpty(t, response.Header.Get("Date"))
		require.Equal(t, id, response.Header.Get("x-fapi-interaction-id"))
	}
	response, text := r.do(t, r.transport(t, ""), "GET", r.issuer+"/.well-known/oauth-protected-resource", "", "x-fapi-interaction-id", "1")
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Contains(t, text, `"resource":"`+r.issuer+`"`)
	require.Regexp(t, uuid, response.Header.Get("x-fapi-interaction-id"), "a new one, since 1 is none")
}

func (r *running) shop(t *testing.T) http.RoundTripper { return r.keyed(t, "shop") }

// keyed is the HTTP client of a client, with the key that -init made and one of its
// own for proofs.
func (r *running) keyed(t *testing.T, id string) http.RoundTripper {
	t.Helper()
	key, err := jose.ParsePrivateJWK(r.file(t, "clients/"+id+".jwk"))
	require.NoError(t, err)
	assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: id, Issuer: r.issuer, Key: key})
	require.NoError(t, err)
	proofKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	proofs, err := dpop.NewSigner(proofKey)
	require.NoError(t, err)
	return &dpop.Transport{Signer: proofs, Base: &privatekeyjwt.Transport{
		Signer: assertions, Endpoints: []string{r.issuer + "/token", r.issuer + "/par", r.issuer + "/revoke"}, Base: r.transport(t, ""),
	}}
}

func TestDPoPClient(t *testing.T) {
	t.Parallel()
	r := start(t)
	over := r.shop(t)
	token := r.token(t, over, r.issuer, "shop")

	response, text := r.do(t, over, "GET", r.issuer+"/accounts", "", "Authorization", "DPoP "+token)
	require.Equal(t, http.StatusOK, response.StatusCode, text)
	require.Equal(t, "[]\n", text, "the client has no accounts, and no user has let it see theirs")
	response, _ = r.do(t, r.transport(t, ""), "GET", r.issuer+"/accounts", "", "Authorization", "Bearer "+token)
	require.Equal(t, http.StatusUnauthorized, response.StatusCode, "without the proof")

	r.stop()
	require.NoError(t, <-r.ended)
	require.Contains(t, r.log.String(), "client authentication: accepted\n")
	require.Contains(t, r.log.String(), "request to the API: refused: ")
	require.NotContains(t, r.log.String(), token)
	require.NotContains(t, r.log.String(), "eyJ", "no token, proof or assertion")
}

// Alice visits the shop, which asks the bank about her accounts.
func TestVisit(t *testing.T) {
	t.Parallel()
	r := start(t)
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, &http.Client{Transport: r.shop(t), Timeout: 10 * time.Second})
	conf := &oauth2.Config{
		ClientID: "shop", RedirectURL: "https://localhost:8450/callback?bank=example", Scopes: []string{"openid", "accounts"},
		Endpoint: oauth2.Endpoint{AuthURL: r.issuer + "/authorize", TokenURL: r.issuer + "/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	pushes, err := par.NewClient(par.ClientConfig{Config: conf, Endpoint: r.issuer + "/par"})
	require.NoError(t, err)
	verifier := oauth2.GenerateVerifier()
	address, err := pushes.AuthCodeURL(ctx, "a state", oauth2.S256ChallengeOption(verifier))
	require.NoError(t, err)

	window, err := browser.New(r.issuer, r.transport(t, ""))
	require.NoError(t, err)
	_, err = window.Authorize(ctx, address, "alice", "builder")
	require.Error(t, err, "that is bob's password")
	callback, err := window.Authorize(ctx, address, "alice", "wonderland")
	require.NoError(t, err)
	answer := callback.URL.Query()
	require.Equal(t, "example", answer.Get("bank"), "the redirect URI's own query stays")
	require.Equal(t, "a state", answer.Get("state"))
	require.Equal(t, r.issuer, answer.Get("iss"))

	token, err := conf.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	require.NotEmpty(t, token.Extra("id_token"))
	over := conf.Client(ctx, token).Transport
	response, text := r.do(t, over, "GET", r.issuer+"/accounts", "")
	require.Equal(t, http.StatusOK, response.StatusCode, text)
	require.Contains(t, text, "Alice Example")
	require.NotContains(t, text, "Bob Example", "who is a user as well")

	_, err = conf.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(verifier))
	require.ErrorContains(t, err, "invalid_grant")
	response, _ = r.do(t, over, "GET", r.issuer+"/accounts", "")
	require.Equal(t, http.StatusUnauthorized, response.StatusCode, "a code that comes back takes away what it gave, at the API too")
}

// The certificates that -init made are those the clients are registered with.
func TestCertificateClients(t *testing.T) {
	t.Parallel()
	r := start(t)
	for _, id := range []string{"lender", "desktop"} {
		over := r.transport(t, id)
		token := r.token(t, over, r.alias, id)
		response, text := r.do(t, over, "GET", r.alias+"/accounts", "", "Authorization", "Bearer "+token)
		require.Equal(t, http.StatusOK, response.StatusCode, text)
		response, _ = r.do(t, r.transport(t, ""), "GET", r.alias+"/accounts", "", "Authorization", "Bearer "+token)
		require.Equal(t, http.StatusUnauthorized, response.StatusCode, "without the certificate")
	}
	t.Run("another client's certificate is refused", func(t *testing.T) {
		form := "grant_type=client_credentials&scope=accounts&client_id=lender"
		response, text := r.do(t, r.transport(t, "desktop"), "POST", r.alias+"/token", form, "Content-Type", "application/x-www-form-urlencoded")
		require.Equal(t, http.StatusUnauthorized, response.StatusCode)
		require.Contains(t, text, "invalid_client")
	})
}

// Browsers are not asked for a certificate: they would show a dialog.
func TestTLS(t *testing.T) {
	t.Parallel()
	r := start(t)
	for address, want := range map[net.Addr]bool{r.plain: false, r.certain: true} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			asked := false
			conn, err := tls.Dial("tcp", address.String(), &tls.Config{
				RootCAs: r.roots, MaxVersion: version,
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					asked = true
					return &tls.Certificate{}, nil
				},
			})
			require.NoError(t, err)
			conn.Close()
			require.Equal(t, want, asked)
		}
		_, err := tls.Dial("tcp", address.String(), &tls.Config{RootCAs: r.roots, MinVersion: tls.VersionTLS11, MaxVersion: tls.VersionTLS11})
		require.ErrorContains(t, err, "protocol version")
		_, err = tls.Dial("tcp", address.String(), &tls.Config{
			RootCAs: r.roots, MaxVersion: tls.VersionTLS12,
			CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA},
		})
		require.ErrorContains(t, err, "handshake failure")
	}
	r.stop()
	require.NoError(t, <-r.ended)
	require.Contains(t, r.log.String(), "TLS handshake error from a client: ")
	_, visits, _ := strings.Cut(r.log.String(), "clients: ")
	require.NotContains(t, visits, "127.0.0.1", "whose address that was")
}

// FAPI 1.0 Advanced 8.5 has no suite for ECDSA certificates.
func TestSuites(t *testing.T) {
	t.Parallel()
	s, err := load(filepath.Join(newFolder(t), "as.json"), newJournal(io.Discard, false))
	require.NoError(t, err)
	config, err := s.newTLS()
	require.NoError(t, err)
	require.Contains(t, config.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, "which an RSA key cannot use")
	s.certificate, err = pki.SelfSigned("ecdsa")
	require.NoError(t, err)
	config, err = s.newTLS()
	require.NoError(t, err)
	require.NotContains(t, config.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
	s.config.Clients = slices.DeleteFunc(s.config.Clients, func(c client) bool { return c.Profile == fapi.FAPI1Advanced })
	config, err = s.newTLS()
	require.NoError(t, err)
	require.Contains(t, config.CipherSuites, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	r := start(t)
	transport := r.transport(t, "")
	r.do(t, transport, "GET", r.issuer+"/jwks", "") // leaves an idle connection
	r.stop()
	require.NoError(t, <-r.ended)
	for _, address := range []net.Addr{r.plain, r.certain} {
		_, err := net.Dial("tcp", address.String())
		require.Error(t, err, "the listener is closed")
	}
}

// A listener that fails ends the other one, and the program with an error.
func TestListenerFails(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	s, err := load(filepath.Join(folder, "as.json"), newJournal(io.Discard, false))
	require.NoError(t, err)
	var l listeners
	l.browsers, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.certificates, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.certificates.Close()
	require.ErrorIs(t, s.serve(context.Background(), l), net.ErrClosed)
	_, err = net.Dial("tcp", l.browsers.Addr().String())
	require.Error(t, err)
}
