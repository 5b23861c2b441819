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
//   - jwks: key sets, static, remote and published (RFC 7517)
//   - replay: stores for values that may be used once
//
// Start with package cnf if you have an API, with dpop if you have a client or
// an authorization server. In a checkout, go run ./examples/bank shows most of it
// at work.
package fapi
