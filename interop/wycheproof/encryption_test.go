package wycheproof_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

// addEncrypted counts a JWE. No vector holds a nested JWS, so none is ever
// accepted: those inside the profile have to decrypt, which the refusal of
// their content proves, and no others may.
func (f *figures) addEncrypted(t *testing.T, g group, v vector) {
	t.Helper()
	_, err := jose.Decrypt(v.token(), decryptionKeys(t, g))
	authentic := errors.Is(err, jose.ErrUnsigned)
	switch {
	case v.Result == "invalid":
		f.refused++
		assert.Error(t, err, "tcId %d (%s) accepted", v.ID, v.Comment)
		assert.False(t, authentic, "tcId %d (%s) decrypted", v.ID, v.Comment)
	case encryptedInProfile(v.token()):
		f.decrypted++
		assert.True(t, authentic, "tcId %d (%s): %v", v.ID, v.Comment, err)
	default:
		f.outside++
		assert.ErrorIs(t, err, jose.ErrAlgorithm, "tcId %d (%s)", v.ID, v.Comment)
	}
	assert.True(t, oneSentinel(err), "tcId %d: %v", v.ID, err)
}

// decryptionKeys are the group's private key, or none if it is of a kind that
// the library cannot hold: shared keys and other curves. The labels that say
// what it is for are taken off, so that the token is judged by its own header.
func decryptionKeys(t *testing.T, g group) []jose.DecryptionKey {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(g.Private, &members))
	var kid string
	if members["kid"] != nil {
		require.NoError(t, json.Unmarshal(members["kid"], &kid))
	}
	for _, label := range []string{"alg", "use", "key_ops"} {
		delete(members, label)
	}
	unlabelled, err := json.Marshal(members)
	require.NoError(t, err)
	key, err := jose.ParsePrivateJWK(unlabelled)
	if err != nil {
		require.False(t, string(members["kty"]) == `"RSA"` || string(members["crv"]) == `"P-256"`, "%s: %v", g.Comment, err)
		return nil
	}
	return []jose.DecryptionKey{{Key: key, KeyID: kid}}
}

// encryptedInProfile reads alg and enc of a header as loosely as can be.
func encryptedInProfile(token string) bool {
	header, _, _ := strings.Cut(token, ".")
	data, _ := base64.RawURLEncoding.DecodeString(strings.TrimRight(header, "="))
	var h struct{ Alg, Enc string }
	_ = json.Unmarshal(data, &h) // what cannot be read is outside
	return (h.Alg == jose.RSAOAEP256 || h.Alg == jose.ECDHES) && (h.Enc == jose.A256GCM || h.Enc == jose.A128CBCHS256)
}
