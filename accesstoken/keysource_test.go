package accesstoken

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
)

func TestKeySource(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	with := func(s KeySource) func(*VerifierConfig) { return func(c *VerifierConfig) { c.Keys = s } }
	returns := func(keys []crypto.PublicKey, err error) KeySource {
		return keysFunc(func(context.Context, string, string) ([]crypto.PublicKey, error) { return keys, err })
	}
	good := issuerKey().Public()
	other := testkeys.ES256("other").Public()

	t.Run("X01 an error fails closed, and only until the source works again", func(t *testing.T) {
		t.Parallel()
		down := errors.New("dial: refused")
		failing := true
		v := newVerifier(t, with(keysFunc(func(context.Context, string, string) ([]crypto.PublicKey, error) {
			if failing {
				return []crypto.PublicKey{good}, down // keys beside an error do not count
			}
			return []crypto.PublicKey{good}, nil
		})))
		token := goodToken(t)
		require.ErrorIs(t, requireFailed(t, v, token), down)
		failing = false
		requireAccepted(t, v, token)
	})
	t.Run("an error with an OAuth code of its own is no refusal", func(t *testing.T) {
		t.Parallel()
		err := requireFailed(t, newVerifier(t, with(returns(nil, refuse(ErrKey, nil)))), goodToken(t))
		require.NotErrorIs(t, err, ErrKey)
	})
	t.Run("a panic fails closed", func(t *testing.T) {
		t.Parallel()
		source := keysFunc(func(context.Context, string, string) ([]crypto.PublicKey, error) { panic("secret") })
		require.NotContains(t, requireFailed(t, newVerifier(t, with(source)), goodToken(t)).Error(), "secret")
		requireFailed(t, newVerifier(t, with((*nilSource)(nil))), goodToken(t))
	})
	t.Run("a cancelled context reaches the source", func(t *testing.T) {
		t.Parallel()
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		v := newVerifier(t, with(keysFunc(func(ctx context.Context, _, _ string) ([]crypto.PublicKey, error) {
			return nil, ctx.Err()
		})))
		_, err := v.Verify(cancelled, goodToken(t))
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("the source gets kid and alg, and only for tokens that claim to be ours", func(t *testing.T) {
		t.Parallel()
		var calls []string
		v := newVerifier(t, with(keysFunc(func(_ context.Context, kid, alg string) ([]crypto.PublicKey, error) {
			calls = append(calls, kid+" "+alg)
			return []crypto.PublicKey{good}, nil
		})))
		for _, change := range [][]string{
			{"iss", `"https://evil.example"`}, {"aud", `"x"`}, {"exp", "1"}, {"jti", ""}, {"cnf", "{}"}, {"scope", `" "`},
		} {
			_, err := v.Verify(ctx, goodToken(t, change...))
			require.Error(t, err)
		}
		require.Empty(t, calls)
		requireAccepted(t, v, goodToken(t))
		requireAccepted(t, v, sign(t, issuerKey(), `{"alg":"ES256","typ":"at+jwt"}`, payload(time.Now())))
		require.Equal(t, []string{"as-1 ES256", " ES256"}, calls)
	})
	tests := map[string]struct {
		keys []crypto.PublicKey
		want error
	}{
		"S49 the second of two keys":         {[]crypto.PublicKey{other, good}, nil},
		"S49 the first of two keys":          {[]crypto.PublicKey{good, other}, nil},
		"S49 the eighth key":                 {append(slices.Repeat([]crypto.PublicKey{other}, 7), good), nil},
		"S49 nine keys are a guess":          {append(slices.Repeat([]crypto.PublicKey{other}, 8), good), ErrKey},
		"S49 beside a key of another kind":   {[]crypto.PublicKey{testkeys.PS256().Public(), good}, nil},
		"no key":                             {nil, ErrKey},
		"another key":                        {[]crypto.PublicKey{other}, ErrSignature},
		"wrong signature outweighs a misfit": {[]crypto.PublicKey{other, testkeys.PS256().Public()}, ErrSignature},
		"S29 key of another algorithm":       {[]crypto.PublicKey{testkeys.EdDSA("a").Public()}, ErrAlgorithm},
		"S33 P-384":                          {[]crypto.PublicKey{&ecdsa.PublicKey{Curve: elliptic.P384()}}, ErrKey},
		"S31 symmetric key":                  {[]crypto.PublicKey{[]byte("secret")}, ErrKey},
		"nil key":                            {[]crypto.PublicKey{nil}, ErrKey},
		"key without a point":                {[]crypto.PublicKey{&ecdsa.PublicKey{Curve: elliptic.P256()}}, ErrKey},
		"nil pointer":                        {[]crypto.PublicKey{(*ecdsa.PublicKey)(nil)}, ErrKey},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := newVerifier(t, with(returns(test.keys, nil))).Verify(ctx, goodToken(t))
			if test.want == nil {
				require.NoError(t, err)
				require.Equal(t, "user-1", got.Subject())
				return
			}
			require.ErrorIs(t, err, test.want)
			require.Nil(t, got)
		})
	}
}

// nilSource panics when nil.
type nilSource struct{ keys []crypto.PublicKey }

func (s *nilSource) Keys(context.Context, string, string) ([]crypto.PublicKey, error) {
	return s.keys, nil
}
