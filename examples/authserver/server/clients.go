package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// authenticator knows the three methods of client authentication. Which one a
// client must use is decided by its registration (RFC 8705 section 2): each
// verifier finds only the clients that are registered for it.
type authenticator struct {
	assertions   *privatekeyjwt.Verifier
	certificates *mtls.ClientAuthenticator
	observe      func(error)
}

func newAuthenticator(config Config) (a authenticator, err error) {
	a.observe = config.ObserveClient
	if a.assertions, err = privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
		Issuer: config.Issuer, Clients: keyClients(config.Clients), Replay: config.Replay,
		ExtraAudiences: config.ExtraAudiences,
	}); err != nil {
		return a, err
	}
	a.certificates, err = mtls.NewClientAuthenticator(mtls.ClientAuthenticatorConfig{
		Clients: certificateClients(config.Clients), Roots: config.Roots,
	})
	return a, err
}

// authenticate tries the assertion first: a request without one costs nothing
// there, and then has to come with a certificate. A request with both a
// certificate for authentication and an assertion does not exist: the
// certificate authenticator refuses assertions beside it, and to the other one
// a certificate is no credential.
func (a authenticator) authenticate(r *http.Request) (clientID string, err error) {
	clientID, err = a.assertions.Authenticate(r)
	if errors.Is(err, privatekeyjwt.ErrAssertion) && !r.PostForm.Has("client_assertion") {
		clientID, err = a.certificates.Authenticate(r)
	}
	if a.observe != nil {
		a.observe(err)
	}
	return clientID, err
}

type keyClients map[string]Client

// Client implements [privatekeyjwt.ClientSource].
func (c keyClients) Client(_ context.Context, id string) (privatekeyjwt.Client, bool, error) {
	client, ok := c[id]
	return privatekeyjwt.Client{Keys: client.Keys}, ok && client.Keys != nil, nil
}

type certificateClients map[string]Client

// Client implements [mtls.ClientSource].
func (c certificateClients) Client(_ context.Context, id string) (mtls.Client, bool, error) {
	client, ok := c[id]
	if !ok || client.Certificate == nil {
		return mtls.Client{}, false, nil
	}
	return *client.Certificate, true, nil
}
