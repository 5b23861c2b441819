package server

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/internal/program"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/replay"
)

type token = *accesstoken.Token

// builder makes the gateways of a configuration: one for clients that connect
// directly, one for those behind the proxy. Exchanged tokens and used proofs are
// the same for both.
type builder struct {
	config   Config
	material material
	limits   limits
	journal  *program.Journal
	proofs   *dpop.Verifier
	apis     []phantom.API[token]
}

// prepare makes what both share. What a constructor has against an API or a route
// is noted there, as it knows rules that the configuration does not.
func (b *builder) prepare(s strictjson.Section) {
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		s.Refuse("%v", err)
		return
	}
	b.proofs, err = dpop.NewVerifier(dpop.VerifierConfig{Origins: b.config.Origins, Replay: store})
	if err != nil {
		s.Field("origins").Refuse("%v", err)
		return
	}
	keys, err := jwks.NewRemote(jwks.RemoteConfig{
		URL: b.config.JWKSURI, RootCAs: b.material.trust, AllowedPrefixes: b.material.networks,
	})
	if err != nil {
		s.Field("jwks_uri").Refuse("%v", err)
		return
	}
	for i, api := range b.config.APIs {
		at := s.Field("apis").Index(i)
		made, err := b.newAPI(at, api, b.material.askers[i], keys)
		if err != nil {
			at.Refuse("%v", err)
			continue
		}
		b.try(at, made)
		b.apis = append(b.apis, made)
	}
}

func (b *builder) newAPI(s strictjson.Section, api API, asker *http.Client, keys accesstoken.KeySource) (made phantom.API[token], err error) {
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: b.config.Issuer, Audience: api.Audience, Keys: keys})
	if err != nil {
		return made, err
	}
	exchange, err := introspection.NewPhantom(introspection.PhantomConfig[token]{
		Endpoint: b.config.Introspection, Audience: api.Audience, ClientID: api.Credentials.ClientID, HTTP: asker,
		Verify: tokens.Verify, Timeout: b.limits.introspection,
	})
	if err != nil {
		return made, err
	}
	made = phantom.API[token]{Upstream: api.Upstream, Audience: api.Audience, Tokens: exchange}
	for i, route := range api.Routes {
		made.Routes = append(made.Routes, route.read(s.Field("routes").Index(i)))
	}
	return made, nil
}

func (r Route) read(s strictjson.Section) phantom.Route {
	age := program.Duration(s.Field("max_age"), r.MaxAge, 0, time.Second, 24*time.Hour)
	return phantom.Route{
		Path: r.Path, Methods: r.Methods, Require: cnf.Requirement{Scope: r.Scope, ACR: r.ACR, MaxAge: age},
	}
}

// try makes gateways with single routes, to find the one that is wrong.
func (b *builder) try(s strictjson.Section, api phantom.API[token]) {
	routes := api.Routes
	for i, route := range routes {
		api.Routes = []phantom.Route{route}
		_, err := b.build([]phantom.API[token]{api}, mtls.FromTLS)
		s.Field("routes").Index(i).Unless(err == nil, "%v", err)
	}
}

// build makes a gateway that gets client certificates from this source.
func (b *builder) build(apis []phantom.API[token], source mtls.CertificateSource) (*phantom.Gateway[token], error) {
	return phantom.NewGateway(phantom.GatewayConfig[token]{
		Origins: b.config.Origins,
		Methods: []cnf.Method{b.proofs, mtls.Binding{Certificate: source}},
		APIs:    apis,
		Issuer:  b.config.Evidence.Issuer, Key: b.material.evidence,
		Certificate:    source,
		MaxHeaderBytes: b.limits.header,
		Transport:      b.material.transport,
		Observe:        b.observe,
	})
}

// observe tells a refusal from a fault, which somebody has to look at.
func (b *builder) observe(e phantom.Event) {
	_, refused := errors.AsType[*phantom.Error](e.Err)
	_, unproven := errors.AsType[*cnf.Error](e.Err)
	b.journal.Outcome("request", e.Err, e.Err != nil && !refused && !unproven)
}

// bounded bounds the body of a request.
func (b *builder) bounded(next http.Handler) http.Handler {
	return http.MaxBytesHandler(next, b.limits.body)
}

// only keeps everybody but the proxy away from its listener. Its header field would
// not be believed from others; this makes it one rule for all that they send.
func only(trusted func(*http.Request) bool, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !trusted(r) {
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
