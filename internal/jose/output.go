package jose

import (
	"crypto"
	"encoding/json"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwk"
)

// AppendQuoted appends s as a JSON string. Invalid UTF-8 is an error, not
// U+FFFD: two different inputs must never become one.
func AppendQuoted(dst []byte, s string) ([]byte, error) {
	out, err := jsontext.AppendQuote(dst, s)
	if err != nil {
		return nil, malformed("invalid UTF-8")
	}
	return out, nil
}

// PublicKey is a key to publish, with the identifier verifiers select it by.
type PublicKey struct {
	Key   crypto.PublicKey
	KeyID string
}

// EncodeJWKS writes a JWK Set for publication: each key with kid, alg and
// "use":"sig". Keys are checked first, so jwx only ever sees sound ones.
func EncodeJWKS(keys []PublicKey) ([]byte, error) {
	set := jwk.NewSet()
	seen := map[[32]byte]bool{}
	for _, key := range keys {
		thumbprint, err := Thumbprint(key.Key)
		if err != nil {
			return nil, err
		}
		if seen[thumbprint] {
			return nil, badKey("published twice")
		}
		seen[thumbprint] = true
		entry, err := exported(key)
		if err != nil {
			return nil, err
		}
		if err := set.AddKey(entry); err != nil {
			return nil, badKey("cannot be encoded")
		}
	}
	return json.Marshal(set)
}

func exported(key PublicKey) (jwk.Key, error) {
	if !utf8.ValidString(key.KeyID) {
		return nil, malformed("invalid UTF-8")
	}
	algorithm, err := KeyAlgorithm(key.Key)
	if err != nil {
		return nil, err
	}
	entry, err := jwk.FromRaw(key.Key)
	if err != nil {
		return nil, badKey("cannot be encoded")
	}
	members := map[string]any{jwk.AlgorithmKey: jwa.SignatureAlgorithm(algorithm), jwk.KeyUsageKey: jwk.ForSignature}
	if key.KeyID != "" {
		members[jwk.KeyIDKey] = key.KeyID
	}
	for name, value := range members {
		if err := entry.Set(name, value); err != nil {
			return nil, badKey("cannot be encoded")
		}
	}
	return entry, nil
}
