package server

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

const secretLength = 43

// newSecret is 256 random bits as 43 characters: a code, a refresh token, the
// name of a browser.
func newSecret() string {
	var random [32]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	return encode(random[:])
}

func encode(octets []byte) string { return base64.RawURLEncoding.EncodeToString(octets) }

// digest is SHA-256 of a label and parts, each with its length, so that no two
// lists give one input. What the stores keep under a digest cannot be redeemed
// by who reads the stores.
func digest(label string, parts ...string) string {
	hash := sha256.New()
	for _, part := range append([]string{label}, parts...) {
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		hash.Write([]byte(part))
	}
	return encode(hash.Sum(nil))
}
