package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
)

// token is the token endpoint. The order matters: who asks, with which key,
// for what; a code or refresh token would be touched last of all, so that a
// nonce challenge never costs one.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	clientID, err := s.clients.Authenticate(r)
	if err != nil {
		s.proofs.WriteTokenError(w, r, err)
		return
	}
	proof, err := s.proofs.VerifyTokenRequest(r)
	if err != nil {
		s.proofs.WriteTokenError(w, r, err)
		return
	}
	grant, err := s.grant(clientID, r)
	if err != nil {
		s.proofs.WriteTokenError(w, r, err)
		return
	}
	token, expires, err := s.tokens.Issue(r.Context(), accesstoken.Grant{
		Subject: clientID, ClientID: clientID, // no user: RFC 9068 section 2.2
		Audience: []string{grant.api}, Scope: grant.scopes,
		Confirmation: cnf.Bind(cnf.MemberJKT, proof.Thumbprint()),
	})
	if err == nil {
		err = s.proofs.OfferNonce(r.Context(), w.Header(), proof, nil)
	}
	if err != nil {
		s.proofs.WriteTokenError(w, r, err)
		return
	}
	writeJSON(w, map[string]any{
		"access_token": token,
		"token_type":   "DPoP",
		"expires_in":   int(time.Until(expires).Seconds()),
		"scope":        strings.Join(grant.scopes, " "),
	})
}

// metadata is RFC 8414.
func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	algorithms := []string{"ES256", "PS256", "EdDSA", "Ed25519"}
	writeJSON(w, map[string]any{
		"issuer":                                s.config.Issuer,
		"token_endpoint":                        s.config.Issuer + "/token",
		"jwks_uri":                              s.config.Issuer + "/jwks",
		"response_types_supported":              []string{},
		"grant_types_supported":                 []string{"client_credentials"},
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": algorithms,
		"dpop_signing_alg_values_supported":                algorithms,
	})
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // the client has left: nobody to tell
}
