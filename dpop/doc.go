// Package dpop implements RFC 9449, OAuth 2.0 Demonstrating Proof of
// Possession, for clients, authorization servers and APIs.
//
// # Clients
//
// [Transport] signs requests and handles nonces. With golang.org/x/oauth2 it
// is all a client needs:
//
//	signer, err := dpop.NewSigner(key)
//	client := &http.Client{Transport: &dpop.Transport{Signer: signer}}
//	ctx = context.WithValue(ctx, oauth2.HTTPClient, client)
//
// [Signer] alone makes proofs for other HTTP stacks.
//
// # Authorization servers
//
// [Verifier.VerifyTokenRequest] checks the proof of a token or pushed
// authorization request and gives its thumbprint, to be put into cnf.jkt.
// [Proof.Check] compares it with the dpop_jkt of a code or the binding of a
// public client's refresh token. [Verifier.WriteTokenError] answers refusals.
//
// # APIs
//
// [Verifier.VerifyResourceRequest] checks the proof beside an access token.
// Package cnf wraps it, the token and the scope into a middleware, and decides
// from the token whether a proof is due. Use that one unless you have a reason:
// an API that asks for proofs only when it sees the DPoP scheme accepts a
// stolen token as Bearer.
//
// # What is checked
//
// All rules of section 4.3, each with an error of its own ([ErrProofCount] to
// [ErrBinding]); replay (11.1); nonces (8, 9) when [VerifierConfig] has a
// source of them. Algorithms are ES256, PS256 and EdDSA with Ed25519. Keys in
// proofs are P-256, Ed25519, or RSA of 2048 to 4096 bits. A proof has at most
// 8 KiB, its jti at most 128 octets. Cheap checks come first, the signature
// next, the replay store last: a refused request leaves nothing behind.
//
// # What it does not do
//
// It does not authenticate anybody: a valid proof from a stranger is a valid
// proof. It does not sign bodies, queries or other headers; TLS protects them.
// It does not know where your server stands: [VerifierConfig.Origins] tells it.
package dpop
