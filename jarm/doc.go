// Package jarm makes and reads authorization responses as signed JWTs: the JWT
// Secured Authorization Response Mode for OAuth 2.0, as FAPI 2.0 Message Signing
// section 5.4 demands it.
//
// An authorization server makes one [Encoder] and calls [Encoder.Write] for
// every response, success or error. A client makes one [Decoder] for each
// authorization server and calls [Decoder.Callback] in the handler of its
// redirect URI. For a server that does not offer JARM, the same Callback checks
// plain responses with iss (RFC 9207).
//
// # What is checked
//
// A JWT response is decrypted, if that was agreed. Then iss is the configured
// issuer, octet for octet; aud is or holds the client; exp lies ahead, without
// leeway and at most 10 minutes; nbf and iat, if they are there, do not lie
// ahead; state is that of the pending request; the signature is ES256, PS256 or
// EdDSA by a key of that server. Only then code and error are looked at, and
// there must be one and not both. Errors get the same checks as successes: an
// error that anybody could write would end other people's logins.
//
// state is compared before the signature, which the specification leaves for
// later. All that an unverified state can do is refuse the response, and so a
// stranger cannot make the client fetch keys. Keys come from the [KeySource]
// only; jku, x5u, x5c and jwk in the header are ignored.
//
// A plain response where a JWT was asked for is refused, and so is the reverse, a
// JWT with plain parameters beside it, a form where a query was expected, and a
// repeated parameter.
//
// # The page of form_post.jwt
//
// It is a form with the response, a script that submits it, and a button for
// browsers that run no script. Its Content-Security-Policy allows this one
// script, by hash, and posting over https (to a loopback address, http as well).
// Chromium applies form-action to redirects too, so it does not name the redirect
// URI's origin: a client may answer the post with a redirect to another one.
//
// # What this package does not do
//
// It keeps no sessions: which state belongs to which browser, and that each is
// good for one response, is the client's to see to. [Decoder.Callback] says how.
//
// HMAC and RS256, which JARM itself allows, do not exist here (FAPI 2.0 5.4.1).
// A response with access_token or id_token can be made for fragment.jwt and
// form_post.jwt and be read, but nothing checks what those tokens say.
//
// It does not decide which response mode a request has, does not look up redirect
// URIs, and writes no plain responses: a server of the FAPI 2.0 Security Profile
// adds iss (RFC 9207) to the query of its redirect. Of plain responses, Callback
// returns the whole query, with what the redirect URI itself has in it.
package jarm
