// Package jwks supplies the keys that tokens are verified with, and publishes
// your own: JSON Web Key Sets (RFC 7517) under the rules of FAPI 2.0 (Security
// Profile 5.4).
//
// Verifiers declare the interface they need; every source here has its method:
//
//	Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
//
// It answers the keys to try for a token whose header has this kid, which may be
// empty, and this alg. An empty answer with a nil error says that the token is
// wrong. An error says that the source has failed: the verifier answers 5xx, not
// an OAuth error, and accepts nothing.
//
// # Sources
//
//   - [Static] holds a set that is known beforehand: a client's registered jwks.
//   - [Remote] fetches a jwks_uri, keeps the set for a bounded time and looks for
//     new keys at a bounded rate.
//   - [Publisher] serves your own set to others, and verifies what you signed
//     yourself. It knows how long a retired key is still needed.
//
// Make one source for each issuer or client and keep it. A kid means something
// only to whoever chose it, so no source is ever shared between two of them.
//
// # Selection
//
// A key is a candidate if its one algorithm is alg: P-256 for ES256, RSA of 2048
// to 8192 bits for PS256, Ed25519 for EdDSA, also spelled "Ed25519" (RFC 9864).
// For any other alg there are no candidates. A kid is an opaque string that is
// compared exactly, octet by octet. A key without a kid is a candidate only for
// tokens without one; a token without a kid may be signed by any key.
//
// Several keys under one kid, which sets should not have but may, are all
// candidates if they are of the right algorithm (5.4.3). At most the first 8 in
// the order of the set are, since each costs a signature check that a stranger
// can ask for.
//
// Keys of other kinds, with use "enc", or with an alg or key_ops for something
// else are passed over. A set with a private, symmetric or malformed key is
// refused as a whole, as is one of more than 100 keys: its owner has lost control
// of it.
//
// # What this package does not do
//
// It makes no keys and stores no private ones. It follows no jku, x5u or x5c of a
// token, and trusts no key for the certificate beside it. It does not decide which
// URL belongs to which issuer or client: that comes from your configuration, the
// issuer's metadata or the client's registration. It keeps nothing across a
// restart, and no source is told that a signature failed: a token without a kid
// under a key not seen yet is refused until the set is renewed.
package jwks
