package privatekeyjwt_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// FuzzAuthenticate feeds any text as assertion: nothing panics, nothing is taken
// but what the client signed, and every refusal is the client's fault.
func FuzzAuthenticate(f *testing.F) {
	s := newServer(f, func(c *privatekeyjwt.VerifierConfig) { c.Replay = forgetful{} })
	sound := sign(f, testkeys.EdDSA("client-1"), eddsaHeader, claimsOf("client-1").json(f))
	forged := sign(f, testkeys.EdDSA("attacker"), eddsaHeader, claimsOf("client-1").json(f))
	for _, seed := range []string{"", "..", "a.b.c", sound, forged, sound + "=", sound[1:], `{"payload":""}`,
		sign(f, testkeys.ES256("client-1"), es256Header, claimsOf("client-1").with("exp", 1).json(f)),
		sign(f, testkeys.ES256("client-1"), `{"alg":"ES256","crit":["a"],"a":1}`, `{"iss":"a","sub":"a","aud":["x"]}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		clientID, err := s.authenticate(token)
		if err == nil {
			require.Equal(t, "client-1", clientID)
			require.True(t, signedByClient(token), token)
			return
		}
		require.Empty(t, clientID)
		var refused *privatekeyjwt.Error
		require.ErrorAs(t, err, &refused)
	})
}

// signedByClient asks the standard library alone. Of the seeds, only those with
// the client's Ed25519 key are sound.
func signedByClient(token string) bool {
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.Strict().DecodeString(token[dot+1:])
	public := testkeys.EdDSA("client-1").Public().(ed25519.PublicKey)
	return err == nil && ed25519.Verify(public, []byte(token[:dot]), signature)
}
