package jose_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// members reads an object into a map of raw texts.
func members(t testing.TB, text string) map[string]string {
	t.Helper()
	got := map[string]string{}
	require.NoError(t, jose.ReadObject([]byte(text), func(name []byte, value jose.Value) error {
		got[string(name)] = string(value)
		return nil
	}))
	return got
}

func TestReadObjectNames(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client")
	control := signed(t, key, `{"alg":"ES256","typ":"dpop+jwt"}`, `{"sub":"alice"}`)
	require.NoError(t, verify(control, &key.PublicKey))

	refuseHeaders := func(t *testing.T, headers ...string) {
		t.Helper()
		for _, header := range headers {
			token := signed(t, key, header, `{"sub":"alice"}`)
			assert.ErrorIs(t, verify(token, &key.PublicKey), jose.ErrMalformed, header)
		}
	}
	t.Run("S01 duplicate alg in the header", func(t *testing.T) {
		refuseHeaders(t, `{"alg":"none","alg":"ES256","typ":"dpop+jwt"}`, `{"alg":"ES256","alg":"none"}`, `{"alg":"ES256","alg":"ES256"}`)
	})
	t.Run("S02 duplicate typ in the header", func(t *testing.T) {
		refuseHeaders(t, `{"alg":"ES256","typ":"dpop+jwt","typ":"JWT"}`, `{"alg":"ES256","typ":"JWT","typ":"dpop+jwt"}`)
	})
	t.Run("S03 escaped spelling of a duplicate name", func(t *testing.T) {
		refuseHeaders(t, `{"alg":"ES256","typ":"dpop+jwt","\u0074yp":"JWT"}`, `{"\u0061lg":"none","alg":"ES256"}`, `{"alg":"ES256","t\u0079p":"a","ty\u0070":"b"}`)
		token := signed(t, key, `{"\u0061lg":"ES256"}`, `{}`)
		require.NoError(t, verify(token, &key.PublicKey), "one escaped spelling is the member itself")
	})
	t.Run("S04 duplicate claim at any depth", func(t *testing.T) {
		for _, payload := range []string{
			`{"sub":"alice","sub":"bob"}`,
			`{"exp":1,"exp":9999999999}`,
			`{"aud":"a","aud":["b"]}`,
			`{"jti":"a","jti":"b"}`,
			`{"htu":"https://a","htu":"https://b"}`,
			`{"cnf":{},"cnf":{}}`,
			`{"cnf":{"jkt":"a","jkt":"b"}}`,
			`{"cnf":{"jwk":{"kty":"EC","kty":"RSA"}}}`,
			`{"list":[[{"a":1,"a":2}]]}`,
			`{"":1,"":2}`,
		} {
			assert.ErrorIs(t, claims(payload), jose.ErrMalformed, payload)
		}
		require.NoError(t, claims(`{"sub":"alice","cnf":{"sub":"bob","jwk":{"sub":"carol"}}}`), "one name at three depths is no duplicate")
	})
	t.Run("S05 case-folded header names", func(t *testing.T) {
		token := signed(t, key, `{"ALG":"ES256","TYP":"dpop+jwt","JWK":{}}`, `{}`)
		require.ErrorIs(t, verify(token, &key.PublicKey), jose.ErrAlgorithm, "alg is missing")
		header, err := jose.ParseHeader(jose.Encode([]byte(`{"alg":"ES256","TYP":"dpop+jwt","KID":"a","JWK":{}}`)))
		require.NoError(t, err)
		require.Equal(t, jose.Header{Algorithm: "ES256"}, header)
	})
	t.Run("S06 case-folded claim does not shadow the real one", func(t *testing.T) {
		got, err := jose.ReadClaims([]byte(`{"jti":"a","JTI":"b","exp":1,"EXP":9999999999,"Iss":"evil"}`), nil)
		require.NoError(t, err)
		require.Equal(t, "a", got.ID)
		require.EqualValues(t, 1, got.Expires.Unix())
		require.Empty(t, got.Issuer)
		require.Equal(t, map[string]string{"htm": `"GET"`, "HTM": `"POST"`}, members(t, `{"htm":"GET","HTM":"POST"}`))
	})
	t.Run("S07 homoglyphs that fold to a known name", func(t *testing.T) {
		got, err := jose.ReadClaims([]byte(`{"ſub":"bob","iſs":"evil","iss":"good","acceſs":1}`), nil)
		require.NoError(t, err)
		require.Equal(t, jose.Claims{Issuer: "good"}, got)
		header, err := jose.ParseHeader(jose.Encode([]byte("{\"alg\":\"ES256\",\"\u212aid\":\"evil\"}")))
		require.NoError(t, err)
		require.Empty(t, header.KeyID)
	})
}

func TestReadObjectText(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client")

	t.Run("S08 data after the JSON object", func(t *testing.T) {
		for _, text := range []string{`{"alg":"ES256"}{"alg":"none"}`, `{"alg":"ES256"}x`, `{"alg":"ES256"},`, "{\"alg\":\"ES256\"}\x00", `{"alg":"ES256"}}`} {
			token := signed(t, key, text, `{}`)
			assert.ErrorIs(t, verify(token, &key.PublicKey), jose.ErrMalformed, text)
			assert.ErrorIs(t, claims(text), jose.ErrMalformed, text)
		}
		require.NoError(t, claims(`{"alg":"ES256"}`))
	})
	t.Run("S09 byte order mark refuses, white space stays under the signature", func(t *testing.T) {
		bom := signed(t, key, "\ufeff{\"alg\":\"ES256\"}", `{}`)
		require.ErrorIs(t, verify(bom, &key.PublicKey), jose.ErrMalformed)
		require.ErrorIs(t, claims("\ufeff{}"), jose.ErrMalformed)
		require.ErrorIs(t, claims("\u00a0{}"), jose.ErrMalformed, "JSON knows four kinds of white space")
		require.ErrorIs(t, claims("\v{}"), jose.ErrMalformed)
		spaced := signed(t, key, " \n{ \"alg\"\t:\r\"ES256\" } \t", " {\n\"sub\" : \"a\" }\n")
		require.NoError(t, verify(spaced, &key.PublicKey))
	})
	t.Run("S10 invalid UTF-8 in a string", func(t *testing.T) {
		for _, bad := range []string{"a\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82"} {
			token := signed(t, key, `{"alg":"ES256","kid":"`+bad+`"}`, `{}`)
			assert.ErrorIs(t, verify(token, &key.PublicKey), jose.ErrMalformed, "%q", bad)
			assert.ErrorIs(t, claims(`{"jti":"`+bad+`"}`), jose.ErrMalformed, "%q", bad)
			assert.ErrorIs(t, claims(`{"`+bad+`":1}`), jose.ErrMalformed, "%q", bad)
		}
		got, err := jose.ReadClaims([]byte("{\"jti\":\"a\ufffd€\"}"), nil)
		require.NoError(t, err)
		require.Equal(t, "a\ufffd€", got.ID)
	})
	t.Run("S11 lone surrogate escape", func(t *testing.T) {
		for _, bad := range []string{`\ud800`, `\udfff`, `\ud800a`, `\ud800\u0041`, `\udc00\ud800`, `\ud800\ud800`, `\uDBFF\n`, `\ud83d\nde00`, `\ud83dxude00`} {
			assert.ErrorIs(t, claims(`{"jti":"`+bad+`"}`), jose.ErrMalformed, bad)
			assert.ErrorIs(t, claims(`{"`+bad+`":1}`), jose.ErrMalformed, bad)
		}
		got, err := jose.ReadClaims([]byte(`{"jti":"\ud83d\uDE00"}`), nil)
		require.NoError(t, err)
		require.Equal(t, "😀", got.ID)
	})
	t.Run("S12 control characters are refused raw and opaque escaped", func(t *testing.T) {
		for _, c := range []string{"\x00", "\n", "\r", "\t", "\x1f"} {
			assert.ErrorIs(t, claims(`{"jti":"a`+c+`b"}`), jose.ErrMalformed, "%q", c)
		}
		got, err := jose.ReadClaims([]byte(`{"jti":"a\u0000b","sub":"a\r\nb"}`), nil)
		require.NoError(t, err)
		require.Equal(t, "a\x00b", got.ID)
		require.Equal(t, "a\r\nb", got.Subject)
		token := signed(t, key, `{"alg":"none","kid":"secret\u0000kid\r\n"}`, `{}`)
		require.NotContains(t, verify(token, &key.PublicKey).Error(), "secret", "an error text carries no input")
	})
	t.Run("S61 large integers keep their digits", func(t *testing.T) {
		got := members(t, `{"n":9007199254740993,"m":1e999,"z":-0.10}`)
		require.Equal(t, map[string]string{"n": "9007199254740993", "m": "1e999", "z": "-0.10"}, got)
	})
}

func TestReadObjectLimits(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client")
	nested := func(open, closing string, depth int) string {
		return `{"a":` + strings.Repeat(open, depth) + strings.Repeat(closing, depth) + `}`
	}
	t.Run("S17 depth bomb", func(t *testing.T) {
		require.NoError(t, object(nested("[", "]", jose.MaxDepth-1)))
		require.ErrorIs(t, object(nested("[", "]", jose.MaxDepth)), jose.ErrLimit)
		require.ErrorIs(t, object(nested("[", "]", 9_990)), jose.ErrLimit)
		require.ErrorIs(t, object(`{"a":`+strings.Repeat("[", 200_000)), jose.ErrLimit)
		require.ErrorIs(t, object(strings.Repeat(`{"a":`, 200_000)), jose.ErrLimit)
		bomb := signed(t, key, `{"alg":"ES256","x":`+strings.Repeat("[", 9_990)+strings.Repeat("]", 9_990)+`}`, `{}`)
		require.ErrorIs(t, verify(bomb, &key.PublicKey), jose.ErrLimit)
		objects := strings.Repeat(`{"a":`, jose.MaxDepth) + "1" + strings.Repeat("}", jose.MaxDepth)
		require.NoError(t, object(objects))
		require.ErrorIs(t, object(`{"a":`+objects+`}`), jose.ErrLimit)
	})
	t.Run("S18 many members", func(t *testing.T) {
		var many strings.Builder
		many.WriteString(`{"alg":"ES256"`)
		for i := range 200_000 {
			fmt.Fprintf(&many, `,"m%d":0`, i)
		}
		require.ErrorIs(t, verify(signed(t, key, many.String()+"}", `{}`), &key.PublicKey), jose.ErrLimit)
		crit := `{"alg":"ES256","crit":["x"` + strings.Repeat(`,"x"`, 200_000) + `]}`
		require.ErrorIs(t, verify(signed(t, key, crit, `{}`), &key.PublicKey), jose.ErrLimit)

		few := `{"alg":"ES256"`
		for i := range 500 {
			few += fmt.Sprintf(`,"m%d":0`, i)
		}
		require.NoError(t, verify(signed(t, key, few+"}", `{}`), &key.PublicKey))
		for _, twice := range []string{"alg", "m14", "m15", "m16", "m17", "m499"} {
			token := signed(t, key, few+`,"`+twice+`":0}`, `{}`)
			assert.ErrorIs(t, verify(token, &key.PublicKey), jose.ErrMalformed, "a duplicate of %s among many members", twice)
		}
	})
}

func TestReadObjectSyntax(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, ` `, `{`, `}`, `[]`, `null`, `"a"`, `1`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{"a":1 "b":2}`, `{a:1}`, `{'a':1}`, `{"a":1`, `{"a":"`,
		`{"a":"b}`, `{"a":"\"}`, `{"a":"\x"}`, `{"a":"\`, `{"a":"\u`, `{"a":"\ud83d\`, `{"a":"\u12"}`, `{"a":"\u12g4"}`, `{"a":"\U0041"}`, `{"a":01}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`,
		`{"a":1e}`, `{"a":1e+}`, `{"a":-}`, `{"a":0x1}`, `{"a":1_0}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":True}`, `{"a":nul}`, `{"a":truefalse}`,
		`{"a":[1,]}`, `{"a":[,1]}`, `{"a":[1 2]}`, `{"a":[1}`, `{"a":{"b":1]}`, `{"a":1}//`, `{/**/}`, `{"a":1,,"b":2}`, `{1:2}`, `{"a"::1}`, `{:1}`,
		`{"a":trux}`, `{"a":falsy}`, `{"a":nulX}`, `{"a":"\u00g0"}`, `{"a":"\u00G0"}`, `{"a":"\u00/0"}`, `{"a":"\u00:0"}`, `{"a":"\u00@0"}`, "{\"a\":\"\\u00`0\"}",
	} {
		assert.ErrorIs(t, object(text), jose.ErrMalformed, text)
	}
	require.Equal(t, map[string]string{
		"":  "null",
		"a": "-0.5e-7", "b": "0", "c": "1E+2", "d": "[ ]", "e": `{ }`, "f": "true", "g": "false", "h\"\\/\b\f\n\r\té": `"\u00e9"`,
	}, members(t, `{"":null,"a":-0.5e-7,"b":0,"c":1E+2,"d":[ ],"e":{ },"f":true,"g":false,"h\"\\\/\b\f\n\r\t\u00E9":"\u00e9"}`))
	require.Empty(t, members(t, ` { } `))
	require.Equal(t, map[string]string{"\u00aa\u00ff\u0009\u00a0": "0"}, members(t, `{"\u00aA\u00Ff\u0009\u00a0":0}`))
}

func TestReadObjectVisitor(t *testing.T) {
	t.Parallel()
	stop := errors.New("stop")
	calls := 0
	err := jose.ReadObject([]byte(`{"a":1,"b":2}`), func([]byte, jose.Value) error { calls++; return stop })
	require.Equal(t, stop, err)
	require.Equal(t, 1, calls)

	data := []byte(`{"a":"plain","b":"es\u0063aped"}`)
	require.NoError(t, jose.ReadObject(data, func(name []byte, value jose.Value) error {
		chars, err := value.Bytes()
		require.NoError(t, err)
		require.Equal(t, string(name) == "a", bytes.Contains(data, chars))
		return nil
	}))
}
