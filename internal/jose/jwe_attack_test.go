package jose_test

import (
	"bytes"
	"compress/flate"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"strconv"
	"strings"
	"testing"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jwe"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// Every subtest begins with the token without the defect, which decrypts.

func TestJWEAlgorithms(t *testing.T) {
	t.Parallel()
	t.Run("S42 empty or misfit encrypted_key", func(t *testing.T) {
		each(t, func(t *testing.T, r recipient, enc, jws string) {
			f := r.forge(enc, jws)
			require.NoError(t, r.decrypt(f.token(t)))
			for _, size := range []int{0, 1, 8, 24, 40, 255, 257, 1024, 1025} {
				if r.alg == jose.ECDHES && size == 0 {
					continue
				}
				f.change = func(s *[5][]byte) { s[1] = random(size) }
				err := r.decrypt(f.token(t))
				if r.alg == jose.ECDHES || size < 256 || size > 1024 {
					assert.ErrorIs(t, err, jose.ErrMalformed, "%d", size)
				} else {
					assert.Equal(t, jose.ErrDecrypt, err, "%d", size)
				}
			}
			f.change = func(s *[5][]byte) { s[1] = nil }
			for _, alg := range []string{"A128KW", "A256KW", "A128GCMKW", "ECDH-ES+A128KW", "ECDH-ES+A256KW", "PBES2-HS256+A128KW"} {
				f.header = strings.Replace(r.header(enc, `,"cty":"JWT"`), r.alg, alg, 1)
				assert.Equal(t, jose.ErrAlgorithm, r.decrypt(f.token(t)), alg)
			}
		})
	})
	t.Run("S56 PBES2 and p2c", func(t *testing.T) {
		r := recipients()[1]
		jws := signed(t, testkeys.ES256("client"), `{"alg":"ES256"}`, `{}`)
		f := r.forge(jose.A256GCM, jws)
		require.NoError(t, r.decrypt(f.token(t)))
		for _, count := range []string{"1", "0", "-1", "1000000", "1e9", "9223372036854775808", `"1"`} {
			member := `,"cty":"JWT","p2c":` + count + `,"p2s":"AAAAAAAAAAA"`
			f.header = r.header(jose.A256GCM, member)
			assert.ErrorIs(t, r.decrypt(f.token(t)), jose.ErrMalformed, count)
			for _, alg := range []string{"PBES2-HS256+A128KW", "PBES2-HS384+A192KW", "PBES2-HS512+A256KW"} {
				f.header = strings.Replace(r.header(jose.A256GCM, member), r.alg, alg, 1)
				assert.Equal(t, jose.ErrAlgorithm, r.decrypt(f.token(t)), "%s %s", alg, count)
			}
		}
	})
	t.Run("S57 alg or enc outside the set", func(t *testing.T) {
		jws := []byte(signed(t, testkeys.ES256("client"), `{"alg":"ES256"}`, `{}`))
		headers := func() jwe.EncryptOption {
			h := jwe.NewHeaders()
			require.NoError(t, h.Set("cty", "JWT"))
			return jwe.WithProtectedHeaders(h)
		}
		for _, r := range recipients() {
			algs := []jwa.KeyEncryptionAlgorithm{jwa.RSA1_5, jwa.RSA_OAEP, jwa.RSA_OAEP_512}
			if r.alg == jose.ECDHES {
				algs = []jwa.KeyEncryptionAlgorithm{jwa.ECDH_ES_A128KW, jwa.ECDH_ES_A256KW}
			}
			own := jwa.KeyEncryptionAlgorithm(r.alg)
			for _, alg := range append(algs, own) {
				token, err := jwe.Encrypt(jws, jwe.WithKey(alg, r.public), headers())
				require.NoError(t, err)
				err = r.decrypt(string(token))
				if alg == own {
					require.NoError(t, err)
					continue
				}
				assert.Equal(t, jose.ErrAlgorithm, err, alg)
				_, err = jwe.Decrypt(token, jwe.WithKey(alg, r.private))
				require.NoError(t, err, "a good token, but not for us")
			}
			for _, enc := range []jwa.ContentEncryptionAlgorithm{jwa.A128GCM, jwa.A192GCM, jwa.A192CBC_HS384, jwa.A256CBC_HS512} {
				token, err := jwe.Encrypt(jws, jwe.WithKey(own, r.public), jwe.WithContentEncryption(enc), headers())
				require.NoError(t, err)
				assert.Equal(t, jose.ErrAlgorithm, r.decrypt(string(token)), enc)
			}
			for _, text := range []string{`{}`, `{"alg":"` + r.alg + `"}`, `{"enc":"A256GCM"}`, `{"alg":"","enc":""}`, `{"alg":"none","enc":"none"}`, `{"alg":"` + r.alg + `","enc":"a256gcm"}`, `{"alg":"` + strings.ToLower(r.alg) + `","enc":"A256GCM"}`, `{"Alg":"` + r.alg + `","enc":"A256GCM"}`} {
				f := forgery{to: r.public, enc: jose.A256GCM, header: text, content: string(jws)}
				assert.Equal(t, jose.ErrAlgorithm, r.decrypt(f.token(t)), text)
			}
		}
		key := random(32)
		direct, err := jwe.Encrypt(jws, jwe.WithKey(jwa.DIRECT, key), headers())
		require.NoError(t, err)
		_, err = jwe.Decrypt(direct, jwe.WithKey(jwa.DIRECT, key))
		require.NoError(t, err)
		require.Equal(t, jose.ErrAlgorithm, recipients()[0].decrypt(string(direct)))
		require.Equal(t, jose.ErrAlgorithm, recipients()[0].decrypt(strings.Replace(string(direct), "..", ".AAAA.", 1)))
	})
	t.Run("S57 alg of another key", func(t *testing.T) {
		jws := signed(t, testkeys.ES256("client"), `{"alg":"ES256"}`, `{}`)
		ec, rsa := recipients()[0], recipients()[1]
		token, err := jose.Encrypt(ec.public, "k", "", jws)
		require.NoError(t, err)
		_, err = jose.Decrypt(token, []jose.DecryptionKey{{Key: ec.private, KeyID: "k"}})
		require.NoError(t, err)
		_, err = jose.Decrypt(token, []jose.DecryptionKey{{Key: rsa.private, KeyID: "k"}, {Key: ec.private, KeyID: "other"}})
		require.Equal(t, jose.ErrDecrypt, err)
	})
}

func TestJWETag(t *testing.T) {
	t.Parallel()
	t.Run("S57 tag, vector and ciphertext of another length", func(t *testing.T) {
		each(t, func(t *testing.T, r recipient, enc, jws string) {
			f := r.forge(enc, jws)
			require.NoError(t, r.decrypt(f.token(t)))
			for name, change := range map[string]func(s *[5][]byte){
				"no tag": func(s *[5][]byte) { s[4] = nil }, "tag of 12": func(s *[5][]byte) { s[4] = s[4][:12] }, "tag of 15": func(s *[5][]byte) { s[4] = s[4][:15] },
				"tag of 17": func(s *[5][]byte) { s[4] = append(s[4], 0) }, "tag of 32": func(s *[5][]byte) { s[4] = append(s[4], s[4]...) },
				"octets moved to the tag": func(s *[5][]byte) {
					s[3], s[4] = s[3][:len(s[3])-1], append(s[3][len(s[3])-1:len(s[3]):len(s[3])], s[4]...)
				},
				"no vector": func(s *[5][]byte) { s[2] = nil }, "vector short": func(s *[5][]byte) { s[2] = s[2][1:] }, "vector long": func(s *[5][]byte) { s[2] = append(s[2], 0) },
				"no ciphertext": func(s *[5][]byte) { s[3] = nil },
			} {
				f.change = change
				assert.ErrorIs(t, r.decrypt(f.token(t)), jose.ErrMalformed, name)
			}
			f.change = func(s *[5][]byte) { s[3] = s[3][1:] }
			want := map[string]error{jose.A256GCM: jose.ErrDecrypt, jose.A128CBCHS256: jose.ErrMalformed}[enc]
			assert.ErrorIs(t, r.decrypt(f.token(t)), want, "ciphertext short")
		})
	})
	t.Run("S57 one uniform error", func(t *testing.T) {
		each(t, func(t *testing.T, r recipient, enc, jws string) {
			f := r.forge(enc, jws)
			require.NoError(t, r.decrypt(f.token(t)))
			for i := range 5 {
				for _, at := range []int{0, -1} {
					f.change = func(s *[5][]byte) {
						if i == 0 {
							s[0] = append(s[0], ' ')
						} else if len(s[i]) > 0 {
							s[i][(at+len(s[i]))%len(s[i])] ^= 1
						}
					}
					if i == 1 && r.alg == jose.ECDHES {
						continue
					}
					require.Equal(t, jose.ErrDecrypt, r.decrypt(f.token(t)), "segment %d", i)
				}
			}
			f.change = nil
			_, err := jose.Decrypt(f.token(t), []jose.DecryptionKey{{Key: r.foreign}})
			require.Equal(t, jose.ErrDecrypt, err)
			if enc == jose.A128CBCHS256 {
				pad := func(end string) error {
					f.padding = []byte(strings.Repeat("\x00", 32-len(jws)%16-len(end)) + end)
					return r.decrypt(f.token(t))
				}
				for _, end := range []string{"\x11", "\xff", "\x01\x02"} {
					require.Equal(t, jose.ErrDecrypt, pad(end), "%q", end)
				}
				require.Equal(t, jose.ErrUnsigned, pad("\x00"), "jwx takes a zero for no padding and leaves it in the content")
			}
			if r.alg == jose.RSAOAEP256 {
				for _, size := range []int{0, 16, 31, 33, 64} {
					f := r.forge(enc, jws)
					f.contentKey, f.change = make([]byte, size), func(s *[5][]byte) {
						s[2], s[3], s[4] = random(map[string]int{jose.A256GCM: 12, jose.A128CBCHS256: 16}[enc]), random(64), random(16)
					}
					require.Equal(t, jose.ErrDecrypt, r.decrypt(f.token(t)), "content key of %d", size)
				}
			}
		})
	})
	t.Run("S57 other spellings of the segments", func(t *testing.T) {
		each(t, func(t *testing.T, r recipient, enc, jws string) {
			token := r.forge(enc, jws).token(t)
			require.NoError(t, r.decrypt(token))
			parts := strings.Split(token, ".")
			require.NotEmpty(t, reshape(parts[4]), "16 octets leave four bits")
			for i, part := range parts {
				others := []string{part + "=", part + "==", part + "\n", "\r\n" + part, part + " ", part + "+", part + "\x00"}
				if part != "" {
					others = append(others, reshape(part)...)
				}
				for _, other := range others {
					changed := append([]string{}, parts...)
					changed[i] = other
					assert.ErrorIs(t, r.decrypt(strings.Join(changed, ".")), jose.ErrMalformed, "%d %q", i, other)
				}
			}
			for _, other := range []string{"", "....", token + ".", "." + token, strings.Join(parts[:4], "."), jws, `{"protected":"` + parts[0] + `"}`, strings.Repeat(".", 100)} {
				assert.ErrorIs(t, r.decrypt(other), jose.ErrMalformed, other)
			}
			assert.Equal(t, jose.ErrLimit, r.decrypt(token+strings.Repeat("A", jose.MaxEncrypted)))
		})
	})
}

func TestJWEHeader(t *testing.T) {
	t.Parallel()
	t.Run("S54 zip bomb", func(t *testing.T) {
		var bomb bytes.Buffer
		w, err := flate.NewWriter(&bomb, flate.BestCompression)
		require.NoError(t, err)
		_, err = w.Write(make([]byte, 9<<20))
		require.NoError(t, err)
		require.NoError(t, w.Close())
		require.Less(t, bomb.Len(), 10<<10)
		each(t, func(t *testing.T, r recipient, enc, jws string) {
			require.NoError(t, r.decrypt(r.forge(enc, jws).token(t)))
			f := r.forge(enc, bomb.String())
			f.header = r.header(enc, `,"cty":"JWT","zip":"DEF"`)
			token := f.token(t)
			require.ErrorIs(t, r.decrypt(token), jose.ErrMalformed)
			for _, zip := range []string{`""`, `null`, `"def"`, `"GZ"`, `1`} {
				f := r.forge(enc, jws)
				f.header = r.header(enc, `,"cty":"JWT","zip":`+zip)
				require.ErrorIs(t, r.decrypt(f.token(t)), jose.ErrMalformed, zip)
			}
			if r.alg != jose.ECDHES || enc != jose.A256GCM {
				return // inflating is slow
			}
			inflated, err := jwe.Decrypt([]byte(token), jwe.WithKey(jwa.KeyEncryptionAlgorithm(r.alg), r.private))
			require.NoError(t, err)
			require.Len(t, inflated, 9<<20, "the bomb is sound")
		})
	})
	t.Run("members that refuse", func(t *testing.T) {
		each(t, func(t *testing.T, r recipient, enc, jws string) {
			f := r.forge(enc, jws)
			require.NoError(t, r.decrypt(f.token(t)))
			members := []string{
				`"crit":["exp"]`, `"crit":[]`, `"crit":null`, `"b64":true`, `"iv":"AA"`, `"tag":"AA"`, `"jwk":{}`, `"jku":"https://a.example"`, `"x5c":[]`, `"x5u":""`,
				`"kid":1`, `"kid":null`, `"cty":"JWT"`, `"typ":1`, `"enc":"` + enc + `"`, `"\u0061lg":"` + r.alg + `"`, `"a":1,"a":1`, `"a":"` + "\xff" + `"`, `"a":01`,
			}
			if r.alg == jose.RSAOAEP256 {
				members = append(members, `"epk":EPK`, `"epk":null`, `"apu":"AA"`, `"apv":"AA"`)
			}
			for _, member := range members {
				f.header = r.header(enc, `,"cty":"JWT",`+member)
				assert.ErrorIs(t, r.decrypt(f.token(t)), jose.ErrMalformed, member)
			}
			f.header = r.header(enc, `,"cty":"JWT","a":`+strings.Repeat("[", 20)+strings.Repeat("]", 20))
			assert.ErrorIs(t, r.decrypt(f.token(t)), jose.ErrLimit)
		})
	})
	t.Run("S58 ephemeral key", func(t *testing.T) {
		r := recipients()[0]
		jws := signed(t, testkeys.ES256("client"), `{"alg":"ES256"}`, `{}`)
		own := testkeys.ES256("ephemeral")
		x, y := coordinates(t, &own.PublicKey)
		good := ecJWK(x, y)
		off := append([]byte{}, y...)
		off[31] ^= 1
		p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		require.NoError(t, err)
		big, err := p384.PublicKey.Bytes()
		require.NoError(t, err)
		x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
		require.NoError(t, err)
		zero := make([]byte, 32)
		for _, enc := range encs {
			token := func(epk string) string {
				f := r.forge(enc, jws)
				f.header = strings.Replace(f.header, "EPK", epk, 1)
				return f.token(t)
			}
			require.NoError(t, r.decrypt(token(good)))
			require.NoError(t, r.decrypt(token(with(good, `"ext":true`))))
			for name, epk := range map[string]string{
				"off the curve": ecJWK(x, off), "origin": ecJWK(zero, zero), "swapped": ecJWK(y, x), "long": ecJWK(append([]byte{0}, x...), y), "short": ecJWK(x[1:], y),
				"P-384":                 `{"kty":"EC","crv":"P-384","x":"` + b64.EncodeToString(big[1:49]) + `","y":"` + b64.EncodeToString(big[49:]) + `"}`,
				"P-384 under our label": ecJWK(big[1:49], big[49:]), "our point under P-384": strings.Replace(good, "P-256", "P-384", 1),
				"X25519":    `{"kty":"OKP","crv":"X25519","x":"` + b64.EncodeToString(x25519.PublicKey().Bytes()) + `"}`,
				"X25519, 1": `{"kty":"OKP","crv":"X25519","x":"AA"}`, "Ed25519": jwkOf(t, testkeys.EdDSA("a").Public()), "RSA": jwkOf(t, testkeys.PS256().Public()),
				"oct": `{"kty":"oct","k":"AAAA"}`, "private": with(good, `"d":"AA"`), "private, null": with(good, `"D":null`), "duplicate": with(good, `"x":"AA"`),
				"empty": `{}`, "null": `null`, "text": `"epk"`, "list": `[` + good + `]`, "padded": strings.Replace(good, `","y"`, `=","y"`, 1),
			} {
				err := r.decrypt(token(epk))
				if name == "duplicate" {
					assert.ErrorIs(t, err, jose.ErrMalformed, name)
					continue
				}
				assert.Equal(t, jose.ErrDecrypt, err, name)
			}
			f := r.forge(enc, jws)
			f.header = strings.Replace(f.header, `"epk":EPK,`, "", 1)
			assert.Equal(t, jose.ErrDecrypt, r.decrypt(f.token(t)), "none")
			assert.Equal(t, jose.ErrDecrypt, r.decrypt(token(jwkOf(t, &testkeys.ES256(attacker).PublicKey))), "another point")
		}
	})
}

func TestJWEContent(t *testing.T) {
	t.Parallel()
	t.Run("S59 content that is not signed", func(t *testing.T) {
		each(t, func(t *testing.T, r recipient, enc, jws string) {
			require.NoError(t, r.decrypt(r.forge(enc, jws).token(t)))
			none := b64.EncodeToString([]byte(`{"alg":"none"}`)) + "." + b64.EncodeToString([]byte(`{"sub":"a"}`)) + "."
			for name, content := range map[string]string{
				"claims": `{"sub":"a"}`, "JWT of alg none": none, "JWE": r.forge(enc, jws).token(t), "JSON serialization": `{"payload":"e30","signature":"AA"}`,
				"one segment": "AAAA", "two": "AAAA.AAAA", "four": jws + ".AAAA", "padded": jws + "=", "line break": jws + "\n", "blank": " " + jws, "NUL": "\x00", "dots": "..",
				"odd header": "A" + jws, "odd payload": "AAAA.A.AAAA",
			} {
				got, err := jose.Decrypt(r.forge(enc, content).token(t), r.keys())
				assert.Equal(t, jose.ErrUnsigned, err, name)
				assert.ErrorIs(t, err, jose.ErrMalformed, name)
				assert.Empty(t, got, name)
			}
			long := jws + strings.Repeat("A", jose.MaxToken)
			assert.Equal(t, jose.ErrLimit, r.decrypt(r.forge(enc, long).token(t)))
		})
	})
	t.Run("S59 algorithm none with a signature is left to Parse", func(t *testing.T) {
		r := recipients()[0]
		content := b64.EncodeToString([]byte(`{"alg":"none"}`)) + ".e30.AAAA"
		got, err := jose.Decrypt(r.forge(jose.A256GCM, content).token(t), r.keys())
		require.NoError(t, err)
		_, err = jose.Parse(got)
		require.ErrorIs(t, err, jose.ErrAlgorithm)
	})
	t.Run("S59 cty", func(t *testing.T) {
		each(t, func(t *testing.T, r recipient, enc, jws string) {
			for cty, want := range map[string]error{
				"": jose.ErrUnsigned, `"JWT"`: nil, `"jwt"`: nil, `"application/jwt"`: nil, `""`: jose.ErrUnsigned, `"JSON"`: jose.ErrUnsigned, `"JWE"`: jose.ErrUnsigned,
				`"JWT "`: jose.ErrUnsigned, `"application/"`: jose.ErrUnsigned, `null`: jose.ErrMalformed, `["JWT"]`: jose.ErrMalformed,
			} {
				f := r.forge(enc, jws)
				f.header = r.header(enc, "")
				if cty != "" {
					f.header = r.header(enc, `,"cty":`+cty)
				}
				assert.ErrorIs(t, r.decrypt(f.token(t)), want, strconv.Quote(cty))
			}
		})
	})
}
