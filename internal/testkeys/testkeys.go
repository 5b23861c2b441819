// Package testkeys holds fixed keys for tests, examples and benchmarks. They
// are public and protect nothing.
package testkeys

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
)

//go:embed rsa1.pem
var rsa1 []byte

//go:embed rsa2.pem
var rsa2 []byte

// ES256 is the P-256 key of a label: the same label, the same key.
func ES256(label string) *ecdsa.PrivateKey {
	scalar := sha256.Sum256([]byte("ES256 " + label))
	key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar[:])
	if err != nil {
		panic(err) // one label in 2^32 has no key
	}
	return key
}

// EdDSA is the Ed25519 key of a label.
func EdDSA(label string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("EdDSA " + label))
	return ed25519.NewKeyFromSeed(seed[:])
}

// PS256 is one RSA key of 2048 bits, PS256Other another.
func PS256() *rsa.PrivateKey { return parse(rsa1) }

// PS256Other is not PS256.
func PS256Other() *rsa.PrivateKey { return parse(rsa2) }

func parse(text []byte) *rsa.PrivateKey {
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key.(*rsa.PrivateKey)
}
