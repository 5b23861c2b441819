package server

import (
	"maps"
	"net/http"
	"slices"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/internal/jose"
)

// metadata is RFC 8414 and OpenID Connect Discovery section 3 in one document.
func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	document := s.tokenMetadata()
	if s.flow != nil {
		maps.Copy(document, s.flowMetadata())
	}
	if s.config.Alias != "" {
		document["mtls_endpoint_aliases"] = s.aliases(document)
	}
	writeJSON(w, document)
}

// algorithms are those of everything that clients sign.
func algorithms() []string { return []string{jose.ES256, jose.PS256, jose.EdDSA, jose.Ed25519} }

func (s *Server) tokenMetadata() map[string]any {
	return map[string]any{
		"issuer":                                s.config.Issuer,
		"token_endpoint":                        s.endpoint("/token"),
		"jwks_uri":                              s.endpoint("/jwks"),
		"grant_types_supported":                 []string{"client_credentials"},
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"},
		"token_endpoint_auth_signing_alg_values_supported": algorithms(),
		"dpop_signing_alg_values_supported":                algorithms(),
		"tls_client_certificate_bound_access_tokens":       true,
	}
}

func (s *Server) flowMetadata() map[string]any {
	signatures := []string{s.flow.idTokens.signer.Algorithm()} // follows from the key
	return map[string]any{
		"authorization_endpoint":                         s.endpoint("/authorize"),
		"pushed_authorization_request_endpoint":          s.endpoint("/par"),
		"userinfo_endpoint":                              s.endpoint("/userinfo"),
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       s.responseModes(),
		"grant_types_supported":                          []string{"authorization_code", "refresh_token", "client_credentials"},
		"code_challenge_methods_supported":               []string{"S256"},
		"prompt_values_supported":                        []string{"none", "login", "consent"},
		"scopes_supported":                               s.scopes(),
		"claims_supported":                               []string{"sub", "name", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr"},
		"acr_values_supported":                           []string{acrPassword},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          signatures,
		"authorization_signing_alg_values_supported":     signatures,
		"request_object_signing_alg_values_supported":    algorithms(),
		"request_parameter_supported":                    true,
		"request_uri_parameter_supported":                false,
		"require_pushed_authorization_requests":          !hasProfile(s.config.Clients, fapi.FAPI1Advanced),
		"require_signed_request_object":                  !s.anyClient(func(c Client) bool { return !c.signs() }),
		"authorization_response_iss_parameter_supported": true,
		"claims_parameter_supported":                     false,
	}
}

// responseModes: a plain response is only for clients whose profile has some.
func (s *Server) responseModes() []string {
	modes := []string{"jwt", "query.jwt", "fragment.jwt", "form_post.jwt"}
	if s.anyClient(func(c Client) bool { return !c.signs() }) {
		modes = append([]string{"query"}, modes...)
	}
	return modes
}

// anyClient asks about the clients that use the flow.
func (s *Server) anyClient(is func(Client) bool) bool {
	for _, client := range s.config.Clients {
		if client.usesCodes() && is(client) {
			return true
		}
	}
	return false
}

func (s *Server) scopes() []string {
	scopes := []string{"openid", "profile"}
	for _, client := range s.config.Clients {
		scopes = append(scopes, client.Scopes...)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

// aliases are the endpoints at which clients show certificates (RFC 8705 section
// 5). The browser is never sent there: it would ask the user for one.
func (s *Server) aliases(document map[string]any) map[string]string {
	aliases := map[string]string{}
	for name, path := range map[string]string{
		"token_endpoint": "/token", "pushed_authorization_request_endpoint": "/par", "userinfo_endpoint": "/userinfo",
	} {
		if document[name] != nil {
			aliases[name] = s.config.Alias + s.base + path
		}
	}
	return aliases
}
