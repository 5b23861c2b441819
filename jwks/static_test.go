package jwks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
)

func TestSelection(t *testing.T) {
	t.Parallel()
	rs := Key{Key: testkeys.PS256().Public(), KeyID: "rs"}
	unnamed := Key{Key: testkeys.ES256("unnamed").Public()}
	s, err := NewStatic(document(t, ec("a"), ed("b"), rs, ec("c"), unnamed))
	require.NoError(t, err)

	for _, c := range []struct {
		name, kid, alg string
		want           []Key
	}{
		{"kid and alg", "a", "ES256", []Key{ec("a")}},
		{"EdDSA", "b", "EdDSA", []Key{ed("b")}},
		{"the other name of EdDSA", "b", "Ed25519", []Key{ed("b")}},
		{"PS256", "rs", "PS256", []Key{rs}},
		{"right kid, other alg", "a", "PS256", nil},
		{"RSA key for RS256", "rs", "RS256", nil},
		{"none", "a", "none", nil},
		{"no alg", "a", "", nil},
		{"alg in other case", "a", "es256", nil},
		{"kid in other case", "A", "ES256", nil},
		{"prefix of a kid", "r", "PS256", nil},
		{"unknown kid does not fall back on an unnamed key", "x", "ES256", nil},
		{"no kid: all of the algorithm, in order", "", "ES256", []Key{ec("a"), ec("c"), unnamed}},
		{"no kid, other algorithm", "", "Ed25519", []Key{ed("b")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			requireKeys(t, s, c.kid, c.alg, c.want...)
		})
	}
}

func TestCandidatesAreBounded(t *testing.T) {
	t.Parallel()
	var keys []Key
	for i := range 20 {
		key := ec(fmt.Sprint(i))
		key.KeyID = "same"
		keys = append(keys, key)
	}
	s, err := NewStatic(document(t, keys...))
	require.NoError(t, err)
	requireKeys(t, s, "same", "ES256", keys[:8]...)
	requireKeys(t, s, "", "ES256", keys[:8]...)
}

func TestAnswerBelongsToTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		static, err := NewStatic(document(t, ec("a")))
		require.NoError(t, err)
		publisher, err := NewPublisher(PublisherConfig{Keys: []Key{ec("a")}})
		require.NoError(t, err)
		var o origin
		o.serve(document(t, ec("a")))
		o.slow(time.Minute)
		remote := o.remote(t)
		for _, s := range []source{static, publisher, remote} {
			for range 2 { // once fetched, once held
				keys, err := s.Keys(t.Context(), "a", "ES256")
				require.NoError(t, err)
				keys[0] = ec("mallory").Key
				requireKeys(t, s, "a", "ES256", ec("a"))
			}
		}
		time.Sleep(14 * time.Minute)
		keys, err := remote.Keys(t.Context(), "a", "ES256") // held, while it is renewed
		require.NoError(t, err)
		keys[0] = ec("mallory").Key
		requireKeys(t, remote, "a", "ES256", ec("a"))
		time.Sleep(time.Minute)
	})
}

func TestStaticRefusesASetWithoutKeys(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"empty":              `{"keys":[]}`,
		"for encryption":     strings.Replace(string(document(t, ec("a"))), `"sig"`, `"enc"`, 1),
		"other key types":    `{"keys":[{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"}]}`,
		"nothing":            ``,
		"not an object":      `"keys"`,
		"two documents":      `{"keys":[]}{"keys":[]}`,
		"keys in upper case": `{"KEYS":[]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewStatic([]byte(body))
			require.ErrorIs(t, err, ErrSet)
		})
	}
	_, err := NewStatic(document(t, ec("a")))
	require.NoError(t, err)
}

func TestStaticKeys(t *testing.T) {
	t.Parallel()
	key := Key{Key: testkeys.ES256("a").Public()}
	s, err := NewStaticKeys(key, ed("b"))
	require.NoError(t, err)
	kid, err := KeyID(key.Key)
	require.NoError(t, err)
	requireKeys(t, s, kid, "ES256", key)
	requireKeys(t, s, "", "ES256", key)
	requireKeys(t, s, "b", "EdDSA", ed("b"))

	t.Run("a key changed later changes nothing", func(t *testing.T) {
		t.Parallel()
		mine := *testkeys.ES256("mine").Public().(*ecdsa.PublicKey)
		s, err := NewStaticKeys(Key{Key: &mine, KeyID: "mine"})
		require.NoError(t, err)
		mine = *testkeys.ES256("mallory").Public().(*ecdsa.PublicKey)
		requireKeys(t, s, "mine", "ES256", ec("mine"))
	})
}

func TestStaticKeysRetire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b := ec("a"), ec("b")
		a.Until = time.Now().Add(time.Hour)
		s, err := NewStaticKeys(a, b)
		require.NoError(t, err)
		time.Sleep(time.Hour - 1)
		requireKeys(t, s, "", "ES256", a, b)
		time.Sleep(time.Nanosecond)
		requireKeys(t, s, "", "ES256", b)
		requireKeys(t, s, "a", "ES256")
	})
}

func TestStaticNotReady(t *testing.T) {
	t.Parallel()
	var none *Static
	requireFailure(t, none, "a", "ES256", ErrNotReady)
	requireFailure(t, &Static{}, "a", "ES256", ErrNotReady)
	s, err := NewStaticKeys(ec("a"))
	require.NoError(t, err)
	_, err = s.Keys(noContext, "a", "ES256")
	require.ErrorIs(t, err, ErrNotReady)
}

func TestKeyListRefused(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	retired := ec("r")
	retired.Until = time.Now().Add(time.Hour)
	renamed := ec("b")
	renamed.KeyID = "a"
	many := make([]Key, 101)
	for i := range many {
		many[i] = ec(fmt.Sprint(i))
	}
	for name, c := range map[string]struct {
		keys []Key
		want error
	}{
		"no keys":              {nil, ErrSet},
		"more than 100":        {many, ErrSet},
		"all retire":           {[]Key{retired}, ErrSet},
		"no key in the Key":    {[]Key{{}}, ErrKey},
		"private EC key":       {[]Key{{Key: testkeys.ES256("a")}}, ErrKey},
		"private Ed25519 key":  {[]Key{{Key: testkeys.EdDSA("a")}}, ErrKey},
		"private RSA key":      {[]Key{{Key: testkeys.PS256()}}, ErrKey},
		"key by value":         {[]Key{{Key: *testkeys.ES256("a").Public().(*ecdsa.PublicKey)}}, ErrKey},
		"nil pointer":          {[]Key{{Key: (*ecdsa.PublicKey)(nil)}}, ErrKey},
		"symmetric":            {[]Key{{Key: []byte("secret")}}, ErrKey},
		"not on Ed25519":       {[]Key{{Key: ed25519.PublicKey(append([]byte{2}, make([]byte, 31)...))}}, ErrKey},
		"P-384":                {[]Key{{Key: p384.Public()}}, ErrKey},
		"same kid twice":       {[]Key{ec("a"), renamed}, ErrKeyID},
		"same key, two kids":   {[]Key{ec("a"), {Key: ec("a").Key, KeyID: "b"}}, ErrKey},
		"same key twice":       {[]Key{{Key: ec("a").Key}, {Key: ec("a").Key}}, ErrKeyID},
		"kid of a retired key": {[]Key{ec("r"), retired}, ErrKeyID},
		"kid is not UTF-8":     {[]Key{{Key: ec("a").Key, KeyID: "\xff"}}, ErrKeyID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewStaticKeys(c.keys...)
			require.ErrorIs(t, err, c.want)
			_, err = NewPublisher(PublisherConfig{Keys: c.keys})
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err = NewPublisher(PublisherConfig{Keys: many[:100]})
	require.NoError(t, err)
}

func TestKeyID(t *testing.T) {
	t.Parallel()
	kid, err := KeyID(testkeys.EdDSA("a").Public())
	require.NoError(t, err)
	require.Len(t, kid, 43)
	for _, key := range []crypto.PublicKey{nil, testkeys.ES256("a"), "text"} {
		_, err := KeyID(key)
		require.ErrorIs(t, err, ErrKey)
	}
}

func FuzzNewStatic(f *testing.F) {
	f.Add(document(f, ec("a"), ed("b")), "a")
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AA"}]}`), "")
	f.Add([]byte(`{"keys":[null]}`), "\x00")
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AAAA"}]}`), "a")
	f.Fuzz(func(t *testing.T, body []byte, kid string) {
		s, err := NewStatic(body)
		if err != nil {
			require.ErrorIs(t, err, ErrSet)
			return
		}
		for _, alg := range []string{"ES256", "PS256", "EdDSA"} {
			named, err := s.Keys(t.Context(), kid, alg)
			require.NoError(t, err)
			all, err := s.Keys(t.Context(), "", alg)
			require.NoError(t, err)
			require.LessOrEqual(t, len(named), maxCandidates)
			require.LessOrEqual(t, len(named), len(all))
		}
	})
}
