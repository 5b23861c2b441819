package dpop_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/replay"
)

func TestVerifierConfig(t *testing.T) {
	t.Parallel()
	type configure = func(*dpop.VerifierConfig)
	origins := func(o ...string) configure { return func(c *dpop.VerifierConfig) { c.Origins = o } }
	refused := map[string]struct {
		change configure
		names  string // what the error has to name
	}{
		"S65 no replay store":            {func(c *dpop.VerifierConfig) { c.Replay = nil }, "replay.NewMemory"},
		"S65 no replay store, the other": {func(c *dpop.VerifierConfig) { c.Replay = nil }, "replay.Off{}"},
		"S65 no origins":                 {origins(), "Origins"},
		"an empty origin":                {origins(apiOrigin, ""), "origin"},
		"a host without scheme":          {origins("api.bank.example"), "origin"},
		"an http origin":                 {origins("http://api.bank.example"), "https"},
		"an http origin like loopback":   {origins("http://127.0.0.1.evil.example"), "https"},
		"an http origin like localhost":  {origins("http://localhost.evil.example"), "https"},
		"an http origin of an intranet":  {origins("http://10.0.0.1:8080"), "https"},
		"an http origin in IPv6":         {origins("http://[2001:db8::1]"), "https"},
		"an ftp origin":                  {origins("ftp://api.bank.example"), "origin"},
		"an origin with a query":         {origins(apiOrigin + "?a=b"), "origin"},
		"an origin with an empty query":  {origins(apiOrigin + "/?"), "origin"},
		"an origin with a fragment":      {origins(apiOrigin + "#a"), "origin"},
		"an origin with userinfo":        {origins("https://u@api.bank.example"), "origin"},
		"an origin with a wildcard port": {origins(apiOrigin + ":*"), "origin"},
		"an origin with a bad escape":    {origins(apiOrigin + "/%zz"), "origin"},
		"an origin that is not ASCII":    {origins("https://bücher.example"), "origin"},
		"an origin of half an address":   {origins("https://[::1"), "origin"},
		"a negative MaxAge":              {func(c *dpop.VerifierConfig) { c.MaxAge = -1 }, "MaxAge"},
		"a MaxAge below a second":        {func(c *dpop.VerifierConfig) { c.MaxAge = time.Second - 1 }, "MaxAge"},
		"a MaxAge over 5 min":            {func(c *dpop.VerifierConfig) { c.MaxAge = 5*time.Minute + 1 }, "MaxAge"},
		"a negative Leeway":              {func(c *dpop.VerifierConfig) { c.Leeway = -1 }, "Leeway"},
		"a Leeway over 60 s":             {func(c *dpop.VerifierConfig) { c.Leeway = time.Minute + 1 }, "Leeway"},
	}
	for name, test := range refused {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := dpop.VerifierConfig{Origins: []string{apiOrigin}, Replay: replay.Off{}}
			_, err := dpop.NewVerifier(config)
			require.NoError(t, err)
			test.change(&config)
			v, err := dpop.NewVerifier(config)
			require.ErrorContains(t, err, test.names)
			require.Nil(t, v)
			require.True(t, strings.HasPrefix(err.Error(), "dpop: "))
			require.Equal(t, 1, strings.Count(err.Error(), "dpop: "))
		})
	}
	t.Run("a caller who changes the list afterwards", func(t *testing.T) {
		t.Parallel()
		list := []string{apiOrigin}
		g := newGate(t, func(c *dpop.VerifierConfig) { c.Origins = list })
		list[0] = "https://evil.example"
		g.acceptHonest(t)
	})
}

func TestZeroVerifier(t *testing.T) {
	t.Parallel()
	var none *dpop.Verifier
	for _, v := range []*dpop.Verifier{none, new(dpop.Verifier)} {
		proof, err := v.VerifyTokenRequest(get(honest(t)))
		requireFault(t, proof, err)
		proof, err = v.VerifyResourceRequest(get(honest(t)), accessToken, thumbprintOf(client))
		requireFault(t, proof, err)
		requireFault(t, nil, v.Confirm(http.Header{}, get(honest(t)), accessToken, thumbprintOf(client)))
		require.NoError(t, v.OfferNonce(t.Context(), http.Header{}, nil, nil))
		w := httptest.NewRecorder()
		v.WriteTokenError(w, get(), err)
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.Equal(t, "DPoP jkt", v.Scheme()+" "+v.Member())
		require.NotEmpty(t, v.Algorithms())
	}
	t.Run("a store or nonce source that is a nil pointer", func(t *testing.T) {
		t.Parallel()
		g := newGate(t, withStore((*replay.Memory)(nil)))
		proof, err := g.verify(get(honest(t)))
		requireFault(t, proof, err)
		for _, n := range []*dpop.Nonces{nil, {}} {
			g = newGate(t, withNonces(n))
			proof, err = g.verify(get(nonced(t, "n-1")))
			requireFault(t, proof, err)
			requireFault(t, nil, g.Confirm(http.Header{}, get(), accessToken, thumbprintOf(client)))
		}
	})
	t.Run("no token, no request", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		proof, err := g.VerifyResourceRequest(get(honest(t)), "", thumbprintOf(client))
		requireFault(t, proof, err)
		for _, r := range []*http.Request{nil, {}} {
			proof, err = g.VerifyTokenRequest(r)
			requireFault(t, proof, err)
		}
		require.Zero(t, g.store.size())
	})
}

func TestZeroProof(t *testing.T) {
	t.Parallel()
	var none *dpop.Proof
	for _, p := range []*dpop.Proof{none, new(dpop.Proof)} {
		require.Zero(t, p.Thumbprint())
		require.True(t, p.IssuedAt().IsZero())
		requireRule(t, p.Check(p.Thumbprint()), dpop.ErrBinding)
		requireRule(t, p.Check(thumbprintOf(client)), dpop.ErrBinding)
	}
}

func TestNoncesConfig(t *testing.T) {
	t.Parallel()
	good := dpop.NoncesConfig{Server: "api", Secrets: [][]byte{secret(1)}}
	for name, change := range map[string]func(*dpop.NoncesConfig){
		"no server":                   func(c *dpop.NoncesConfig) { c.Server = "" },
		"no secrets":                  func(c *dpop.NoncesConfig) { c.Secrets = nil },
		"a nil secret":                func(c *dpop.NoncesConfig) { c.Secrets = [][]byte{nil} },
		"a secret of 31 octets":       func(c *dpop.NoncesConfig) { c.Secrets = [][]byte{secret(1), secret(2)[:31]} },
		"a negative lifetime":         func(c *dpop.NoncesConfig) { c.Lifetime = -1 },
		"a lifetime below 10 s":       func(c *dpop.NoncesConfig) { c.Lifetime = 10*time.Second - 1 },
		"a lifetime of over an hour":  func(c *dpop.NoncesConfig) { c.Lifetime = time.Hour + 1 },
		"the largest lifetime of all": func(c *dpop.NoncesConfig) { c.Lifetime = 1<<63 - 1 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := good
			change(&config)
			n, err := dpop.NewNonces(config)
			require.ErrorContains(t, err, "dpop: ")
			require.Nil(t, n)
		})
	}
	t.Run("a caller who wipes the secret afterwards", func(t *testing.T) {
		t.Parallel()
		key := secret(1)
		n := newNonces(t, "api", time.Hour, key)
		nonce := nonceOf(t, n)
		clear(key)
		require.True(t, accepts(t, n, nonce))
	})
	t.Run("zero", func(t *testing.T) {
		t.Parallel()
		for _, n := range []*dpop.Nonces{nil, {}} {
			_, err := n.Nonce(t.Context())
			require.Error(t, err)
			ok, err := n.Accept(t.Context(), "n-1")
			require.Error(t, err)
			require.False(t, ok)
		}
	})
}

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

func TestErrorIsSafeToShow(t *testing.T) {
	t.Parallel()
	refused := newGate(t).refuse(t, get(), dpop.ErrProofCount)
	require.Equal(t, "dpop: not exactly one DPoP header field", refused.Error())
	require.Equal(t, dpop.ErrProofCount, refused.Unwrap())
	require.Equal(t, slog.KindGroup, refused.LogValue().Kind())
	for _, rule := range rules {
		require.NotContains(t, rule.Error(), "dpop: ", "the prefix stands once")
		require.NotContains(t, fmt.Sprint(rule), `"`)
	}
}
