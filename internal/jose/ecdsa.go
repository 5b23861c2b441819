package jose

import "errors"

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
// module, to R‖S. A malformed one is our own side's fault, so the error is none
// of the sentinels for refused input.
func fromDER(der []byte) ([]byte, error) {
	out := make([]byte, 2*p256Size)
	body, rest, ok := cutDER(der, 0x30)
	for i := 0; i < 2 && ok; i++ {
		var n []byte
		if n, body, ok = cutDER(body, 0x02); ok {
			ok = putInteger(out[i*p256Size:][:p256Size], n)
		}
	}
	if !ok || len(body) != 0 || len(rest) != 0 {
		return nil, errors.New("the signer returned no P-256 signature")
	}
	return out, nil
}

// cutDER takes one element off, of at most 127 octets: no P-256 signature has a
// longer one.
func cutDER(der []byte, tag byte) (content, rest []byte, ok bool) {
	if len(der) < 2 || der[0] != tag || der[1] >= 0x80 || int(der[1]) > len(der)-2 {
		return nil, nil, false
	}
	end := 2 + int(der[1])
	return der[2:end], der[end:], true
}

// putInteger right-aligns a positive DER integer in its shortest form.
func putInteger(dst, n []byte) bool {
	if len(n) == 0 || n[0] >= 0x80 {
		return false
	}
	if n[0] == 0 {
		if n = n[1:]; len(n) == 0 || n[0] < 0x80 {
			return false
		}
	}
	if len(n) > len(dst) {
		return false
	}
	copy(dst[len(dst)-len(n):], n)
	return true
}
