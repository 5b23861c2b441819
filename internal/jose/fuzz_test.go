package jose_test

import (
	"bytes"
	"crypto"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// sentinels are all ways to refuse; nothing else may come out of a parser.
var sentinels = []error{jose.ErrMalformed, jose.ErrLimit, jose.ErrAlgorithm, jose.ErrKey, jose.ErrSignature}

// requireOneSentinel wants a refusal to be of exactly one kind.
func requireOneSentinel(t *testing.T, err error) {
	t.Helper()
	count := 0
	for _, sentinel := range sentinels {
		if errors.Is(err, sentinel) {
			count++
		}
	}
	require.Equal(t, 1, count, "%v", err)
}

func FuzzCompact(f *testing.F) {
	key := testkeys.ES256("client")
	for _, header := range []string{`{"alg":"ES256"}`, `{"alg":"ES256","typ":"dpop+jwt","kid":"k","jwk":{}}`, `{"alg":"none"}`, `{"alg":"ES256","crit":["x"]}`, `{`, `{"alg":"ES256","alg":"none"}`} {
		token := signed(f, key, header, `{"sub":"a"}`)
		f.Add(token)
		f.Add(token + "=")
		f.Add(token[:40] + "\n" + token[40:])
		f.Add(token + ".AAAA")
		f.Add(token[:strings.LastIndexByte(token, '.')+1])
	}
	f.Add("..")
	f.Add("")
	f.Add(strings.Repeat("A", jose.MaxToken) + ".A.A")
	keys := kinds()
	f.Fuzz(func(t *testing.T, token string) {
		jws, err := jose.Parse(token)
		if err != nil {
			requireOneSentinel(t, err)
			return
		}
		parts := strings.Split(token, ".")
		require.Len(t, parts, 3)
		require.LessOrEqual(t, len(token), jose.MaxToken)
		require.Equal(t, parts[1], b64.EncodeToString(jws.Payload), "one spelling only")
		header, err := b64.DecodeString(parts[0])
		require.NoError(t, err)
		require.Equal(t, parts[0], b64.EncodeToString(header))
		require.True(t, jsontext.Value(header).IsValid())
		require.True(t, jose.Supported(jws.Header.Algorithm))
		for _, key := range keys {
			if err := jws.Verify(key.Public()); err != nil {
				requireOneSentinel(t, err)
			}
		}
	})
}

func FuzzJWK(f *testing.F) {
	for _, key := range kinds() {
		text := jwkOf(f, key.Public())
		f.Add([]byte(text))
		f.Add([]byte(with(text, `"kid":"k","use":"sig","key_ops":["verify"],"ext":true`)))
		f.Add([]byte(with(text, `"alg":"EdDSA"`)))
		f.Add([]byte(with(text, `"alg":"Ed25519"`)))
		f.Add([]byte(with(text, `"d":"AA"`)))
		f.Add([]byte(with(text, `"x5c":["MIIB"]`)))
		f.Add([]byte(strings.Replace(text, `"x":"`, `"x":"AA`, 1)))
		f.Add([]byte(privateJWK(f, key)))
	}
	for _, text := range lowOrder {
		f.Add([]byte(edJWK(octets(f, text))))
	}
	f.Add([]byte(rsaJWK(odd(2048).Bytes(), []byte{3})))
	f.Add([]byte(`{"kty":"oct","k":"AA"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if private, err := jose.ParsePrivateJWK(data); err == nil {
			_, err := jose.NewSigner(private)
			require.NoError(t, err)
		} else {
			requireOneSentinel(t, err)
		}
		key, err := jose.ParseJWK(data, jose.MaxRSABits)
		if err != nil {
			requireOneSentinel(t, err)
			return
		}
		canonical, err := jose.CanonicalJWK(key.Key)
		require.NoError(t, err)
		again, err := jose.ParseJWK(canonical, jose.MaxRSABits)
		require.NoError(t, err)
		require.Equal(t, key.Key, again.Key)
		require.Equal(t, key.Thumbprint, again.Thumbprint)
		require.Equal(t, key.Algorithm, again.Algorithm)
		requireJWXAgrees(t, canonical, key.Thumbprint)
		if _, err := jwk.ParseKey(data); err == nil {
			requireJWXAgrees(t, data, key.Thumbprint)
		}
	})
}

func requireJWXAgrees(t *testing.T, data []byte, want [32]byte) {
	t.Helper()
	other, err := jwk.ParseKey(data)
	require.NoError(t, err)
	got, err := other.Thumbprint(crypto.SHA256)
	require.NoError(t, err)
	require.Equal(t, want[:], got)
}

type field struct{ name, value string }

// reference reads an object with an independent strict decoder.
func reference(t *testing.T, data []byte) (fields []field, depth int) {
	t.Helper()
	decoder := jsontext.NewDecoder(bytes.NewReader(data))
	for {
		if _, err := decoder.ReadToken(); err == io.EOF {
			break
		} else {
			require.NoError(t, err)
		}
		depth = max(depth, decoder.StackDepth())
	}
	decoder = jsontext.NewDecoder(bytes.NewReader(data))
	_, err := decoder.ReadToken()
	require.NoError(t, err)
	for decoder.PeekKind() != '}' {
		name, err := decoder.ReadToken()
		require.NoError(t, err)
		text := name.String()
		value, err := decoder.ReadValue()
		require.NoError(t, err)
		fields = append(fields, field{text, string(value)})
	}
	return fields, depth
}

func FuzzReadObject(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, `{"a":[{"b":[]},null,true,false,"x",-0.5e+7]}`, `[]`, `null`, ``,
		"{\"a\":\"\xff\"}", `{"a":"\ud800"}`, `{"a":"\ud83d\ude00"}`, `{"a":"\u00e9\/\b\f\n\r\t\"\\"}`, "\ufeff{}", `{"a":1}x`, `{"a":1}{}`, `{"a":01}`, `{"a":1.}`,
		`{"a":-}`, `{"a":1e}`, `{"a":tru}`, `{"a":1,}`, `{"a" 1}`, `{"a":[1,]}`, `{"a":[1 2]}`, `{"ſ":1,"s":2}`, "{\"a\":\"\t\"}", "{\"a\\u0000\":\"\\u0000\"}", `{"\ufffd":1,"�":2}`,
		strings.Repeat(`{"a":`, 16) + "1" + strings.Repeat("}", 16), strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17),
		`{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + "}", `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + "}",
		`{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"10":0,"11":0,"12":0,"13":0,"14":0,"15":0,"16":0,"17":0,"16":0}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got []field
		err := jose.ReadObject(data, func(name []byte, value jose.Value) error {
			got = append(got, field{string(name), string(value)})
			return nil
		})
		value := jsontext.Value(data)
		if !value.IsValid() || value.Kind() != '{' {
			requireOneSentinel(t, err)
			return
		}
		want, depth := reference(t, data)
		if depth > jose.MaxDepth {
			require.ErrorIs(t, err, jose.ErrLimit)
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
		for _, member := range got {
			requireSameString(t, jose.Value(member.value))
		}
	})
}

// requireSameString compares the getters of strings with the reference.
func requireSameString(t *testing.T, value jose.Value) {
	t.Helper()
	got, err := value.Text()
	if value[0] != '"' {
		require.ErrorIs(t, err, jose.ErrMalformed)
		return
	}
	require.NoError(t, err)
	want, err := jsontext.AppendUnquote(nil, value)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
	list, err := jose.Value("[" + string(value) + " , " + string(value) + "]").Texts()
	require.NoError(t, err)
	require.Equal(t, []string{got, got}, list)
}

func FuzzValueTime(f *testing.F) {
	for _, text := range []string{
		"0", "-0", "1", "-1", "1700000000", "1700000000.5", "1.7e9", "17E+8", "1e-400", "-1e-400", "1e400", "253402300799", "253402300799.5", "253402300800",
		"999999999999", "1000000000000", "0.000000001", "1700000000.999999999", `"1"`, "null", "true", "[]", "{}", "9007199254740993", "1e11", "00", "1.", "nan", "0x1p4",
	} {
		f.Add(text)
	}
	const maxDate, nanosecond = 253402300799, 1e-9
	f.Fuzz(func(t *testing.T, text string) {
		value := jsontext.Value(text)
		if !value.IsValid() || strings.TrimSpace(text) != text {
			return
		}
		got, err := jose.Value(text).Time()
		if value.Kind() != '0' {
			require.ErrorIs(t, err, jose.ErrMalformed)
			return
		}
		// A float of this size is exact to 1/32768 of a second.
		exact, _, parseErr := big.ParseFloat(text, 10, 256, big.ToNearestEven)
		if parseErr != nil {
			return // an exponent beyond the reference
		}
		seconds, _ := exact.Float64()
		switch {
		case err != nil:
			require.ErrorIs(t, err, jose.ErrMalformed)
			require.True(t, len(text) > 32 || seconds < 0 || seconds > maxDate, text)
		default:
			require.GreaterOrEqual(t, seconds, 0.0, text)
			require.LessOrEqual(t, seconds, float64(maxDate), text)
			require.InDelta(t, seconds, float64(got.Unix())+float64(got.Nanosecond())*nanosecond, 1e-4, text)
			require.GreaterOrEqual(t, got.Unix(), int64(0))
			require.LessOrEqual(t, got.Unix(), int64(maxDate))
		}
	})
}

func FuzzSegment(f *testing.F) {
	for _, text := range []string{"", "AA", "AB", "A", "AAAA", "AAAA\n", "\nAAAA", "A\r\nA", "AA==", "_-8", "+/8", "é", "AAAAA"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := jose.AppendDecoded([]byte("prefix"), text)
		decoded, otherErr := jose.Decode(text)
		require.Equal(t, err, otherErr)
		if err != nil {
			require.ErrorIs(t, err, jose.ErrMalformed)
			require.Nil(t, out)
		} else {
			require.Equal(t, "prefix"+string(decoded), string(out))
			require.Equal(t, text, jose.Encode(decoded), "one spelling only")
		}
		again, err := jose.Decode(jose.Encode([]byte(text)))
		require.NoError(t, err)
		require.Equal(t, text, string(again))
	})
}
