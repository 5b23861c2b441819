// Package jose is the strict compact JOSE layer under every package of this
// module: JSON without duplicates, canonical base64url, a closed set of
// algorithms, and keys that are checked before any arithmetic touches them.
//
// What it accepts is deliberately small:
//
//   - compact JWS (RFC 7515 section 7.1), at most [MaxToken] octets, and compact
//     JWE around one (RSA-OAEP-256 or ECDH-ES; A256GCM or A128CBC-HS256), at most
//     [MaxEncrypted];
//   - JSON nested at most [MaxDepth] deep, names exact and unique, UTF-8;
//   - ES256, PS256 and EdDSA with Ed25519 (also spelled "Ed25519", RFC 9864),
//     where the header, the key and, if present, the key's own "alg" agree;
//   - P-256 points on the curve, RSA moduli of 2048 to 8192 bits with a sane
//     exponent, Ed25519 points of large order; no private or symmetric members.
//
// There is no switch that widens any of it. Parsing and signature checks stand
// on the standard library's crypto. lestrrat-go/jwx/v2 encodes keys, and does the
// arithmetic of JWE, on input that was checked before; it is imported nowhere
// else in the module, because its v2 line is lenient in ways that matter here and
// is no longer maintained.
package jose
