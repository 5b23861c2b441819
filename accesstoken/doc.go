// Package accesstoken issues and verifies JWT access tokens (RFC 9068), as FAPI
// 2.0 wants them: signed with ES256, PS256 or EdDSA, short-lived, and bound to
// a key or a certificate of the client.
//
// An authorization server makes one [Issuer] and calls [Issuer.Issue] for each
// [Grant]. An API makes one [Verifier] for each issuer it trusts and calls
// [Verifier.Verify], or hands the Verifier to the middleware of package cnf,
// which also checks what a token alone cannot show:
//
//   - that the client possesses the key or the certificate. [Token.Confirmation]
//     says which; for a token without cnf it is the zero Confirmation, and the
//     middleware refuses that one;
//   - that the scope, the authentication context and the age of the login
//     suffice for the request at hand.
//
// # Verification
//
// All checks of RFC 9068 section 4 are always on. typ is at+jwt or
// application/at+jwt in any letter case; iss is the configured issuer, octet for
// octet; aud holds the configured audience; exp lies ahead, without leeway; nbf
// and iat lie at most the leeway ahead. iss, exp, aud, sub, client_id, iat and
// jti are required (section 2.2), with no switch for issuers that leave some
// out. scope is a list in the grammar of RFC 6749 section 3.3: single spaces
// between values, none around them. A value listed twice counts once. A cnf that
// is there but cannot be understood refuses the token.
//
// Keys come from the [KeySource] only. jku, x5u, x5c and jwk in the header of a
// token are ignored.
//
// # The cache of verified tokens
//
// A client sends one token many times. The Verifier remembers the tokens it has
// accepted, by their SHA-256, and a token it remembers costs a hash instead of a
// signature check. What makes that safe:
//
//   - the cache belongs to one Verifier, so issuer and audience are the ones the
//     token was checked for;
//   - exp, nbf and iat are compared with the clock at every use;
//   - an entry serves for 60 seconds, then the token is verified again from the
//     start. That bounds how long a token outlives the removal of its key, on
//     top of the time the KeySource itself takes to notice;
//   - only tokens with a valid signature enter, so strangers cannot fill it, and
//     its size is fixed;
//   - possession, scope and authentication are not this package's to check and
//     are never remembered.
//
// The cache holds the claims of tokens, but no token that could be presented.
//
// # What this package does not do
//
// RS256, which RFC 9068 section 2.1 has everybody support, is refused: FAPI 2.0
// (5.4.1) excludes it. Encrypted tokens are refused as malformed. Tokens cannot
// be revoked one by one before they expire; an API that needs that asks the
// authorization server. Whether the client, the user or
// the request may have a token is decided before Issue is called.
package accesstoken
