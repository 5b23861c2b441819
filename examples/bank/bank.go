package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/accounts/api"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/replay"
)

var scopes = []string{"accounts", "payments"}

const (
	clientID      = "fintech"       // the honest client, the victim
	otherClientID = "other-fintech" // another client of the same server; the thief has its key
)

// bank is the world of the example. Everything in it is what a program of
// yours would have, but for the rules: they record which rule refused last.
type bank struct {
	authority *pki.Authority
	server    *server.Server
	servers   []*http.Server
	tls       *tls.Config
	rules     lastRule

	issuer, api         string // origins, and at the same time the identifiers
	alias, certifiedAPI string // the same servers where they ask for certificates
	edge, inner         string // a TLS-terminating proxy, and the API behind it
	towardsInner        *http.Transport
	gateway             gateway
	outage              outage // stops the authorization server

	clientKey, dpopKey, otherKey, thiefKey crypto.Signer
	issuerKey                              crypto.Signer
	certificates                           certificates
	parties                                parties

	serverConfig server.Config
	apiConfig    api.Config
	proofConfig  dpop.VerifierConfig
}

func newBank() (*bank, error) {
	b := &bank{}
	var err error
	if b.authority, err = pki.NewAuthority("Bank example"); err != nil {
		return nil, err
	}
	if b.tls, err = b.authority.Server(); err != nil {
		return nil, err
	}
	for _, key := range []*crypto.Signer{
		&b.clientKey, &b.dpopKey, &b.otherKey, &b.thiefKey, &b.issuerKey, &b.gateway.key, &b.gateway.evidence,
	} {
		if *key, err = newKey(); err != nil {
			return nil, err
		}
	}
	if b.certificates, err = newCertificates(); err != nil {
		return nil, err
	}
	if err := b.startServers(); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func newKey() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// startServers needs the addresses first: they are part of the configuration.
func (b *bank) startServers() error {
	listeners, err := listen(
		&b.issuer, &b.api, &b.alias, &b.certifiedAPI, &b.edge, &b.inner, &b.gateway.origin, &b.gateway.inside,
	)
	if err != nil {
		return err
	}
	if err := b.configure(); err != nil {
		return err
	}
	if b.server, err = server.New(b.serverConfig); err != nil {
		return err
	}
	accounts, err := b.accounts(b.proofConfig)
	if err != nil {
		return err
	}
	asking := askingForCertificates(b.tls)
	b.start(b.outage.affects(listeners[&b.issuer]), b.server, b.tls)
	b.start(b.outage.affects(listeners[&b.alias]), b.server, asking)
	b.start(listeners[&b.api], accounts, b.tls)
	b.start(listeners[&b.certifiedAPI], accounts, asking)
	if err := b.startEdge(listeners[&b.edge], listeners[&b.inner]); err != nil {
		return err
	}
	return b.startGateway(listeners[&b.gateway.origin], listeners[&b.gateway.inside])
}

// listen opens listeners and notes their origins.
func listen(origins ...*string) (listeners map[*string]net.Listener, err error) {
	listeners = map[*string]net.Listener{}
	for _, origin := range origins {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners[origin], *origin = listener, "https://"+listener.Addr().String()
	}
	return listeners, nil
}

func (b *bank) startEdge(outside, inside net.Listener) error {
	b.towardsInner = b.transport(b.certificates.edge)
	edge, err := b.newEdge(true)
	if err != nil {
		return err
	}
	inner, err := b.behindEdge(mtls.TrustedCertificates(thumbprintOf(b.certificates.edge)))
	if err != nil {
		return err
	}
	b.start(outside, edge, askingForCertificates(b.tls))
	b.start(inside, inner, askingForCertificates(b.tls))
	return nil
}

func (b *bank) startGateway(outside, inside net.Listener) error {
	gateway, err := b.newGateway(b.gateway.wire)
	if err != nil {
		return err
	}
	inner, err := b.behindGateway(nil)
	if err != nil {
		return err
	}
	b.start(outside, gateway, askingForCertificates(b.tls))
	b.start(inside, inner, askingForCertificates(b.tls))
	return nil
}

// configure sets all servers up the strict way. Controls copy these and take
// one thing away.
func (b *bank) configure() error {
	for _, configure := range []func() error{b.configureServer, b.configureAPI, b.configureGateway} {
		if err := configure(); err != nil {
			return err
		}
	}
	return nil
}

func (b *bank) configureServer() error {
	clients, err := b.registerClients()
	if err != nil {
		return err
	}
	callers, err := b.registerGateways()
	if err != nil {
		return err
	}
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		return err
	}
	nonces, err := newNonces(b.issuer)
	if err != nil {
		return err
	}
	subjects, err := newSubjects(b.issuer)
	b.serverConfig = server.Config{
		Issuer: b.issuer, Key: b.issuerKey, Clients: clients, Replay: store, Nonces: nonces,
		Alias: b.alias, Roots: b.certificates.authority.Pool(), Users: users{},
		Opaque: []string{innerAPI}, ResourceServers: callers, IntrospectionAge: introspectionAge,
		Subjects: subjects, Logout: &http.Client{Transport: &b.parties.letters},
		ObserveClient:  b.rules.record,
		ObserveProof:   func(e dpop.Event) { b.rules.record(e.Err) },
		ObserveRefusal: b.rules.record,
	}
	return err
}

func (b *bank) registerClients() (map[string]server.Client, error) {
	clients := map[string]server.Client{}
	for id, key := range map[string]crypto.Signer{clientID: b.clientKey, otherClientID: b.otherKey} {
		keys, err := jwks.NewStaticKeys(jwks.Key{Key: key.Public()})
		if err != nil {
			return nil, err
		}
		clients[id] = server.Client{Keys: keys, Scopes: scopes, APIs: []string{b.api, otherAPI, innerAPI}}
	}
	for _, register := range []func(map[string]server.Client) error{b.registerCertificates, b.registerApps, b.registerParties} {
		if err := register(clients); err != nil {
			return nil, err
		}
	}
	return clients, nil
}

func (b *bank) configureAPI() error {
	keys, err := jwks.NewRemote(jwks.RemoteConfig{
		URL: b.issuer + "/jwks", RootCAs: b.authority.Pool(),
		AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, // our own server, on loopback
	})
	if err != nil {
		return err
	}
	b.apiConfig = api.Config{Identifier: b.api, Issuer: b.issuer, Keys: keys, Observe: func(e cnf.Event) { b.rules.record(e.Err) }}
	apiStore, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		return err
	}
	apiNonces, err := newNonces(b.api)
	b.proofConfig = dpop.VerifierConfig{Origins: []string{b.api, b.certifiedAPI}, Replay: apiStore, Nonces: apiNonces}
	return err
}

func newNonces(server string) (*dpop.Nonces, error) {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	return dpop.NewNonces(dpop.NoncesConfig{Server: server, Secrets: [][]byte{secret}})
}

// accounts is the accounts API with a proof verifier of the given kind.
func (b *bank) accounts(config dpop.VerifierConfig) (http.Handler, error) {
	proofs, err := dpop.NewVerifier(config)
	if err != nil {
		return nil, err
	}
	return b.accountsWith(proofs, mtls.Binding{})
}

// accountsWith is the accounts API with other methods of confirmation.
func (b *bank) accountsWith(methods ...cnf.Method) (http.Handler, error) {
	config := b.apiConfig
	config.Methods = methods
	return api.New(config)
}

// tokens verifies access tokens for an API of the given identifier.
func (b *bank) tokens(audience string) (*accesstoken.Verifier, error) {
	return accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: b.issuer, Audience: audience, Keys: b.apiConfig.Keys})
}

func (b *bank) start(listener net.Listener, handler http.Handler, config *tls.Config) {
	s := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second,
		TLSConfig: config.Clone(),             // the server adds its protocols to it
		ErrorLog:  log.New(io.Discard, "", 0), // the thief's broken handshakes
	}
	b.servers = append(b.servers, s)
	go func() {
		if err := s.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
			log.Print("bank: ", err)
		}
	}()
}

func (b *bank) close() {
	for _, transport := range []*http.Transport{b.towardsInner, b.gateway.asking, b.gateway.inward} {
		if transport != nil {
			transport.CloseIdleConnections()
		}
	}
	for _, s := range b.servers {
		s.Close()
	}
}

// transport trusts the bank's authority and nobody else, and shows the given
// certificates, if any, to servers that ask for one.
func (b *bank) transport(certificates ...tls.Certificate) *http.Transport {
	return &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: b.authority.Pool(), MinVersion: tls.VersionTLS12, Certificates: certificates},
		ForceAttemptHTTP2: true,
	}
}
