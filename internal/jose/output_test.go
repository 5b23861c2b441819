package jose_test

//lint:file-ignore SA1019 broken keys can only be made by setting their fields

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func TestAppendQuoted(t *testing.T) {
	t.Parallel()
	t.Run("S60 a name cannot become two members", func(t *testing.T) {
		for _, name := range []string{`x":0,"admin`, `"`, `\`, "\n", "\x00", "é", "\u2028", "", "😀"} {
			quoted, err := jose.AppendQuoted([]byte("{"), name)
			require.NoError(t, err)
			require.Equal(t, map[string]string{name: "true"}, members(t, string(quoted)+":true}"), "%q", name)
		}
	})
	t.Run("S10 invalid UTF-8 is not repaired", func(t *testing.T) {
		for _, text := range []string{"a\xff", "\xed\xa0\x80", "\xc0\x80"} {
			_, err := jose.AppendQuoted(nil, text)
			assert.ErrorIs(t, err, jose.ErrMalformed, "%q", text)
		}
	})
}

func TestEncodeJWKS(t *testing.T) {
	t.Parallel()
	publish := func(keys ...jose.PublicKey) error {
		_, err := jose.EncodeJWKS(keys)
		return err
	}
	one, two := testkeys.ES256("one").Public(), testkeys.ES256("two").Public()
	var keys []jose.PublicKey
	var want []jose.JWK
	for i, kid := range []string{"", "a", `x","k":"`, "<&>\u2028", "a\x00b"} {
		for alg, key := range kinds() {
			if alg != "ES256" && i > 0 {
				continue
			}
			public := key.Public()
			if i > 0 {
				public = testkeys.ES256(kid).Public()
			}
			keys = append(keys, jose.PublicKey{Key: public, KeyID: kid})
			entry := parsed(t, jwkOf(t, public))
			entry.KeyID = kid
			want = append(want, entry)
		}
	}
	out, err := jose.EncodeJWKS(keys)
	require.NoError(t, err)
	got, err := jose.ParseJWKS(out)
	require.NoError(t, err)
	require.Equal(t, want, got)

	out, err = jose.EncodeJWKS([]jose.PublicKey{{Key: one, KeyID: "k"}})
	require.NoError(t, err)
	require.JSONEq(t, setOf(with(jwkOf(t, one), `"kid":"k","alg":"ES256","use":"sig"`)), string(out))
	out, err = jose.EncodeJWKS(nil)
	require.NoError(t, err)
	require.JSONEq(t, `{"keys":[]}`, string(out))

	require.NoError(t, publish(jose.PublicKey{Key: one, KeyID: "k"}, jose.PublicKey{Key: two, KeyID: "l"}))
	require.ErrorIs(t, publish(jose.PublicKey{Key: one, KeyID: "k"}, jose.PublicKey{Key: one, KeyID: "l"}), jose.ErrKey, "one key, two names")
	require.ErrorIs(t, publish(jose.PublicKey{Key: one, KeyID: "a\xff"}), jose.ErrMalformed)
	off := &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}
	for _, key := range []any{nil, "key", testkeys.ES256("one"), testkeys.PS256(), off, &rsa.PublicKey{N: odd(1024), E: 65537}} {
		require.ErrorIs(t, publish(jose.PublicKey{Key: key}), jose.ErrKey, "%T: private, unsound, or no key at all", key)
	}
}
