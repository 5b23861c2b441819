package jose_test

//lint:file-ignore SA1019 broken keys can only be made by setting their fields

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// module is a crypto.Signer that keeps its key elsewhere, as an HSM does.
type module struct {
	public crypto.PublicKey
	sign   func(digest []byte, opts crypto.SignerOpts) ([]byte, error)
}

func (m module) Public() crypto.PublicKey { return m.public }

func (m module) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return m.sign(digest, opts)
}

func TestSigner(t *testing.T) {
	t.Parallel()
	for alg, key := range kinds() {
		t.Run(alg, func(t *testing.T) {
			t.Parallel()
			remote := module{public: key.Public(), sign: func(digest []byte, opts crypto.SignerOpts) ([]byte, error) {
				return key.Sign(rand.Reader, digest, opts)
			}}
			for _, signer := range []crypto.Signer{key, remote} {
				s, err := jose.NewSigner(signer)
				require.NoError(t, err)
				require.Equal(t, alg, s.Algorithm())
				require.Equal(t, key.Public(), s.Public())
				require.Equal(t, parsed(t, jwkOf(t, key.Public())).Thumbprint, s.Thumbprint())
				header, err := s.Header("dpop+jwt", "k", true)
				require.NoError(t, err)
				for _, payload := range []string{`{"sub":"a"}`, `{"sub":"ab"}`, `{"sub":"abc"}`} {
					token, err := s.Sign(t.Context(), header, []byte(payload))
					require.NoError(t, err)
					jws, err := jose.Parse(token)
					require.NoError(t, err)
					require.NoError(t, jws.Verify(key.Public()))
					require.Equal(t, payload, string(jws.Payload))
					require.Equal(t, jose.Header{Algorithm: alg, Type: "dpop+jwt", KeyID: "k", JWK: jose.Value(jwkOf(t, key.Public()))}, jws.Header)
				}
			}
		})
	}
}

func TestSignerHeader(t *testing.T) {
	t.Parallel()
	s, err := jose.NewSigner(testkeys.ES256("client"))
	require.NoError(t, err)
	for want, args := range map[string][2]string{
		`{"alg":"ES256"}`: {}, `{"alg":"ES256","typ":"JWT"}`: {"JWT", ""}, `{"alg":"ES256","kid":"k"}`: {"", "k"}, `{"alg":"ES256","typ":"JWT","kid":"k"}`: {"JWT", "k"},
	} {
		header, err := s.Header(args[0], args[1], false)
		require.NoError(t, err)
		require.Equal(t, want, string(must(jose.Decode(header))))
	}
	t.Run("S60 values cannot add members to our own header", func(t *testing.T) {
		for _, evil := range []string{`a","alg":"none`, `a"}`, "\\", "\x00\n", "<&>", "\u2028"} {
			segment, err := s.Header(evil, evil, false)
			require.NoError(t, err)
			header, err := jose.ParseHeader(segment)
			require.NoError(t, err)
			require.Equal(t, jose.Header{Algorithm: "ES256", Type: evil, KeyID: evil}, header)
		}
	})
	t.Run("S10 invalid UTF-8 is not repaired", func(t *testing.T) {
		_, err := s.Header("a\xff", "", false)
		require.ErrorIs(t, err, jose.ErrMalformed)
		_, err = s.Header("", "a\xff", false)
		require.ErrorIs(t, err, jose.ErrMalformed)
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestSignerRefusals(t *testing.T) {
	t.Parallel()
	ec, rs := testkeys.ES256("client"), testkeys.PS256()
	none := module{public: nil}
	for _, key := range []crypto.Signer{
		nil, (*ecdsa.PrivateKey)(nil), (*rsa.PrivateKey)(nil), (*module)(nil), ed25519.PrivateKey(nil), ed25519.PrivateKey{1}, &ecdsa.PrivateKey{}, &rsa.PrivateKey{},
		&ecdsa.PrivateKey{PublicKey: ec.PublicKey}, &rsa.PrivateKey{PublicKey: rs.PublicKey}, &ecdsa.PrivateKey{PublicKey: ecdsa.PublicKey{Curve: elliptic.P256()}, D: ec.D},
		&ecdsa.PrivateKey{PublicKey: ecdsa.PublicKey{Curve: elliptic.P256(), X: ec.Y, Y: ec.X}, D: ec.D}, none, module{public: "key"}, module{public: ec.PublicKey},
		module{public: ed25519.PublicKey(octets(t, lowOrder[0]))}, module{public: &rsa.PublicKey{N: odd(1024), E: 65537}}, module{public: &rsa.PublicKey{N: odd(2048), E: 3}},
	} {
		s, err := jose.NewSigner(key)
		assert.ErrorIs(t, err, jose.ErrKey, "%T", key)
		assert.Nil(t, s)
	}
	for _, s := range []*jose.Signer{nil, {}} {
		_, err := s.Sign(t.Context(), "e30", nil)
		assert.ErrorIs(t, err, jose.ErrKey)
		_, err = s.Header("JWT", "", false)
		assert.ErrorIs(t, err, jose.ErrKey)
	}
}

func TestSignerFaults(t *testing.T) {
	t.Parallel()
	key := testkeys.ES256("client")
	sign := func(ctx context.Context, answer []byte, err error) error {
		calls := 0
		s, signerErr := jose.NewSigner(module{public: key.Public(), sign: func([]byte, crypto.SignerOpts) ([]byte, error) { calls++; return answer, err }})
		require.NoError(t, signerErr)
		token, err := s.Sign(ctx, "e30", []byte("{}"))
		if err != nil {
			require.Empty(t, token)
		}
		if ctx.Err() != nil {
			require.Zero(t, calls, "the key is not used after the end")
		}
		return err
	}
	der := func(r, s *big.Int) []byte { return must(asn1.Marshal(struct{ R, S *big.Int }{r, s})) }
	one, large := big.NewInt(1), new(big.Int).Lsh(big.NewInt(1), 256)
	require.NoError(t, sign(t.Context(), der(one, one), nil))

	down := errors.New("module unreachable")
	require.ErrorIs(t, sign(t.Context(), nil, down), down)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, sign(ended, der(one, one), nil), context.Canceled)

	for name, answer := range map[string][]byte{
		"nothing": nil, "raw R and S": pair(one, one), "trailing octet": append(der(one, one), 0), "zero": der(new(big.Int), one), "negative": der(one, big.NewInt(-1)),
		"too large": der(large, one), "S too large": der(one, large), "no S": must(asn1.Marshal(struct{ R *big.Int }{one})),
	} {
		err := sign(t.Context(), answer, nil)
		require.Error(t, err, name)
		for _, sentinel := range []error{jose.ErrMalformed, jose.ErrLimit, jose.ErrAlgorithm, jose.ErrKey, jose.ErrSignature} {
			require.NotErrorIs(t, err, sentinel, "%s: the fault is ours, not that of refused input", name)
		}
	}
}
