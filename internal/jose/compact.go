package jose

import (
	"crypto"
	"encoding/base64"
	"strings"
)

// MaxToken is the longest compact token, in octets, that is looked at. It is
// compared before anything is decoded, so an oversize token costs one length.
const MaxToken = 16 << 10

// strict refuses non-zero trailing bits. It still skips CR and LF, which is
// why every segment passes inAlphabet first.
var strict = base64.RawURLEncoding.Strict()

// Compact is a token taken apart but not yet decoded: three segments in the
// base64url alphabet, and the signing input as it was received. Nothing is
// ever re-encoded, so a signature covers exactly the octets that are read.
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
	if !inAlphabet(header) || !inAlphabet(payload) || !inAlphabet(signature) {
		return Compact{}, malformed("not base64url")
	}
	input := token[:len(header)+1+len(payload)]
	return Compact{Header: header, Payload: payload, Signature: signature, SigningInput: input}, nil
}

// inAlphabet reports whether s holds only characters of base64url. Dots,
// padding, white space and line breaks are outside it.
func inAlphabet(s string) bool {
	for i := range len(s) {
		if !alphabet[s[i]] {
			return false
		}
	}
	return true
}

var alphabet = func() (t [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		t[c] = true
	}
	return t
}()

// AppendDecoded appends the octets behind a segment to dst.
func AppendDecoded(dst []byte, segment string) ([]byte, error) {
	out, err := strict.AppendDecode(dst, []byte(segment))
	if err != nil {
		return nil, malformed("not canonical base64url")
	}
	return out, nil
}

// Decode decodes base64url without padding, canonical spelling only.
func Decode(text string) ([]byte, error) {
	if !inAlphabet(text) {
		return nil, malformed("not base64url")
	}
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
