package jose

import (
	"crypto"
	"encoding/base64"
	"strings"
)

// MaxToken is the longest compact token, in octets, that is looked at. It is
// compared before anything is decoded, so an oversize token costs one length.
const MaxToken = 16 << 10

// strict refuses padding and non-zero trailing bits. It still skips CR and LF,
// so that hasLineBreak has to be asked as well.
var strict = base64.RawURLEncoding.Strict()

// Compact is a token taken apart but not yet decoded: three segments, and the
// signing input as it was received. Nothing is ever re-encoded, so a signature
// covers exactly the octets that are read.
type Compact struct {
	Header, Payload, Signature, SigningInput string
}

// Split takes a compact JWS apart (RFC 7515 section 7.1).
func Split(token string) (Compact, error) {
	if len(token) > MaxToken {
		return Compact{}, ErrLimit
	}
	header, rest, ok := strings.Cut(token, ".")
	if !ok {
		return Compact{}, malformed("not a compact JWS")
	}
	payload, signature, ok := strings.Cut(rest, ".")
	if !ok || header == "" || payload == "" {
		return Compact{}, malformed("not a compact JWS")
	}
	if strings.IndexByte(signature, '.') >= 0 {
		return Compact{}, malformed("not a compact JWS")
	}
	input := token[:len(header)+1+len(payload)]
	return Compact{Header: header, Payload: payload, Signature: signature, SigningInput: input}, nil
}

// hasLineBreak finds the two octets that the decoder passes over. Everything
// else outside the alphabet, padding included, it refuses itself.
func hasLineBreak(s string) bool {
	return strings.IndexByte(s, '\n') >= 0 || strings.IndexByte(s, '\r') >= 0
}

// AppendDecoded appends the octets behind a segment to dst.
func AppendDecoded(dst []byte, segment string) ([]byte, error) {
	if hasLineBreak(segment) {
		return nil, malformed("not canonical base64url")
	}
	out, err := strict.AppendDecode(dst, []byte(segment))
	if err != nil {
		return nil, malformed("not canonical base64url")
	}
	return out, nil
}

// Decode decodes base64url without padding, canonical spelling only.
func Decode(text string) ([]byte, error) {
	return AppendDecoded(nil, text)
}

// Encode is base64url without padding.
func Encode(data []byte) string { return strict.EncodeToString(data) }

// JWS is a token that has been read, not yet verified.
type JWS struct {
	Header  Header
	Payload []byte

	signingInput string
	signature    []byte
}

// Parse reads a compact JWS: size, segments, header. It verifies nothing.
func Parse(token string) (*JWS, error) {
	c, err := Split(token)
	if err != nil {
		return nil, err
	}
	header, err := ParseHeader(c.Header)
	if err != nil {
		return nil, err
	}
	payload, err := AppendDecoded(nil, c.Payload)
	if err != nil {
		return nil, err
	}
	signature, err := AppendDecoded(nil, c.Signature)
	if err != nil {
		return nil, err
	}
	return &JWS{Header: header, Payload: payload, signingInput: c.SigningInput, signature: signature}, nil
}

// Verify checks the signature with a key the caller trusts. A key inside the
// token's own header plays no part (RFC 8725 section 3.10).
func (t *JWS) Verify(key crypto.PublicKey) error {
	return Verify(key, t.Header.Algorithm, t.signingInput, t.signature)
}
