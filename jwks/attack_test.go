package jwks

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// sign makes a token whose header names a kid.
func sign(t *testing.T, label, kid string) *jose.JWS {
	signer, err := jose.NewSigner(testkeys.ES256(label))
	require.NoError(t, err)
	header, err := signer.Header("JWT", kid, false)
	require.NoError(t, err)
	token, err := signer.Sign(t.Context(), header, []byte(`{}`))
	require.NoError(t, err)
	jws, err := jose.Parse(token)
	require.NoError(t, err)
	return jws
}

// verifies does what a verifier does: it tries the candidates.
func verifies(t *testing.T, s source, token *jose.JWS) bool {
	keys, err := s.Keys(t.Context(), token.Header.KeyID, token.Header.Algorithm)
	require.NoError(t, err)
	for _, key := range keys {
		if token.Verify(key) == nil {
			return true
		}
	}
	return false
}

func TestAttackKeyID(t *testing.T) {
	t.Parallel()
	kids := []string{
		"../../dev/null", "' OR 1=1--", `{"$ne":null}`, "a\x00", "\x00", "a ", " a", "*", "a*", "A",
		"https://evil.example/jwks", "%61", "\xff\xfe", strings.Repeat("a", 1<<20),
	}
	for i, kid := range kids {
		t.Run(fmt.Sprintf("S48 kid injection %d", i), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var o origin
				o.serve(document(t, ec("a")))
				static, err := NewStatic(document(t, ec("a")))
				require.NoError(t, err)
				publisher, err := NewPublisher(PublisherConfig{Keys: []Key{ec("a")}})
				require.NoError(t, err)
				for _, s := range []source{static, publisher, o.remote(t)} {
					requireKeys(t, s, kid, "ES256")
					requireKeys(t, s, "a", "ES256", ec("a"))
				}
				require.Equal(t, 1, o.fetches())
			})
		})
	}
	t.Run("S48 control: whoever publishes such a kid is found by it", func(t *testing.T) {
		t.Parallel()
		for _, kid := range kids {
			if kid == "\xff\xfe" {
				continue // cannot stand in JSON
			}
			key := ec("odd")
			key.KeyID = kid
			s, err := NewStatic(document(t, ec("a"), key))
			require.NoError(t, err)
			requireKeys(t, s, kid, "ES256", key)
		}
	})
}

func TestAttackDuplicateKeyID(t *testing.T) {
	t.Parallel()
	wrong := ec("wrong")
	wrong.KeyID = "a"
	other := ed("other")
	other.KeyID = "a"
	token := sign(t, "a", "a")
	for name, keys := range map[string][]Key{
		"wrong key first":  {wrong, other, ec("a")},
		"wrong key last":   {ec("a"), wrong, other},
		"other kind first": {other, ec("a"), wrong},
	} {
		t.Run("S49 duplicate kid, "+name, func(t *testing.T) {
			t.Parallel()
			s, err := NewStatic(document(t, keys...))
			require.NoError(t, err)
			require.True(t, verifies(t, s, token), "FAPI 2.0 Security Profile 5.4.3")
			requireKeys(t, s, "a", "EdDSA", other)
			all, err := s.Keys(t.Context(), "a", "ES256")
			require.NoError(t, err)
			for range 100 {
				again, err := s.Keys(t.Context(), "a", "ES256")
				require.NoError(t, err)
				require.Equal(t, all, again, "always in the same order")
			}
		})
	}
	t.Run("S49 control: without the right key the token is refused", func(t *testing.T) {
		t.Parallel()
		s, err := NewStatic(document(t, wrong, other))
		require.NoError(t, err)
		require.False(t, verifies(t, s, token))
	})
}

func TestAttackMixedSet(t *testing.T) {
	t.Parallel()
	good := string(document(t, ec("a")))
	with := func(entry string) string { return strings.Replace(good, `"keys":[`, `"keys":[`+entry+`,`, 1) }
	const secret = "c2VjcmV0LXNlY3JldC1zZWNyZXQ"

	for name, body := range map[string]string{
		"symmetric key":           with(`{"kty":"oct","k":"` + secret + `"}`),
		"private key":             strings.Replace(good, `"kty"`, `"d":"`+secret+`","kty"`, 1),
		"private key, no value":   strings.Replace(good, `"kty"`, `"d":null,"kty"`, 1),
		"private key, upper case": strings.Replace(good, `"kty"`, `"D":"`+secret+`","kty"`, 1),
		"null entry":              with(`null`),
		"entry that is a string":  with(`"key"`),
		"entry without kty":       with(`{}`),
		"point off the curve":     with(`{"kty":"EC","crv":"P-256","x":"` + strings.Repeat("A", 43) + `","y":"` + strings.Repeat("A", 43) + `"}`),
		"Ed25519 of low order":    with(`{"kty":"OKP","crv":"Ed25519","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}`),
		"Ed25519 too short":       with(`{"kty":"OKP","crv":"Ed25519","x":"AAAA"}`),
		"10,000 keys":             with(strings.Repeat(`{"kty":"x"},`, 9999) + `{"kty":"x"}`),
		"keys twice":              strings.Replace(good, `{"keys"`, `{"keys":[],"keys"`, 1),
		"bare JWK":                string(good[len(`{"keys":[`) : len(good)-len(`]}`)]),
		"no keys":                 `{}`,
		"keys is an object":       `{"keys":{}}`,
		"array":                   `[]`,
		"deeply nested":           `{"keys":` + strings.Repeat("[", 100_000),
	} {
		t.Run("S50 "+name, func(t *testing.T) {
			t.Parallel()
			_, err := NewStatic([]byte(body))
			require.ErrorIs(t, err, ErrSet)
			require.NotContains(t, err.Error(), secret)

			var o origin
			o.serve([]byte(body))
			err = requireFailure(t, o.remote(t), "a", "ES256", ErrSet)
			require.NotContains(t, err.Error(), secret)
		})
	}
	for name, body := range map[string]string{
		"control":             good,
		"unknown kty":         with(`{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`),
		"other curve":         with(`{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}`),
		"key for encryption":  with(`{"kty":"OKP","crv":"X25519","use":"enc","x":"AA"}`),
		"unknown members":     strings.Replace(good, `"kty"`, `"ext":true,"kty"`, 1),
		"members beside keys": strings.Replace(good, `{"keys"`, `{"Keys":[null],"keys"`, 1),
	} {
		t.Run("S50 only the entry is passed over: "+name, func(t *testing.T) {
			t.Parallel()
			s, err := NewStatic([]byte(body))
			require.NoError(t, err)
			requireKeys(t, s, "", "ES256", ec("a"))
		})
	}
}

func TestAttackSharedKeyID(t *testing.T) {
	t.Parallel()
	t.Run("S63 two owners, one kid", func(t *testing.T) {
		t.Parallel()
		one, two := ec("one"), ec("two")
		one.KeyID, two.KeyID = "1", "1"
		var a, b origin
		a.serve(document(t, one))
		b.serve(document(t, two))
		ra, rb := a.remote(t), b.remote(t)
		fromA, fromB := sign(t, "one", "1"), sign(t, "two", "1")
		require.True(t, verifies(t, ra, fromA), "control: A's own token, and A's cache is warm")
		require.False(t, verifies(t, rb, fromA))
		require.True(t, verifies(t, rb, fromB))
		require.False(t, verifies(t, ra, fromB))
	})
}

func TestAttackRemovedKey(t *testing.T) {
	t.Parallel()
	t.Run("S64 removed key is refused after one renewal", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var o origin
			o.serve(document(t, ec("leaked"), ec("b")))
			r := o.remote(t)
			token := sign(t, "leaked", "leaked")
			require.True(t, verifies(t, r, token), "control: before its removal")
			o.serve(document(t, ec("b")))
			time.Sleep(15 * time.Minute)
			require.False(t, verifies(t, r, token))
			requireKeys(t, r, "b", "ES256", ec("b"))
		})
	})
	t.Run("S64 the owner withdraws every key", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var o origin
			o.serve(document(t, ec("leaked")))
			r := o.remote(t)
			requireKeys(t, r, "leaked", "ES256", ec("leaked"))
			o.serve([]byte(`{"keys":[]}`))
			time.Sleep(15 * time.Minute)
			requireKeys(t, r, "leaked", "ES256")
		})
	})
	t.Run("S64 an outage long ago does not excuse from asking", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var o origin
			o.serve(document(t, ec("leaked")))
			r := o.remote(t)
			requireKeys(t, r, "leaked", "ES256", ec("leaked"))
			time.Sleep(15 * time.Minute)
			o.fail()
			requireKeys(t, r, "leaked", "ES256", ec("leaked"))
			o.serve(document(t, ec("b")))
			time.Sleep(30 * time.Minute)
			requireKeys(t, r, "leaked", "ES256")
		})
	})
	t.Run("S64 a server that fails keeps a key for MaxStale and no longer", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var o origin
			o.serve(document(t, ec("leaked")))
			r := o.remote(t)
			requireKeys(t, r, "leaked", "ES256", ec("leaked"))
			o.fail()
			for end := time.Now().Add(75 * time.Minute); time.Now().Before(end); time.Sleep(time.Minute) {
				requireKeys(t, r, "leaked", "ES256", ec("leaked"))
			}
			requireFailure(t, r, "leaked", "ES256", ErrFetch)
		})
	})
}
