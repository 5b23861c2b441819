package jose

import (
	"crypto/ecdsa"
	"strings"
)

// maxParty bounds apu and apv, in characters of base64url.
const maxParty = 512

// contentTag is the length of the tag of both content algorithms, blockSize
// that of the blocks under A128CBC-HS256 and of its initialization vector.
const (
	contentTag  = 16
	blockSize   = 16
	gcmIVLength = 12
)

// encryptedHeader is the protected header of a JWE.
type encryptedHeader struct {
	algorithm, encryption, keyID, contentType string

	ephemeral Value // epk
	party     bool  // apu or apv is there
	defect    error // reported after the algorithms are known to be ours
}

// encryptedShape is what can be known of a JWE without any key.
type encryptedShape struct {
	header                         encryptedHeader
	encryptedKey, iv, content, tag int // lengths in octets
}

// readEncrypted checks everything about a compact JWE that depends on no key,
// so that the decryption behind it only ever meets sound input: size, spelling
// of all five segments, header, lengths.
func readEncrypted(token string) (encryptedShape, error) {
	if len(token) > MaxEncrypted {
		return encryptedShape{}, ErrLimit
	}
	if !IsEncrypted(token) {
		return encryptedShape{}, malformed("not a compact JWE")
	}
	segments := strings.Split(token, ".")
	header, err := parseEncryptedHeader(segments[0])
	if err != nil {
		return encryptedShape{}, err
	}
	var lengths [4]int
	for i, segment := range segments[1:] {
		octets, err := Decode(segment)
		if err != nil {
			return encryptedShape{}, err
		}
		lengths[i] = len(octets)
	}
	shape := encryptedShape{header, lengths[0], lengths[1], lengths[2], lengths[3]}
	return shape, shape.check()
}

// check compares the lengths with the algorithms. A short tag would be a weak
// one, and an encrypted key beside a direct agreement means two content keys.
func (s *encryptedShape) check() error {
	if s.header.algorithm == ECDHES && s.encryptedKey != 0 {
		return malformed("encrypted key in a direct agreement")
	}
	if s.header.algorithm == RSAOAEP256 && (s.encryptedKey < MinRSABits/8 || s.encryptedKey > MaxRSABits/8) {
		return malformed("encrypted key length")
	}
	ivLength := gcmIVLength
	if s.header.encryption == A128CBCHS256 {
		ivLength = blockSize
		if s.content%blockSize != 0 {
			return malformed("ciphertext length")
		}
	}
	if s.iv != ivLength || s.tag != contentTag || s.content == 0 {
		return malformed("initialization vector, ciphertext or tag length")
	}
	return nil
}

func parseEncryptedHeader(segment string) (encryptedHeader, error) {
	data, err := Decode(segment)
	if err != nil {
		return encryptedHeader{}, err
	}
	var h encryptedHeader
	if err := ReadObject(data, h.member); err != nil {
		return encryptedHeader{}, err
	}
	return h, h.check()
}

func (h *encryptedHeader) member(name []byte, value Value) (err error) {
	switch string(name) {
	case "alg":
		h.algorithm, err = value.Text()
	case "enc":
		h.encryption, err = value.Text()
	case "kid":
		h.keyID, err = value.Text()
	case "cty":
		h.contentType, err = value.Text()
	case "typ":
		_, err = value.Text()
	case "epk":
		h.ephemeral = value
	case "apu", "apv":
		h.party = true
		err = checkParty(value)
	case "crit", "b64":
		h.defect = malformed("critical extension")
	case "zip":
		// A few octets may inflate to gigabytes, and the length of compressed
		// content tells something about it.
		h.defect = malformed("compressed content")
	case "p2c", "p2s", "iv", "tag":
		h.defect = malformed("parameter of another algorithm")
	case "jwk", "jku", "x5c", "x5u":
		// The recipient knows its key by kid; nothing good comes of key material
		// that a stranger put here and a second parser would read.
		h.defect = malformed("key in the header of an encrypted token")
	}
	return err
}

// checkParty reads an apu or apv, which only enter the key derivation.
func checkParty(value Value) error {
	text, err := value.Text()
	if err != nil {
		return err
	}
	if len(text) > maxParty {
		return ErrLimit
	}
	_, err = Decode(text)
	return err
}

func (h *encryptedHeader) check() error {
	if h.algorithm != RSAOAEP256 && h.algorithm != ECDHES || !isContentAlgorithm(h.encryption) {
		return ErrAlgorithm
	}
	if h.defect != nil {
		return h.defect
	}
	if h.algorithm == RSAOAEP256 {
		if h.ephemeral != nil || h.party {
			return malformed("parameter of another algorithm")
		}
		return nil
	}
	return checkEphemeral(h.ephemeral)
}

// checkEphemeral wants a public P-256 key on the curve: with a point of another
// curve, each answer of the recipient would reveal something about its private
// key. Every fault is the same [ErrDecrypt].
func checkEphemeral(epk Value) error {
	if epk == nil {
		return ErrDecrypt
	}
	var m jwkMembers
	if err := ReadObject(epk, m.member); err != nil {
		return ErrDecrypt
	}
	key, err := m.publicKey(MaxRSABits)
	if err != nil {
		return ErrDecrypt
	}
	if _, ok := key.(*ecdsa.PublicKey); !ok {
		return ErrDecrypt
	}
	return nil
}
