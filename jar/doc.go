// Package jar signs authorization requests and verifies them: request objects,
// as in RFC 9101 (JWT-Secured Authorization Request) under the rules of FAPI 2.0
// Message Signing section 5.3.
//
// A client makes a [Signer] and turns the parameters of each authorization
// request into one signed value, the parameter request. In FAPI it is pushed:
// posted to the pushed authorization request endpoint (RFC 9126), with client
// authentication and client_id beside it and nothing else.
//
// An authorization server makes one [Verifier] and calls [Verifier.Verify]
// wherever requests arrive: at the pushed authorization request endpoint after
// client authentication, and at the authorization endpoint if it takes request
// objects there. What comes back replaces the parameters of the request.
//
// # What is accepted
//
//   - Exactly one of request and request_uri. A request with neither is refused:
//     a server that also takes unsigned requests decides so before it comes
//     here, by the client's registration and not by what the request looks like.
//   - ES256, PS256 or EdDSA, by a key registered for that very client; encrypted
//     objects too, once the server has [VerifierConfig.DecryptionKeys], if a
//     signed one is inside.
//   - iss and client_id are the client; aud is the issuer identifier, or an array
//     that holds it; nbf and exp are there, exp at most 60 minutes after nbf; sub
//     is not the client.
//   - Neither request nor request_uri inside, every parameter of the JSON type it
//     has, and null nowhere.
//
// Only what is inside comes out. Parameters beside the object are not even
// compared with those inside, except client_id: servers that know no request
// objects need them, and the standard says to ignore them.
//
// # By reference
//
// A request_uri of the client's own makes the server send requests to addresses
// that other people choose, so it is refused unless there is a [Fetcher], and
// then only fetched if the client has registered it. FAPI needs none of this, and
// RFC 9126 section 2.1 forbids it at the pushed authorization request endpoint:
// the verifier there has no Fetcher.
// The request_uri that a server hands out itself for a pushed request belongs to
// the code that stores it: look there before you come here.
//
// # Refusals
//
// Nothing of a refused request is returned, least of all a redirect_uri to send
// the error to: [Error] says what to do. A client or key source that fails,
// panics or outlasts the request's context refuses the request, and the error
// is then not an [*Error], which makes it a 5xx.
//
// # What it does not do
//
// It does not spend the jti. Clients send one object again when a DPoP nonce or
// the network failed them, a copy in other hands is worth nothing without client
// authentication, and at the authorization endpoint state, nonce and PKCE tie
// the response to the one who asked. [Verifier.VerifyRequest] tells the jti to
// those who want to.
//
// It does not judge the request itself: whether redirect_uri is registered,
// PKCE there, response_type allowed.
//
// It does not host request objects for clients, and does not implement the
// older rules of OpenID Connect Core section 6, where parameters outside count
// and objects may be unsigned.
package jar
