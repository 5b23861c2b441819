package jar_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
)

// FuzzVerify feeds any text as request object: nothing panics, nothing is taken
// but what the client signed, and every refusal is the client's fault.
func FuzzVerify(f *testing.F) {
	s := newServer(f, decryptionKeys)
	sound := sign(f, testkeys.EdDSA("client-1"), eddsaHeader, claimsOf("client-1").json(f))
	forged := sign(f, testkeys.EdDSA("attacker"), eddsaHeader, claimsOf("client-1").json(f))
	for _, seed := range []string{"", "..", "....", "a.b.c", "a.b.c.d.e", sound, forged, sound + "=", sound[1:], `{"payload":""}`,
		encrypt(f, testkeys.PS256().Public(), "rsa", forged), encrypt(f, testkeys.ES256("as").Public(), "", forged),
		sign(f, testkeys.ES256("client-1"), es256Header, claimsOf("client-1").with("exp", 1).json(f)),
		sign(f, testkeys.ES256("client-1"), `{"alg":"ES256","crit":["a"],"a":1}`, `{"iss":"a","aud":["x"]}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		params, err := s.Verify(t.Context(), "client-1", url.Values{"request": {token}})
		if err == nil {
			require.Equal(t, soundParams("client-1"), params)
			require.True(t, signedByClient(token), token)
			return
		}
		require.Nil(t, params)
		var refused *jar.Error
		require.ErrorAs(t, err, &refused)
	})
}

// signedByClient asks the standard library alone. Of the seeds, only the one
// with the client's Ed25519 key is sound.
func signedByClient(token string) bool {
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.Strict().DecodeString(token[dot+1:])
	public := testkeys.EdDSA("client-1").Public().(ed25519.PublicKey)
	return err == nil && ed25519.Verify(public, []byte(token[:dot]), signature)
}

// FuzzParams: whatever can be signed comes back as it was, and nothing beside it.
func FuzzParams(f *testing.F) {
	s, signer := newServer(f), newSigner(f, func(c *jar.SignerConfig) { c.Key, c.KeyID = testkeys.EdDSA("client-1"), "ed" })
	for _, seed := range [][2]string{{"state", "a"}, {"claims", `{"a":1}`}, {"claims", `{},"b":{}`}, {"max_age", "1"}, {`x":0,"y`, "\x00"},
		{"authorization_details", "[[]]"}, {"resource", "é\u2028"}, {"iss", "x"}, {"request", "x"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		params := url.Values{name: {value}, "response_type": {"code"}}
		token, err := signer.Sign(t.Context(), params)
		if err != nil {
			return
		}
		got, err := s.Verify(t.Context(), "client-1", url.Values{"request": {token}})
		require.NoError(t, err)
		if name == "claims" || name == "authorization_details" {
			value = strings.Trim(value, " \t\r\n")
		}
		want := url.Values{"client_id": {"client-1"}, "response_type": {"code"}}
		if name == "response_type" {
			want.Del(name)
		}
		if value != "" {
			want.Set(name, value)
		}
		require.Equal(t, want, got)
	})
}
