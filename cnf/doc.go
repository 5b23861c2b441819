// Package cnf guards an API: it lets a request through only if its access
// token is valid and the caller proves possession of what the token's
// confirmation names (RFC 7800): a DPoP key (jkt), a client certificate
// (x5t#S256), or both.
//
//	guard, err := cnf.New(cnf.Config[*accesstoken.Token]{
//		Verify:  tokens.Verify,                // who issued it, for whom, until when
//		Methods: []cnf.Method{proofs},         // *dpop.Verifier, mtls.Binding
//		Require: cnf.Requirement{Scope: []string{"accounts"}},
//	})
//	http.Handle("/accounts", guard.Handler(accounts))
//
// Which proof is due follows from the token, never from the request: a bound
// token sent as Bearer is refused, one bound to two things needs both proofs,
// and one bound to something unknown, or to nothing, is refused. There is no
// switch for unbound tokens, since an API that accepts both accepts stolen
// ones.
//
// [Requirement] adds scope (403) and step-up authentication (RFC 9470) to a
// route. [Middleware.Check] serves programs with a router of their own.
//
// # What it does not do
//
// It does not decide whose account a token may see: compare the claims with
// the object in your handler. It does not read bodies, so a second token
// inside a form is not seen. It sets no headers for handlers behind it; claims
// travel in the context, where no client can forge them.
package cnf
