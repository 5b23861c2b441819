// Package wycheproof runs the JOSE part of the Wycheproof corpus, and the raw
// signatures behind the three algorithms, against the library.
package wycheproof_test

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

// figures is what became of the vectors of one file.
type figures struct {
	accepted  int // valid and inside the profile
	decrypted int // valid and inside the profile, but the content is no JWS: refused for that
	outside   int // valid, of an algorithm the profile excludes: refused for that
	deviating int // valid, refused on purpose
	refused   int // invalid
}

func TestJOSE(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]figures{
		"json_web_signature_test.json":  {accepted: 7, outside: 38, deviating: 1, refused: 355},
		"json_web_key_test.json":        {outside: 5, refused: 21},
		"json_web_crypto_test.json":     {accepted: 1, outside: 5, refused: 77},
		"json_web_encryption_test.json": {decrypted: 5, outside: 60, refused: 74},
	} {
		t.Run("S62 "+name, func(t *testing.T) {
			t.Parallel()
			f := load(t, name)
			var got figures
			for _, g := range f.Groups {
				for _, v := range g.Tests {
					got.add(t, name, g, v)
				}
			}
			require.Equal(t, want, got)
			require.Equal(t, f.NumberOfTests, got.accepted+got.decrypted+got.outside+got.deviating+got.refused)
		})
	}
}

func (f *figures) add(t *testing.T, name string, g group, v vector) {
	t.Helper()
	if v.JWE != nil {
		f.addEncrypted(t, g, v)
		return
	}
	err := judge(g, v.token())
	switch {
	case v.Result == "invalid":
		f.refused++
		assert.Error(t, err, "tcId %d (%s) accepted", v.ID, v.Comment)
	case err == nil:
		f.accepted++
	case deviations[name][v.ID] != "":
		f.deviating++
	default:
		f.outside++
		assert.False(t, inProfile(v.token()), "tcId %d (%s) refused: %v", v.ID, v.Comment, err)
		assert.True(t, errors.Is(err, jose.ErrAlgorithm) || errors.Is(err, jose.ErrKey), "tcId %d: %v", v.ID, err)
	}
	if err != nil {
		assert.True(t, oneSentinel(err), "tcId %d: %v", v.ID, err)
	}
}

// judge does what a verifier does: load the group's keys, read the token, and
// check it with the key its kid names. Keys that cannot be loaded refuse.
func judge(g group, token string) error {
	keys, err := loadKeys(g)
	if err != nil {
		return err
	}
	jws, err := jose.Parse(token)
	if err != nil {
		return err
	}
	keys = slices.DeleteFunc(keys, func(key jose.JWK) bool { return key.KeyID != "" && key.KeyID != jws.Header.KeyID })
	if len(keys) != 1 {
		return jose.ErrKey // none, or ambiguous
	}
	return jws.Verify(keys[0].Key)
}

func loadKeys(g group) ([]jose.JWK, error) {
	text := g.Public
	if text == nil {
		text = g.Private
	}
	var set struct{ Keys []json.RawMessage }
	if json.Unmarshal(text, &set) == nil && set.Keys != nil {
		return jose.ParseJWKS(text)
	}
	if g.Public == nil {
		private, err := jose.ParsePrivateJWK(text)
		if err != nil {
			return nil, err
		}
		return one(private.Public())
	}
	key, err := jose.ParseJWK(text, jose.MaxRSABits)
	return []jose.JWK{key}, err
}

func one(key crypto.PublicKey) ([]jose.JWK, error) {
	canonical, err := jose.CanonicalJWK(key)
	if err != nil {
		return nil, err
	}
	jwk, err := jose.ParseJWK(canonical, jose.MaxRSABits)
	return []jose.JWK{jwk}, err
}

// inProfile reads the alg of a header as loosely as it can be read.
func inProfile(token string) bool {
	header, _, _ := strings.Cut(token, ".")
	data, _ := base64.RawURLEncoding.DecodeString(strings.TrimRight(header, "="))
	var h struct{ Alg string }
	_ = json.Unmarshal(data, &h) // what cannot be read is outside
	return jose.Supported(h.Alg)
}

func oneSentinel(err error) bool {
	count := 0
	for _, sentinel := range []error{jose.ErrMalformed, jose.ErrLimit, jose.ErrAlgorithm, jose.ErrKey, jose.ErrSignature, jose.ErrDecrypt} {
		if errors.Is(err, sentinel) {
			count++
		}
	}
	return count == 1
}

// TestUnlabelledKeys takes from the keys what they say about themselves, so
// that the tokens are judged and not only the RS256 or "enc" label of a key.
// The vectors about those labels must then be accepted: they are the control.
func TestUnlabelledKeys(t *testing.T) {
	t.Parallel()
	labelOnly := []int{
		338, // a PS256 token for a PS512 key
		354, // an ES256 key with use "enc"
		356, // and one with key_ops ["encrypt"]
	}
	var accepted []int
	for _, g := range load(t, "json_web_signature_test.json").Groups {
		if g.Public == nil {
			continue
		}
		var members map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(g.Public, &members))
		for _, label := range []string{"alg", "use", "key_ops", "kid"} {
			delete(members, label)
		}
		unlabelled, err := json.Marshal(members)
		require.NoError(t, err)
		for _, v := range g.Tests {
			err := judge(group{Public: unlabelled}, v.token())
			if err == nil && v.Result == "invalid" {
				accepted = append(accepted, v.ID)
			}
			assert.True(t, err != nil || inProfile(v.token()), "tcId %d", v.ID)
		}
	}
	require.Equal(t, labelOnly, accepted)
}
