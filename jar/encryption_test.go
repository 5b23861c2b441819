package jar_test

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
)

// decryptionKeys are the server's.
func decryptionKeys(c *jar.VerifierConfig) {
	c.DecryptionKeys = []jar.DecryptionKey{{Key: testkeys.ES256("as"), KeyID: "ec"}, {Key: testkeys.PS256(), KeyID: "rsa"}}
}

// encrypt makes a nested object for the server.
func encrypt(t testing.TB, to crypto.PublicKey, kid, signed string) string {
	t.Helper()
	token, err := jose.Encrypt(to, kid, "", signed)
	require.NoError(t, err)
	return token
}

func TestEncrypted(t *testing.T) {
	t.Parallel()
	s := newServer(t, decryptionKeys)
	for name, to := range map[string]*jar.EncryptTo{
		"RSA":          {Key: testkeys.PS256().Public(), KeyID: "rsa"},
		"RSA, no kid":  {Key: testkeys.PS256().Public()},
		"RSA, CBC":     {Key: testkeys.PS256().Public(), KeyID: "rsa", Enc: "A128CBC-HS256"},
		"P-256":        {Key: testkeys.ES256("as").Public(), KeyID: "ec"},
		"P-256, CBC":   {Key: testkeys.ES256("as").Public(), Enc: "A128CBC-HS256"},
		"P-256, named": {Key: testkeys.ES256("as").Public(), KeyID: "ec", Enc: "A256GCM"},
	} {
		token, err := newSigner(t, func(c *jar.SignerConfig) { c.EncryptTo = to }).Sign(t.Context(), soundParams("client-1"))
		require.NoError(t, err, name)
		assert.Equal(t, 4, strings.Count(token, "."), name)
		assert.Equal(t, soundParams("client-1"), s.accepts(t, "client-1", token), name)
	}
	s.accepts(t, "client-1", object(t, claimsOf("client-1"))) // encryption is the client's choice

	to := &jar.EncryptTo{Key: testkeys.PS256().Public(), KeyID: "rsa"}
	signer := newSigner(t, func(c *jar.SignerConfig) { c.EncryptTo = to })
	to.Key, to.KeyID = nil, "other" // the configuration was copied
	token, err := signer.Sign(t.Context(), soundParams("client-1"))
	require.NoError(t, err)
	s.accepts(t, "client-1", token)
}

func TestEncryptionAttacks(t *testing.T) {
	t.Parallel()
	ec, public := testkeys.ES256("as").Public(), testkeys.PS256().Public()
	t.Run("R19 foreign keys and algorithms", func(t *testing.T) {
		t.Parallel()
		s, signed := newServer(t, decryptionKeys), object(t, claimsOf("client-1"))
		header := func(token, header string) string {
			return jose.Encode([]byte(header)) + token[strings.IndexByte(token, '.'):]
		}
		sound := encrypt(t, public, "rsa", signed)
		tampered := sound[:len(sound)-6] + "AAAAAA"
		attacks := []string{
			encrypt(t, testkeys.PS256Other().Public(), "rsa", signed), encrypt(t, testkeys.PS256Other().Public(), "", signed),
			encrypt(t, public, "other", signed), encrypt(t, public, "ec", signed), encrypt(t, testkeys.ES256("x").Public(), "ec", signed),
			tampered,
			header(sound, `{"alg":"RSA1_5","enc":"A256GCM","kid":"rsa","cty":"JWT"}`),
			header(sound, `{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rsa","cty":"JWT","zip":"DEF"}`),
			header(sound, `{"alg":"dir","enc":"A256GCM","kid":"rsa","cty":"JWT"}`),
			header(sound, `{"alg":"A128KW","enc":"A256GCM","cty":"JWT"}`),
			header(sound, `{"alg":"PBES2-HS256+A128KW","enc":"A256GCM","p2c":1000000000,"p2s":"AAAA","cty":"JWT"}`),
			"....", "a.b.c.d.e", sound + "A", strings.Repeat("A", 60<<10) + "....",
		}
		texts := map[string]bool{}
		for _, attack := range attacks {
			s.refuses(t, jar.ErrDecryption, attack)
			_, err := s.Verify(t.Context(), "client-1", pushed("client-1", attack))
			texts[err.Error()] = true
		}
		require.Len(t, texts, 1, "one answer to all")
		s.accepts(t, "client-1", sound)
		s.accepts(t, "client-1", encrypt(t, ec, "", signed))
		newServer(t).refuses(t, jar.ErrDecryption, sound) // a server without keys
	})
	t.Run("R01 S59 encrypted and not signed", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t, decryptionKeys), claimsOf("client-1")
		signed := object(t, sound)
		input := jose.Encode([]byte(`{"alg":"none"}`)) + "." + jose.Encode([]byte(sound.json(t)))
		s.refuses(t, jar.ErrAlgorithm, encrypt(t, public, "rsa", input+".AAAA"))
		s.refuses(t, jar.ErrDecryption, plainJWE(t, sound.json(t)), plainJWE(t, input+"."), plainJWE(t, encrypt(t, ec, "ec", signed)))
		s.refuses(t, jar.ErrSignature, encrypt(t, public, "rsa", sign(t, testkeys.ES256("attacker"), es256Header, sound.json(t))))
		s.accepts(t, "client-1", plainJWE(t, signed)) // control: the helper makes what it says
	})
}

func TestDecryptionKeys(t *testing.T) {
	t.Parallel()
	weak := &rsa.PrivateKey{}
	for name, key := range map[string]crypto.PrivateKey{
		"none": nil, "public": testkeys.PS256().Public(), "EdDSA": testkeys.EdDSA("as"), "secret": []byte("0123456789abcdef"), "empty": weak,
		"nil": (*ecdsa.PrivateKey)(nil), "half": &rsa.PrivateKey{PublicKey: testkeys.PS256().PublicKey},
	} {
		_, err := jar.NewVerifier(jar.VerifierConfig{
			Issuer: issuer, Clients: clients{}, DecryptionKeys: []jar.DecryptionKey{{Key: testkeys.PS256()}, {Key: key}},
		})
		assert.ErrorContains(t, err, "jar: DecryptionKeys: ", name)
	}
}

// plainJWE encrypts any content to the server's RSA key, which jose.Encrypt
// would refuse to.
func plainJWE(t testing.TB, content string) string {
	t.Helper()
	header := jose.Encode([]byte(`{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rsa","cty":"JWT"}`))
	key, iv := make([]byte, 32), make([]byte, 12)
	_, _ = rand.Read(key)
	_, _ = rand.Read(iv)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, &testkeys.PS256().PublicKey, key, nil)
	require.NoError(t, err)
	block, err := aes.NewCipher(key)
	require.NoError(t, err)
	gcm, err := cipher.NewGCM(block)
	require.NoError(t, err)
	sealed := gcm.Seal(nil, iv, []byte(content), []byte(header))
	end := len(sealed) - 16
	return strings.Join([]string{header, jose.Encode(wrapped), jose.Encode(iv), jose.Encode(sealed[:end]), jose.Encode(sealed[end:])}, ".")
}
