package cnf_test

import (
	"log/slog"
	"net/http"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/jarm"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/ppid"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

// The packages do not import each other. Everything they meet by is here, one
// line for each meeting point.
var (
	// An API: tokens and proofs under the middleware.
	_ cnf.Claims                       = (*accesstoken.Token)(nil)
	_ cnf.Method                       = (*dpop.Verifier)(nil)
	_ cnf.Method                       = mtls.Binding{}
	_ interface{ Algorithms() string } = (*dpop.Verifier)(nil) // algs of a challenge
	_                                  = cnf.Config[*accesstoken.Token]{Verify: (*accesstoken.Verifier)(nil).Verify}

	// Opaque tokens: asked about by an API, or exchanged by a gateway, whose APIs
	// check its evidence.
	_ cnf.Claims                            = (*introspection.Token)(nil)
	_                                       = cnf.Config[*introspection.Token]{Verify: (*introspection.Client)(nil).Introspect}
	_ introspection.ClientAuth              = (*privatekeyjwt.Verifier)(nil)
	_ introspection.ClientAuth              = (*mtls.ClientAuthenticator)(nil)
	_ phantom.Exchanger[*accesstoken.Token] = (*introspection.Phantom[*accesstoken.Token])(nil)
	_                                       = introspection.PhantomConfig[*accesstoken.Token]{Verify: (*accesstoken.Verifier)(nil).Verify}
	_                                       = phantom.GatewayConfig[*accesstoken.Token]{Certificate: mtls.FromTLS}
	_ cnf.Method                            = (*phantom.Evidence)(nil)
	_ introspection.KeySource               = (*jwks.Remote)(nil)
	_ phantom.KeySource                     = (*jwks.Remote)(nil)
	_ phantom.ReplayStore                   = (*replay.Memory)(nil)

	// Keys.
	_ accesstoken.KeySource   = (*jwks.Static)(nil)
	_ accesstoken.KeySource   = (*jwks.Remote)(nil)
	_ accesstoken.KeySource   = (*jwks.Publisher)(nil) // an API in the authorization server itself
	_ privatekeyjwt.KeySource = (*jwks.Static)(nil)
	_ privatekeyjwt.KeySource = (*jwks.Remote)(nil)
	_ http.Handler            = (*jwks.Publisher)(nil)

	// Single-use values.
	_ dpop.ReplayStore          = (*replay.Memory)(nil)
	_ dpop.ReplayStore          = replay.SetIfAbsent(nil)
	_ dpop.ReplayStore          = replay.Off{}
	_ privatekeyjwt.ReplayStore = (*replay.Memory)(nil)
	_ privatekeyjwt.ReplayStore = replay.SetIfAbsent(nil)
	_ privatekeyjwt.ReplayStore = replay.Off{}
	_ dpop.NonceSource          = (*dpop.Nonces)(nil)

	// The authorization request: pushed, signed, answered.
	_ par.ClientAuth     = (*privatekeyjwt.Verifier)(nil)
	_ par.ClientAuth     = (*mtls.ClientAuthenticator)(nil)
	_ par.RequestObjects = (*jar.Verifier)(nil)
	_ par.RequestSigner  = (*jar.Signer)(nil)
	_ par.Store          = (*par.Memory)(nil)
	_ http.Handler       = (*par.Handler)(nil)
	_ jar.KeySource      = (*jwks.Remote)(nil)
	_ jarm.KeySource     = (*jwks.Remote)(nil)
	_ ppid.Store         = (*ppid.Memory)(nil)

	// A client: transports that go around each other.
	_ http.RoundTripper = (*dpop.Transport)(nil)
	_ http.RoundTripper = (*privatekeyjwt.Transport)(nil)
	_                   = dpop.Transport{Base: (*privatekeyjwt.Transport)(nil)}

	// Refusals: everybody's error has the code that everybody's writer reads.
	_ refusal = (*cnf.Error)(nil)
	_ refusal = (*accesstoken.Error)(nil)
	_ refusal = (*dpop.Error)(nil)
	_ refusal = (*privatekeyjwt.Error)(nil)
	_ refusal = (*mtls.Error)(nil)
	_ refusal = (*par.Error)(nil)
	_ refusal = (*jar.Error)(nil)
	_ refusal = (*jarm.Error)(nil)
	_ refusal = (*ppid.Error)(nil)
	_ refusal = (*introspection.Error)(nil)
	_ refusal = (*phantom.Error)(nil)

	// Details for logs.
	_ slog.LogValuer = (*cnf.Error)(nil)
	_ slog.LogValuer = (*dpop.Error)(nil)
	_ slog.LogValuer = (*privatekeyjwt.Error)(nil)
	_ slog.LogValuer = (*mtls.Error)(nil)
)

type refusal interface {
	error
	OAuthCode() string
}
