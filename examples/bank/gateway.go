package main

import (
	"context"
	"crypto"
	"crypto/tls"
	"net/http"
	"path"
	"time"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/accounts/api"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

const (
	innerAPI       = "https://accounts.internal.example" // the API behind the gateway
	gatewayIssuer  = "https://gateway.bank.example"      // who makes out its statements
	gatewayID      = "gateway"                           // as which it asks about tokens
	otherGatewayID = "other-gateway"                     // stands in front of another API

	// revocationBound is how long a revoked token may still work, since the gateway
	// remembers it for no longer. A bank would take 30 s, which is the default.
	revocationBound = 500 * time.Millisecond
	// introspectionAge is the server's own bound, in whole seconds.
	introspectionAge = time.Second
)

type token = *accesstoken.Token

// gateway is what clients with opaque tokens meet, and the API behind it. That API
// is open to whoever is inside, so that the thief can try his luck there.
type gateway struct {
	origin, inside string        // where both listen
	key, evidence  crypto.Signer // its own: to ask the server, and to vouch for clients
	certificate    tls.Certificate
	proofs         *dpop.Verifier
	proofConfig    dpop.VerifierConfig
	exchange       *introspection.Phantom[token]
	statements     phantom.EvidenceConfig
	asking, inward *http.Transport
	wire           *tap // what it sends inside
}

// registerGateways makes the two callers of the introspection endpoint.
func (b *bank) registerGateways() (map[string]server.ResourceServer, error) {
	callers := map[string]server.ResourceServer{}
	for id, caller := range map[string]struct {
		key crypto.Signer
		api string
	}{gatewayID: {b.gateway.key, innerAPI}, otherGatewayID: {b.otherKey, otherAPI}} {
		keys, err := jwks.NewStaticKeys(jwks.Key{Key: caller.key.Public()})
		if err != nil {
			return nil, err
		}
		callers[id] = server.ResourceServer{Keys: keys, APIs: []string{caller.api}}
	}
	return callers, nil
}

// configureGateway comes after configureAPI, whose keys it uses.
func (b *bank) configureGateway() error {
	g := &b.gateway
	var err error
	if g.certificate, err = b.certificates.authority.Client(gatewayID); err != nil {
		return err
	}
	proofStore, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		return err
	}
	g.proofConfig = dpop.VerifierConfig{Origins: []string{g.origin}, Replay: proofStore}
	if g.proofConfig.Nonces, err = newNonces(g.origin); err != nil {
		return err
	}
	if g.proofs, err = dpop.NewVerifier(g.proofConfig); err != nil {
		return err
	}
	g.asking, g.inward = b.transport(), b.transport(g.certificate)
	g.wire = &tap{base: g.inward}
	if err := b.configureExchange(); err != nil {
		return err
	}
	evidenceStore, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		return err
	}
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: g.evidence.Public()})
	g.statements = phantom.EvidenceConfig{Issuer: gatewayIssuer, Audience: innerAPI, Keys: keys, Replay: evidenceStore}
	return err
}

// configureExchange is how the gateway gets JWTs for opaque tokens.
func (b *bank) configureExchange() error {
	inner, err := b.tokens(innerAPI)
	if err != nil {
		return err
	}
	client, err := b.introspecting(gatewayID, b.gateway.key, b.gateway.asking)
	if err != nil {
		return err
	}
	b.gateway.exchange, err = introspection.NewPhantom(introspection.PhantomConfig[token]{
		Endpoint: b.issuer + "/introspect", Audience: innerAPI, HTTP: client, Verify: inner.Verify, MaxAge: revocationBound,
	})
	return err
}

// introspecting is the HTTP client of somebody who asks about tokens.
func (b *bank) introspecting(id string, key crypto.Signer, base http.RoundTripper) (*http.Client, error) {
	assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: id, Issuer: b.issuer, Key: key})
	return &http.Client{Transport: &privatekeyjwt.Transport{
		Signer: assertions, Endpoints: []string{b.issuer + "/introspect"}, Base: base,
	}}, err
}

// newGateway makes the gateway. Its requests to the API leave by inward.
func (b *bank) newGateway(inward http.RoundTripper) (http.Handler, error) {
	return phantom.NewGateway(phantom.GatewayConfig[token]{
		Origins: []string{b.gateway.origin},
		Methods: []cnf.Method{b.gateway.proofs, mtls.Binding{}}, Certificate: mtls.FromTLS,
		Issuer: gatewayIssuer, Key: b.gateway.evidence,
		APIs: []phantom.API[token]{{
			Upstream: b.gateway.inside, Audience: innerAPI, Tokens: b.gateway.exchange,
			Routes: []phantom.Route{
				{Path: "/accounts", Methods: []string{"GET"}, Require: cnf.Requirement{Scope: []string{"accounts"}}},
				{Path: "/payments", Methods: []string{"POST"}, Require: cnf.Requirement{Scope: []string{"payments"}}},
			},
		}},
		Transport: inward, Observe: func(e phantom.Event) { b.rules.record(e.Err) },
	})
}

// behindGateway is the API, with other rules for the gateway's statements if change
// is not nil.
func (b *bank) behindGateway(change func(*phantom.EvidenceConfig)) (http.Handler, error) {
	config := b.gateway.statements
	if change != nil {
		change(&config)
	}
	statements, err := phantom.NewEvidence(config)
	if err != nil {
		return nil, err
	}
	return b.innerWith(statements, b.isGateway())
}

// isGateway knows it by its certificate.
func (b *bank) isGateway() func(*http.Request) bool {
	return mtls.TrustedCertificates(thumbprintOf(b.gateway.certificate))
}

func (b *bank) innerWith(statements cnf.Method, trusted func(*http.Request) bool) (http.Handler, error) {
	source, err := mtls.FromProxy(mtls.ProxyConfig{Format: mtls.RFC9440, Trusted: trusted})
	if err != nil {
		return nil, err
	}
	config := b.apiConfig
	config.Identifier, config.Methods = innerAPI, []cnf.Method{statements, mtls.Binding{Certificate: source}}
	guarded, err := api.New(config)
	return withOperatorsPage(guarded), err
}

// withOperatorsPage adds what no gateway may lead to. As many servers do, it decodes
// and tidies a path before it looks at it.
func withOperatorsPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) == "/operators" {
			naiveWrite(w, http.StatusOK, map[string]any{"page": "for operators"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// holder is a client that has a key of its own and a token bound to it.
type holder struct {
	id             string
	dpopKey        crypto.Signer
	authenticating *http.Client // proves possession, too
	token          string
}

// victim is the honest client with an opaque token.
func (b *bank) victim(ctx context.Context, base http.RoundTripper) (*holder, error) {
	return b.holder(ctx, clientID, b.clientKey, b.dpopKey, base)
}

// holder gets a token for what is behind the gateway, by way of base.
func (b *bank) holder(ctx context.Context, id string, key, dpopKey crypto.Signer, base http.RoundTripper) (*holder, error) {
	h := &holder{id: id, dpopKey: dpopKey}
	assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: id, Issuer: b.issuer, Key: key})
	if err != nil {
		return nil, err
	}
	proofs, err := dpop.NewSigner(dpopKey)
	if err != nil {
		return nil, err
	}
	h.authenticating = &http.Client{Transport: &dpop.Transport{Signer: proofs, Base: &privatekeyjwt.Transport{
		Signer: assertions, Endpoints: []string{b.issuer + "/token", b.issuer + "/revoke"}, Base: base,
	}}}
	token, err := certificateConfig(id, b.issuer+"/token", innerAPI).Token(context.WithValue(ctx, oauth2.HTTPClient, h.authenticating))
	if err != nil {
		return nil, err
	}
	h.token = token.AccessToken
	return h, nil
}

// request is what an honest client sends to the gateway, with a new proof.
func (b *bank) request(ctx context.Context, h *holder, method, path string) (*http.Request, error) {
	return b.requestWith(ctx, h.token, h.dpopKey, method, path)
}

// requestWith has a proof of key, or none without one.
func (b *bank) requestWith(ctx context.Context, token string, key crypto.Signer, method, path string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, b.gateway.origin+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "DPoP "+token)
	if key == nil {
		return r, nil
	}
	signer, err := dpop.NewSigner(key)
	if err != nil {
		return nil, err
	}
	nonce, err := b.gateway.proofConfig.Nonces.Nonce(ctx)
	if err != nil {
		return nil, err
	}
	proof, err := signer.SignResourceRequest(ctx, method, b.gateway.origin+path, token, nonce)
	r.Header.Set("DPoP", proof)
	return r, err
}
