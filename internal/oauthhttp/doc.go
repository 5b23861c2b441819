// Package oauthhttp is the part of OAuth's HTTP surface that several packages
// share: challenges out and in (RFC 9110 11.6.1, RFC 6750 3, RFC 9449 7.1), the
// Authorization request field (RFC 6750 2.1, RFC 9449 7.1), forms in (RFC 6749
// 3.2, RFC 9126 2.3) and JSON errors out (RFC 6749 5.2).
//
//   - A server writes a challenge with [Challenge.String] and reads a token with
//     [Credentials] and [TokenElsewhere].
//   - A client reads challenges with [ParseChallenges] and [Find].
//   - An endpoint reads its parameters with [ReadForm] and answers a refusal with
//     [WriteError].
//
// Nothing here writes text that came from a request. A description is a fixed
// string, and whatever is handed to a writer is reduced to the characters RFC 6750
// section 3 and RFC 6749 section 5.2 allow, so that neither a header line nor a
// quoted string can be ended from inside.
//
// # What it does not do
//
// It decides no status for a protected resource: that 401 means "authenticate" and
// 403 means "not enough" is the caller's to say, who alone knows why it refuses. It
// never takes a token from a form or a query, it only tells that one is there. It
// does not answer CORS preflights, which carry no token and must be answered before
// authentication.
package oauthhttp
