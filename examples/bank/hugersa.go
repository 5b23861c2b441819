package main

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"io"
	"math/big"
)

// hugeKey is an RSA key whose modulus has 65,536 bits: a product of many small
// primes, so that making it and signing with it is quick. Verifying is not, and
// that is the attack: some hundred milliseconds of somebody else's CPU for
// every request, by anybody.
type hugeKey struct {
	n      *big.Int
	primes []*big.Int
}

const hugeExponent = 65537

func newHugeKey() (*hugeKey, error) {
	k := &hugeKey{n: big.NewInt(1)}
	for k.n.BitLen() < 65536 {
		p, err := rand.Prime(rand.Reader, 257)
		if err != nil {
			return nil, err
		}
		k.primes = append(k.primes, p)
		k.n.Mul(k.n, p)
	}
	return k, nil
}

func (k *hugeKey) Public() crypto.PublicKey { return &rsa.PublicKey{N: k.n, E: hugeExponent} }

// Sign is RSASSA-PKCS1-v1_5 by the Chinese remainder theorem.
func (k *hugeKey) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	size := (k.n.BitLen() + 7) / 8
	message := new(big.Int).SetBytes(pad(digest, size))
	signature, product := new(big.Int), big.NewInt(1)
	one, e := big.NewInt(1), big.NewInt(hugeExponent)
	for _, p := range k.primes {
		d := new(big.Int).ModInverse(e, new(big.Int).Sub(p, one))
		part := new(big.Int).Exp(new(big.Int).Mod(message, p), d, p)
		// signature ≡ part (mod p), unchanged modulo the primes before.
		step := part.Sub(part, signature)
		step.Mul(step, new(big.Int).ModInverse(product, p)).Mod(step, p)
		signature.Add(signature, step.Mul(step, product))
		product.Mul(product, p)
	}
	return signature.FillBytes(make([]byte, size)), nil
}

// pad is EMSA-PKCS1-v1_5 for SHA-256 (RFC 8017 section 9.2).
func pad(digest []byte, size int) []byte {
	prefix := []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	padded := make([]byte, size)
	padded[1] = 1
	for i := 2; i < size-len(prefix)-len(digest)-1; i++ {
		padded[i] = 0xff
	}
	copy(padded[size-len(digest)-len(prefix):], prefix)
	copy(padded[size-len(digest):], digest)
	return padded
}
