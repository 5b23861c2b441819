// Package introspection asks an authorization server about access tokens, and
// answers such questions: OAuth 2.0 Token Introspection (RFC 7662), its signed
// answers (RFC 9701), which FAPI 2.0 Message Signing 5.5 demands, and the phantom
// tokens of API gateways.
//
// An API makes one [Client] and hands [Client.Introspect] to the middleware of
// package cnf, which also checks possession, scope and step-up:
//
//	tokens, err := introspection.NewClient(introspection.ClientConfig{
//		Issuer:   "https://as.bank.example",
//		Endpoint: "https://as.bank.example/introspect",
//		Audience: "https://api.bank.example",
//		HTTP:     authenticating, // with a privatekeyjwt.Transport, or a client certificate and ClientID
//		Keys:     keys,           // signed answers (RFC 9701) are asked for and required
//	})
//	guard, err := cnf.New(cnf.Config[*introspection.Token]{Verify: tokens.Introspect, …})
//
// A gateway makes one [Phantom], which exchanges an opaque token for the JWT access
// token behind it. An authorization server mounts a [Handler].
//
// # Three kinds of answers
//
//   - application/json (RFC 7662): claims, believed because of TLS.
//   - application/token-introspection+jwt (RFC 9701): a signed statement to one
//     API about a token. It is never an access token, and [Token.Statement] keeps
//     it for the records.
//   - application/jwt: the answer is an access token (RFC 9068), for a gateway to
//     hand on. It is a convention of vendors, which no RFC describes.
//
// The last two are JWTs of one issuer, and whoever took one for the other could turn
// an answer into a token. So a Client never asks for application/jwt and a Phantom
// for nothing else, the content type has to be the one asked for, and typ has to be
// token-introspection+jwt in one and at+jwt in the other.
//
// # Answers that are remembered
//
// An active answer is remembered until the first of: its exp, less a second; the
// max-age of its Cache-Control; and MaxAge. An answer without exp, or whose
// Cache-Control is missing or says no-store, no-cache or max-age=0, is not
// remembered at all, in none of the three forms: RFC 7662 section 4 leaves this to
// the API, but only the server knows how fast it wants revocation to work. So with a
// server that says nothing, every call is a question. The time counts from when the
// question was sent, so a revoked token works for MaxAge at most, or for Timeout
// where a question was under way. [Client.Forget] ends it at once. exp is compared
// with the clock at each use. An authorization server that is down changes nothing
// of this: what is remembered serves until then, and no longer.
//
// A "no" is remembered for NegativeAge, whatever the answer's Cache-Control, in a
// table of its own, so that garbage cannot push out what is active. Failures are
// never remembered.
//
// What is remembered is found by a hash over a random key, the endpoint, the
// audience and the token. The token itself is kept nowhere. Concurrent questions about one
// token are one request, which no caller's cancellation ends for the others, and
// which therefore knows nothing of any caller's context. At most 1,024 requests are
// under way at once; beyond, questions fail with [ErrUnavailable].
//
// Possession of the key or certificate is not this package's to check and never
// remembered.
//
// # Errors
//
// An [*Error] means that the token, or the request to a Handler, is bad. Everything
// else fails closed and is a 5xx: [ErrUnavailable] for a server that cannot be
// asked (503 with Retry-After), [ErrCredentials] when it refuses our own credentials
// and [ErrAnswer] when its answer cannot be used, which somebody has to repair. No
// OAuth code of the other server is ever passed on, since it would tell a client
// that its token is bad when ours is. What net/http quotes of an answer it cannot
// read, the token perhaps, is in no text: of such an error only the type is told.
//
// # What it does not do
//
// A statement of RFC 9701 does not say which token it is about. That it answers this
// question follows from TLS; its iat has to be of this minute, so an old "active"
// cannot be played back for long. Encrypted statements are not read and not made.
//
// An API that verifies a JWT access token by itself and asks about it as well, to hear
// of its revocation, has two sources for its cnf: it must refuse the token unless the
// Confirmation of both is equal.
//
// A Handler does not count inactive answers for each caller: the tokens that a gateway
// asks about come from strangers, who could have the gateway locked out. A server
// that wants to count does so with Observe, and has its ClientAuth or Lookup return
// [ErrTooMany].
package introspection
