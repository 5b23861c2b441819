package jose

import "strings"

// Header holds the protected header members that are read. Extensions and
// encryption parameters refuse the token, all others are ignored: keys are never
// fetched or taken from jku, x5u or x5c, so a header that names one changes nothing.
type Header struct {
	Algorithm string
	Type      string // empty: absent
	KeyID     string // empty: absent
	JWK       Value  // nil: absent; not yet checked as a key
}

// ParseHeader decodes a protected header and checks its algorithm against the
// closed set, so that nothing behind it ever meets "none" or a MAC.
func ParseHeader(segment string) (Header, error) {
	data, err := AppendDecoded(nil, segment)
	if err != nil {
		return Header{}, err
	}
	var h Header
	if err := ReadObject(data, h.member); err != nil {
		return Header{}, err
	}
	if !Supported(h.Algorithm) {
		return Header{}, ErrAlgorithm
	}
	return h, nil
}

func (h *Header) member(name []byte, value Value) (err error) {
	switch string(name) {
	case "alg":
		h.Algorithm, err = value.Text()
	case "typ":
		h.Type, err = value.Text()
	case "kid":
		h.KeyID, err = value.Text()
	case "jwk":
		if value[0] != '{' {
			return malformed("jwk is not an object")
		}
		h.JWK = value
	case "crit", "b64":
		// We understand no extension, so any crit must refuse (RFC 7515
		// section 4.1.11); b64 has no business in a JWT (RFC 7797 section 7).
		return malformed("critical extension")
	case "enc", "zip", "epk", "p2c", "p2s":
		return malformed("encryption parameter in a signed token")
	}
	return err
}

// IsType compares a typ header with a media type, without "application/" on
// either side and in any letter case (RFC 7515 section 4.1.9).
func IsType(typ, want string) bool {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	return len(typ) == len(want) && strings.EqualFold(typ, want)
}
