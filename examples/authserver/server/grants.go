package server

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/go-fapi/fapi/cnf"
)

// caller is a client that proved who it is, and possession of what its tokens
// will be bound to.
type caller struct {
	id    string
	bound cnf.Confirmation
	form  url.Values
}

// order is what a token request will get.
type order struct {
	grant            *grant // nil: the client acts for itself
	scopes, audience []string
	code             *code  // spent by this request; nil: none
	refresh          string // the name of the refresh token that is used; empty: none
}

// order decides what a token request may have. It changes nothing.
func (s *Server) order(client caller) (order, error) {
	registered := s.config.Clients[client.id]
	switch grantType := client.form.Get("grant_type"); {
	case grantType == "", grantType == "authorization_code" && !client.form.Has("code"),
		grantType == "refresh_token" && !client.form.Has("refresh_token"):
		return order{}, errRequest // RFC 6749 section 5.2: a parameter is missing
	case grantType == "client_credentials":
		return s.ownOrder(registered, client.form)
	case s.flow == nil || grantType != "authorization_code" && grantType != "refresh_token":
		return order{}, errUnsupportedGrant
	case !registered.usesCodes():
		return order{}, errUnauthorized
	case grantType == "refresh_token":
		return s.refreshOrder(client)
	}
	return s.codeOrder(client)
}

// ownOrder is the client_credentials grant, for clients that are registered for it.
// The scopes of OpenID Connect are about a user, and there is none. The token has
// one audience, since every scope would count for each (RFC 9068 section 3).
func (s *Server) ownOrder(registered Client, form url.Values) (order, error) {
	scopes := scopesOf(form)
	switch {
	case registered.usesCodes() && !registered.OwnTokens:
		return order{}, errOwnTokens
	case slices.Contains(scopes, "openid") || slices.Contains(scopes, "profile"):
		return order{}, errScope
	}
	if err := subset(scopes, registered.Scopes, errScope); err != nil {
		return order{}, err
	}
	resources := form["resource"]
	if len(resources) == 0 {
		resources = registered.APIs[:min(1, len(registered.APIs))]
	}
	if len(resources) != 1 {
		return order{}, errTarget
	}
	return order{scopes: scopes, audience: resources}, subset(resources, registered.APIs, errTarget)
}

func (s *Server) codeOrder(client caller) (order, error) {
	found, err := s.findCode(client)
	if err != nil {
		return order{}, err
	}
	audience, err := s.audience(found.grant, found.grant.scopes, client.form)
	return order{grant: found.grant, scopes: found.grant.scopes, audience: audience, code: found}, err
}

// refreshOrder: the token may say less than the grant, which stays as it is, and
// never more (RFC 6749 section 6).
func (s *Server) refreshOrder(client caller) (order, error) {
	name := refreshName(client.form.Get("refresh_token"))
	found, ok := s.ledger.refresh.get(name)
	switch {
	case !ok || found.grant.revoked.Load():
		return order{}, errGrant
	case found.grant.clientID != client.id:
		return order{}, ErrRefreshClient
	}
	scopes := found.grant.scopes
	if client.form.Get("scope") != "" {
		scopes = scopesOf(client.form)
		if err := subset(scopes, found.grant.scopes, errScope); err != nil {
			return order{}, err
		}
	}
	audience, err := s.audience(found.grant, scopes, client.form)
	return order{grant: found.grant, scopes: scopes, audience: audience, refresh: name}, err
}

// audience are the APIs of the grant, or those of them that the request names
// (RFC 8707 section 2.2), and with openid the userinfo endpoint, which knows
// itself by the issuer.
func (s *Server) audience(grant *grant, scopes []string, form url.Values) ([]string, error) {
	apis := grant.apis
	if named := distinct(form["resource"]); len(named) > 0 {
		if err := subset(named, grant.apis, errTarget); err != nil {
			return nil, err
		}
		apis = named
	}
	audience := slices.Clone(apis)
	if slices.Contains(scopes, "openid") && !slices.Contains(apis, s.config.Issuer) {
		audience = append(audience, s.config.Issuer)
	}
	if len(audience) == 0 {
		return nil, errTarget
	}
	return audience, nil
}

// caller authenticates a client of the token endpoint and finds out what its
// tokens will be bound to.
func (s *Server) caller(h http.Header, r *http.Request) (client caller, err error) {
	if client.id, err = s.clients.Authenticate(r); err != nil {
		return client, err
	}
	client.form = r.PostForm
	client.bound, err = s.binding(h, r, s.config.Clients[client.id])
	return client, err
}
