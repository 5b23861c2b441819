package main

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// config is the document of -config. The package comment explains the fields.
type config struct {
	Issuer     string   `json:"issuer"`
	Listen     string   `json:"listen"`
	MTLSOrigin string   `json:"mtls_origin,omitempty"`
	MTLSListen string   `json:"mtls_listen,omitempty"`
	TLS        keyPair  `json:"tls"`
	ClientCA   string   `json:"client_ca,omitempty"`
	SigningKey string   `json:"signing_key,omitempty"`
	SubjectKey string   `json:"subject_key,omitempty"`
	Scopes     []string `json:"scopes,omitempty"`
	Resources  []string `json:"resources,omitempty"`
	Users      []user   `json:"users,omitempty"`
	Clients    []client `json:"clients,omitempty"`

	OpaqueResources []string         `json:"opaque_resources,omitempty"`
	ResourceServers []resourceServer `json:"resource_servers,omitempty"`
}

// apis are all that tokens can be for.
func (c *config) apis() []string { return slices.Concat(c.Resources, c.OpaqueResources) }

type keyPair struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
}

// setDefaults fills in what the document may leave out.
func (c *config) setDefaults() {
	if len(c.Resources) == 0 {
		c.Resources = []string{c.Issuer}
	}
}

// check notes what is wrong with the server's own fields, files aside.
func (c *config) check(s strictjson.Section) {
	checkOrigin(s.Field("issuer"), c.Issuer)
	checkAddress(s.Field("listen"), c.Listen)
	c.checkAlias(s)
	checkScopes(s.Field("scopes"), c.Scopes)
	for i, resource := range c.Resources {
		at := s.Field("resources").Index(i)
		at.Unless(!slices.Contains(c.Resources[:i], resource), "must not be there twice")
		if i == 0 {
			checkOrigin(at, resource) // served here
		} else {
			at.Unless(isResource(resource), "must be an https URL without fragment (RFC 8707 2)")
		}
	}
	c.checkOpaque(s)
	checkUsers(s.Field("users"), c.Users)
}

// checkOpaque is about the APIs that read no JWTs.
func (c *config) checkOpaque(s strictjson.Section) {
	for i, resource := range c.OpaqueResources {
		at := s.Field("opaque_resources").Index(i)
		at.Unless(isResource(resource), "must be an https URL without fragment (RFC 8707 2)")
		at.Unless(!slices.Contains(c.OpaqueResources[:i], resource), "must not be there twice")
		at.Unless(!slices.Contains(c.Resources, resource) && resource != c.Issuer, "must not be one of resources as well, nor the issuer")
		asks := func(r resourceServer) bool { return slices.Contains(r.Resources, resource) }
		at.Unless(slices.ContainsFunc(c.ResourceServers, asks), "must be a resource of one of resource_servers: nobody else can read its tokens")
	}
}

// checkAlias is about the listener for client certificates. It has to be another
// one: a server that asks for certificates asks every browser.
func (c *config) checkAlias(s strictjson.Section) {
	origin, listen := s.Field("mtls_origin"), s.Field("mtls_listen")
	if c.MTLSOrigin == "" && c.MTLSListen == "" {
		origin.Unless(!slices.ContainsFunc(c.Clients, client.needsCertificate),
			"required, with mtls_listen, as soon as a client has a certificate (RFC 8705 5)")
		return
	}
	checkOrigin(origin, c.MTLSOrigin)
	checkAddress(listen, c.MTLSListen)
	origin.Unless(c.MTLSOrigin != c.Issuer, "must not be the issuer: browsers are not asked for certificates (RFC 8705 5)")
	free := strings.HasSuffix(c.Listen, ":0") // each gets a port of its own
	listen.Unless(c.MTLSListen != c.Listen || free, "must not be listen: browsers are not asked for certificates (RFC 8705 5)")
}

// checkOrigin: this program serves one issuer on the whole of a host and port.
func checkOrigin(s strictjson.Section, value string) {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "":
		s.Refuse("must be an https URL (RFC 8414 2, FAPI 2.0 SP 5.2.1-1)")
	case value != "https://"+u.Host || value != strings.ToLower(value):
		s.Refuse("must be an origin, https://host or https://host:port, in lower case and without a slash at the end")
	case u.Port() == "443" || strings.HasSuffix(u.Host, ":"):
		s.Refuse("must not have the port 443, nor an empty one: leave it out")
	}
}

func checkAddress(s strictjson.Section, value string) {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	s.Unless(err == nil, `must be host:port or :port, with a number, such as "127.0.0.1:8443"`)
}

func isResource(value string) bool {
	u, err := url.Parse(value)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && !strings.Contains(value, "#")
}

func checkScopes(s strictjson.Section, scopes []string) {
	for i, scope := range scopes {
		at := s.Index(i)
		at.Unless(isScope(scope), "must be printable ASCII without space, quote and backslash (RFC 6749 3.3)")
		at.Unless(!slices.Contains(scopes[:i], scope), "must not be there twice")
	}
}

func isScope(scope string) bool {
	outside := func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }
	return scope != "" && !strings.ContainsFunc(scope, outside)
}
