package phantom

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// GatewayConfig configures a [Gateway].
type GatewayConfig[C cnf.Claims] struct {
	// Origins are the addresses under which clients know this gateway, each a
	// scheme and an authority: "https://api.bank.example". A request for another
	// host is refused.
	Origins []string // required

	// Methods are the ways in which clients prove possession: a *dpop.Verifier,
	// which then needs the same Origins, mtls.Binding, or both.
	Methods []cnf.Method // required

	// APIs are what stands behind the gateway.
	APIs []API[C] // required

	// Issuer is who makes out statements: an identifier of the gateway, such as
	// https://gw.bank.example. Statements are its own, so it must not be the
	// issuer of tokens.
	Issuer string // required for DPoP

	// Key signs statements: P-256, Ed25519 or RSA, of which Ed25519 is the
	// cheapest to sign with. KeyID is the kid under which the APIs find its
	// public half; empty means its RFC 7638 thumbprint.
	Key   crypto.Signer // required for DPoP
	KeyID string

	// Certificate finds the client's certificate, to be handed on in Client-Cert:
	// the source that mtls.Binding uses, mtls.FromTLS if it has none.
	Certificate func(*http.Request) ([]*x509.Certificate, error) // required for mutual TLS

	// Internal are further names of fields that only the inside may write, such as
	// "X-Verified". Each is also the beginning of others: X-Verified-User.
	Internal []string

	// Upgrades lets WebSocket connections pass. Other protocols never do.
	Upgrades bool

	// MaxHeaderBytes bounds target and header section together. 0: 16 KiB; from
	// 1 KiB to 1 MiB. Set http.Server.MaxHeaderBytes too, which acts earlier.
	MaxHeaderBytes int

	// Transport sends requests to the APIs. nil: one with timeouts of 5 s to
	// connect and 30 s for the header of the response, and without the proxy of
	// the environment.
	Transport http.RoundTripper

	// ResourceMetadata is the URL of the metadata of the API as the outside sees
	// it (RFC 9728), named in challenges. Optional.
	ResourceMetadata string

	// Observe, when set, is called once for every request, when it is over, on its
	// goroutine. It must not block.
	Observe func(Event)
}

// Event is what became of one request.
type Event struct {
	// Status is what the client got; 0 if nothing.
	Status int
	// Err is nil if an API answered. An *Error or *cnf.Error: refused. Else: a
	// fault inside, of which the client was told only the status.
	Err error
}

// Gateway is the [http.Handler] in front of the APIs. Its zero value answers
// 503. It is safe for concurrent use, starts no goroutine, and needs no closing.
type Gateway[C cnf.Claims] struct {
	hosts          hosts
	routes         table[C]
	witness        *witness
	certificate    func(*http.Request) ([]*x509.Certificate, error)
	upgrades       bool
	maxHeaderBytes int
	proxy          *httputil.ReverseProxy
	observe        func(Event)
	draining       atomic.Bool
}

const (
	defaultHeaderBytes = 16 << 10
	minHeaderBytes     = 1 << 10
	maxHeaderBytes     = 1 << 20
)

// NewGateway errs when a required field is missing, a value out of range, or
// two routes contradict each other.
func NewGateway[C cnf.Claims](config GatewayConfig[C]) (*Gateway[C], error) {
	g := &Gateway[C]{
		certificate: config.Certificate, upgrades: config.Upgrades, maxHeaderBytes: config.MaxHeaderBytes, observe: config.Observe,
	}
	if g.maxHeaderBytes == 0 {
		g.maxHeaderBytes = defaultHeaderBytes
	}
	if err := config.check(g.maxHeaderBytes); err != nil {
		return nil, err
	}
	var err error
	if g.hosts, err = newHosts(config.Origins); err != nil {
		return nil, fmt.Errorf("phantom: an origin %w", err)
	}
	if g.routes, err = newTable(config); err != nil {
		return nil, err
	}
	if err := g.prepareEvidence(config); err != nil {
		return nil, err
	}
	g.proxy = newProxy(config.Transport, append(internalFields(), config.Internal...))
	return g, nil
}

func (config *GatewayConfig[C]) check(headerBytes int) error {
	switch {
	case len(config.Origins) == 0:
		return errors.New("phantom: Origins is required: the public addresses of this gateway")
	case headerBytes < minHeaderBytes || headerBytes > maxHeaderBytes:
		return errors.New("phantom: MaxHeaderBytes must be from 1 KiB to 1 MiB")
	case slices.ContainsFunc(config.Internal, func(name string) bool { return !isFieldName(name) }):
		return errors.New("phantom: Internal must be names of letters, digits and hyphens")
	case config.Transport != nil && isNil(config.Transport):
		return errors.New("phantom: Transport must be usable; leave it out for the default")
	}
	return nil
}

// isNil also sees a nil pointer or func inside the interface.
func isNil(value any) bool {
	v := reflect.ValueOf(value)
	return value == nil || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Func) && v.IsNil()
}

// isFieldName accepts names that all servers read alike: with an underscore or a
// dot, to CGI and its kin, a name may be that of another field.
func isFieldName(name string) bool { return name != "" && consistsOf(&fieldOctet, name) }

// prepareEvidence sees to it that whatever can be proven can be handed on.
func (g *Gateway[C]) prepareEvidence(config GatewayConfig[C]) (err error) {
	for _, method := range config.Methods {
		if method.Member() == cnf.MemberX5TS256 && config.Certificate == nil {
			return errors.New("phantom: Certificate is required to hand on what certificate-bound tokens were proven with")
		}
		if method.Member() == cnf.MemberJKT && isNil(config.Key) {
			return errors.New("phantom: Key is required to hand on what DPoP-bound tokens were proven with")
		}
	}
	if isNil(config.Key) {
		return nil
	}
	if g.witness, err = newWitness(config.Issuer, config.Key, config.KeyID); err != nil {
		return err
	}
	for _, api := range config.APIs {
		if api.Audience == "" {
			return fmt.Errorf("phantom: Audience of %s is required: the API's identifier", api.Upstream)
		}
	}
	return nil
}

// ServeHTTP hands a request on or answers it.
func (g *Gateway[C]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g == nil || g.proxy == nil || r == nil || r.URL == nil {
		oauthhttp.WriteTokenError(w, http.StatusServiceUnavailable, "server_error", "")
		return
	}
	out := &response{ResponseWriter: w}
	p := &passage{header: http.Header{}, err: errCutOff}
	if g.observe != nil {
		// Deferred, since the proxy aborts connections with a panic.
		defer func() { g.observe(p.event(out.status)) }()
	}
	if p.err = g.admit(r, p); p.err != nil {
		p.answer(out, p.err)
		return
	}
	p.err = errCutOff
	g.proxy.ServeHTTP(out, p.attach(r))
	if p.err == errCutOff {
		p.err = nil
	}
}

// errCutOff stands until a response is complete.
var errCutOff = errors.New("phantom: the response was cut off")

// admit decides about a request, the cheap before the dear, and gathers what
// the API is to get.
func (g *Gateway[C]) admit(r *http.Request, p *passage) error {
	if headerBytes(r) > g.maxHeaderBytes {
		return refuse(ErrHeaderSize, http.StatusRequestHeaderFieldsTooLarge)
	}
	if err := g.hosts.check(r); err != nil {
		return err
	}
	wants, webSocket := switchesProtocol(r)
	if wants && (!webSocket || !g.upgrades) {
		return refuse(ErrUpgrade, http.StatusBadRequest)
	}
	route, allow := g.routes.find(r.Method, rawPath(r.URL))
	if route == nil {
		p.allow = allow
		return refuse(ErrRoute, routeStatus(allow))
	}
	p.writeError = route.guard.WriteError
	grant, err := route.guard.Check(p.header, r)
	if err != nil {
		return err
	}
	p.upstream, p.upgrade = route.upstream, wants
	return g.handOn(r, p, route.audience, grant)
}

func routeStatus(allow []string) int {
	if len(allow) > 0 {
		return http.StatusMethodNotAllowed
	}
	return http.StatusNotFound
}

// Health answers load balancers: 200, or 503 once [Gateway.Drain] was called.
// It asks nobody: an outage of an API or of the authorization server would
// otherwise take all gateways out at once. Mount it on a path or listener of its
// own, as it takes no token.
func (g *Gateway[C]) Health() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		oauthhttp.NoStore(w.Header())
		if g == nil || g.proxy == nil || g.draining.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusOK)
	})
}

// Drain makes [Gateway.Health] answer 503, so that no more clients are sent
// here. Requests are served as before: call it some seconds before
// http.Server.Shutdown, which waits for those under way.
func (g *Gateway[C]) Drain() {
	if g != nil {
		g.draining.Store(true)
	}
}
