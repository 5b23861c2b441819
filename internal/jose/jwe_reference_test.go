package jose_test

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// forgery makes a JWE with the standard library alone, as odd as wanted but
// with a sound tag, so that a refusal is for the oddity.
type forgery struct {
	to       crypto.PublicKey
	enc      string // of the arithmetic, whatever the header says
	header   string // EPK stands for the ephemeral key
	content  string
	apu, apv string

	contentKey []byte             // for RSA; random if nil
	padding    []byte             // for A128CBC-HS256; sound if nil
	change     func(s *[5][]byte) // after everything else
}

func (f forgery) token(t testing.TB) string {
	t.Helper()
	var s [5][]byte
	key := f.contentKey
	switch to := f.to.(type) {
	case *rsa.PublicKey:
		if key == nil {
			key = random(32)
		}
		var err error
		s[1], err = rsa.EncryptOAEP(sha256.New(), rand.Reader, to, key, nil)
		require.NoError(t, err)
	case *ecdsa.PublicKey:
		ephemeral := testkeys.ES256("ephemeral")
		private, err := ephemeral.ECDH()
		require.NoError(t, err)
		public, err := to.ECDH()
		require.NoError(t, err)
		key = agreed(t, private, public, f.enc, f.apu, f.apv)
		f.header = strings.Replace(f.header, "EPK", jwkOf(t, &ephemeral.PublicKey), 1)
	}
	s[0] = []byte(f.header)
	if len(key) == 32 {
		f.seal(t, key, &s)
	} else {
		s[2], s[3], s[4] = random(12), random(16), random(16)
	}
	if f.change != nil {
		f.change(&s)
	}
	return joined(s)
}

func joined(s [5][]byte) string {
	var out [5]string
	for i := range s {
		out[i] = b64.EncodeToString(s[i])
	}
	return strings.Join(out[:], ".")
}

func (f forgery) seal(t testing.TB, key []byte, s *[5][]byte) {
	t.Helper()
	aad := []byte(b64.EncodeToString(s[0]))
	if f.enc == jose.A256GCM {
		s[2] = random(12)
		sealed := gcm(t, key).Seal(nil, s[2], []byte(f.content), aad)
		s[3], s[4] = sealed[:len(sealed)-16], sealed[len(sealed)-16:]
		return
	}
	s[2] = random(16)
	padding := f.padding
	if padding == nil {
		n := 16 - len(f.content)%16
		padding = []byte(strings.Repeat(string(rune(n)), n))
	}
	block, err := aes.NewCipher(key[16:])
	require.NoError(t, err)
	s[3] = append([]byte(f.content), padding...)
	cipher.NewCBCEncrypter(block, s[2]).CryptBlocks(s[3], s[3])
	s[4] = cbcTag(key, aad, s[2], s[3])
}

// opened decrypts with the standard library.
func opened(t testing.TB, token string, key crypto.PrivateKey, enc string, epk *ecdsa.PublicKey) string {
	t.Helper()
	parts := strings.Split(token, ".")
	var s [5][]byte
	for i, part := range parts {
		var err error
		s[i], err = b64.DecodeString(part)
		require.NoError(t, err)
	}
	var contentKey []byte
	switch key := key.(type) {
	case *rsa.PrivateKey:
		var err error
		contentKey, err = rsa.DecryptOAEP(sha256.New(), nil, key, s[1], nil)
		require.NoError(t, err)
	case *ecdsa.PrivateKey:
		private, err := key.ECDH()
		require.NoError(t, err)
		public, err := epk.ECDH()
		require.NoError(t, err)
		contentKey = agreed(t, private, public, enc, "", "")
	}
	if enc == jose.A256GCM {
		content, err := gcm(t, contentKey).Open(nil, s[2], append(s[3], s[4]...), []byte(parts[0]))
		require.NoError(t, err)
		return string(content)
	}
	require.Equal(t, cbcTag(contentKey, []byte(parts[0]), s[2], s[3]), s[4])
	block, err := aes.NewCipher(contentKey[16:])
	require.NoError(t, err)
	cipher.NewCBCDecrypter(block, s[2]).CryptBlocks(s[3], s[3])
	return string(s[3][:len(s[3])-int(s[3][len(s[3])-1])])
}

// agreed is the key derivation of RFC 7518 section 4.6.2: one round.
func agreed(t testing.TB, private *ecdh.PrivateKey, public *ecdh.PublicKey, enc, apu, apv string) []byte {
	t.Helper()
	z, err := private.ECDH(public)
	require.NoError(t, err)
	input := append([]byte{0, 0, 0, 1}, z...)
	for _, text := range []string{enc, apu, apv} {
		input = binary.BigEndian.AppendUint32(input, uint32(len(text)))
		input = append(input, text...)
	}
	key := sha256.Sum256(binary.BigEndian.AppendUint32(input, 256))
	return key[:]
}

func gcm(t testing.TB, key []byte) cipher.AEAD {
	t.Helper()
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	aead, err := cipher.NewGCM(block)
	require.NoError(t, err)
	return aead
}

// cbcTag is the tag of RFC 7518 section 5.2.2.1.
func cbcTag(key, aad, iv, ciphertext []byte) []byte {
	mac := hmac.New(sha256.New, key[:16])
	for _, part := range [][]byte{aad, iv, ciphertext, binary.BigEndian.AppendUint64(nil, uint64(len(aad)*8))} {
		mac.Write(part)
	}
	return mac.Sum(nil)[:16]
}

func random(n int) []byte {
	out := make([]byte, n)
	_, _ = rand.Read(out)
	return out
}
