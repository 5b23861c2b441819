// Package server is a small authorization server made of this module's
// packages: client authentication by private_key_jwt or by certificate, JWT
// access tokens bound to a DPoP key, to a certificate or to both, for the
// client_credentials grant, metadata and keys.
//
// It shows how the packages meet; it keeps everything in memory.
package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/jwks"
)

// Server is an authorization server: an [http.Handler].
type Server struct {
	config  Config
	clients authenticator
	proofs  *dpop.Verifier
	tokens  *accesstoken.Issuer
	mux     *http.ServeMux
}

// New makes a server.
func New(config Config) (*Server, error) {
	s := &Server{config: config, mux: http.NewServeMux()}
	var err error
	if s.clients, err = newAuthenticator(config); err != nil {
		return nil, err
	}
	origins := []string{config.Issuer}
	if config.Alias != "" {
		origins = append(origins, config.Alias)
	}
	if s.proofs, err = dpop.NewVerifier(dpop.VerifierConfig{
		Origins: origins, Replay: config.Replay,
		Nonces: config.Nonces, Observe: config.ObserveProof,
	}); err != nil {
		return nil, err
	}
	if s.tokens, err = accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: config.Issuer, Key: config.Key}); err != nil {
		return nil, err
	}
	keys, err := jwks.NewPublisher(jwks.PublisherConfig{Keys: []jwks.Key{{Key: config.Key.Public()}}})
	if err != nil {
		return nil, err
	}
	s.mux.Handle("/jwks", keys)
	s.mux.HandleFunc("POST /token", s.token)
	s.mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// grant is what one token request asks for and may have.
type grant struct {
	scopes []string
	api    string
}

var (
	errUnsupportedGrant = coded("unsupported_grant_type")
	errScope            = coded("invalid_scope")
	errTarget           = coded("invalid_target")
)

// coded is an error of the token endpoint (RFC 6749 section 5.2).
type coded string

func (c coded) Error() string     { return string(c) }
func (c coded) OAuthCode() string { return string(c) }

func (s *Server) grant(clientID string, r *http.Request) (grant, error) {
	client := s.config.Clients[clientID]
	form := r.PostForm
	if form.Get("grant_type") != "client_credentials" {
		return grant{}, errUnsupportedGrant
	}
	scopes := strings.Fields(form.Get("scope"))
	for _, scope := range scopes {
		if !slices.Contains(client.Scopes, scope) {
			return grant{}, errScope
		}
	}
	if len(client.APIs) == 0 {
		return grant{}, errors.New("client without an API")
	}
	api := client.APIs[0]
	if resources := form["resource"]; len(resources) > 0 { // RFC 8707
		api = resources[0]
		if len(resources) > 1 || !slices.Contains(client.APIs, api) {
			return grant{}, errTarget
		}
	}
	return grant{scopes: scopes, api: api}, nil
}
