package server

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// authenticator knows the methods of client authentication. Which one a client
// must use is decided by its registration (RFC 8705 section 2): each verifier
// finds only the clients that are registered for it.
type authenticator struct {
	assertions   *privatekeyjwt.Verifier
	older        *privatekeyjwt.Verifier // of FAPI 1.0 clients; nil: there are none
	certificates *mtls.ClientAuthenticator
	observe      func(error)
}

func newAuthenticator(config Config, path string) (a authenticator, err error) {
	a.observe = config.ObserveClient
	if a.assertions, err = privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
		Issuer: config.Issuer, Clients: keyClients{config.Clients, false}, Replay: config.Replay,
		ExtraAudiences: config.ExtraAudiences,
	}); err != nil {
		return a, err
	}
	if hasProfile(config.Clients, fapi.FAPI1Advanced) {
		if a.older, err = privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
			Issuer: config.Issuer, Clients: keyClients{config.Clients, true}, Replay: config.Replay,
			ExtraAudiences: olderAudiences(config, path),
		}); err != nil {
			return a, err
		}
	}
	a.certificates, err = mtls.NewClientAuthenticator(mtls.ClientAuthenticatorConfig{
		Clients: certificateClients(config.Clients), Roots: config.Roots,
	})
	return a, err
}

// olderAudiences are what clients of FAPI 1.0 call this server, beside its
// issuer: the endpoint they post to.
func olderAudiences(config Config, path string) (audiences []string) {
	base := strings.TrimSuffix(config.Issuer, "/")
	for _, endpoint := range []string{"/token", "/par", "/revoke"} {
		audiences = append(audiences, base+endpoint)
		if config.Alias != "" {
			audiences = append(audiences, config.Alias+path+endpoint)
		}
	}
	return audiences
}

func hasProfile(clients map[string]Client, profile fapi.Profile) bool {
	for _, client := range clients {
		if client.Profile == profile {
			return true
		}
	}
	return false
}

// Authenticate implements the ClientAuth of package par.
func (a authenticator) Authenticate(r *http.Request) (clientID string, err error) {
	clientID, err = a.authenticate(r)
	if a.observe != nil {
		a.observe(err)
	}
	return clientID, err
}

// authenticate tries the assertion first: a request without one costs nothing
// there, and then has to come with a certificate. A request with both a
// certificate for authentication and an assertion does not exist: the
// certificate authenticator refuses assertions beside it, and to the other one
// a certificate is no credential.
//
// A client of FAPI 1.0 is unknown to the strict verifier, and every other client
// to the older one, so that the second try gives nobody a second chance.
func (a authenticator) authenticate(r *http.Request) (clientID string, err error) {
	clientID, err = a.assertions.Authenticate(r)
	switch {
	case err == nil:
		return clientID, nil
	case errors.Is(err, privatekeyjwt.ErrAssertion) && !r.PostForm.Has("client_assertion"):
		return a.certificates.Authenticate(r)
	case a.older != nil && (errors.Is(err, privatekeyjwt.ErrAudience) || errors.Is(err, privatekeyjwt.ErrClient)):
		older, olderErr := a.older.Authenticate(r)
		if !errors.Is(olderErr, privatekeyjwt.ErrClient) {
			return older, olderErr
		}
	}
	return "", err
}

// keyClients are those of FAPI 1.0, or all others.
type keyClients struct {
	clients map[string]Client
	older   bool
}

// Client implements [privatekeyjwt.ClientSource].
func (c keyClients) Client(_ context.Context, id string) (privatekeyjwt.Client, bool, error) {
	client, ok := c.clients[id]
	registered := ok && client.Certificate == nil && client.Keys != nil && c.older == (client.Profile == fapi.FAPI1Advanced)
	return privatekeyjwt.Client{Keys: client.keys(), SigningAlg: client.AssertionAlg}, registered, nil
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

// signingClients are those that may send request objects.
type signingClients map[string]Client

// Client implements [jar.ClientSource].
func (c signingClients) Client(_ context.Context, id string) (jar.Client, bool, error) {
	client, ok := c[id]
	return jar.Client{Keys: client.keys(), SigningAlg: client.RequestAlg}, ok && client.Keys != nil && client.usesCodes(), nil
}
