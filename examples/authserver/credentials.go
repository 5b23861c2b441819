package main

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/json"
	"slices"
	"strings"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// register reads what a client authenticates with, and makes the server's own kind
// of registration of it, which is usable only if nothing was noted.
func (c client) register(s strictjson.Section, r fapi.Rules, f files) server.Client {
	registered := server.Client{
		Keys: c.keys(s, r), Scopes: c.scopes(), APIs: c.Resources, CertificateBound: c.CertificateBound,
		Name: c.ClientName, RedirectURIs: c.RedirectURIs, Profile: c.Profile,
		AssertionAlg: c.AssertionAlg, RequestAlg: c.RequestObjectAlg, SignedRequests: c.SignedRequests,
		OwnTokens: slices.Contains(c.grants(), clientCredentials), BackchannelLogoutURI: c.BackchannelLogoutURI,
		SubjectType: cmp.Or(c.SubjectType, "public"), Sector: c.sector(s, f),
	}
	if len(c.Resources) == 0 {
		registered.APIs = f.config.apis()
	}
	switch c.AuthMethod {
	case tlsClientAuth:
		registered.Certificate = &mtls.Client{Method: mtls.TLSClientAuth, Subject: c.subject(s)}
	case selfSigned:
		registered.Certificate = &mtls.Client{Method: mtls.SelfSignedTLSClientAuth, Certificates: c.certificates(s, f)}
	}
	return registered
}

// keys is nil for a client without any.
func (c client) keys(s strictjson.Section, r fapi.Rules) privatekeyjwt.KeySource {
	at := s.Field("jwks")
	var source privatekeyjwt.KeySource
	var err error
	switch {
	case c.JWKSURI != "":
		at = s.Field("jwks_uri")
		source, err = jwks.NewRemote(jwks.RemoteConfig{URL: c.JWKSURI})
	case c.JWKS == nil || c.AuthMethod == selfSigned && c.Certificate == "" && !c.signs(r):
		return nil // at most there for its certificates, whose keys may be of other kinds
	default:
		source, err = jwks.NewStatic(c.JWKS)
		checkKeyIDs(at, c.JWKS)
	}
	if err != nil {
		at.Refuse("%v", err)
		return nil
	}
	for _, alg := range []string{c.AssertionAlg, c.RequestObjectAlg} {
		wanted := r.SigningAlgorithms
		if alg != "" {
			wanted = []string{alg}
		}
		known := slices.Contains(r.SigningAlgorithms, wanted[0]) // if not, that has been noted
		at.Unless(c.JWKS == nil || !known || hasKey(source, wanted...), "must have a key for %s", strings.Join(wanted, ", "))
	}
	return source // of which package server leaves out what the profile does not know
}

// checkKeyIDs wants a kid of every key: the clients' signatures name one, and a key
// without is never found.
func checkKeyIDs(s strictjson.Section, set json.RawMessage) {
	var read struct {
		Keys []struct {
			KeyID string `json:"kid"`
		} `json:"keys"`
	}
	if json.Unmarshal(set, &read) != nil {
		return // which jwks reports
	}
	for i, key := range read.Keys {
		s.Field("keys").Index(i).Field("kid").Unless(key.KeyID != "", "required: signatures name the key (RFC 7515 4.1.4)")
	}
}

// signs: whether a client that authenticates by certificate has to sign something.
func (c client) signs(r fapi.Rules) bool {
	return c.RequestObjectAlg != "" || c.SignedRequests || r.SignedRequests && len(c.RedirectURIs) > 0
}

// hasKey says whether there is a key for one of the algorithms.
func hasKey(source privatekeyjwt.KeySource, algorithms ...string) bool {
	return slices.ContainsFunc(algorithms, func(alg string) bool {
		keys, err := source.Keys(context.Background(), "", alg)
		return err == nil && len(keys) > 0
	})
}

// subjects are the values by which certificates of the client are recognised, of
// which a tls_client_auth client has one (RFC 8705 2.1.2).
func (c client) subjects() []subject {
	return slices.DeleteFunc([]subject{
		{"tls_client_auth_subject_dn", c.SubjectDN, mtls.SubjectDN},
		{"tls_client_auth_san_dns", c.SubjectDNS, mtls.SubjectDNS},
		{"tls_client_auth_san_uri", c.SubjectURI, mtls.SubjectURI},
		{"tls_client_auth_san_ip", c.SubjectIP, mtls.SubjectIP},
		{"tls_client_auth_san_email", c.SubjectMail, mtls.SubjectEmail},
	}, func(s subject) bool { return s.value == "" })
}

type subject struct {
	name, value string
	parse       func(string) (mtls.Subject, error)
}

func (c client) subject(s strictjson.Section) (parsed mtls.Subject) {
	for _, one := range c.subjects() {
		var err error
		parsed, err = one.parse(one.value)
		s.Field(one.name).Unless(err == nil, "%v (RFC 8705 2.1.2)", err)
	}
	return parsed
}

// certificates are those of a self-signed client: from its PEM file, or from the
// x5c members of its jwks.
func (c client) certificates(s strictjson.Section, f files) []*x509.Certificate {
	registered, err := mtls.RegisteredCertificates(c.JWKS)
	switch {
	case c.Certificate != "" && err == nil:
		s.Field("certificate").Refuse("must be absent beside certificates in jwks")
	case c.Certificate != "":
		return f.certificates(s.Field("certificate"), c.Certificate)
	case c.JWKS == nil:
		s.Field("certificate").Refuse("required, or x5c in jwks, for %s (RFC 8705 2.2.2)", selfSigned)
	default:
		s.Field("jwks").Unless(err == nil, "must have an x5c: %v (RFC 8705 2.2.2)", err)
	}
	return registered
}
