package main

import (
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"

	"github.com/go-fapi/fapi/jwks"
)

// jwk is a P-256 key as a client keeps it (RFC 7517, RFC 7518 section 6.2).
type jwk struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
	D         string `json:"d,omitempty"` // the private half
	KeyID     string `json:"kid"`
	Algorithm string `json:"alg"`
	Use       string `json:"use"`
}

func newJWK(key *ecdsa.PrivateKey) (private jwk, err error) {
	point, err := key.PublicKey.Bytes() // 4, X, Y
	if err != nil {
		return jwk{}, err
	}
	d, err := key.Bytes()
	if err != nil {
		return jwk{}, err
	}
	kid, err := jwks.KeyID(key.Public())
	encode := base64.RawURLEncoding.EncodeToString
	return jwk{
		KeyType: "EC", Curve: "P-256", X: encode(point[1:33]), Y: encode(point[33:]), D: encode(d),
		KeyID: kid, Algorithm: "ES256", Use: "sig",
	}, err
}

// set is the JWK Set that a client with this key registers.
func (k jwk) set() (json.RawMessage, error) {
	k.D = ""
	return json.Marshal(map[string][]jwk{"keys": {k}})
}
