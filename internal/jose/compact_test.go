package jose_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// Not parallel: AllocsPerRun counts for the whole process.
func TestCompactSize(t *testing.T) {
	key := testkeys.ES256("client")

	t.Run("S19 oversize token", func(t *testing.T) {
		big := strings.Repeat("A", 10<<20)
		for name, token := range map[string]string{
			"header":     big + ".e30.AAAA",
			"payload":    "e30." + big + ".AAAA",
			"signature":  "e30.e30." + big,
			"dots":       strings.Repeat(".", 10_000_000),
			"64 KiB + 1": strings.Repeat("A", 64<<10+1),
			"limit + 1":  strings.Repeat("A", jose.MaxToken+1),
		} {
			assert.ErrorIs(t, verify(token, &key.PublicKey), jose.ErrLimit, name)
			allocs := testing.AllocsPerRun(3, func() { _, _ = jose.Parse(token) })
			assert.Zero(t, allocs, "%s: refused before anything is decoded", name)
		}
	})
	t.Run("S19 control: a token of exactly the limit", func(t *testing.T) {
		header := jose.Encode([]byte(`{"alg":"ES256"}`))
		require.Len(t, header, 20)
		payload := strings.Repeat("A", jose.MaxToken-len(header)-len("..")-b64.EncodedLen(64))
		token := signedSegments(t, key, header, payload)
		require.Len(t, token, jose.MaxToken)
		require.NoError(t, verify(token, &key.PublicKey))
	})
}

func TestCompactShape(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client")
	token := signed(t, key, `{"alg":"ES256"}`, `{"sub":"a"}`)
	parts := strings.Split(token, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	require.NoError(t, verify(token, &key.PublicKey))

	refuse := func(t *testing.T, tokens ...string) {
		t.Helper()
		for _, token := range tokens {
			assert.ErrorIs(t, verify(token, &key.PublicKey), jose.ErrMalformed, "%q", token)
		}
	}
	t.Run("S20 wrong number of segments", func(t *testing.T) {
		refuse(t, "", ".", "..", "...", header, header+"."+payload, token+".", "."+token, token+"."+signature, token+"..", ".."+signature,
			header+".."+signature, "."+payload+"."+signature, "a..", header+"..", strings.Repeat("e30.", 3)+"e30", strings.Repeat("e30.", 4)+"e30",
			strings.Repeat("e30.", 5)+"e30", strings.Repeat("e30.", 6)+"e30")
		jwe := jose.Encode([]byte(`{"alg":"RSA-OAEP-256","enc":"A256GCM"}`))
		refuse(t, jwe+".AAAA.AAAA.AAAA.AAAA", jwe+"..AAAA.AAAA.AAAA")
		require.ErrorIs(t, verify(header+"."+payload+".", &key.PublicKey), jose.ErrSignature, "an empty signature verifies nothing")
		for _, token := range []string{token + ".", header + "." + payload + "..", header + "." + payload, header, ".a.a", "a..a"} {
			_, err := jose.Split(token)
			assert.ErrorIs(t, err, jose.ErrMalformed, token)
		}
	})
	t.Run("S20 encryption parameters in a signed token", func(t *testing.T) {
		for _, member := range []string{`"enc":"A256GCM"`, `"zip":"DEF"`, `"epk":{}`, `"p2c":1`, `"p2s":"AA"`} {
			refuse(t, signed(t, key, `{"alg":"ES256",`+member+`}`, `{}`))
		}
	})
	t.Run("S22 JSON serialization", func(t *testing.T) {
		unprotected := `{"payload":"` + payload + `","header":{"alg":"ES256","typ":"dpop+jwt"},"signature":"` + signature + `"}`
		flattened := `{"payload":"` + payload + `","protected":"` + header + `","signature":"` + signature + `"}`
		general := `{"payload":"` + payload + `","signatures":[{"protected":"` + header + `","signature":"` + signature + `"}]}`
		refuse(t, unprotected, flattened, general, `"`+token+`"`)
	})
	t.Run("S24 padding", func(t *testing.T) {
		for _, pad := range []string{"=", "==", "%3D"} {
			refuse(t, token+pad)
			refuse(t, signedSegments(t, key, header+pad, payload), signedSegments(t, key, header, payload+pad))
		}
	})
	t.Run("S26 line breaks and blanks inside or around a segment", func(t *testing.T) {
		for _, c := range []string{"\n", "\r", "\r\n", "\t", " ", "\x00", "\v", "\u00a0", "+", "/", "%"} {
			refuse(t, token+c, c+token, header+"."+payload+"."+signature[:10]+c+signature[10:], header+"."+payload+c+"."+signature)
			refuse(t, signedSegments(t, key, header[:8]+c+header[8:], payload), signedSegments(t, key, header, payload[:8]+c+payload[8:]))
			_, err := jose.Decode("AAAA" + c)
			assert.ErrorIs(t, err, jose.ErrMalformed, "%q", c)
			_, err = jose.ParseHeader(header + c)
			assert.ErrorIs(t, err, jose.ErrMalformed, "%q", c)
		}
	})
}

// reshape returns the other spellings of a segment: the same octets, unused
// low bits set.
func reshape(segment string) []string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	want, _ := b64.DecodeString(segment)
	var out []string
	for _, c := range alphabet {
		other := segment[:len(segment)-1] + string(c)
		if got, err := b64.DecodeString(other); err == nil && other != segment && string(got) == string(want) {
			out = append(out, other)
		}
	}
	return out
}

func TestCompactTrailingBits(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client")
	t.Run("S23 non-zero trailing bits", func(t *testing.T) {
		for _, blank := range []string{"", " ", "  "} {
			header, payload := jose.Encode([]byte(`{"alg":"ES256"}`+blank)), jose.Encode([]byte(`{"sub":"a"}`+blank))
			token := signedSegments(t, key, header, payload)
			require.NoError(t, verify(token, &key.PublicKey))
			for _, other := range reshape(header) {
				assert.ErrorIs(t, verify(signedSegments(t, key, other, payload), &key.PublicKey), jose.ErrMalformed)
			}
			for _, other := range reshape(payload) {
				assert.ErrorIs(t, verify(signedSegments(t, key, header, other), &key.PublicKey), jose.ErrMalformed)
			}
			others := reshape(token[strings.LastIndexByte(token, '.')+1:])
			require.Len(t, others, 15, "64 octets leave four bits")
			for _, other := range others {
				assert.ErrorIs(t, verify(header+"."+payload+"."+other, &key.PublicKey), jose.ErrMalformed)
			}
		}
	})
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "AA": "\x00", "_-8": "\xff\xef", "Zm9v": "foo"} {
		got, err := jose.Decode(text)
		require.NoError(t, err, text)
		require.Equal(t, want, string(got))
		require.Equal(t, text, jose.Encode(got))
	}
	got, err := jose.AppendDecoded([]byte("prefix "), "Zm9v")
	require.NoError(t, err)
	require.Equal(t, "prefix foo", string(got))
	for _, text := range []string{"A", "AAAAA", "AB", "AAB", "Zm9v=", "Zm+v", "Zm/v", "Zm9v\n", "Z\r\nm9v", "é"} {
		_, err := jose.Decode(text)
		assert.ErrorIs(t, err, jose.ErrMalformed, "%q", text)
		_, err = jose.AppendDecoded([]byte("prefix "), text)
		assert.ErrorIs(t, err, jose.ErrMalformed, "%q", text)
	}
}
