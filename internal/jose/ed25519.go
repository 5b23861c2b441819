package jose

import (
	"crypto/ed25519"
	"math/big"
	"slices"
)

// edwardsP is 2^255-19, the field of Ed25519; edwardsD is the curve constant
// -121665/121666 (RFC 8032 section 5.1).
var (
	edwardsP = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	edwardsD = func() *big.Int {
		d := new(big.Int).ModInverse(big.NewInt(121666), edwardsP)
		d.Mul(d, big.NewInt(-121665))
		return d.Mod(d, edwardsP)
	}()
)

// lowOrder are the y coordinates, little-endian, of the eight points whose
// order divides 8. For such a "key" there are signatures that verify for any
// message, and crypto/ed25519 accepts them.
var lowOrder = [...][32]byte{
	{}, // order 4
	{1},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, // -1
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05}, // order 8
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a}, // order 8
}

// checkEd25519 refuses wrong lengths, points of low order, and encodings of a
// coordinate not below the field's prime: those are second spellings of a key,
// with a thumbprint of their own.
func checkEd25519(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize {
		return badKey("Ed25519 key length")
	}
	y := [32]byte(key)
	y[31] &= 0x7f
	if slices.Contains(lowOrder[:], y) {
		return badKey("Ed25519 point of low order")
	}
	if y[31] == 0x7f && y[0] >= 0xed && allFF(y[1:31]) {
		return badKey("Ed25519 coordinate not canonical")
	}
	return nil
}

func allFF(b []byte) bool {
	for _, c := range b {
		if c != 0xff {
			return false
		}
	}
	return true
}

// onEd25519 reports whether y belongs to a point: x² = (y²-1)/(dy²+1) has to
// be a square, which it is exactly when the product of the two is one.
func onEd25519(key ed25519.PublicKey) bool {
	encoded := slices.Clone(key)
	encoded[31] &= 0x7f
	slices.Reverse(encoded)
	y := new(big.Int).SetBytes(encoded)
	yy := y.Mul(y, y)
	one := big.NewInt(1)
	v := new(big.Int).Mul(edwardsD, yy)
	v.Add(v, one)
	product := v.Mul(v, yy.Sub(yy, one))
	return big.Jacobi(product.Mod(product, edwardsP), edwardsP) >= 0
}
