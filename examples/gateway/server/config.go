// Package server is the gateway of the program gateway: package phantom with its
// listeners, credentials and limits, from one configuration.
package server

import (
	"net/http"
	"time"

	"github.com/go-fapi/fapi/examples/internal/program"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/mtls"
)

// Config is the document of -config. The program's comment explains the fields.
type Config struct {
	Origins          []string        `json:"origins"`
	Listen           string          `json:"listen,omitempty"`
	MTLSListen       string          `json:"mtls_listen,omitempty"`
	Proxy            *Proxy          `json:"proxy,omitempty"`
	InsideListen     string          `json:"inside_listen"`
	TLS              program.KeyPair `json:"tls"`
	Identity         program.KeyPair `json:"identity"`
	Trust            string          `json:"trust,omitempty"`
	InternalNetworks []string        `json:"internal_networks,omitempty"`
	Issuer           string          `json:"issuer"`
	JWKSURI          string          `json:"jwks_uri"`
	Introspection    string          `json:"introspection_endpoint"`
	Evidence         Evidence        `json:"evidence"`
	APIs             []API           `json:"apis"`
	MaxHeaderBytes   int             `json:"max_header_bytes,omitempty"`
	MaxBodyBytes     int             `json:"max_body_bytes,omitempty"`
	Timeouts         Timeouts        `json:"timeouts"`
}

// Proxy is what terminates TLS in front of a third listener.
type Proxy struct {
	Listen       string   `json:"listen"`
	Format       string   `json:"format"`
	Header       string   `json:"header,omitempty"`
	Certificates []string `json:"certificates,omitempty"`
	Peers        []string `json:"peers,omitempty"`
}

// Evidence is who signs what the gateway vouches for.
type Evidence struct {
	Issuer string   `json:"issuer"`
	Key    string   `json:"key"`
	Others []string `json:"others,omitempty"`
}

// API is one of those behind the gateway.
type API struct {
	Upstream    string      `json:"upstream"`
	Audience    string      `json:"audience"`
	Credentials Credentials `json:"credentials"`
	Routes      []Route     `json:"routes"`
}

// Credentials are how the gateway authenticates at the introspection endpoint.
type Credentials struct {
	ClientID string           `json:"client_id"`
	Key      string           `json:"key,omitempty"`
	Identity *program.KeyPair `json:"identity,omitempty"`
}

// Route is what clients may ask of an API.
type Route struct {
	Path    string   `json:"path"`
	Methods []string `json:"methods,omitempty"`
	Scope   []string `json:"scope"`
	ACR     []string `json:"acr,omitempty"`
	MaxAge  string   `json:"max_age,omitempty"`
}

// Timeouts bound a request; drain and stop, the end of the program.
type Timeouts struct {
	ReadHeader string `json:"read_header,omitempty"`
	Read       string `json:"read,omitempty"`
	Write      string `json:"write,omitempty"`
	Idle       string `json:"idle,omitempty"`
	Upstream   string `json:"upstream,omitempty"`
	Ask        string `json:"introspection,omitempty"`
	Drain      string `json:"drain,omitempty"`
	Stop       string `json:"stop,omitempty"`
}

// limits are those of a configuration, with the usual ones for what it leaves out.
type limits struct {
	header                                   int
	body                                     int64
	readHeader, read, write, idle            time.Duration
	upstream, introspection, drain, shutdown time.Duration
}

func (c *Config) limits(s strictjson.Section) limits {
	l := limits{header: c.MaxHeaderBytes, body: int64(c.MaxBodyBytes)}
	if l.header == 0 {
		l.header = 16 << 10
	}
	if l.body == 0 {
		l.body = 1 << 20
	}
	s.Field("max_header_bytes").Unless(l.header >= 1<<10 && l.header <= 1<<20, "must be from 1024 to 1048576")
	s.Field("max_body_bytes").Unless(l.body > 0 && l.body <= 1<<30, "must be from 1 to 1073741824")
	t, at := c.Timeouts, s.Field("timeouts")
	l.readHeader = program.Duration(at.Field("read_header"), t.ReadHeader, 5*time.Second, 100*time.Millisecond, time.Minute)
	l.read = program.Duration(at.Field("read"), t.Read, 15*time.Second, 100*time.Millisecond, time.Hour)
	l.write = program.Duration(at.Field("write"), t.Write, time.Minute, 100*time.Millisecond, time.Hour)
	l.idle = program.Duration(at.Field("idle"), t.Idle, time.Minute, time.Second, time.Hour)
	l.upstream = program.Duration(at.Field("upstream"), t.Upstream, 30*time.Second, 100*time.Millisecond, time.Hour)
	l.introspection = program.Duration(at.Field("introspection"), t.Ask, 2*time.Second, 100*time.Millisecond, 30*time.Second)
	l.drain = program.Duration(at.Field("drain"), t.Drain, 5*time.Second, 0, time.Minute)
	l.shutdown = program.Duration(at.Field("stop"), t.Stop, 10*time.Second, time.Second, time.Minute)
	at.Field("upstream").Unless(l.upstream < l.write, "must be less than write: a client has to learn that an API is too slow")
	return l
}

// check notes what is wrong with the fields, files, networks and limits aside.
func (c *Config) check(s strictjson.Section) {
	s.Field("origins").Unless(len(c.Origins) > 0, "required: what proofs are addressed to (RFC 9449 4.3-9)")
	for i, origin := range c.Origins {
		program.CheckOrigin(s.Field("origins").Index(i), origin)
	}
	s.Field("listen").Unless(c.Listen != "" || c.MTLSListen != "" || c.Proxy != nil, "required, or mtls_listen or proxy")
	if c.Listen != "" {
		program.CheckAddress(s.Field("listen"), c.Listen)
	}
	if c.MTLSListen != "" {
		program.CheckAddress(s.Field("mtls_listen"), c.MTLSListen)
	}
	program.CheckAddress(s.Field("inside_listen"), c.InsideListen)
	if c.Proxy != nil {
		c.Proxy.check(s.Field("proxy"))
	}
	program.CheckURL(s.Field("issuer"), c.Issuer)
	program.CheckURL(s.Field("jwks_uri"), c.JWKSURI)
	program.CheckURL(s.Field("introspection_endpoint"), c.Introspection)
	issuer := s.Field("evidence").Field("issuer")
	program.CheckURL(issuer, c.Evidence.Issuer)
	issuer.Unless(c.Evidence.Issuer != c.Issuer, "must not be the issuer of tokens: what the gateway signs is none")
	s.Field("apis").Unless(len(c.APIs) > 0, "required")
	for i := range c.APIs {
		c.APIs[i].check(s.Field("apis").Index(i), c.APIs[:i])
	}
}

// formats are those of package mtls, by the names that its documentation has.
var formats = map[string]mtls.Format{"rfc9440": mtls.RFC9440, "pem": mtls.PEM, "base64": mtls.Base64, "xfcc": mtls.XFCC}

func (p *Proxy) check(s strictjson.Section) {
	program.CheckAddress(s.Field("listen"), p.Listen)
	s.Field("format").Unless(formats[p.Format] != 0, "must be rfc9440, pem, base64 or xfcc")
	s.Field("certificates").Unless((len(p.Certificates) == 0) != (len(p.Peers) == 0),
		"required, or peers instead: by what the proxy is known (RFC 9440 4)")
	if s.Sound() { // the one who knows names of fields
		_, err := mtls.FromProxy(mtls.ProxyConfig{Format: formats[p.Format], Header: p.Header, Trusted: func(*http.Request) bool { return false }})
		s.Field("header").Unless(err == nil, "%v", err)
	}
}

func (a *API) check(s strictjson.Section, before []API) {
	program.CheckOrigin(s.Field("upstream"), a.Upstream)
	program.CheckURL(s.Field("audience"), a.Audience)
	credentials := s.Field("credentials")
	credentials.Field("client_id").Unless(a.Credentials.ClientID != "", "required")
	credentials.Field("key").Unless((a.Credentials.Key == "") != (a.Credentials.Identity == nil), "required, or identity instead")
	for _, other := range before {
		s.Field("audience").Unless(other.Audience != a.Audience, "must not be that of another API, which could use the tokens of this one")
		credentials.Field("client_id").Unless(other.Credentials.ClientID != a.Credentials.ClientID,
			"must not be that of another API: what the gateway may ask would be good for both")
	}
	s.Field("routes").Unless(len(a.Routes) > 0, "required")
	for i, route := range a.Routes {
		at := s.Field("routes").Index(i)
		at.Field("scope").Unless(len(route.Scope) > 0, "required")
		program.CheckScopes(at.Field("scope"), route.Scope)
		program.CheckScopes(at.Field("acr"), route.ACR)
	}
}
