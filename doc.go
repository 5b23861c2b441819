// Package fapi is the front page of a family of packages for financial-grade
// OAuth. Each one implements one standard and is imported alone:
//
//   - dpop: proof of possession of a key, for clients, servers and APIs (RFC 9449)
//   - cnf: the guard in front of an API (RFC 7800, RFC 6750, RFC 9470)
//   - accesstoken: JWT access tokens, issued and verified (RFC 9068)
//   - privatekeyjwt: client authentication by signed assertions (RFC 7523)
//   - mtls: clients, and tokens bound to them, by certificate (RFC 8705)
//   - par: pushed authorization requests (RFC 9126)
//   - ppid: pairwise subject identifiers (OpenID Connect Core 8.1)
//   - jar: signed request objects (RFC 9101)
//   - jarm: signed authorization responses (JARM, RFC 9207)
//   - introspection: tokens asked about, with signed answers (RFC 7662, RFC 9701)
//   - phantom: an API gateway for opaque tokens, and evidence for the APIs
//   - jwks: key sets, static, remote and published (RFC 7517)
//   - replay: stores for values that may be used once
//
// Start with package cnf if you have an API, with dpop if you have a client or
// an authorization server. In a checkout, go run ./examples/bank shows most of it
// at work.
//
// # Profiles
//
// The package itself holds the FAPI profiles as tables: [FAPI2Security],
// [FAPI2MessageSigning] and [FAPI1Advanced]. [Profile.Rules] are the figures of a
// profile. The Check methods compare with it the metadata of a server, the
// registration of a client, a key set or an authorization request, and return a
// [Finding] for each deviation: the clause, how binding it is, what was found and
// what to change. [Profile.TLSConfig] has the versions and cipher suites.
//
// Nothing here touches the network; go run ./examples/fapicheck https://issuer
// fetches the documents of a server and checks them. Checking documents is not a
// test of conformance: most clauses are about what a server does.
package fapi
