package jose_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func TestHeaderMembers(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client")
	header := `{"alg":"ES256","typ":"dpop+jwt","kid":"k","jwk":{"kty":"EC"},"jku":"https://evil","x5u":"https://evil","x5c":["AA"],"cty":"x"}`
	token := signed(t, key, header, `{"sub":"a"}`)
	jws, err := jose.Parse(token)
	require.NoError(t, err)
	require.Equal(t, jose.Header{Algorithm: "ES256", Type: "dpop+jwt", KeyID: "k", JWK: jose.Value(`{"kty":"EC"}`)}, jws.Header)
	require.Equal(t, `{"sub":"a"}`, string(jws.Payload))
	require.NoError(t, jws.Verify(&key.PublicKey))

	refuse := func(t *testing.T, members ...string) {
		t.Helper()
		for _, member := range members {
			token := signed(t, key, `{"alg":"ES256",`+member+`}`, `{"sub":"a"}`)
			assert.ErrorIs(t, verify(token, &key.PublicKey), jose.ErrMalformed, member)
		}
	}
	t.Run("S14 wrong JSON type for a header member", func(t *testing.T) {
		refuse(t, `"typ":1`, `"typ":null`, `"typ":["a"]`, `"kid":1`, `"kid":null`, `"kid":{}`, `"jwk":null`, `"jwk":"a"`, `"jwk":[]`, `"jwk":1`)
	})
	t.Run("S43 unknown crit", func(t *testing.T) {
		refuse(t, `"crit":["exp"],"exp":1`, `"crit":["unknown"]`, `"crit":["unknown"],"unknown":true`)
		token := signed(t, key, `{"alg":"ES256","exp":1,"unknown":true}`, `{}`)
		require.NoError(t, verify(token, &key.PublicKey), "the same members, not critical, are ignored")
	})
	t.Run("S44 malformed crit", func(t *testing.T) {
		refuse(t, `"crit":[]`, `"crit":null`, `"crit":"x"`, `"crit":[1]`, `"crit":["x","x"],"x":1`, `"crit":["alg"]`, `"crit":["absent"]`, `"\u0063rit":["x"]`)
	})
	t.Run("S45 b64", func(t *testing.T) {
		refuse(t, `"b64":false`, `"b64":false,"crit":["b64"]`, `"b64":"false"`, `"b64":true`, `"crit":["b64"]`)
		unencoded := signedSegments(t, key, jose.Encode([]byte(`{"alg":"ES256","b64":false,"crit":["b64"]}`)), `{"sub":"a"}`)
		require.ErrorIs(t, verify(unencoded, &key.PublicKey), jose.ErrMalformed)
	})
	t.Run("S46 embedded key is not trusted", func(t *testing.T) {
		evil := testkeys.ES256(attacker)
		embedded := `"jwk":` + jwkOf(t, &evil.PublicKey)
		for _, member := range []string{embedded, `"x5c":["AAAA"]`, `"jku":"https://evil"`, `"x5u":"https://evil"`} {
			forged := signed(t, evil, `{"alg":"ES256",`+member+`}`, `{"sub":"a"}`)
			assert.ErrorIs(t, verify(forged, &key.PublicKey), jose.ErrSignature, member)
		}
		forged, err := jose.Parse(signed(t, evil, `{"alg":"ES256",`+embedded+`}`, `{"sub":"a"}`))
		require.NoError(t, err)
		require.NoError(t, forged.Verify(parsed(t, string(forged.Header.JWK)).Key), "believing the embedded key would have accepted it")
	})
	t.Run("S48 kid is an opaque string", func(t *testing.T) {
		for kid, want := range map[string]string{
			`../../dev/null`: "../../dev/null", `' OR 1=1--`: "' OR 1=1--", `a\u0000b`: "a\x00b", `{\"$ne\":null}`: `{"$ne":null}`, `*`: "*", ` k `: " k ",
		} {
			got, err := jose.ParseHeader(jose.Encode([]byte(`{"alg":"ES256","kid":"` + kid + `"}`)))
			require.NoError(t, err, kid)
			require.Equal(t, want, got.KeyID)
		}
		refuse(t, `"kid":{"$ne":null}`, `"kid":["k"]`)
		huge := signed(t, key, `{"alg":"ES256","kid":"`+strings.Repeat("k", 1<<20)+`"}`, `{}`)
		require.ErrorIs(t, verify(huge, &key.PublicKey), jose.ErrLimit)
	})
}

func TestIsType(t *testing.T) {
	t.Parallel()
	for _, typ := range []string{"dpop+jwt", "DPoP+JWT", "application/dpop+jwt", "APPLICATION/dpop+jwt"} {
		assert.True(t, jose.IsType(typ, "dpop+jwt"), typ)
	}
	for _, typ := range []string{"", "JWT", "dpop", "dpop+jwt ", " dpop+jwt", "application/", "application/application/dpop+jwt", "text/dpop+jwt", "dpop+jwt;x=1"} {
		assert.False(t, jose.IsType(typ, "dpop+jwt"), typ)
	}
	assert.False(t, jose.IsType("to\u212aen-introspection+jwt", "token-introspection+jwt"), "KELVIN SIGN folds to k")
	assert.False(t, jose.IsType("\u017fecret", "secret"), "LONG S folds to s")
	assert.False(t, jose.IsType("application/", ""))
	assert.True(t, jose.IsType("", ""))
}
