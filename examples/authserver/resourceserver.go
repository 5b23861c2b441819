package main

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
)

// resourceServer is an API or a gateway that asks at the introspection endpoint.
type resourceServer struct {
	ID          string          `json:"id"`
	Resources   []string        `json:"resources"`
	JWKS        json.RawMessage `json:"jwks,omitempty"`
	Certificate string          `json:"certificate,omitempty"`
	Sector      string          `json:"sector,omitempty"`
	SignedAlg   string          `json:"introspection_signed_response_alg,omitempty"`
}

// register notes what is wrong with it, and makes the server's own kind of it.
func (r resourceServer) register(s strictjson.Section, f files, signing string) server.ResourceServer {
	s.Field("id").Unless(isScope(r.ID), "must be printable ASCII")
	same := func(c client) bool { return c.ClientID == r.ID }
	s.Field("id").Unless(!slices.ContainsFunc(f.config.Clients, same), "must not be a client_id (FAPI 2.0 Message Signing 6.2)")
	s.Field("resources").Unless(len(r.Resources) > 0, "required")
	for i, resource := range r.Resources {
		s.Field("resources").Index(i).Unless(slices.Contains(f.config.apis(), resource), "must be one of resources or opaque_resources")
	}
	s.Field("introspection_signed_response_alg").Unless(r.SignedAlg == "" || signing == "" || r.SignedAlg == signing,
		"must be %s, the algorithm of signing_key", signing)
	registered := server.ResourceServer{APIs: r.Resources, Signed: r.SignedAlg != ""}
	if r.Sector != "" {
		var err error
		registered.Sector, err = namedSector(r.Sector)
		s.Field("sector").Unless(err == nil, "%v (OpenID Connect Core 8.1)", err)
	}
	r.credentials(s, f, &registered)
	return registered
}

// credentials are keys for private_key_jwt, or a self-signed certificate.
func (r resourceServer) credentials(s strictjson.Section, f files, registered *server.ResourceServer) {
	switch {
	case r.JWKS == nil && r.Certificate == "":
		s.Field("jwks").Refuse("required, or certificate: who asks about tokens authenticates (RFC 7662 2.1)")
	case r.JWKS != nil && r.Certificate != "":
		s.Field("certificate").Refuse("must be absent beside jwks")
	case r.Certificate != "":
		s.Field("certificate").Unless(f.config.MTLSOrigin != "", "needs mtls_origin and mtls_listen (RFC 8705 5)")
		registered.Certificate = &mtls.Client{
			Method: mtls.SelfSignedTLSClientAuth, Certificates: f.certificates(s.Field("certificate"), r.Certificate),
		}
	case !bytes.HasPrefix(bytes.TrimSpace(r.JWKS), []byte("{")):
		s.Field("jwks").Refuse("is not an object")
	default:
		findings, err := fapi.FAPI2Security.CheckKeys(r.JWKS)
		s.Field("jwks").Unless(err == nil, "%v", err)
		for _, found := range findings {
			s.Field("jwks").Field(found.Field).Unless(found.Severity != fapi.Must, "%s: %s (%s)", found.Problem, found.Change, found.Clause)
		}
		keys, err := jwks.NewStatic(r.JWKS)
		s.Field("jwks").Unless(err == nil, "%v", err)
		registered.Keys = keys
	}
}
