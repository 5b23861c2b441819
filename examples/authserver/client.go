package main

import (
	"encoding/json"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/mtls"
)

// client is a client's registration. Where a member is not of this program, its
// name and meaning are those of the IANA registry of client metadata.
type client struct {
	ClientID        string       `json:"client_id"`
	ClientName      string       `json:"client_name,omitempty"`
	Profile         fapi.Profile `json:"profile"`
	ApplicationType string       `json:"application_type,omitempty"`
	RedirectURIs    []string     `json:"redirect_uris,omitempty"`
	Scope           string       `json:"scope,omitempty"`
	Resources       []string     `json:"resources,omitempty"`

	AuthMethod  string          `json:"token_endpoint_auth_method,omitempty"`
	JWKS        json.RawMessage `json:"jwks,omitempty"`
	JWKSURI     string          `json:"jwks_uri,omitempty"`
	Certificate string          `json:"certificate,omitempty"`
	SubjectDN   string          `json:"tls_client_auth_subject_dn,omitempty"`
	SubjectDNS  string          `json:"tls_client_auth_san_dns,omitempty"`
	SubjectURI  string          `json:"tls_client_auth_san_uri,omitempty"`
	SubjectIP   string          `json:"tls_client_auth_san_ip,omitempty"`
	SubjectMail string          `json:"tls_client_auth_san_email,omitempty"`

	DPoPBound        bool `json:"dpop_bound_access_tokens,omitempty"`
	CertificateBound bool `json:"tls_client_certificate_bound_access_tokens,omitempty"`

	AssertionAlg     string `json:"token_endpoint_auth_signing_alg,omitempty"`
	RequestObjectAlg string `json:"request_object_signing_alg,omitempty"`
	SignedRequests   bool   `json:"require_signed_request_object,omitempty"`
	IDTokenAlg       string `json:"id_token_signed_response_alg,omitempty"`
	ResponseAlg      string `json:"authorization_signed_response_alg,omitempty"`

	SubjectType         string `json:"subject_type,omitempty"`
	SectorIdentifierURI string `json:"sector_identifier_uri,omitempty"`
	Sector              string `json:"sector,omitempty"`

	GrantTypes           []string `json:"grant_types,omitempty"`
	BackchannelLogoutURI string   `json:"backchannel_logout_uri,omitempty"`
}

const (
	privateKeyJWT = "private_key_jwt"
	tlsClientAuth = string(mtls.TLSClientAuth)
	selfSigned    = string(mtls.SelfSignedTLSClientAuth)
)

func (c client) scopes() []string { return strings.Fields(c.Scope) }

// needsCertificate: whether it uses the listener that asks for certificates.
func (c client) needsCertificate() bool {
	return c.CertificateBound || c.AuthMethod == tlsClientAuth || c.AuthMethod == selfSigned
}

// check notes what is wrong with a registration. signing is the algorithm of the
// server's own key.
func (c client) check(s strictjson.Section, r fapi.Rules, server *config, signing string) {
	c.checkID(s.Field("client_id"), server.Users)
	c.checkRedirects(s, r, server)
	c.checkScope(s, server)
	c.checkProfile(s)
	c.checkMethod(s, server)
	c.checkBinding(s, r)
	c.checkAlgorithms(s, r, signing)
	c.checkSubject(s)
	c.checkGrants(s.Field("grant_types"))
	s.Field("backchannel_logout_uri").Unless(c.BackchannelLogoutURI == "" || isResource(c.BackchannelLogoutURI),
		"must be an https URL without fragment (OpenID Connect Back-Channel Logout 2.2)")
}

func (c client) checkID(s strictjson.Section, users []user) {
	outside := func(char rune) bool { return char < ' ' || char > '~' }
	s.Unless(c.ClientID != "" && !strings.ContainsFunc(c.ClientID, outside), "must be printable ASCII (RFC 6749 A.1)")
	same := func(u user) bool { return u.Account == c.ClientID }
	s.Unless(!slices.ContainsFunc(users, same), "must not be the account of a user (RFC 9700 4.15)")
}

func (c client) checkRedirects(s strictjson.Section, r fapi.Rules, server *config) {
	native := c.ApplicationType == "native"
	s.Field("application_type").Unless(native || c.ApplicationType == "" || c.ApplicationType == "web",
		"must be web or native (OpenID Connect Registration 2)")
	for i, uri := range c.RedirectURIs {
		at := s.Field("redirect_uris").Index(i)
		checkRedirect(at, uri, r, native)
		at.Unless(!slices.Contains(c.RedirectURIs[:i], uri), "must not be there twice")
	}
	s.Field("redirect_uris").Unless(len(c.RedirectURIs) == 0 || len(server.Users) > 0,
		"must be absent while there are no users: nobody could log in")
}

// checkRedirect says the same as the profile about http, but of which URI. Whole
// strings are compared later, so a port is part of it.
func checkRedirect(s strictjson.Section, uri string, r fapi.Rules, native bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Host == "" || u.User != nil || strings.Contains(uri, "#") {
		s.Refuse("must be an absolute URL without fragment and user (RFC 6749 3.1.2)")
		return
	}
	switch {
	case u.Scheme == "https":
	case !r.LoopbackRedirects:
		s.Refuse("must be https (FAPI 1.0 Baseline 5.2.2-20)")
	case u.Scheme != "http" || !isLoopback(u.Hostname()):
		s.Refuse("must be https, or http on 127.0.0.1 or [::1] for application_type native (FAPI 2.0 SP 5.3.2.2-8)")
	default:
		s.Unless(native, "must be https: http on loopback is for application_type native (FAPI 2.0 SP 5.3.2.2-8)")
	}
	query, err := url.ParseQuery(u.RawQuery)
	s.Unless(err == nil, "must have a well-formed query (RFC 6749 3.1.2)")
	for _, name := range []string{"code", "state", "iss", "error", "response"} {
		s.Unless(!query.Has(name), "must not have %s in its query: the response adds it, and none may be there twice (RFC 6749 3.1)", name)
	}
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

func (c client) checkScope(s strictjson.Section, server *config) {
	at := s.Field("scope")
	for i, scope := range c.scopes() {
		at.Unless(!slices.Contains(c.scopes()[:i], scope), "must not have %q twice", scope)
	}
	unknown := slices.DeleteFunc(c.scopes(), func(scope string) bool { return slices.Contains(server.Scopes, scope) })
	at.Unless(len(unknown) == 0, "must have values of scopes only: %q", unknown)
	for i, resource := range c.Resources {
		at := s.Field("resources").Index(i)
		at.Unless(slices.Contains(server.apis(), resource), "must be one of resources or opaque_resources")
		at.Unless(!slices.Contains(c.Resources[:i], resource), "must not be there twice")
	}
}

// checkProfile notes what the profile demands of any server's clients. What it
// merely recommends is left to them.
func (c client) checkProfile(s strictjson.Section) {
	metadata, err := c.metadata()
	s.Unless(err == nil, "%v", err)
	findings, err := c.Profile.CheckClientMetadata(metadata)
	s.Unless(err == nil, "%v", err)
	for _, found := range findings {
		ours := found.Clause == "RFC 8705 2.2.2" // certificates, which here may be in a file
		if found.Severity == fapi.Must && !ours {
			s.Field(found.Field).Refuse("%s: %s (%s)", found.Problem, found.Change, found.Clause)
		}
	}
}

// metadata is the registration with what here follows from other members.
func (c client) metadata() ([]byte, error) {
	c.GrantTypes = c.grants()
	return json.Marshal(c)
}

// grants are its grant_types. Acting without a user is a right that a client with
// users has only if it says so (RFC 7591 section 2).
func (c client) grants() []string {
	switch {
	case len(c.GrantTypes) > 0:
		return c.GrantTypes
	case len(c.RedirectURIs) > 0:
		return []string{"authorization_code", "refresh_token"}
	}
	return []string{clientCredentials}
}

const clientCredentials = "client_credentials"

// checkGrants: what comes with redirect URIs here, and what cannot be without.
func (c client) checkGrants(s strictjson.Section) {
	for i, grant := range c.GrantTypes {
		at := s.Index(i)
		at.Unless(slices.Contains([]string{"authorization_code", "refresh_token", clientCredentials}, grant),
			"must be authorization_code, refresh_token or client_credentials")
		at.Unless(!slices.Contains(c.GrantTypes[:i], grant), "must not be there twice")
	}
	for _, grant := range []string{"authorization_code", "refresh_token"} {
		s.Unless(slices.Contains(c.grants(), grant) == (len(c.RedirectURIs) > 0), "must have %s with redirect_uris, and only then (RFC 7591 2.1)", grant)
	}
}

// checkMethod: members that belong to another method of authentication would be
// read by nobody.
func (c client) checkMethod(s strictjson.Section, server *config) {
	s.Field("token_endpoint_auth_method").Unless(c.AuthMethod != tlsClientAuth || server.ClientCA != "", "needs client_ca (RFC 8705 2.1)")
	for _, own := range c.subjects() {
		s.Field(own.name).Unless(c.AuthMethod == tlsClientAuth, "must be absent unless token_endpoint_auth_method is tls_client_auth")
	}
	s.Field("require_signed_request_object").Unless(!c.SignedRequests || c.JWKS != nil || c.JWKSURI != "", "needs jwks or jwks_uri (RFC 9101 10.5)")
	s.Field("certificate").Unless(c.Certificate == "" || c.AuthMethod == selfSigned,
		"must be absent unless token_endpoint_auth_method is self_signed_tls_client_auth")
	s.Field("token_endpoint_auth_signing_alg").Unless(c.AssertionAlg == "" || c.AuthMethod == privateKeyJWT,
		"must be absent unless token_endpoint_auth_method is private_key_jwt")
}

// checkBinding: beside a certificate, a DPoP key would be optional to the server,
// and the registration would promise more than is done.
func (c client) checkBinding(s strictjson.Section, r fapi.Rules) {
	dpop := s.Field("dpop_bound_access_tokens")
	dpop.Unless(!c.DPoPBound || slices.Contains(r.SenderConstraints, "DPoP"), "must be absent: %s knows certificates only", r.Title)
	dpop.Unless(!c.DPoPBound || !c.CertificateBound,
		"must be absent beside tls_client_certificate_bound_access_tokens: this server insists on one of them")
}

// checkAlgorithms: what the server signs, it signs with its only key.
func (c client) checkAlgorithms(s strictjson.Section, r fapi.Rules, signing string) {
	if signing == "" {
		return // the key has been refused
	}
	s.Field("profile").Unless(slices.Contains(r.SigningAlgorithms, signing), "must not be %s with a signing_key for %s", c.Profile, signing)
	s.Field("id_token_signed_response_alg").Unless(c.IDTokenAlg == "" || c.IDTokenAlg == signing,
		"must be %s, the algorithm of signing_key", signing)
	s.Field("authorization_signed_response_alg").Unless(c.ResponseAlg == "" || c.ResponseAlg == signing,
		"must be %s, the algorithm of signing_key", signing)
}

func (c client) checkSubject(s strictjson.Section) {
	s.Field("subject_type").Unless(slices.Contains([]string{"", "public", "pairwise"}, c.SubjectType),
		"must be public or pairwise (OpenID Connect Core 8)")
	s.Field("sector_identifier_uri").Unless(c.SectorIdentifierURI == "" || isResource(c.SectorIdentifierURI),
		"must be an https URL without fragment (OpenID Connect Core 8.1)")
	s.Field("sector").Unless(c.Sector == "" || c.SectorIdentifierURI == "", "must be absent beside sector_identifier_uri")
	s.Field("sector").Unless(c.Sector == "" || c.SubjectType != "" && c.SubjectType != "public", "must be absent unless subject_type is pairwise")
}
