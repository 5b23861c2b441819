package jose

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
)

// ParsePrivateJWK reads the private key of a JWK, for programs whose
// configuration holds one. The public half is derived again and has to be the
// one the JWK states, which in turn passes the checks of any public key; alg,
// use and key_ops, where present, have to allow what the key is going to do.
func ParsePrivateJWK(data []byte) (crypto.Signer, error) {
	var public jwkMembers
	var d, p, q []byte
	err := ReadObject(data, func(name []byte, value Value) (err error) {
		switch string(name) {
		case "d":
			d, err = octets(value)
		case "p":
			p, err = octets(value)
		case "q":
			q, err = octets(value)
		case "dp", "dq", "qi": // recomputed
		default:
			err = public.member(name, value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	want, err := public.publicKey(MaxRSABits)
	if err != nil {
		return nil, err
	}
	if _, err := public.agrees(want, "sign"); err != nil {
		return nil, err
	}
	key, err := privateKey(want, d, p, q)
	if err != nil {
		return nil, badKey("private half malformed")
	}
	have, _ := CanonicalJWK(key.Public())
	stated, _ := CanonicalJWK(want)
	if !bytes.Equal(have, stated) {
		return nil, badKey("private half of another key")
	}
	return key, nil
}

func privateKey(public crypto.PublicKey, d, p, q []byte) (crypto.Signer, error) {
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
	case ed25519.PublicKey:
		if len(d) != ed25519.SeedSize {
			return nil, ErrKey
		}
		return ed25519.NewKeyFromSeed(d), nil
	case *rsa.PublicKey:
		key := &rsa.PrivateKey{PublicKey: *public, D: new(big.Int).SetBytes(d)}
		key.Primes = []*big.Int{new(big.Int).SetBytes(p), new(big.Int).SetBytes(q)}
		if len(p)+len(q) > 2*MaxRSABits/8 || len(d) > MaxRSABits/8 {
			return nil, ErrKey
		}
		if err := key.Validate(); err != nil {
			return nil, err
		}
		key.Precompute()
		return key, nil
	}
	return nil, ErrKey
}
