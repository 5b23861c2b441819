package fapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
)

// octets is base64url of n octets, the first of which is not zero.
func octets(n int) string { return jose.Encode([]byte(strings.Repeat("\x8a", n))) }

// goodKey is a member in the set whose key is mutated.
func keySet(key map[string]any, more ...map[string]any) []byte {
	keys := []any{key}
	for _, k := range more {
		keys = append(keys, k)
	}
	data, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return data
}

func rsaKey(kid string) map[string]any {
	return map[string]any{"kty": "RSA", "kid": kid, "use": "sig", "alg": "PS256", "n": octets(256), "e": "AQAB"}
}

func ecKey(kid string) map[string]any {
	return map[string]any{"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": octets(32), "y": octets(32)}
}

func encryptionKey(kid string) map[string]any {
	return map[string]any{"kty": "EC", "crv": "P-384", "kid": kid, "use": "enc", "alg": "ECDH-ES", "x": octets(48), "y": octets(48)}
}

func with(key map[string]any, changes ...any) map[string]any {
	for i := 0; i < len(changes); i += 2 {
		name := changes[i].(string)
		if changes[i+1] == nil {
			delete(key, name)
		} else {
			key[name] = changes[i+1]
		}
	}
	return key
}

// keyMutations have the clause of FAPI 2.0 and that of FAPI 1.0; one without the
// second has the same in both.
var keyMutations = []struct {
	key              map[string]any
	second, advanced string
}{
	{with(rsaKey("a"), "kty", nil), "RFC 7517 4.1 keys[0].kty", ""},
	{with(rsaKey("a"), "d", "AAAA"), "RFC 7517 9.2 keys[0].d", ""},
	{with(rsaKey("a"), "DP", ""), "RFC 7517 9.2 keys[0].DP", ""},
	{map[string]any{"kty": "oct", "k": "AAAA"}, "RFC 7517 9.2 keys[0].k", ""},
	{with(rsaKey("a"), "n", nil), "RFC 7518 6.3.1.1 keys[0].n", ""},
	{with(rsaKey("a"), "n", "AA=="), "RFC 7518 6.3.1.1 keys[0].n", ""},
	{with(rsaKey("a"), "n", ""), "RFC 7518 6.3.1.1 keys[0].n", ""},
	{map[string]any{"kty": "OKP", "crv": "Ed25519"}, "RFC 8037 2 keys[0].x", ""},
	{with(ecKey("a"), "x", "***"), "RFC 7518 6.2.1.2 keys[0].x", ""},
	{with(rsaKey("a"), "n", octets(128)), "FAPI 2.0 SP 5.4.1 keys[0].n", "FAPI 1.0 Baseline 5.2.2-5 keys[0].n"},
	{with(rsaKey("a"), "n", jose.Encode(append([]byte{0x40}, make([]byte, 255)...))), "FAPI 2.0 SP 5.4.1 keys[0].n", "FAPI 1.0 Baseline 5.2.2-5 keys[0].n"},
	{with(ecKey("a"), "x", octets(19)), "FAPI 2.0 SP 5.4.1 keys[0].x", "FAPI 1.0 Baseline 5.2.2-6 keys[0].x"},
	{with(rsaKey("a"), "alg", "RS256"), "FAPI 2.0 SP 5.4.1 keys[0].alg", "FAPI 1.0 Advanced 8.6 keys[0].alg"},
	{with(ecKey("a"), "crv", "P-384", "alg", nil), "FAPI 2.0 SP 5.4.1 keys[0].crv", "FAPI 1.0 Advanced 8.6 keys[0].crv"},
	{with(encryptionKey("a"), "alg", "RSA1_5"), "RFC 8725 3.2 keys[0].alg", "FAPI 1.0 Advanced 8.6.1 keys[0].alg"},
	{with(rsaKey("a"), "x5u", "https://x"), "FAPI 2.0 SP 5.4.2-2 keys[0].x5u", "FAPI 1.0 Advanced 8.9-2 keys[0].x5u"},
	{with(rsaKey("a"), "kty", 1), "RFC 7517 4 keys[0].kty", ""},
	{with(rsaKey("a"), "n", 1), "RFC 7517 4 keys[0].n", ""},
	{with(rsaKey("a"), "use", 1), "RFC 7517 4 keys[0].use", ""},
	{with(rsaKey("a"), "alg", 1), "RFC 7517 4 keys[0].alg", ""},
	{with(rsaKey("a"), "kid", 1), "RFC 7517 4 keys[0].kid", ""},
	{with(ecKey("a"), "crv", 1), "RFC 7517 4 keys[0].crv", ""},
	{with(ecKey("a"), "x", 1), "RFC 7517 4 keys[0].x", ""},
}

func TestKeyTables(t *testing.T) {
	t.Parallel()
	for profile, tables := range profiles {
		fired := make([]bool, len(tables.key))
		for i, m := range keyMutations {
			t.Run(fmt.Sprintf("%s/%d %s", profile, i, m.second), func(t *testing.T) {
				want := m.second
				if profile == FAPI1Advanced && m.advanced != "" {
					want = m.advanced
				}
				found, err := profile.CheckKeys(keySet(m.key, rsaKey("b")))
				require.NoError(t, err)
				requireComplete(t, found)
				require.Equal(t, want, summary(found), "%+v", found)
				data, err := json.Marshal(m.key)
				require.NoError(t, err)
				d, err := parse("", data)
				require.NoError(t, err)
				for i, r := range tables.key {
					fired[i] = fired[i] || len(d.findings([]row{r}, "")) > 0
				}
			})
		}
		for i, r := range tables.key {
			assert.True(t, fired[i], "%s: no mutation for %s %s", profile, r.clause, r.field)
		}
	}
}

func TestKeySetTables(t *testing.T) {
	t.Parallel()
	withoutUse := with(rsaKey("b"), "use", nil)
	for profile, repeated := range map[Profile]string{
		FAPI2Security: "FAPI 2.0 SP 5.4.2-3 keys.kid", FAPI2MessageSigning: "FAPI 2.0 SP 5.4.2-3 keys.kid", FAPI1Advanced: "FAPI 1.0 Advanced 8.9-3 keys.kid",
	} {
		wants := map[string][]byte{
			repeated: keySet(rsaKey("a"), ecKey("a"), rsaKey("b")),
			"RFC 8414 2, OpenID Connect Registration 2 keys.use": keySet(encryptionKey("a"), withoutUse),
			"RFC 7517 5 keys":         []byte(`{"keys": {}}`),
			"":                        keySet(rsaKey("a"), ecKey("b"), encryptionKey("c")),
			"RFC 7517 5 keys ":        []byte(`{"keys": [1]}`),
			"RFC 7517 5 keys  absent": []byte(`{}`),
		}
		for want, data := range wants {
			found, err := profile.CheckKeys(data)
			require.NoError(t, err)
			requireComplete(t, found)
			require.Equal(t, strings.TrimSpace(strings.Split(want, "  ")[0]), summary(found))
		}
		require.Len(t, profiles[profile].keySet, 3, "a row was added: mutate it above")
	}
}

func TestTooManyKeys(t *testing.T) {
	t.Parallel()
	var keys []map[string]any
	for i := range jose.MaxKeys {
		keys = append(keys, rsaKey(fmt.Sprint(i)))
	}
	found, err := FAPI2Security.CheckKeys(keySet(keys[0], keys[1:]...))
	require.NoError(t, err)
	require.Empty(t, found)
	_, err = FAPI2Security.CheckKeys(keySet(rsaKey("one more"), keys...))
	require.ErrorIs(t, err, ErrInput)
}
