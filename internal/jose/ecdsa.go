package jose

import (
	"encoding/asn1"
	"errors"
	"math/big"
)

// A JWS holds an ECDSA signature as two 32-octet integers, R and S (RFC 7518
// section 3.4); crypto/ecdsa speaks ASN.1 DER.
const (
	p256Size = 32
	maxDER   = 2 + 2*(2+1+p256Size)
)

// appendDER converts R‖S to DER. Only the length is judged here: the range of
// the integers, zero included, is VerifyASN1's to refuse.
func appendDER(dst, signature []byte) ([]byte, bool) {
	if len(signature) != 2*p256Size {
		return nil, false
	}
	dst = append(dst, 0x30, 0)
	dst = appendInteger(dst, signature[:p256Size])
	dst = appendInteger(dst, signature[p256Size:])
	dst[1] = byte(len(dst) - 2)
	return dst, true
}

func appendInteger(dst, n []byte) []byte {
	for len(n) > 1 && n[0] == 0 {
		n = n[1:]
	}
	if n[0] >= 0x80 {
		dst = append(dst, 0x02, byte(len(n)+1), 0)
	} else {
		dst = append(dst, 0x02, byte(len(n)))
	}
	return append(dst, n...)
}

// fromDER converts the output of a crypto.Signer, which may be a remote
// module, to R‖S.
func fromDER(der []byte) ([]byte, error) {
	var rs struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(der, &rs)
	if err != nil || len(rest) != 0 || !fitsP256(rs.R) || !fitsP256(rs.S) {
		// Our side's fault, so none of the sentinels for refused input.
		return nil, errors.New("the signer returned no P-256 signature")
	}
	out := make([]byte, 2*p256Size)
	rs.R.FillBytes(out[:p256Size])
	rs.S.FillBytes(out[p256Size:])
	return out, nil
}

func fitsP256(n *big.Int) bool { return n.Sign() > 0 && n.BitLen() <= 8*p256Size }
