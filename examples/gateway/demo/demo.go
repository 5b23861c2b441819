// Package demo runs a gateway with everything around it in one process: the API of
// examples/accounts, a small authorization server that gives out opaque tokens for
// the asking, and certificates for all. The load program and tests use it.
package demo

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	accounts "github.com/go-fapi/fapi/examples/accounts/server"
	gateway "github.com/go-fapi/fapi/examples/gateway/server"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/examples/internal/program"
)

// Config configures a [Demo].
type Config struct {
	Folder  string    // required: an empty one, for configurations, keys and certificates
	Log     io.Writer // of the programs; nil: none
	Verbose bool      // outcomes of requests, too

	// Echo, when set, is a second API behind the gateway, which asks for scope echo,
	// as the certificate-bound client of the authorization server.
	Echo http.Handler

	// Gateway and Accounts change the configurations before they are written. The
	// gateway has a listener for a proxy if Gateway adds one; its address is
	// Demo.ProxyAddress.
	Gateway  func(*gateway.Config)
	Accounts func(*accounts.Config)
}

// The identifiers of the APIs, and the login that a payment needs.
const (
	AccountsAudience = "https://accounts.bank.example"
	EchoAudience     = "https://echo.bank.example"
	BalancesAudience = "https://balances.bank.example" // of services only
	StrongACR        = "urn:example:acr:2fa"
)

// Demo is running.
type Demo struct {
	Origin       string // of the gateway
	MTLSOrigin   string // of its listener that asks for certificates
	ProxyAddress string // of its listener for a proxy, host and port
	Inside       string // origin of its health and keys
	Accounts     string // origin of the API for clients that call it directly
	Behind       string // origin of the API for the gateway
	AS           *AuthorizationServer

	authority *pki.Authority
	cancel    context.CancelFunc
	ended     []<-chan error
}

// Start starts it. Nothing is left running after an error.
func Start(config Config) (*Demo, error) {
	d := &Demo{}
	var err error
	if d.authority, err = pki.NewAuthority("Demo"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	if err := d.start(ctx, config); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// listeners are opened before the configurations are written, as these have the
// addresses in them.
type listeners struct {
	authorization, echo, accounts, behind, plain, mutual, inside, proxy net.Listener
}

func listen() (l listeners, err error) {
	all := []*net.Listener{&l.authorization, &l.echo, &l.accounts, &l.behind, &l.plain, &l.mutual, &l.inside, &l.proxy}
	for _, listener := range all {
		if *listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			l.close()
			return l, err
		}
	}
	return l, nil
}

// close is for those that nobody serves.
func (l listeners) close() {
	for _, listener := range []net.Listener{l.authorization, l.echo, l.accounts, l.behind, l.plain, l.mutual, l.inside, l.proxy} {
		if listener != nil {
			listener.Close()
		}
	}
}

func (d *Demo) start(ctx context.Context, config Config) error {
	l, err := listen()
	if err != nil {
		return err
	}
	d.Origin, d.MTLSOrigin, d.Inside = origin(l.plain), origin(l.mutual), origin(l.inside)
	d.Accounts, d.Behind, d.ProxyAddress = origin(l.accounts), origin(l.behind), l.proxy.Addr().String()
	s, err := d.load(config, l)
	if err != nil {
		l.close()
		return err
	}
	gatewaySites := []net.Listener{l.plain, l.mutual, l.proxy, l.inside}
	if !s.proxied {
		l.proxy.Close()
		gatewaySites = []net.Listener{l.plain, l.mutual, l.inside}
	}
	sites := []program.Site{{Listener: l.authorization, Server: s.authorization}, {Listener: l.echo, Server: s.echo}}
	d.run(func() error { return program.Serve(ctx, nil, time.Second, sites...) })
	d.run(func() error { return s.accounts.Serve(ctx, []net.Listener{l.accounts, l.behind}) })
	d.run(func() error { return s.gateway.Serve(ctx, gatewaySites) })
	return nil
}

func origin(l net.Listener) string { return "https://" + l.Addr().String() }

func (d *Demo) run(serve func() error) {
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	d.ended = append(d.ended, ended)
}

// servers are what the demo consists of.
type servers struct {
	authorization, echo *http.Server
	accounts            *accounts.Server
	gateway             *gateway.Server
	proxied             bool
}

func (d *Demo) load(config Config, l listeners) (s servers, err error) {
	log := config.Log
	if log == nil {
		log = io.Discard
	}
	keys, err := d.writeFiles(config.Folder)
	if err != nil {
		return s, err
	}
	if d.AS, err = newAuthorizationServer(origin(l.authorization), d.authority, keys); err != nil {
		return s, err
	}
	if s.authorization, err = d.newServer(d.AS, log); err != nil {
		return s, err
	}
	echo := config.Echo
	if echo == nil {
		echo = http.NotFoundHandler() // nil would be http.DefaultServeMux
	}
	if s.echo, err = d.newServer(echo, log); err != nil {
		return s, err
	}
	api := d.accountsConfig(l)
	if config.Accounts != nil {
		config.Accounts(&api)
	}
	name, err := writeConfig(config.Folder, "accounts.json", api)
	if err != nil {
		return s, err
	}
	if s.accounts, err = accounts.Load(name, program.NewJournal(log, "accounts", config.Verbose)); err != nil {
		return s, err
	}
	edge := d.gatewayConfig(l, config.Echo != nil)
	if config.Gateway != nil {
		config.Gateway(&edge)
	}
	s.proxied = edge.Proxy != nil
	if name, err = writeConfig(config.Folder, "gateway.json", edge); err != nil {
		return s, err
	}
	s.gateway, err = gateway.Load(name, program.NewJournal(log, "gateway", config.Verbose))
	return s, err
}

func writeConfig(folder, name string, config any) (path string, err error) {
	text, err := program.Marshal(config)
	if err != nil {
		return "", err
	}
	path = filepath.Join(folder, name)
	return path, os.WriteFile(path, text, 0o600)
}

func (d *Demo) newServer(handler http.Handler, log io.Writer) (*http.Server, error) {
	site, err := d.authority.Server()
	if err != nil {
		return nil, err
	}
	return program.NewServer(handler, site.Certificates[0], true, program.NewJournal(log, "demo", false))
}

// Transport is that of a client, with a certificate or without. Close its idle
// connections in the end.
func (d *Demo) Transport(certificates ...tls.Certificate) *http.Transport {
	return &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: d.authority.Pool(), Certificates: certificates, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 256, ForceAttemptHTTP2: true,
	}
}

// AuthorityPEM is the certificate of the authority of all servers here.
func (d *Demo) AuthorityPEM() []byte { return d.authority.PEM() }

// Close stops everything and waits for its end.
func (d *Demo) Close() error {
	d.cancel()
	var errs []error
	for _, ended := range d.ended {
		errs = append(errs, <-ended)
	}
	return errors.Join(errs...)
}
