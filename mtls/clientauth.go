package mtls

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
)

// ClientAuthenticatorConfig configures a [ClientAuthenticator].
type ClientAuthenticatorConfig struct {
	// Certificate finds the client's certificate. nil: [FromTLS].
	Certificate CertificateSource

	// Clients finds the registrations.
	Clients ClientSource // required

	// Roots are the authorities whose certificates tls_client_auth accepts, of
	// clients that have no Roots of their own. Whoever can get a certificate
	// with a client's subject from any of them is that client, so they should
	// be few and made for this purpose (RFC 8705 section 7.4), and never those
	// of the operating system. nil is none at all; an empty pool is an error,
	// being what is left of a file that could not be read.
	Roots *x509.CertPool

	// Observe, when set, is called once for every request, on its goroutine. It
	// must not block.
	Observe func(Event)
}

// Event is the outcome of one authentication.
type Event struct {
	ClientID string // who it was; empty unless authenticated
	Err      error  // nil: authenticated. An *Error: refused. Else: a fault of the server
}

// ClientAuthenticator authenticates clients by their certificates at an
// authorization server: tls_client_auth and self_signed_tls_client_auth (RFC
// 8705 section 2). It is safe for concurrent use, and remembers nothing: every
// request is checked, whatever an earlier one on the same connection or in the
// same TLS session was.
//
// It does not choose between methods: a client is registered for one, and a
// server that has others too decides by that registration, not by whether a
// certificate came along, which may be there to bind a token.
//
// Revocation is a matter of the deployment (section 2.1) and not checked. Roots
// made with [x509.CertPool.AddCertWithConstraint] can put further demands on
// chains; a self-signed certificate is revoked by removing it.
type ClientAuthenticator struct {
	certificate CertificateSource
	clients     ClientSource
	roots       *x509.CertPool
	observe     func(Event)
}

// NewClientAuthenticator checks the configuration. Roots that change later
// change nothing.
func NewClientAuthenticator(config ClientAuthenticatorConfig) (*ClientAuthenticator, error) {
	if config.Clients == nil {
		return nil, errors.New("mtls: Clients is required")
	}
	if config.Roots != nil {
		if isEmpty(config.Roots) {
			return nil, errors.New("mtls: Roots is a pool without certificates")
		}
		config.Roots = config.Roots.Clone()
	}
	return &ClientAuthenticator{
		certificate: config.Certificate, clients: config.Clients, roots: config.Roots, observe: config.Observe,
	}, nil
}

// Authenticate returns the identifier of the client that sent the request. It
// reads the form of at most 64 KiB, unless it was read before, and leaves it in
// r.PostForm; repeated parameters are refused save resource and audience.
//
// The client is looked up by client_id, and by nothing else; then the
// certificate has to be the one its registration expects. An unknown client and
// a wrong certificate get the same answer.
//
// An [*Error] is a refused request: invalid_client or, for [ErrRequest] and
// [ErrMethods], invalid_request. Any other error means that the server could
// not find out, and deserves a 5xx. Never answer with the text of either.
func (a *ClientAuthenticator) Authenticate(r *http.Request) (clientID string, err error) {
	if a == nil || a.clients == nil || r == nil {
		return "", errors.New("mtls: no request, or an authenticator not made by NewClientAuthenticator")
	}
	clientID, err = a.authenticate(r)
	if a.observe != nil {
		a.observe(Event{ClientID: clientID, Err: err})
	}
	return clientID, err
}

// authenticate leaves the signatures of the chain for last, so that junk costs
// none.
func (a *ClientAuthenticator) authenticate(r *http.Request) (string, error) {
	clientID, err := readClientID(r)
	if err != nil {
		return "", err
	}
	chain, err := a.chain(r)
	if err != nil {
		return "", err
	}
	client, err := a.client(r.Context(), clientID)
	if err != nil {
		return "", err
	}
	if err := a.check(client, chain); err != nil {
		return "", err
	}
	return clientID, nil
}

func (a *ClientAuthenticator) chain(r *http.Request) (chain []*x509.Certificate, err error) {
	defer recovered("certificate source", &err)
	chain, err = chainOf(a.certificate, r, codeClient)
	if refused, ok := errors.AsType[*Error](err); ok {
		return nil, refused
	}
	if err != nil {
		return nil, sourceFault("certificate source", err)
	}
	return chain, nil
}

func (a *ClientAuthenticator) client(ctx context.Context, clientID string) (client Client, err error) {
	defer recovered("client source", &err)
	client, ok, err := a.clients.Client(ctx, clientID)
	if err == nil {
		err = ctx.Err() // what a source says after its time may be for want of time
	}
	if err != nil {
		return Client{}, sourceFault("client source", err)
	}
	if !ok {
		return Client{}, refuse(ErrClient, codeClient)
	}
	return client, nil
}

// check goes by the registration alone: which certificate arrives never decides
// how it is judged (RFC 8705 section 2).
func (a *ClientAuthenticator) check(client Client, chain []*x509.Certificate) (err error) {
	defer recovered("certificate check", &err)
	switch client.Method {
	case TLSClientAuth:
		return a.checkIssued(client, chain)
	case SelfSignedTLSClientAuth:
		return checkRegistered(client.Certificates, chain[0])
	}
	return errors.New("mtls: client source: a client without Method, or of another one")
}

// sourceFault hides a refusal of something else, which would be taken for one of
// this request.
func sourceFault(what string, err error) error {
	if _, coded := errors.AsType[interface {
		error
		OAuthCode() string
	}](err); coded {
		return fmt.Errorf("mtls: %s: %v", what, err)
	}
	return fmt.Errorf("mtls: %s: %w", what, err)
}

// recovered makes a panic of somebody's implementation an error. The value may
// carry data of the request, its type does not.
func recovered(what string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("mtls: %s panicked (%T)", what, p)
	}
}

func isEmpty(pool *x509.CertPool) bool { return pool.Equal(x509.NewCertPool()) }
