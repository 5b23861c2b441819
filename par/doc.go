// Package par is pushed authorization requests, RFC 9126, for both sides, under
// the rules of the FAPI 2.0 Security Profile: the client posts its authorization
// request, authenticated, and the browser carries only a reference to it.
//
// A client makes a [Client]. Its AuthCodeURL takes the place of the one of
// oauth2.Config; client authentication and DPoP ride in the transports of its
// HTTP client.
//
// An authorization server makes a [Handler], serves it at the pushed
// authorization request endpoint, and asks it at the authorization endpoint:
//
//	request, err := handler.Load(ctx, clientID, requestURI)    // before the page is shown
//	request, err := handler.Consume(ctx, clientID, requestURI) // the user has decided
//
// # Load and Consume
//
// Browsers preload pages, people reload them, mail scanners open links. So Load
// spends nothing. Consume works once, however many ask at the same time: call it
// when the decision is in, and issue the code, or the error, only if it succeeds.
//
// A request_uri lives for Lifetime, and its first Load must come within that.
// From then on the person has the time they need: each Load and Consume keeps
// the request for Interaction, up to Lifetime + Interaction after the push.
// That request_uri can until then be opened in another browser too (RFC 9126
// section 7.3 allows what a reload needs): a server that shows personal data on
// its page ties the page to the browser with its own session, as it has to do
// for the login anyway.
//
// Both ask Check again, because the registration may have changed since the push
// (section 7.4). Both answer an unknown, expired, consumed or another client's
// request_uri in one way, and never change what the rightful client has.
//
// # What is accepted
//
//   - A client that authenticates. There is no switch for public clients
//     (FAPI 2.0 5.3.2.2-4).
//   - response_type code, a redirect_uri that is https (or http on a loopback
//     address) and hides nothing, PKCE with S256, and well-formed dpop_jkt,
//     resource and authorization_details where present.
//   - What Check, the server's own policy, agrees to.
//   - With a request object, only what is inside it (RFC 9101 section 6.3).
//
// # What is stored
//
// The [Store] sees a hash for a name, and ciphertext. The key to both is in the
// request_uri, which the server does not keep, and the client's identifier is
// part of it. So a copy of the store shows nobody's accounts or payments, whoever
// can write to it cannot forge a request, and for another client the record is
// not there at all. Credentials are never part of it.
//
// # What it does not do
//
// It does not serve the authorization endpoint: refuse a request without a pushed
// request_uri there (Load with an empty one gives the error for it), and take
// nothing but client_id and request_uri from the query. It does not check PKCE
// verifiers, which is the token endpoint's work, nor compare redirect URIs with
// registered ones, which is Check's: compare whole strings. It does not count
// requests per client, but [ErrTooMany] lets a [ClientAuth] that does answer 429.
// It does not carry response_type "code id_token" of FAPI 1.0, nor custom URI
// schemes.
package par
