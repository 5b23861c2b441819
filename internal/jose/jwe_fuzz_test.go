package jose_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func FuzzDecrypt(f *testing.F) {
	jws := signed(f, testkeys.ES256("client"), `{"alg":"ES256"}`, `{"sub":"a"}`)
	var keys []jose.DecryptionKey
	for _, r := range recipients() {
		keys = append(keys, jose.DecryptionKey{Key: r.private, KeyID: "k"})
		for _, enc := range encs {
			token, err := jose.Encrypt(r.public, "k", enc, jws)
			require.NoError(f, err)
			f.Add(token)
			f.Add(token + "=")
			f.Add(token[:len(token)-22])
			f.Add(strings.Replace(token, ".", "..", 1))
			for _, members := range []string{``, `,"cty":"JWT"`, `,"zip":"DEF"`, `,"p2c":1`, `,"crit":["x"]`, `,"apu":"AA","apv":"AA"`, `,"epk":{}`, `,"x5c":1`} {
				forged := r.forge(enc, jws)
				forged.header = r.header(enc, members)
				f.Add(forged.token(f))
			}
			f.Add(r.forge(enc, "{}").token(f))
		}
	}
	f.Add("....")
	f.Add(b64.EncodeToString([]byte(`{"alg":"A128KW","enc":"A256GCM"}`)) + "..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := jose.Decrypt(token, keys)
		if err != nil {
			require.Empty(t, got)
			count := 0
			for _, sentinel := range []error{jose.ErrMalformed, jose.ErrLimit, jose.ErrAlgorithm, jose.ErrDecrypt} {
				if errors.Is(err, sentinel) {
					count++
				}
			}
			require.Equal(t, 1, count, "%v", err)
			return
		}
		require.True(t, jose.IsEncrypted(token))
		require.LessOrEqual(t, len(token), jose.MaxEncrypted)
		_, err = jose.Split(got)
		require.NoError(t, err)
	})
}
