package jarm_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jarm"
)

// FuzzDecode feeds any text as response, and as query: nothing panics, nothing is
// taken but what the server signed, and every refusal is a refusal.
func FuzzDecode(f *testing.F) {
	key, header := testkeys.EdDSA("as"), `{"alg":"EdDSA","kid":"as-1"}`
	trust := func(c *jarm.DecoderConfig) { c.Keys = publish(key) }
	p, plain, private := newRP(f, trust), newRP(f, mode(jarm.ModeQuery)), newRP(f, trust, decrypting(ecKey()))
	good := sign(f, key, header, sound().json(f))
	for _, seed := range []string{
		"", "..", "....", "a.b.c", good, good + "=", good[1:], encrypted(f, ecKey(), good),
		sign(f, testkeys.EdDSA("evil"), header, sound().json(f)),
		sign(f, key, header, sound().with("exp", 1).json(f)),
		sign(f, key, header, sound().with("error", "x").json(f)),
		sign(f, key, `{"alg":"EdDSA","crit":["a"]}`, `{"iss":"a","aud":["x"]}`),
		"code=a&state=s-1&iss=https%3A%2F%2Fas.example.com", "response=&%zz;", "a=%00&a",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, p := range []*rp{p, private} {
			params, err := p.Decode(t.Context(), text)
			if err == nil {
				require.NotEmpty(t, params)
				require.True(t, p == private || signedByServer(text), text)
				continue
			}
			require.Nil(t, params)
			requireNoFault(t, err)
		}
		for _, p := range []*rp{p, plain} {
			r := get("")
			r.URL.RawQuery = text
			if params, err := p.Callback(r, state); err != nil {
				require.Nil(t, params)
				requireNoFault(t, err)
			} else {
				require.Equal(t, state, params.Get("state"))
			}
		}
	})
}

func requireNoFault(t *testing.T, err error) {
	t.Helper()
	var refused *jarm.Error
	var answered *jarm.AuthorizationError
	require.True(t, errors.As(err, &refused) || errors.As(err, &answered), err)
}

// signedByServer asks the standard library alone.
func signedByServer(token string) bool {
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.Strict().DecodeString(token[dot+1:])
	public := testkeys.EdDSA("as").Public().(ed25519.PublicKey)
	return err == nil && ed25519.Verify(public, []byte(token[:dot]), signature)
}
