package server

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/go-fapi/fapi/examples/internal/program"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/phantom"
)

// Server is a configuration that was accepted, with all it names in hand.
type Server struct {
	config   Config
	limits   limits
	material material
	journal  *program.Journal
	gateways []*phantom.Gateway[token]
	sites    []site
}

// site is a server, what it is for, and the address of the configuration.
type site struct {
	*http.Server
	purpose, address string
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
	root := found.Root()
	s.config.check(root)
	s.limits = s.config.limits(root)
	s.material = s.config.read(root, program.Files(filepath.Dir(name)), s.limits)
	if err := found.Err(); err != nil {
		return nil, err
	}
	b := &builder{config: s.config, material: s.material, limits: s.limits, journal: journal}
	if b.prepare(root); root.Sound() {
		if err := s.build(b); err != nil {
			root.Refuse("%v", err)
		}
	}
	return s, found.Err()
}

// build makes a server for each listener of the configuration. Whether clients
// connect directly or through the proxy decides where their certificates are, so
// each has a gateway of its own.
func (s *Server) build(b *builder) error {
	direct, err := b.build(b.apis, mtls.FromTLS)
	if err != nil {
		return err
	}
	s.gateways = append(s.gateways, direct)
	if err := s.add("clients", s.config.Listen, false, b.bounded(direct)); err != nil {
		return err
	}
	if err := s.add("clients with certificates", s.config.MTLSListen, true, b.bounded(direct)); err != nil {
		return err
	}
	if s.config.Proxy != nil {
		if err := s.addProxy(b); err != nil {
			return err
		}
	}
	inside, err := s.inside(direct)
	if err != nil {
		return err
	}
	return s.add("health and keys", s.config.InsideListen, false, inside)
}

func (s *Server) addProxy(b *builder) error {
	proxy := s.config.Proxy
	source, err := mtls.FromProxy(mtls.ProxyConfig{
		Format: formats[proxy.Format], Header: proxy.Header, Trusted: s.material.proxy,
	})
	if err != nil {
		return err
	}
	behind, err := b.build(b.apis, source)
	if err != nil {
		return err
	}
	s.gateways = append(s.gateways, behind)
	return s.add("the proxy", proxy.Listen, true, only(s.material.proxy, b.bounded(behind)))
}

// inside serves what is not for clients: GET /health for load balancers, and GET
// /jwks, the keys with which APIs verify the statements.
func (s *Server) inside(direct *phantom.Gateway[token]) (http.Handler, error) {
	keys, err := jwks.NewPublisher(jwks.PublisherConfig{Keys: s.material.published})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /health", direct.Health())
	mux.Handle("GET /jwks", keys)
	return mux, nil
}

// add makes a server, if the configuration has an address for it.
func (s *Server) add(purpose, address string, asking bool, handler http.Handler) error {
	if address == "" {
		return nil
	}
	server, err := program.NewServer(handler, s.material.certificate, asking, s.journal)
	if err != nil {
		return err
	}
	server.ReadHeaderTimeout, server.ReadTimeout = s.limits.readHeader, s.limits.read
	server.WriteTimeout, server.IdleTimeout = s.limits.write, s.limits.idle
	server.MaxHeaderBytes = s.limits.header
	server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: 100}
	s.sites = append(s.sites, site{server, purpose, address})
	return nil
}

// Listen opens the listeners of the configuration: for clients, for clients with
// certificates, for the proxy, and inside, those that there are.
func (s *Server) Listen() ([]net.Listener, error) {
	var addresses []string
	for _, site := range s.sites {
		addresses = append(addresses, site.address)
	}
	return program.Listen(addresses...)
}

// Serve answers at the listeners, those of Listen, until ctx is done. Then /health
// says so for a while, requests are served as before, and only after that they are
// no longer accepted.
func (s *Server) Serve(ctx context.Context, listeners []net.Listener) error {
	var sites []program.Site
	for i, site := range s.sites {
		sites = append(sites, program.Site{Listener: listeners[i], Server: site.Server})
		s.journal.Printf("for %s: %s", site.purpose, listeners[i].Addr())
	}
	defer func() {
		for _, idle := range s.material.idle {
			idle.CloseIdleConnections()
		}
	}()
	return program.Serve(ctx, s.drain, s.limits.shutdown, sites...)
}

func (s *Server) drain() {
	for _, gateway := range s.gateways {
		gateway.Drain()
	}
	s.journal.Printf("draining for %v", s.limits.drain)
	time.Sleep(s.limits.drain)
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
