package ppid

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"errors"
)

// siv is AES-SIV (RFC 5297): deterministic authenticated encryption. Equal input
// gives equal output, which a subject identifier needs and a mode with a nonce
// cannot give. It is safe for concurrent use.
type siv struct {
	mac, ctr cipher.Block
	k1, k2   [aes.BlockSize]byte // subkeys of CMAC
}

var errForged = errors.New("ciphertext is not authentic")

// newSIV takes a key of 32, 48 or 64 octets: half for S2V, half for CTR.
func newSIV(key []byte) (*siv, error) {
	half := len(key) / 2
	mac, err := aes.NewCipher(key[:half])
	if err != nil {
		return nil, err
	}
	ctr, err := aes.NewCipher(key[half:])
	if err != nil {
		return nil, err
	}
	s := &siv{mac: mac, ctr: ctr}
	mac.Encrypt(s.k1[:], s.k1[:])
	double(&s.k1)
	s.k2 = s.k1
	double(&s.k2)
	return s, nil
}

// double multiplies by x in GF(2^128) (RFC 5297 section 2.3), in constant time.
func double(b *[aes.BlockSize]byte) {
	carry := b[0] >> 7
	for i := range len(b) - 1 {
		b[i] = b[i]<<1 | b[i+1]>>7
	}
	b[len(b)-1] = b[len(b)-1]<<1 ^ carry*0x87
}

// cmac is AES-CMAC (RFC 4493).
func (s *siv) cmac(message []byte) (x [aes.BlockSize]byte) {
	for len(message) > aes.BlockSize {
		subtle.XORBytes(x[:], x[:], message[:aes.BlockSize])
		s.mac.Encrypt(x[:], x[:])
		message = message[aes.BlockSize:]
	}
	key := &s.k1
	if len(message) < aes.BlockSize {
		key = &s.k2
		x[len(message)] ^= 0x80
	}
	subtle.XORBytes(x[:], x[:], message)
	subtle.XORBytes(x[:], x[:], key[:])
	s.mac.Encrypt(x[:], x[:])
	return x
}

// s2v is the pseudorandom function of section 2.4, over the associated data and
// then the plaintext.
func (s *siv) s2v(plaintext []byte, data ...[]byte) [aes.BlockSize]byte {
	d := s.cmac(make([]byte, aes.BlockSize))
	for _, one := range data {
		double(&d)
		m := s.cmac(one)
		subtle.XORBytes(d[:], d[:], m[:])
	}
	if len(plaintext) < aes.BlockSize {
		double(&d)
		subtle.XORBytes(d[:], d[:], plaintext)
		d[len(plaintext)] ^= 0x80
		return s.cmac(d[:])
	}
	last := append([]byte(nil), plaintext...)
	end := last[len(last)-aes.BlockSize:]
	subtle.XORBytes(end, end, d[:])
	return s.cmac(last)
}

// stream is CTR from v with two bits cleared (section 2.6).
func (s *siv) stream(dst, src []byte, v [aes.BlockSize]byte) {
	v[8] &= 0x7f
	v[12] &= 0x7f
	cipher.NewCTR(s.ctr, v[:]).XORKeyStream(dst, src)
}

// seal returns the synthetic IV and the ciphertext.
func (s *siv) seal(plaintext []byte, data ...[]byte) []byte {
	v := s.s2v(plaintext, data...)
	out := make([]byte, len(v)+len(plaintext))
	copy(out, v[:])
	s.stream(out[len(v):], plaintext, v)
	return out
}

// open reverses seal. It fails for anything that seal did not make with this key
// and this data.
func (s *siv) open(sealed []byte, data ...[]byte) ([]byte, error) {
	if len(sealed) < aes.BlockSize {
		return nil, errForged
	}
	v := [aes.BlockSize]byte(sealed)
	plaintext := make([]byte, len(sealed)-len(v))
	s.stream(plaintext, sealed[len(v):], v)
	if want := s.s2v(plaintext, data...); subtle.ConstantTimeCompare(v[:], want[:]) != 1 {
		return nil, errForged
	}
	return plaintext, nil
}
