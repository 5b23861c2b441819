package server

import (
	"maps"
	"net/http"
	"slices"

	"github.com/go-fapi/fapi"
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

func (s *Server) tokenMetadata() map[string]any {
	document := map[string]any{
		"issuer":                s.config.Issuer,
		"jwks_uri":              s.endpoint("/jwks"),
		"grant_types_supported": []string{"client_credentials"},
		// RFC 8414 section 2 requires it of servers without an authorization endpoint, too.
		"response_types_supported":                   []string{"code"},
		"tls_client_certificate_bound_access_tokens": true,
	}
	s.addEndpoint(document, "token")
	s.addEndpoint(document, "revocation")
	if s.introspections != nil {
		s.addEndpoint(document, "introspection")
		document["introspection_signing_alg_values_supported"] = []string{s.jwts.algorithm()}
	}
	if s.hasDPoP() {
		document["dpop_signing_alg_values_supported"] = s.config.algorithms()
	}
	return document
}

// paths are those of the endpoints at which clients and resource servers
// authenticate, or show that a token is theirs.
func paths() map[string]string {
	return map[string]string{
		"token_endpoint": "/token", "revocation_endpoint": "/revoke", "introspection_endpoint": "/introspect",
		"pushed_authorization_request_endpoint": "/par", "userinfo_endpoint": "/userinfo",
	}
}

// addEndpoint adds an endpoint and the ways to authenticate there.
func (s *Server) addEndpoint(document map[string]any, name string) {
	name += "_endpoint"
	document[name] = s.endpoint(paths()[name])
	document[name+"_auth_methods_supported"] = []string{"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}
	document[name+"_auth_signing_alg_values_supported"] = s.config.algorithms()
}

// hasDPoP: FAPI 1.0 binds tokens to certificates alone.
func (s *Server) hasDPoP() bool {
	for _, client := range s.config.Clients {
		if slices.Contains(client.rules().SenderConstraints, "DPoP") {
			return true
		}
	}
	return false
}

func (s *Server) flowMetadata() map[string]any {
	signatures := []string{s.jwts.algorithm()}
	document := map[string]any{
		"authorization_endpoint":                         s.endpoint("/authorize"),
		"pushed_authorization_request_endpoint":          s.endpoint("/par"),
		"userinfo_endpoint":                              s.endpoint("/userinfo"),
		"response_modes_supported":                       s.responseModes(),
		"grant_types_supported":                          []string{"authorization_code", "refresh_token", "client_credentials"},
		"code_challenge_methods_supported":               []string{"S256"},
		"prompt_values_supported":                        []string{"none", "login", "consent"},
		"scopes_supported":                               s.scopes(),
		"claims_supported":                               []string{"sub", "name", "iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr"},
		"acr_values_supported":                           []string{acrPassword},
		"subject_types_supported":                        s.subjects.types(s.config.Clients),
		"id_token_signing_alg_values_supported":          signatures,
		"authorization_signing_alg_values_supported":     signatures,
		"request_object_signing_alg_values_supported":    s.config.algorithms(),
		"request_parameter_supported":                    true,
		"request_uri_parameter_supported":                false,
		"require_pushed_authorization_requests":          !hasProfile(s.config.Clients, fapi.FAPI1Advanced),
		"require_signed_request_object":                  !s.anyClient(func(c Client) bool { return !c.signsRequests() }),
		"authorization_response_iss_parameter_supported": true,
		"claims_parameter_supported":                     false,
	}
	if s.anyClient(func(c Client) bool { return c.BackchannelLogoutURI != "" }) {
		document["backchannel_logout_supported"] = true
		document["backchannel_logout_session_supported"] = true
		document["claims_supported"] = append(document["claims_supported"].([]string), "sid")
	}
	return document
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
	for name, path := range paths() {
		if document[name] != nil {
			aliases[name] = s.config.Alias + s.base + path
		}
	}
	return aliases
}
