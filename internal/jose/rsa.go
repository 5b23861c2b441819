package jose

import (
	"crypto/rsa"
	"math/big"
)

// RSA moduli: the floor is FAPI 2.0's. The ceiling bounds what one
// verification costs; keys that strangers choose (a DPoP proof's) get the
// lower one.
const (
	MinRSABits         = 2048
	MaxRSABits         = 8192
	MaxEmbeddedRSABits = 4096
)

// checkRSA bounds the modulus and the exponent. 65537 is the least exponent of
// NIST SP 800-56B; crypto/rsa wants it below 2^31.
func checkRSA(key *rsa.PublicKey, maxBits int) error {
	if key == nil || key.N == nil || key.N.Sign() <= 0 {
		return badKey("RSA modulus missing")
	}
	if bits := key.N.BitLen(); bits > maxBits {
		return badKey("RSA modulus too long")
	} else if bits < MinRSABits {
		return errUnusable
	}
	if key.N.Bit(0) == 0 {
		return badKey("RSA modulus even")
	}
	if key.E < 65537 || key.E > 1<<31-1 || key.E%2 == 0 {
		return badKey("RSA exponent")
	}
	return nil
}

// rocaPrimes are the primes at which keys of CVE-2017-15361 show.
var rocaPrimes = [...]uint64{11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157}

// isROCA recognises moduli of the flawed generator of CVE-2017-15361, whose
// private keys are feasible to compute: modulo every one of these primes they
// are a power of 65537. A sound modulus passes for one by chance in 2^-27.
func isROCA(n *big.Int) bool {
	var residue, prime big.Int
	for _, p := range rocaPrimes {
		r := residue.Mod(n, prime.SetUint64(p)).Uint64()
		if !isPowerOf65537(r, p) {
			return false
		}
	}
	return true
}

func isPowerOf65537(r, p uint64) bool {
	power := uint64(1)
	for range p {
		if power == r {
			return true
		}
		power = power * 65537 % p
	}
	return false
}
