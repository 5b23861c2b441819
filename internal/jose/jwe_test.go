package jose_test

//lint:file-ignore SA1019 broken keys can only be made by setting their fields

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// recipient is one key of each kind that content is encrypted to.
type recipient struct {
	alg     string
	private crypto.PrivateKey
	public  crypto.PublicKey
	foreign crypto.PrivateKey // another key of the kind
}

func recipients() []recipient {
	ec, rsa := testkeys.ES256("recipient"), testkeys.PS256()
	return []recipient{
		{jose.ECDHES, ec, &ec.PublicKey, testkeys.ES256(attacker)},
		{jose.RSAOAEP256, rsa, &rsa.PublicKey, testkeys.PS256Other()},
	}
}

var encs = []string{jose.A256GCM, jose.A128CBCHS256}

// header is a sound header of the recipient, with further members.
func (r recipient) header(enc, members string) string {
	text := `{"alg":"` + r.alg + `","enc":"` + enc + `"`
	if r.alg == jose.ECDHES {
		text += `,"epk":EPK`
	}
	return text + members + "}"
}

// forge is a forgery for the recipient that differs in nothing yet.
func (r recipient) forge(enc, content string) forgery {
	return forgery{to: r.public, enc: enc, header: r.header(enc, `,"cty":"JWT"`), content: content}
}

func (r recipient) keys() []jose.DecryptionKey { return []jose.DecryptionKey{{Key: r.private}} }

func (r recipient) decrypt(token string) error {
	_, err := jose.Decrypt(token, r.keys())
	return err
}

// each runs a test with every algorithm.
func each(t *testing.T, test func(t *testing.T, r recipient, enc, jws string)) {
	t.Helper()
	jws := signed(t, testkeys.ES256("client"), `{"alg":"ES256"}`, `{"sub":"a"}`)
	for _, r := range recipients() {
		for _, enc := range encs {
			test(t, r, enc, jws)
		}
	}
}

func TestEncrypt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r recipient, enc, jws string) {
		token, err := jose.Encrypt(r.public, "k\u00e9\"y", enc, jws)
		require.NoError(t, err)
		require.True(t, jose.IsEncrypted(token))
		require.False(t, jose.IsEncrypted(jws))
		var header struct {
			Alg, Enc, Cty, Kid string
			Epk                json.RawMessage
		}
		data, err := b64.DecodeString(token[:strings.IndexByte(token, '.')])
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(data, &header))
		require.Equal(t, []string{r.alg, enc, "JWT", "k\u00e9\"y"}, []string{header.Alg, header.Enc, header.Cty, header.Kid})
		var epk *ecdsa.PublicKey
		if r.alg == jose.ECDHES {
			epk = parsed(t, string(header.Epk)).Key.(*ecdsa.PublicKey)
		}
		require.Equal(t, jws, opened(t, token, r.private, enc, epk), "the standard library")
		plain, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.KeyEncryptionAlgorithm(r.alg), r.private))
		require.NoError(t, err)
		require.Equal(t, jws, string(plain), "jwx")

		got, err := jose.Decrypt(token, []jose.DecryptionKey{{Key: r.foreign, KeyID: "other"}, {Key: r.private, KeyID: "k\u00e9\"y"}})
		require.NoError(t, err)
		require.Equal(t, jws, got)
		again, err := jose.Encrypt(r.public, "k\u00e9\"y", enc, jws)
		require.NoError(t, err)
		require.NotEqual(t, token, again)
	})
	r := recipients()[0]
	jws := signed(t, testkeys.ES256("client"), `{"alg":"ES256"}`, `{}`)
	token, err := jose.Encrypt(r.public, "", "", jws)
	require.NoError(t, err)
	require.NoError(t, r.decrypt(token))
	header, err := b64.DecodeString(strings.Split(token, ".")[0])
	require.NoError(t, err)
	require.Contains(t, string(header), `"enc":"A256GCM"`)
	require.NotContains(t, string(header), `"kid"`)
}

func TestEncryptRefuses(t *testing.T) {
	t.Parallel()
	to := &testkeys.ES256("recipient").PublicKey
	jws := signed(t, testkeys.ES256("client"), `{"alg":"ES256"}`, `{}`)
	encrypted, err := jose.Encrypt(to, "", "", jws)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	for name, test := range map[string]struct {
		to            crypto.PublicKey
		kid, enc, jws string
		want          error
	}{
		"no key":         {nil, "", "", jws, jose.ErrKey},
		"nil key":        {(*rsa.PublicKey)(nil), "", "", jws, jose.ErrKey},
		"Ed25519":        {testkeys.EdDSA("a").Public(), "", "", jws, jose.ErrKey},
		"P-384":          {&p384.PublicKey, "", "", jws, jose.ErrKey},
		"off the curve":  {off, "", "", jws, jose.ErrKey},
		"RSA of 1024":    {&rsa.PublicKey{N: odd(1024), E: 65537}, "", "", jws, jose.ErrKey},
		"RSA of 16384":   {&rsa.PublicKey{N: odd(16384), E: 65537}, "", "", jws, jose.ErrKey},
		"enc":            {to, "", "A128GCM", jws, jose.ErrAlgorithm},
		"kid not UTF-8":  {to, "\xff", "", jws, jose.ErrMalformed},
		"kid too long":   {to, strings.Repeat("k", jose.MaxEncrypted), "", jws, jose.ErrLimit},
		"claims":         {to, "", "", `{"sub":"a"}`, jose.ErrUnsigned},
		"nothing":        {to, "", "", "", jose.ErrUnsigned},
		"no signature":   {to, "", "", jws[:strings.LastIndexByte(jws, '.')+1], jose.ErrUnsigned},
		"encrypted once": {to, "", "", encrypted, jose.ErrUnsigned},
		"jws too long":   {to, "", "", jws + strings.Repeat("A", jose.MaxToken), jose.ErrLimit},
	} {
		token, err := jose.Encrypt(test.to, test.kid, test.enc, test.jws)
		assert.ErrorIs(t, err, test.want, name)
		assert.Empty(t, token, name)
	}
	longest := jws + strings.Repeat("A", (jose.MaxToken-len(jws))/4*4)
	token, err := jose.Encrypt(to, "key", "", longest)
	require.NoError(t, err)
	got, err := jose.Decrypt(token, []jose.DecryptionKey{{Key: testkeys.ES256("recipient"), KeyID: "key"}})
	require.NoError(t, err, "every token that can be read fits into an encrypted one")
	require.Equal(t, longest, got)
}

func TestEncryptionAlgorithm(t *testing.T) {
	t.Parallel()
	for _, r := range recipients() {
		alg, err := jose.EncryptionAlgorithm(r.public)
		require.NoError(t, err)
		require.Equal(t, r.alg, alg)
	}
}

// What others encrypt is read, and what is in it reaches the caller unchanged.
func TestDecryptForeign(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r recipient, enc, jws string) {
		headers := jwe.NewHeaders()
		require.NoError(t, headers.Set("cty", "JWT"))
		token, err := jwe.Encrypt([]byte(jws), jwe.WithKey(jwa.KeyEncryptionAlgorithm(r.alg), r.public),
			jwe.WithContentEncryption(jwa.ContentEncryptionAlgorithm(enc)), jwe.WithProtectedHeaders(headers))
		require.NoError(t, err)
		got, err := jose.Decrypt(string(token), r.keys())
		require.NoError(t, err)
		require.Equal(t, jws, got)

		got, err = jose.Decrypt(r.forge(enc, jws).token(t), r.keys())
		require.NoError(t, err)
		require.Equal(t, jws, got)

		// Claims repeated in the header, RFC 7519 section 5.3, are no concern.
		f := r.forge(enc, jws)
		f.header = r.header(enc, `,"cty":"application/jwt","typ":"JWT","iss":"https://client.example","x5t":"AA","foo":{"bar":[null]}`)
		require.NoError(t, r.decrypt(f.token(t)))
	})
	t.Run("party info", func(t *testing.T) {
		r := recipients()[0]
		for _, enc := range encs {
			f := r.forge(enc, signed(t, testkeys.ES256("client"), `{"alg":"ES256"}`, `{}`))
			f.apu, f.apv = "Alice", "Bob"
			f.header = r.header(enc, `,"cty":"JWT","apu":"QWxpY2U","apv":"Qm9i"`)
			require.NoError(t, r.decrypt(f.token(t)))
			f.apu = "Eve"
			require.Equal(t, jose.ErrDecrypt, r.decrypt(f.token(t)))
			for members, want := range map[string]error{
				`"apu":1`: jose.ErrMalformed, `"apv":null`: jose.ErrMalformed, `"apu":"QWxpY2U="`: jose.ErrMalformed,
				`"apu":"` + strings.Repeat("A", 516) + `"`: jose.ErrLimit,
			} {
				f.header = r.header(enc, `,"cty":"JWT",`+members)
				require.ErrorIs(t, r.decrypt(f.token(t)), want, members)
			}
		}
	})
}

func TestDecryptKeys(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, r recipient, enc, jws string) {
		named, err := jose.Encrypt(r.public, "a", enc, jws)
		require.NoError(t, err)
		anonymous, err := jose.Encrypt(r.public, "", enc, jws)
		require.NoError(t, err)
		right, wrong := jose.DecryptionKey{Key: r.private, KeyID: "a"}, jose.DecryptionKey{Key: r.foreign, KeyID: "b"}
		list := func(keys ...jose.DecryptionKey) []jose.DecryptionKey { return keys }
		for name, test := range map[string]struct {
			token string
			keys  []jose.DecryptionKey
			want  error
		}{
			"no keys":                 {named, nil, jose.ErrDecrypt},
			"named":                   {named, list(wrong, right), nil},
			"another name":            {named, list(jose.DecryptionKey{Key: r.private, KeyID: "A"}), jose.ErrDecrypt},
			"key without a name":      {named, list(jose.DecryptionKey{Key: r.private}), jose.ErrDecrypt},
			"name of a foreign key":   {named, list(jose.DecryptionKey{Key: r.foreign, KeyID: "a"}), jose.ErrDecrypt},
			"name shared":             {named, list(jose.DecryptionKey{Key: r.foreign, KeyID: "a"}, right), nil},
			"anonymous":               {anonymous, list(wrong, right), nil},
			"anonymous, fourth":       {anonymous, list(wrong, wrong, wrong, right), nil},
			"anonymous, fifth":        {anonymous, list(wrong, wrong, wrong, wrong, right), jose.ErrDecrypt},
			"anonymous, foreign only": {anonymous, list(wrong), jose.ErrDecrypt},
		} {
			got, err := jose.Decrypt(test.token, test.keys)
			if test.want != nil {
				assert.Equal(t, test.want, err, name)
				assert.Empty(t, got, name)
				continue
			}
			assert.NoError(t, err, name)
			assert.Equal(t, jws, got, name)
		}
		for name, key := range map[string]crypto.PrivateKey{
			"none": nil, "public": r.public, "Ed25519": testkeys.EdDSA("a"), "bytes": []byte("secret"),
			"nil RSA": (*rsa.PrivateKey)(nil), "nil EC": (*ecdsa.PrivateKey)(nil), "empty RSA": &rsa.PrivateKey{}, "empty EC": &ecdsa.PrivateKey{},
			"RSA without its private half": &rsa.PrivateKey{PublicKey: testkeys.PS256().PublicKey},
			"EC without its private half":  &ecdsa.PrivateKey{PublicKey: testkeys.ES256("a").PublicKey},
		} {
			_, err := jose.Decrypt(named, list(right, jose.DecryptionKey{Key: key}))
			assert.ErrorIs(t, err, jose.ErrKey, name)
		}
	})
	t.Run("a key that would break the arithmetic", func(t *testing.T) {
		r := recipients()[1]
		token, err := jose.Encrypt(r.public, "", "", signed(t, testkeys.ES256("client"), `{"alg":"ES256"}`, `{}`))
		require.NoError(t, err)
		whole := r.private.(*rsa.PrivateKey)
		broken := &rsa.PrivateKey{PublicKey: whole.PublicKey, D: big.NewInt(0), Primes: []*big.Int{nil, big.NewInt(0)}}
		_, err = jose.Decrypt(token, []jose.DecryptionKey{{Key: broken}, {Key: whole}})
		require.NoError(t, err)
	})
}
