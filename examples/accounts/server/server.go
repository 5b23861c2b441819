package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/internal/program"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/replay"
)

// Server is a configuration that was accepted, with all it names in hand.
type Server struct {
	config   Config
	journal  *program.Journal
	balances *balances
	sites    []*http.Server // for clients, and for the gateway, if there is one
}

// material is what the files of a configuration hold.
type material struct {
	certificate, identity tls.Certificate
	trust                 *x509.CertPool
	networks              []netip.Prefix
	gateway               func(*http.Request) bool // whether a request is the gateway's
}

// Load makes a server of a configuration file. Whatever is wrong with the
// configuration or the files it names is reported at once, as
// [strictjson.Problems].
func Load(name string, journal *program.Journal) (*Server, error) {
	s := &Server{journal: journal}
	if err := program.ReadConfig(name, &s.config); err != nil {
		return nil, err
	}
	var found strictjson.Problems
	s.config.check(found.Root())
	m := s.config.read(found.Root(), program.Files(filepath.Dir(name)))
	if err := found.Err(); err != nil {
		return nil, err
	}
	if err := s.build(m); err != nil {
		return nil, strictjson.Problems{{Rule: err.Error()}}
	}
	return s, nil
}

func (c *Config) read(s strictjson.Section, f program.Files) (m material) {
	m.certificate = f.KeyPair(s.Field("tls"), c.TLS)
	m.identity = f.KeyPair(s.Field("balances").Field("identity"), c.Balances.Identity)
	m.trust = f.Pool(s.Field("trust"), c.Trust)
	m.networks = program.Prefixes(s.Field("internal_networks"), c.InternalNetworks)
	if c.Gateway != nil {
		m.gateway = c.Gateway.trusted(s.Field("gateway"), f)
	}
	return m
}

// trusted knows the gateway by its certificate or by its address.
func (g *Gateway) trusted(s strictjson.Section, f program.Files) func(*http.Request) bool {
	if len(g.Peers) > 0 {
		return mtls.TrustedPeers(program.Prefixes(s.Field("peers"), g.Peers)...)
	}
	var thumbprints [][32]byte
	for i, name := range g.Certificates {
		if read := f.Certificates(s.Field("certificates").Index(i), name); len(read) > 0 {
			thumbprints = append(thumbprints, mtls.Thumbprint(read[0]))
		}
	}
	return mtls.TrustedCertificates(thumbprints...)
}

// build makes a server for each listener. They differ in what confirms a token, so
// that neither believes what only the other one can know.
func (s *Server) build(m material) error {
	issuerKeys, err := remoteKeys(s.config.JWKSURI, m)
	if err != nil {
		return err
	}
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{
		Issuer: s.config.Issuer, Audience: s.config.Identifier, Keys: issuerKeys,
	})
	if err != nil {
		return err
	}
	if s.balances, err = newBalances(s.config.Balances, m.identity, m.trust); err != nil {
		return err
	}
	proofs, err := s.newProofs()
	if err != nil {
		return err
	}
	direct, err := s.newAPI("client", tokens, proofs, mtls.Binding{})
	if err != nil {
		return err
	}
	if err := s.addBalances(direct, issuerKeys, proofs, mtls.Binding{}); err != nil {
		return err
	}
	if err := s.addSite(direct, m); err != nil || s.config.Gateway == nil {
		return err
	}
	handedOn, err := s.gatewayMethods(m)
	if err != nil {
		return err
	}
	behind, err := s.newAPI("gateway", tokens, handedOn...)
	if err != nil {
		return err
	}
	return s.addSite(only(m.gateway, behind), m)
}

func remoteKeys(url string, m material) (*jwks.Remote, error) {
	return jwks.NewRemote(jwks.RemoteConfig{URL: url, RootCAs: m.trust, AllowedPrefixes: m.networks})
}

func (s *Server) newProofs() (*dpop.Verifier, error) {
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		return nil, err
	}
	return dpop.NewVerifier(dpop.VerifierConfig{Origins: s.config.Origins, Replay: store})
}

// gatewayMethods confirm what the gateway hands on: certificates in Client-Cert,
// and its statements about keys. Here, neither the certificate of the connection
// nor a proof of a client means anything.
func (s *Server) gatewayMethods(m material) ([]cnf.Method, error) {
	certificate, err := mtls.FromProxy(mtls.ProxyConfig{Format: mtls.RFC9440, Trusted: m.gateway})
	if err != nil {
		return nil, err
	}
	keys, err := remoteKeys(s.config.Gateway.JWKSURI, m)
	if err != nil {
		return nil, err
	}
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		return nil, err
	}
	evidence, err := phantom.NewEvidence(phantom.EvidenceConfig{
		Issuer: s.config.Gateway.Issuer, Audience: s.config.Identifier, Keys: keys, Replay: store,
	})
	return []cnf.Method{mtls.Binding{Certificate: certificate}, evidence}, err
}

// newGuard wants tokens that these methods confirm.
func (s *Server) newGuard(from, scope string, tokens *accesstoken.Verifier, methods []cnf.Method) (*cnf.Middleware[token], error) {
	return cnf.New(cnf.Config[token]{
		Verify: tokens.Verify, Methods: methods,
		Require: cnf.Requirement{Scope: []string{scope}},
		Observe: func(e cnf.Event) { s.observe("request from a "+from, e.Err) },
	})
}

// newAPI puts the routes for users' tokens behind guards.
func (s *Server) newAPI(from string, tokens *accesstoken.Verifier, methods ...cnf.Method) (*http.ServeMux, error) {
	guard, err := s.newGuard(from, "accounts", tokens, methods)
	if err != nil {
		return nil, err
	}
	paying, err := guard.With(cnf.Requirement{Scope: []string{"payments"}, ACR: s.config.PaymentACR})
	if err != nil {
		return nil, err
	}
	book := s.ledger()
	payments := &payments{ledger: book, balances: s.balances, journal: s.journal.Outcome}
	mux := http.NewServeMux()
	mux.Handle("GET /accounts", guard.Handler(http.HandlerFunc(book.list)))
	mux.Handle("GET /accounts/{id}", guard.Handler(http.HandlerFunc(book.one)))
	mux.Handle("POST /payments", paying.Handler(http.HandlerFunc(payments.accept)))
	return mux, nil
}

// addBalances adds the route for services, which do not come through the gateway: on
// its listener, a route that is not there needs no other defence. Their tokens are
// for another resource than the users', whose tokens may be of a kind that only a
// gateway reads.
func (s *Server) addBalances(mux *http.ServeMux, keys *jwks.Remote, methods ...cnf.Method) error {
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{
		Issuer: s.config.Issuer, Audience: s.config.Balances.Resource, Keys: keys,
	})
	if err != nil {
		return err
	}
	guard, err := s.newGuard("service", scopeBalances, tokens, methods)
	if err != nil {
		return err
	}
	mux.Handle("GET /balances/{id}", guard.Handler(http.HandlerFunc(s.ledger().balance)))
	return nil
}

func (s *Server) ledger() ledger {
	book := ledger{}
	for _, account := range s.config.Accounts {
		book[account.ID] = account
	}
	return book
}

// observe tells a refusal from a fault.
func (s *Server) observe(what string, err error) {
	_, refused := errors.AsType[*cnf.Error](err)
	s.journal.Outcome(what, err, err != nil && !refused)
}

// only keeps everybody else away from the listener that is the gateway's. The
// fields there would not be believed anyway; this makes it one rule for all.
func only(trusted func(*http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !trusted(r) {
			writeForbidden(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// addSite asks for certificates on both: of clients, and of the gateway.
func (s *Server) addSite(handler http.Handler, m material) error {
	server, err := program.NewServer(handler, m.certificate, true, s.journal)
	if err != nil {
		return err
	}
	s.sites = append(s.sites, server)
	return nil
}

// Listen opens the listeners of the configuration.
func (s *Server) Listen() ([]net.Listener, error) {
	addresses := []string{s.config.Listen}
	if s.config.Gateway != nil {
		addresses = append(addresses, s.config.Gateway.Listen)
	}
	return program.Listen(addresses...)
}

// grace is how long requests under way may take once the server has to stop.
const grace = 5 * time.Second

// Serve answers at the listeners, those of Listen, until ctx is done.
func (s *Server) Serve(ctx context.Context, listeners []net.Listener) error {
	var sites []program.Site
	for i, server := range s.sites {
		sites = append(sites, program.Site{Listener: listeners[i], Server: server})
		s.journal.Printf("%s on %s", s.config.Identifier, listeners[i].Addr())
	}
	defer s.balances.close()
	return program.Serve(ctx, nil, grace, sites...)
}

// Run is Load, Listen and Serve.
func Run(ctx context.Context, name string, journal *program.Journal) error {
	s, err := Load(name, journal)
	if err != nil {
		return err
	}
	listeners, err := s.Listen()
	if err != nil {
		return err
	}
	return s.Serve(ctx, listeners)
}
