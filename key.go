package fapi

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/go-fapi/fapi/internal/jose"
)

// CheckKeys checks a public JWK Set (RFC 7517): key sizes, algorithms, repeated
// key identifiers, and that nothing private is published. Keys for encryption
// may be among them. Whether points are on their curves is left to the packages
// that use keys.
//
// The error wraps [ErrProfile], or [ErrInput] for what is not one JSON object of
// at most 1 MiB and 100 keys, or has duplicate members.
func (p Profile) CheckKeys(jwks []byte) ([]Finding, error) {
	t, err := p.tables()
	if err != nil {
		return nil, err
	}
	d, err := parse("key set", jwks)
	if err != nil {
		return nil, err
	}
	return t.checkKeys(d.members, "")
}

func (t tables) checkKeys(set map[string]any, prefix string) ([]Finding, error) {
	d := newDocument()
	keys, _ := set["keys"].([]any)
	if len(keys) > jose.MaxKeys {
		return nil, fmt.Errorf("fapi: key set %w: more than %d keys", ErrInput, jose.MaxKeys)
	}
	if value, ok := set["keys"]; ok {
		d.members["keys"] = value
	}
	var ids, uses []string
	var found []Finding
	for i, key := range keys {
		members, ok := key.(map[string]any)
		if !ok {
			continue
		}
		k := document{members: members, implied: map[string]bool{}}
		if id, ok := members["kid"].(string); ok {
			ids = append(ids, id)
		}
		uses = append(uses, k.text("use"))
		found = append(found, k.findings(t.key, fmt.Sprintf("%skeys[%d].", prefix, i))...)
	}
	d.members["keys.kid"], d.members["keys.use"] = ids, uses
	return append(d.findings(t.keySet, prefix), found...), nil
}

var (
	isRSA      = lists("kty", "RSA")
	isEC       = lists("kty", "EC")
	isOKP      = lists("kty", "OKP")
	isCurve    = lists("kty", "EC", "OKP")
	isSigning  = lists("use", "sig")
	withoutAlg = not(has("alg"))
)

var anyKeySet = []row{
	{"RFC 7517 5", Must, "keys", nil, keyList, "publish an object with an array of keys"},
	{"RFC 8414 2, OpenID Connect Registration 2", Must, "keys.use", nil, mixedUse, "state the use of every key"},
}

var anyKey = append([]row{
	{"RFC 7517 4.1", Must, "kty", nil, given(""), "state the type of the key"},
	{"RFC 7517 9.2", Must, "*", nil, privateMember, "publish public keys only, and replace this one"},
	{"RFC 7518 6.3.1.1", Must, "n", isRSA, base64url, "write the modulus in base64url without padding"},
	{"RFC 7518 6.2.1.2", Must, "x", isEC, base64url, "write the coordinate in base64url without padding"},
	{"RFC 8037 2", Must, "x", isOKP, base64url, "write the key in base64url without padding"},
}, typeText.rows("RFC 7517 4", "kty", "use", "alg", "kid", "crv", "n", "x")...)

var securityKeySet = []row{
	{"FAPI 2.0 SP 5.4.2-3", Should, "keys.kid", nil, unique, "give every key a kid of its own"},
}

var securityKey = []row{
	{"FAPI 2.0 SP 5.4.1", Must, "n", isRSA, minBits(securityRules.MinRSABits), "use RSA keys of 2048 bits or more"},
	{"FAPI 2.0 SP 5.4.1", Must, "x", isCurve, minCurveBits(securityRules.MinECBits), "use P-256 or Ed25519"},
	{"FAPI 2.0 SP 5.4.1", Must, "alg", not(isEncryptionKey), only(securityAlgorithms...), "use keys for PS256, ES256 or EdDSA"},
	{"FAPI 2.0 SP 5.4.1", Must, "crv", both(isSigning, withoutAlg), only("P-256", "Ed25519"), "sign with P-256 or Ed25519"},
	{"RFC 8725 3.2", Should, "alg", nil, avoid("RSA1_5"), useSoundEncryption},
	{"FAPI 2.0 SP 5.4.2-2", Should, "x5u", nil, absent, "remove the reference"},
}

var advancedKeySet = []row{
	{"FAPI 1.0 Advanced 8.9-3", Should, "keys.kid", nil, unique, "give every key a kid of its own"},
}

var advancedKey = []row{
	{"FAPI 1.0 Baseline 5.2.2-5", Must, "n", isRSA, minBits(advancedRules.MinRSABits), "use RSA keys of 2048 bits or more"},
	{"FAPI 1.0 Baseline 5.2.2-6", Must, "x", isCurve, minCurveBits(advancedRules.MinECBits), "use P-256"},
	{"FAPI 1.0 Advanced 8.6", Must, "alg", not(isEncryptionKey), only(advancedAlgorithms...), "use keys for PS256 or ES256"},
	{"FAPI 1.0 Advanced 8.6", Must, "crv", both(isSigning, withoutAlg), only("P-256"), "sign with P-256"},
	{"FAPI 1.0 Advanced 8.6.1", Must, "alg", nil, avoid("RSA1_5"), useSoundEncryption},
	{"FAPI 1.0 Advanced 8.9-2", Should, "x5u", nil, absent, "remove the reference"},
}

// isEncryptionKey is true for keys that say so, by use or by algorithm.
func isEncryptionKey(d document) bool {
	alg := d.text("alg")
	return d.lists("use", "enc") || alg == "RSA1_5" || strings.HasPrefix(alg, "RSA-OAEP") || strings.HasPrefix(alg, "ECDH-ES")
}

func keyList(d document, field string) string {
	keys, ok := d.members[field].([]any)
	isKey := func(key any) bool { _, ok := key.(map[string]any); return ok }
	if !ok || slices.ContainsFunc(keys, func(key any) bool { return !isKey(key) }) {
		return "is not an array of keys"
	}
	return ""
}

// mixedUse finds keys without use in a set with keys for encryption: somebody
// would verify a signature with those, or encrypt to a signature key.
func mixedUse(d document, field string) string {
	if d.lists(field, "enc") && d.lists(field, "") {
		return "is absent from a key, in a set with keys for encryption"
	}
	return ""
}

func unique(d document, field string) string {
	seen := map[string]int{}
	texts, _ := d.texts(field)
	for _, text := range texts {
		seen[text]++
	}
	var repeated []string
	for text, count := range seen {
		if count > 1 {
			repeated = append(repeated, text)
		}
	}
	if len(repeated) == 0 {
		return ""
	}
	slices.Sort(repeated)
	return "repeats " + quote(repeated)
}

// privateMember is about every member of a key: those that are private or
// symmetric (RFC 7518 section 6), in any letter case.
func privateMember(_ document, field string) string {
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		if strings.EqualFold(field, private) {
			return "is private"
		}
	}
	return ""
}

func base64url(d document, field string) string {
	if !d.has(field) {
		return "is absent"
	}
	if text, ok := d.members[field].(string); ok {
		if octets, err := jose.Decode(text); err != nil || len(octets) == 0 {
			return "is not base64url"
		}
	}
	return ""
}

// minBits bounds the modulus of an RSA key.
func minBits(least int) check {
	return func(d document, field string) string {
		modulus, err := jose.Decode(d.text(field))
		if bits := new(big.Int).SetBytes(modulus).BitLen(); err == nil && bits > 0 && bits < least {
			return fmt.Sprintf("has %d bits", bits)
		}
		return ""
	}
}

// minCurveBits bounds the curve, of which a coordinate always has the full
// length (RFC 7518 section 6.2.1.2).
func minCurveBits(least int) check {
	return func(d document, field string) string {
		coordinate, err := jose.Decode(d.text(field))
		if bits := 8 * len(coordinate); err == nil && bits > 0 && bits < least {
			return fmt.Sprintf("is of a curve of %d bits", bits)
		}
		return ""
	}
}
