// Package phantom is the API gateway of the phantom-token pattern: clients hold
// opaque tokens, APIs see signed ones, and a stolen token of either kind is of
// no use to a thief.
//
//	gateway, err := phantom.NewGateway(phantom.GatewayConfig[*accesstoken.Token]{
//		Origins: []string{"https://api.bank.example"},
//		Methods: []cnf.Method{proofs},       // *dpop.Verifier, mtls.Binding
//		Issuer:  "https://gw.bank.example", Key: key,
//		APIs: []phantom.API[*accesstoken.Token]{{
//			Upstream: "https://accounts.internal:8443", Audience: "https://accounts.internal",
//			Tokens:   exchange, // *introspection.Phantom
//			Routes: []phantom.Route{
//				{Path: "/accounts", Require: cnf.Requirement{Scope: []string{"accounts"}}},
//			},
//		}},
//	})
//
// # What a request goes through
//
//   - Size of the header section (431), target and Host (400, 421), method (501),
//     protocol switch (400), route (404, 405).
//   - Package cnf: the one token in Authorization is exchanged for a JWT access
//     token (RFC 9068), the proof of possession is checked, over the opaque token
//     and on every request, then scope and authentication. A token with the two
//     dots of a JWT is refused unasked: inner tokens must not work outside, so
//     the opaque ones must not look like them.
//   - The API gets the JWT as a Bearer token, and evidence of what was proven. A
//     certificate travels in Client-Cert (RFC 9440), whose reader is
//     mtls.FromProxy. A DPoP key is told by a statement in [EvidenceHeader].
//
// The API verifies the JWT itself, and the evidence with a [cnf.Method] again:
// [Evidence] for the statement. It therefore trusts the gateway with nothing but
// possession. A JWT from its logs is refused without evidence, and evidence is
// good for one method, path and token, for half a minute, and once.
//
// # The statement
//
// A client's proof holds the hash of the opaque token, which the API does not
// have, so that the proof itself cannot be handed on. In its place goes a JWS of
// typ phantom-evidence+jwt with iss (the gateway), aud (the API), iat, exp
// (30 s), jti, htm and path (of the request as the API receives it, undecoded),
// ath (the hash of the JWT) and cnf.jkt (the key that was proven). The query is
// not covered, as it is not by a DPoP proof. Each request has a statement of its
// own, at the price of a signature. Where a connection to the API dies with a
// GET unanswered, net/http sends it again as it is; an API that had received it
// then refuses the statement as used, and the client gets 502.
//
// # What does not pass
//
// Fields that the gateway sets, that proxies use for what they know of clients
// (certificates, addresses, original URLs), that change the method, and those of
// [GatewayConfig].Internal are taken off, in any case; so is every name with
// anything but letters, digits and hyphens, as CGI and its kin take an
// underscore or a dot for the hyphen. A method has capitals and hyphens only, as
// some servers take delete for DELETE. The path and the query reach the API
// octet for octet, or the request is refused: dot segments, empty segments,
// slashes, backslashes and controls that are encoded, semicolons, encoded or
// not, what is encoded twice or is not UTF-8, and escapes that RFC 3986 section
// 6.2.2 would spell differently are what servers disagree about. Trailers of
// requests are dropped, as are informational responses. Host is the API's;
// X-Forwarded-For, -Host and -Proto tell of the connection to the gateway, and
// of nothing in front of it.
//
// Of a response, the same fields are taken off, and Alt-Svc, which would lead
// clients around the gateway. A 401 of the API is trouble inside, since this
// gateway had admitted the request, and becomes 502; unless the API asks for a
// stronger login (RFC 9470), which the client learns in its own scheme. A
// response without Cache-Control gets no-store. All else, Location and cookies
// among it, passes as the API wrote it.
//
// # Failures
//
// Whatever goes wrong inside is never a 401, which would send clients to fetch
// new tokens in vain: 503 with Retry-After if the token cannot be judged, be it
// that the authorization server is down or that it refuses the gateway's own
// credentials; 502 if the API is down, 504 if it is too slow. [Event] has the
// reason, for logs, without quoting what an API wrote. Nobody is admitted then.
//
// # What it does not do
//
// It terminates no TLS, limits no rates, sizes of bodies or times: those are the
// http.Server's and the transport's. It answers no CORS preflights; that goes
// in front, where nothing may stand that cleans paths, as [net/http.ServeMux]
// does. It sees a token only when a request starts: a connection switched to
// WebSocket lives on until somebody closes it.
//
// The fields that vouch for clients are worth what the network between gateway
// and API is: the API's listener must be reachable for the gateway only.
package phantom
