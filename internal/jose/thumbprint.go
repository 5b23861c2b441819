package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
)

// CanonicalJWK is the hash input of RFC 7638 section 3: the required members
// of a public key in the order of their names, without white space. It is also
// the shortest JWK of the key, which is why proofs carry it in their header.
// Every value is base64url, so nothing in it can need escaping.
func CanonicalJWK(key crypto.PublicKey) ([]byte, error) {
	switch key := key.(type) {
	case *ecdsa.PublicKey:
		if _, err := KeyAlgorithm(key); err != nil {
			return nil, err
		}
		point, err := key.Bytes()
		if err != nil {
			return nil, badKey("not a point on P-256")
		}
		x, y := Encode(point[1:1+p256Size]), Encode(point[1+p256Size:])
		return []byte(`{"crv":"P-256","kty":"EC","x":"` + x + `","y":"` + y + `"}`), nil
	case *rsa.PublicKey:
		if err := checkRSA(key, MaxRSABits); err != nil {
			return nil, err
		}
		e := big.NewInt(int64(key.E)).Bytes()
		return []byte(`{"e":"` + Encode(e) + `","kty":"RSA","n":"` + Encode(key.N.Bytes()) + `"}`), nil
	case ed25519.PublicKey:
		if err := checkEd25519(key); err != nil {
			return nil, err
		}
		return []byte(`{"crv":"Ed25519","kty":"OKP","x":"` + Encode(key) + `"}`), nil
	}
	return nil, errUnusable
}

// Thumbprint is the SHA-256 JWK thumbprint (RFC 7638), the value of jkt.
func Thumbprint(key crypto.PublicKey) ([32]byte, error) {
	canonical, err := CanonicalJWK(key)
	if err != nil {
		return [32]byte{}, err
	}
	return sha256.Sum256(canonical), nil
}
