package dpop_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

func TestSignerKeys(t *testing.T) {
	t.Parallel()
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	small := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: big.NewInt(65537), E: 65537}, D: big.NewInt(1)}
	large := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 5000, 1), E: 65537}, D: big.NewInt(1)}
	for name, key := range map[string]crypto.Signer{
		"nil": nil, "a nil pointer": (*ecdsa.PrivateKey)(nil), "an empty key": &ecdsa.PrivateKey{}, "P-384": p384, "RSA of 17 bits": small,
		"RSA of 5,001 bits": large,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := dpop.NewSigner(key)
			require.ErrorContains(t, err, "dpop: ")
			require.Nil(t, s)
		})
	}
	for name, s := range map[string]*dpop.Signer{"nil": nil, "zero": {}} {
		t.Run("zero signer "+name, func(t *testing.T) {
			t.Parallel()
			require.Zero(t, s.Thumbprint())
			_, err := s.SignTokenRequest(t.Context(), tokenURL, "")
			require.ErrorContains(t, err, "NewSigner")
			_, err = s.SignResourceRequest(t.Context(), "GET", apiURL, accessToken, "")
			require.ErrorContains(t, err, "NewSigner")
			_, err = (&http.Client{Transport: &dpop.Transport{Signer: s}}).Get(apiURL)
			require.Error(t, err)
		})
	}
}

func TestSignerRefuses(t *testing.T) {
	t.Parallel()
	s := newSigner(t)
	for name, sign := range map[string]func() (string, error){
		"no token":     func() (string, error) { return s.SignResourceRequest(t.Context(), "GET", apiURL, "", "") },
		"no method":    func() (string, error) { return s.SignResourceRequest(t.Context(), "", apiURL, accessToken, "") },
		"a bad method": func() (string, error) { return s.SignResourceRequest(t.Context(), "\xff", apiURL, accessToken, "") },
		"a bad nonce":  func() (string, error) { return s.SignTokenRequest(t.Context(), tokenURL, "a b") },
		"no URL":       func() (string, error) { return s.SignTokenRequest(t.Context(), "", "") },
		"relative":     func() (string, error) { return s.SignTokenRequest(t.Context(), "/token", "") },
		"opaque":       func() (string, error) { return s.SignTokenRequest(t.Context(), "https:token", "") },
		"not http":     func() (string, error) { return s.SignTokenRequest(t.Context(), "ftp://a/b", "") },
		"no host":      func() (string, error) { return s.SignTokenRequest(t.Context(), "https:///token", "") },
		"a raw IDN":    func() (string, error) { return s.SignTokenRequest(t.Context(), "https://bücher.example/", "") },
		"control":      func() (string, error) { return s.SignTokenRequest(t.Context(), "https://a.example/\n", "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proof, err := sign()
			require.ErrorContains(t, err, "dpop: ")
			require.Empty(t, proof)
			require.NotContains(t, err.Error(), accessToken)
		})
	}
}

// remote is a key in a module that can fail.
type remote struct {
	crypto.Signer
	err error
}

func (r remote) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	return r.Signer.Sign(random, digest, opts)
}

func TestRemoteKey(t *testing.T) {
	t.Parallel()
	s, err := dpop.NewSigner(remote{Signer: client})
	require.NoError(t, err)
	proof, err := s.SignResourceRequest(t.Context(), "GET", apiURL, accessToken, "")
	require.NoError(t, err)
	newGate(t).accept(t, get(proof))
	require.Equal(t, thumbprintOf(client), s.Thumbprint())

	s, err = dpop.NewSigner(remote{client, errors.New("module locked")})
	require.NoError(t, err)
	_, err = s.SignTokenRequest(t.Context(), tokenURL, "")
	require.ErrorContains(t, err, "module locked")
}

func TestSignerRoundTrip(t *testing.T) {
	t.Parallel()
	for _, key := range []crypto.Signer{client, testkeys.EdDSA("client"), testkeys.PS256()} {
		s, err := dpop.NewSigner(key)
		require.NoError(t, err)
		for _, url := range []string{
			apiURL, apiURL + "?q=1#f", "https://u:p@api.bank.example/a", "HTTPS://API.bank.example:443", apiOrigin + "/a%2Fb/~%7E/é?ü", apiOrigin + "/a//b/../c/.",
			apiOrigin + `/"quoted"`,
		} {
			proof, err := s.SignResourceRequest(t.Context(), "GET", url, accessToken, "n-1")
			require.NoError(t, err, url)
			_, err = newGate(t, withNonces(window{"n-1"})).VerifyResourceRequest(request("GET", url, proof), accessToken, s.Thumbprint())
			require.NoError(t, err, url)
			proof, err = s.SignTokenRequest(t.Context(), url, "")
			require.NoError(t, err, url)
			accepted, err := newGate(t).VerifyTokenRequest(request("POST", url, proof))
			require.NoError(t, err, url)
			require.NoError(t, accepted.Check(s.Thumbprint()))
		}
	}
}

// TestSignerTarget: htu is what goes over the wire, so that a server which
// compares strings is content too.
func TestSignerTarget(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://a.example/b":               "https://a.example/b",
		"https://a.example":                 "https://a.example/",
		"https://a.example?q":               "https://a.example/",
		"https://a.example/b?q#f":           "https://a.example/b",
		"https://a.example/b#f?q":           "https://a.example/b",
		"HTTPS://A.example:443/B":           "https://A.example:443/B",
		"HTTPS://a.example":                 "https://a.example/",
		"http://127.0.0.1:8080":             "http://127.0.0.1:8080/",
		"HTTP://127.0.0.1:8080/b":           "http://127.0.0.1:8080/b",
		"https://u:p@a.example/b":           "https://a.example/b",
		"https://a.example/%7e%2f//./../;x": "https://a.example/%7e%2f//./../;x",
		"https://a.example/é \"":            "https://a.example/%C3%A9%20%22",
		"https://[::1]:8443/b":              "https://[::1]:8443/b",
	} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			proof, err := newSigner(t).SignResourceRequest(t.Context(), "GET", url, accessToken, "")
			require.NoError(t, err)
			require.Equal(t, want, claimsIn(t, get(proof)).Htu)
		})
	}
}

func TestSignerEscapes(t *testing.T) {
	t.Parallel()
	t.Run("S60 a method or URL cannot add a claim", func(t *testing.T) {
		t.Parallel()
		const method = `GET","admin":true,"x":"\`
		proof, err := newSigner(t).SignResourceRequest(t.Context(), method, apiURL+`/","admin":true,"x":"`, accessToken, "")
		require.NoError(t, err)
		payload, err := jose.Decode(strings.Split(proof, ".")[1])
		require.NoError(t, err)
		var names []string
		var htm string
		require.NoError(t, jose.ReadObject(payload, func(name []byte, value jose.Value) error {
			names = append(names, string(name))
			if string(name) == "htm" {
				htm, _ = value.Text()
			}
			return nil
		}))
		require.Equal(t, []string{"jti", "iat", "htm", "htu", "ath"}, names)
		require.Equal(t, method, htm)
	})
}
