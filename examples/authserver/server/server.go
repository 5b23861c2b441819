// Package server is a small authorization server made of this module's
// packages: client authentication by private_key_jwt or by certificate, and JWT
// access tokens bound to a DPoP key, to a certificate or to both, for the
// client_credentials grant and for the authorization code flow of FAPI: pushed
// requests, login and consent, codes with PKCE, plain and signed responses, ID
// tokens, userinfo, refresh tokens, logout. APIs can have opaque tokens instead, and
// introspection; tokens can be revoked, and subjects be pairwise.
//
// It shows how the packages meet; it keeps everything in memory, bounded. A full
// store refuses what is new and keeps what it has.
//
// # Order
//
// A request that fails consumes nothing. At the token endpoint tokens are made
// first, then the code is spent, then the tokens are shown: whatever goes wrong
// before the middle leaves the code as it was, and nothing after it can give a
// second answer. A code that comes back takes everything away that it gave.
//
// At the authorization endpoint nothing is spent until the user has decided, so
// pages can be reloaded, preloaded and gone back to. An interaction belongs to
// the browser in which it began; elsewhere its URLs are an error page.
//
// # Who is called what
//
// An account never leaves the server. A client knows a user by one sub, in ID
// tokens, at userinfo, in JWT access tokens and in logout tokens; clients with
// pairwise subjects in different sectors know different ones. An API knows the sub
// that the client sees, unless its tokens are opaque and it has a sector of its own:
// then it has one for all clients.
//
// # Where errors go
//
// To the client as JSON from endpoints it calls itself; to its redirect URI once
// that is known to be its own; to the page /error in every other case.
package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/jwks"
)

// Server is an authorization server: an [http.Handler].
type Server struct {
	config  Config
	base    string // the path of the issuer
	local   bool   // on localhost, where HSTS would hit all other programs of the developer
	clients authenticator
	proofs  *dpop.Verifier
	tokens  *accesstoken.Issuer
	keys    *jwks.Publisher
	ledger  *ledger

	jwts           jwts
	subjects       subjects
	introspections *introspections // nil: there is nobody to ask
	flow           *flow           // nil: there is none

	mux *http.ServeMux
}

// New makes a server.
func New(config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	issuer, _ := url.Parse(config.Issuer) // checked above
	s := &Server{
		config: config, base: strings.TrimSuffix(issuer.EscapedPath(), "/"), local: issuer.Hostname() == "localhost",
		ledger: newLedger(), mux: http.NewServeMux(),
	}
	var err error
	if s.clients, err = newAuthenticator(config, s.base); err != nil {
		return nil, err
	}
	if s.proofs, err = newProofs(config, issuer); err != nil {
		return nil, err
	}
	if s.tokens, err = accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: config.Issuer, Key: config.Key, Lifetime: accessLife}); err != nil {
		return nil, err
	}
	if s.keys, err = jwks.NewPublisher(jwks.PublisherConfig{Keys: []jwks.Key{{Key: config.Key.Public()}}}); err != nil {
		return nil, err
	}
	if s.jwts, err = newJWTs(config.Key); err != nil {
		return nil, err
	}
	if s.subjects, err = newSubjects(config); err != nil {
		return nil, err
	}
	if len(config.ResourceServers) > 0 {
		if s.introspections, err = newIntrospections(s); err != nil {
			return nil, err
		}
	}
	if config.Users != nil {
		if s.flow, err = newFlow(s); err != nil {
			return nil, err
		}
	}
	s.routes()
	return s, nil
}

// newProofs knows the server by its origins: the router below sees the path of
// the issuer, so no proxy has taken it off.
func newProofs(config Config, issuer *url.URL) (*dpop.Verifier, error) {
	origins := []string{issuer.Scheme + "://" + issuer.Host}
	if config.Alias != "" {
		origins = append(origins, config.Alias)
	}
	return dpop.NewVerifier(dpop.VerifierConfig{
		Origins: origins, Replay: config.Replay, Nonces: config.Nonces, Observe: config.ObserveProof,
	})
}

func (s *Server) routes() {
	s.mux.Handle(s.base+"/jwks", s.keys)
	s.mux.HandleFunc("POST "+s.base+"/token", s.token)
	s.mux.HandleFunc("POST "+s.base+"/revoke", s.revoke)
	if s.introspections != nil {
		s.mux.HandleFunc("POST "+s.base+"/introspect", s.introspect)
	}
	s.mux.HandleFunc("GET /.well-known/oauth-authorization-server"+s.base, s.metadata) // RFC 8414 section 3.1
	if s.flow == nil {
		return
	}
	s.mux.HandleFunc("GET "+s.base+"/.well-known/openid-configuration", s.metadata) // OpenID Connect Discovery 4
	s.mux.Handle(s.base+"/par", s.flow.pushed)
	s.mux.HandleFunc("GET "+s.base+"/authorize", s.authorize)
	s.mux.HandleFunc("POST "+s.base+"/authorize", s.authorizePosted)
	s.mux.HandleFunc("GET "+s.base+"/login", s.loginPage)
	s.mux.HandleFunc("POST "+s.base+"/login", s.login)
	s.mux.HandleFunc("GET "+s.base+"/consent", s.consentPage)
	s.mux.HandleFunc("POST "+s.base+"/consent", s.consent)
	s.mux.HandleFunc("GET "+s.base+"/error", s.errorPage)
	s.mux.HandleFunc("GET "+s.base+"/logout", s.logoutPage)
	s.mux.HandleFunc("POST "+s.base+"/logout", s.logout)
	s.mux.Handle("GET "+s.base+"/userinfo", s.flow.userinfo)
	s.mux.Handle("POST "+s.base+"/userinfo", s.flow.userinfo)
}

// endpoint is the URL of one of the server's endpoints.
func (s *Server) endpoint(name string) string { return strings.TrimSuffix(s.config.Issuer, "/") + name }

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !s.local {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000") // FAPI 2.0 5.2.3-1
	}
	s.mux.ServeHTTP(w, r)
}
