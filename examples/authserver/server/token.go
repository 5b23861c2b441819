package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/mtls"
)

// token is the token endpoint.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	response, err := s.issue(w.Header(), r)
	if err != nil {
		s.proofs.WriteTokenError(w, r, err)
		return
	}
	writeJSON(w, response)
}

// issue answers a token request. The order matters: who asks, bound to what,
// for what; a code or refresh token would be touched last of all, so that a
// nonce challenge never costs one.
func (s *Server) issue(h http.Header, r *http.Request) (map[string]any, error) {
	clientID, err := s.clients.authenticate(r)
	if err != nil {
		return nil, err
	}
	bound, err := s.binding(h, r, s.config.Clients[clientID])
	if err != nil {
		return nil, err
	}
	grant, err := s.grant(clientID, r)
	if err != nil {
		return nil, err
	}
	token, expires, err := s.tokens.Issue(r.Context(), accesstoken.Grant{
		Subject: clientID, ClientID: clientID, // no user: RFC 9068 section 2.2
		Audience: []string{grant.api}, Scope: grant.scopes, Confirmation: bound,
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"access_token": token,
		"token_type":   tokenType(bound),
		"expires_in":   int(time.Until(expires).Seconds()),
		"scope":        strings.Join(grant.scopes, " "),
	}, nil
}

// binding is what the token will be bound to: the certificate, the DPoP key, or
// both, and then both have to be proven at the API.
func (s *Server) binding(h http.Header, r *http.Request, client Client) (bound cnf.Confirmation, err error) {
	if client.CertificateBound {
		chain, err := mtls.FromTLS(r)
		if err != nil {
			return bound, err
		}
		bound = cnf.Bind(cnf.MemberX5TS256, mtls.Thumbprint(chain[0]))
	}
	if client.CertificateBound && len(r.Header.Values("DPoP")) == 0 {
		return bound, nil
	}
	proof, err := s.proofs.VerifyTokenRequest(r)
	if err != nil {
		return bound, err
	}
	return bound.And(cnf.MemberJKT, proof.Thumbprint()), s.proofs.OfferNonce(r.Context(), h, proof, nil)
}

// tokenType: a token that needs a proof is of type DPoP (RFC 9449 section 5),
// one that needs only the certificate is called Bearer (RFC 8705 section 3).
func tokenType(bound cnf.Confirmation) string {
	if _, ok := bound.Thumbprint(cnf.MemberJKT); ok {
		return "DPoP"
	}
	return "Bearer"
}

// metadata is RFC 8414.
func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	algorithms := []string{"ES256", "PS256", "EdDSA", "Ed25519"}
	document := map[string]any{
		"issuer":                                s.config.Issuer,
		"token_endpoint":                        s.config.Issuer + "/token",
		"jwks_uri":                              s.config.Issuer + "/jwks",
		"response_types_supported":              []string{},
		"grant_types_supported":                 []string{"client_credentials"},
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"},
		"token_endpoint_auth_signing_alg_values_supported": algorithms,
		"dpop_signing_alg_values_supported":                algorithms,
		"tls_client_certificate_bound_access_tokens":       true,
	}
	if s.config.Alias != "" { // RFC 8705 section 5
		document["mtls_endpoint_aliases"] = map[string]string{"token_endpoint": s.config.Alias + "/token"}
	}
	writeJSON(w, document)
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // the client has left: nobody to tell
}
