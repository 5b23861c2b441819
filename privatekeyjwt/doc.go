// Package privatekeyjwt authenticates OAuth clients by a JWT they sign with
// their own key: the method private_key_jwt of OpenID Connect Core section 9,
// which is RFC 7523 section 2.2 without shared secrets, under the rules of the
// FAPI 2.0 Security Profile.
//
// A client makes a [Signer] and puts a [Transport] under its HTTP client; every
// form it posts to the authorization server then carries an assertion of its
// own, refreshes and retries included. DPoP goes outside, because its nonce
// retry needs a fresh assertion too:
//
//	http.Client{Transport: &dpop.Transport{Signer: …, Base: &privatekeyjwt.Transport{…}}}
//
// An authorization server makes one [Verifier] and calls
// [Verifier.Authenticate] first thing at the token, pushed authorization
// request, introspection, revocation and backchannel endpoints.
//
// # What is accepted
//
//   - aud is the issuer identifier as a JSON string, compared octet by octet
//     (FAPI 2.0 5.3.2.1-8). A client that lets an attacker's metadata choose
//     the audience signs assertions that the attacker can use elsewhere, so
//     endpoint URLs and arrays need the explicit list
//     [VerifierConfig.ExtraAudiences] of FAPI 1.0 deployments.
//   - ES256, PS256 or EdDSA, by a key registered for that very client. Keys in
//     the header play no part.
//   - iss and sub are the client, exp lies ahead and not far, jti was never
//     seen from this client.
//   - No second method beside it: neither an Authorization field, nor a
//     client_secret, nor credentials in the query.
//
// Cheap checks come first, the signature next, and the jti is spent last: a
// request that Authenticate refuses can be repeated, and one that is refused
// later, say for a DPoP nonce, needs a new assertion. Refusals are answered with
// (*dpop.Verifier).WriteTokenError, or by your own writer. A store or key source
// that fails, panics or outlasts the request's context refuses the request,
// and the error is then not an [*Error], which makes it a 5xx.
//
// # What it does not do
//
// It does not choose between methods. A client is registered for one of them,
// and [ClientSource] knows only those registered for this one; a server that
// also takes certificates decides by the registration, never by what the
// request looks like.
//
// It does not hide from a stranger which client identifiers exist. All
// failures of authentication give the same code, but an unknown client is
// refused sooner, without key lookup and signature. Client identifiers are
// public (they stand in every authorization URL), the lookup of the client
// takes longer than the difference, and a decoy signature check would double
// the price of junk.
//
// It does not tell two deployments with the same issuer identifier apart: an
// assertion for staging is good for production if both have one issuer and one
// client key. Give every deployment an issuer of its own, and let all replicas
// and endpoints of one deployment share a replay store.
package privatekeyjwt
