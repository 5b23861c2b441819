package dpoptest_test

import (
	"crypto"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/replay"
)

const (
	url   = "https://api.bank.example/accounts"
	token = "Kz8mXK1EalYznwH"
)

func newVerifier(t testing.TB) *dpop.Verifier {
	t.Helper()
	store, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(t, err)
	v, err := dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{"https://api.bank.example"}, Replay: store})
	require.NoError(t, err)
	return v
}

func TestRequest(t *testing.T) {
	t.Parallel()
	v, key := newVerifier(t), dpoptest.NewKey(t)
	r := dpoptest.Request(t, key, "DELETE", url+"?x=1", token)
	require.Equal(t, "DPoP "+token, r.Header.Get("Authorization"))
	proof, err := v.VerifyResourceRequest(r, token, dpoptest.Thumbprint(t, key))
	require.NoError(t, err)
	require.Equal(t, dpoptest.Thumbprint(t, key), proof.Thumbprint())

	r = dpoptest.Request(t, key, "POST", url, "")
	require.Empty(t, r.Header.Get("Authorization"))
	_, err = v.VerifyTokenRequest(r)
	require.NoError(t, err)
	require.NotEqual(t, dpoptest.Thumbprint(t, key), dpoptest.Thumbprint(t, dpoptest.NewKey(t)))
}

func TestForge(t *testing.T) {
	t.Parallel()
	key, other := dpoptest.NewKey(t), dpoptest.NewKey(t)
	claims := func(name string, value any) dpoptest.Change {
		return dpoptest.Change{Claims: map[string]any{name: value}}
	}
	header := func(name string, value any) dpoptest.Change {
		return dpoptest.Change{Header: map[string]any{name: value}}
	}
	_, edwards, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	for name, test := range map[string]struct {
		key    crypto.Signer
		change dpoptest.Change
		rule   error // nil: still good
	}{
		"nothing":               {key, dpoptest.Change{}, nil},
		"an unknown claim":      {key, claims("x", map[string]any{"y": 1}), nil},
		"the other key":         {other, dpoptest.Change{}, dpop.ErrSignature},
		"a key of another type": {edwards, dpoptest.Change{}, dpop.ErrSignature},
		"typ":                   {key, header("typ", "JWT"), dpop.ErrType},
		"no typ":                {key, header("typ", nil), dpop.ErrType},
		"alg":                   {key, header("alg", "none"), dpop.ErrAlgorithm},
		"no jwk":                {key, header("jwk", nil), dpop.ErrKey},
		"crit":                  {key, header("crit", []string{"x"}), dpop.ErrMalformed},
		"no jti":                {key, claims("jti", nil), dpop.ErrClaims},
		"htm":                   {key, claims("htm", "POST"), dpop.ErrMethod},
		"htu":                   {key, claims("htu", "https://evil.example"), dpop.ErrTarget},
		"iat":                   {key, claims("iat", time.Now().Unix()-100), dpop.ErrTime},
		"ath":                   {key, claims("ath", "x"), dpop.ErrTokenHash},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := dpoptest.Proof(t, key, "GET", url, token)
			r := dpoptest.Request(t, key, "GET", url, token)
			r.Header.Set("DPoP", dpoptest.Forge(t, test.key, good, test.change))
			_, err := newVerifier(t).VerifyResourceRequest(r, token, dpoptest.Thumbprint(t, key))
			if test.rule == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, test.rule)
			}
		})
	}
}

// failing is a test that notes how it failed.
type failing struct {
	testing.TB
	message any
}

func (f *failing) Helper() {}

func (f *failing) Fatal(args ...any) {
	f.message = args[0]
	panic(f)
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]func(testing.TB){
		"a token request that is no POST": func(t testing.TB) { dpoptest.Request(t, dpoptest.NewKey(t), "GET", url, "") },
		"a relative URL":                  func(t testing.TB) { dpoptest.Proof(t, dpoptest.NewKey(t), "GET", "/accounts", token) },
		"no key":                          func(t testing.TB) { dpoptest.Thumbprint(t, nil) },
		"not a proof":                     func(t testing.TB) { dpoptest.Forge(t, dpoptest.NewKey(t), "x", dpoptest.Change{}) },
		"not base64url":                   func(t testing.TB) { dpoptest.Forge(t, dpoptest.NewKey(t), "!.!.!", dpoptest.Change{}) },
		"not JSON":                        func(t testing.TB) { dpoptest.Forge(t, dpoptest.NewKey(t), "AA.AA.AA", dpoptest.Change{}) },
		"a value that is not JSON": func(t testing.TB) {
			key := dpoptest.NewKey(t)
			dpoptest.Forge(t, key, dpoptest.Proof(t, key, "GET", url, token), dpoptest.Change{Claims: map[string]any{"x": func() {}}})
		},
		"no key to forge with": func(t testing.TB) {
			dpoptest.Forge(t, nil, dpoptest.Proof(t, dpoptest.NewKey(t), "GET", url, token), dpoptest.Change{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &failing{TB: t}
			require.PanicsWithValue(t, f, func() { use(f) })
			require.NotNil(t, f.message)
		})
	}
}
