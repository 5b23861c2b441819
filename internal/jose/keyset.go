package jose

import "errors"

// MaxKeys bounds a JWK Set.
const MaxKeys = 100

// ParseJWKS reads a JWK Set (RFC 7517 section 5). Keys of kinds we do not use
// are passed over, since such sets serve other parties too; a private,
// symmetric or malformed key refuses the whole set, because whoever publishes
// one cannot be trusted with the rest.
func ParseJWKS(data []byte) ([]JWK, error) {
	var list Value
	err := ReadObject(data, func(name []byte, value Value) error {
		if string(name) == "keys" {
			list = value
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if list == nil {
		return nil, malformed("no keys member")
	}
	keys, count := []JWK{}, 0
	err = list.each(func(item Value) error {
		if count++; count > MaxKeys {
			return ErrLimit
		}
		key, err := ParseJWK(item, MaxRSABits)
		if errors.Is(err, errUnusable) {
			return nil
		}
		keys = append(keys, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	return keys, nil
}
