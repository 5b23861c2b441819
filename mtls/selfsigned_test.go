package mtls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
)

// jwk is a key as a client registers it.
type jwk map[string]any

// jwkOf is the JWK of a certificate, written without the code under test.
func jwkOf(t testing.TB, c *x509.Certificate) jwk {
	t.Helper()
	encode := base64.RawURLEncoding.EncodeToString
	x5c := []string{base64.StdEncoding.EncodeToString(c.Raw)}
	switch key := c.PublicKey.(type) {
	case *ecdsa.PublicKey:
		agreement, err := key.ECDH()
		require.NoError(t, err)
		point := agreement.Bytes()
		half := len(point) / 2
		return jwk{"kty": "EC", "crv": key.Params().Name, "x5c": x5c, "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])}
	case *rsa.PublicKey:
		return jwk{"kty": "RSA", "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes()), "x5c": x5c}
	default:
		public, err := x509.MarshalPKIXPublicKey(key)
		require.NoError(t, err)
		return jwk{"kty": "OKP", "crv": "Ed25519", "x": encode(public[len(public)-32:]), "x5c": x5c}
	}
}

func (k jwk) with(name string, value any) jwk {
	k = maps.Clone(k)
	k[name] = value
	return k
}

func (k jwk) without(name string) jwk {
	k = maps.Clone(k)
	delete(k, name)
	return k
}

func jwksOf(t testing.TB, keys ...jwk) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]any{"keys": keys})
	require.NoError(t, err)
	return data
}

func registered(t testing.TB, keys ...jwk) mtls.Client {
	t.Helper()
	certificates, err := mtls.RegisteredCertificates(jwksOf(t, keys...))
	require.NoError(t, err)
	return holding(certificates...)
}

func TestRegisteredCertificates(t *testing.T) {
	t.Parallel()
	own, other := selfSigned(t, "own").Leaf, selfSigned(t, "other").Leaf
	good := jwkOf(t, own)
	for name, key := range signers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate := issued(t, nil, "x", key, key.Public()).Leaf
			got, err := mtls.RegisteredCertificates(jwksOf(t, jwkOf(t, certificate)))
			require.NoError(t, err)
			require.Len(t, got, 1)
			require.True(t, got[0].Equal(certificate))
		})
	}
	t.Run("several, beside other keys", func(t *testing.T) {
		t.Parallel()
		signing := good.without("x5c").with("use", "sig").with("kid", "jar")
		encryption := jwkOf(t, other).with("use", "enc")
		got, err := mtls.RegisteredCertificates(jwksOf(t, signing, good.with("use", "sig"), encryption, jwkOf(t, other)))
		require.NoError(t, err)
		require.Len(t, got, 2)
		require.True(t, got[0].Equal(own) && got[1].Equal(other))
	})
	t.Run("only the first of an x5c", func(t *testing.T) {
		t.Parallel()
		chain := good.with("x5c", []string{base64Of(own), base64Of(other)})
		got, err := mtls.RegisteredCertificates(jwksOf(t, chain))
		require.NoError(t, err)
		require.Len(t, got, 1)
	})

	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	rsa1024, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	large := jwkOf(t, issued(t, nil, "x", p384, p384.Public()).Leaf)
	edward := testkeys.EdDSA("x")
	edwards := jwkOf(t, issued(t, nil, "x", edward, edward.Public()).Leaf)
	modulus := jwkOf(t, issued(t, nil, "x", testkeys.PS256(), testkeys.PS256().Public()).Leaf)
	for name, key := range map[string]jwk{
		"without x5c":              good.without("x5c"),
		"x5c empty":                good.with("x5c", []string{}),
		"x5c no list":              good.with("x5c", base64Of(own)),
		"x5c null":                 good.with("x5c", nil),
		"x5c of another key":       good.with("x5c", []string{base64Of(other)}),
		"x5c of another key first": good.with("x5c", []string{base64Of(other), base64Of(own)}),
		"x5c in base64url":         good.with("x5c", []string{base64.URLEncoding.EncodeToString(own.Raw) + "_"}),
		"x5c without padding":      good.with("x5c", []string{base64.RawStdEncoding.EncodeToString(append(own.Raw, 0))}),
		"x5c with line break":      good.with("x5c", []string{base64Of(own)[:64] + "\n" + base64Of(own)[64:]}),
		"x5c in PEM":               good.with("x5c", []string{pemOf(own)}),
		"x5c with data behind":     good.with("x5c", []string{base64.StdEncoding.EncodeToString(append(own.Raw, 0))}),
		"x5c junk":                 good.with("x5c", []string{"AAAA"}),
		"for encryption":           good.with("use", "enc"),
		"private":                  good.with("d", "AAAA"),
		"without kty":              good.without("kty"),

		"P-384, another x":         large.with("x", large["y"]),
		"P-384, x padded":          large.with("x", large["x"].(string)+"="),
		"P-384, called P-521":      large.with("crv", "P-521"),
		"P-384, without y":         large.without("y"),
		"P-384, as RSA":            large.with("kty", "RSA"),
		"P-384, x5c of P-256":      large.with("x5c", []string{base64Of(own)}),
		"P-384, private":           large.with("d", "AAAA"),
		"P-384, x5c in base64url":  large.with("x5c", []string{base64.URLEncoding.EncodeToString(own.Raw) + "_"}),
		"P-224":                    good.with("crv", "P-224").with("x5c", []string{base64Of(issued(t, nil, "x", p224, p224.Public()).Leaf)}),
		"RSA-1024":                 jwkOf(t, issued(t, nil, "x", rsa1024, rsa1024.Public()).Leaf),
		"RSA, another exponent":    modulus.with("e", "Aw"),
		"RSA, leading zero":        modulus.with("n", "AA"+modulus["n"].(string)),
		"Ed25519, another x":       edwards.with("x", strings.Repeat("A", 43)),
		"Ed25519, called X25519":   edwards.with("crv", "X25519"),
		"Ed25519, x5c of P-256":    edwards.with("x5c", []string{base64Of(own)}),
		"unknown kind, x5c of own": {"kty": "AKP", "x5c": []string{base64Of(own)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mtls.RegisteredCertificates(jwksOf(t, key))
			require.ErrorContains(t, err, "mtls: jwks: ")
			var refused *mtls.Error
			require.NotErrorAs(t, err, &refused, "a registration is not a request")
		})
	}
	for name, data := range map[string]string{
		"nothing": "", "null": "null", "list": "[]", "no keys": "{}", "keys null": `{"keys":null}`, "no key": `{"keys":[]}`,
		"keys of text": `{"keys":["a"]}`, "twice": `{"keys":[],"keys":[]}`, "other case": strings.ToUpper(`{"keys":`) + string(jwksOf(t, good))[8:],
		"data behind": string(jwksOf(t, good)) + "{}", "too many": string(jwksOf(t, make([]jwk, jose.MaxKeys+1)...)),
		"too large": string(jwksOf(t, good)) + strings.Repeat(" ", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mtls.RegisteredCertificates([]byte(data))
			require.Error(t, err)
		})
	}
}

func TestM19SelfSigned(t *testing.T) {
	t.Parallel()
	own := selfSigned(t, "fintech")
	client := registered(t, jwkOf(t, own.Leaf))
	a := newAuthenticator(t, registry{"fintech": client, "none": holding(), "nil": holding(nil)})
	e := newTokenEndpoint(t, a)
	sameSubject := issued(t, nil, "fintech", testkeys.ES256("Mallory"), testkeys.ES256("Mallory").Public())
	reissued := signedBy(t, nil, "fintech", func(c *x509.Certificate) { c.SerialNumber = big.NewInt(2) })
	t.Run("M19 key not in the jwks", func(t *testing.T) {
		t.Parallel()
		e.refuses(t, e.client(t, &sameSubject), "fintech")
		e.admits(t, e.client(t, &own), "fintech")
		requireUnknown(t, a, mtls.ErrRegistered, invalidClient, over(formOf("fintech"), sameSubject.Leaf))
	})
	t.Run("M19 the key in another certificate", func(t *testing.T) {
		t.Parallel()
		require.Equal(t, own.Leaf.PublicKey, reissued.Leaf.PublicKey)
		e.refuses(t, e.client(t, &reissued), "fintech")
		e.admits(t, e.client(t, &own), "fintech")
	})
	t.Run("M19 the certificate behind the first", func(t *testing.T) {
		t.Parallel()
		stolen := sameSubject // with a copy of the registered one as its chain
		stolen.Certificate = append(stolen.Certificate[:1:1], own.Leaf.Raw)
		e.refuses(t, e.client(t, &stolen), "fintech")
	})
	t.Run("M19 x5c missing", func(t *testing.T) {
		t.Parallel()
		_, err := mtls.RegisteredCertificates(jwksOf(t, jwkOf(t, own.Leaf).without("x5c")))
		require.ErrorContains(t, err, "x5c")
		for _, id := range []string{"none", "nil"} {
			requireUnknown(t, a, mtls.ErrRegistered, invalidClient, over(formOf(id), own.Leaf))
		}
	})
	t.Run("several certificates, for rotation", func(t *testing.T) {
		t.Parallel()
		both := newAuthenticator(t, registry{"fintech": registered(t, jwkOf(t, own.Leaf), jwkOf(t, reissued.Leaf))})
		requireAuthenticated(t, both, "fintech", over(formOf("fintech"), own.Leaf))
		requireAuthenticated(t, both, "fintech", over(formOf("fintech"), reissued.Leaf))
		requireUnknown(t, both, mtls.ErrRegistered, invalidClient, over(formOf("fintech"), sameSubject.Leaf))
	})
	t.Run("another one's certificate", func(t *testing.T) {
		t.Parallel()
		two := newAuthenticator(t, registry{"fintech": client, "other": registered(t, jwkOf(t, sameSubject.Leaf))})
		requireUnknown(t, two, mtls.ErrRegistered, invalidClient, over(formOf("other"), own.Leaf))
		requireAuthenticated(t, two, "fintech", over(formOf("fintech"), own.Leaf))
	})
	t.Run("a certificate without content", func(t *testing.T) {
		t.Parallel()
		hollow := &x509.Certificate{PublicKey: own.Leaf.PublicKey}
		blank := newAuthenticator(t, registry{"fintech": holding(&x509.Certificate{})})
		requireUnknown(t, blank, mtls.ErrRegistered, invalidClient, over(formOf("fintech"), hollow))
	})
}

func TestSelfSignedVectors(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID        string
			Cert      string `json:"cert_pem"`
			Presented string `json:"presented_cert_pem"`
			JWK       json.RawMessage
			JWKS      json.RawMessage `json:"registered_jwks"`
			Expect    string
		}
	}
	readVectors(t, "rfc8705-mtls.json", &file)
	count := 0
	for _, vector := range file.Vectors {
		if vector.JWK != nil {
			vector.JWKS = fmt.Appendf(nil, `{"keys":[%s]}`, vector.JWK)
		}
		if vector.JWKS == nil {
			continue
		}
		count++
		t.Run(vector.ID, func(t *testing.T) {
			t.Parallel()
			certificates, err := mtls.RegisteredCertificates(vector.JWKS)
			if strings.HasPrefix(vector.Expect, "reject") {
				require.Error(t, err)
				return
			}
			require.NoError(t, err)
			// That of RFC 8705 appendix A is of version 1 and has expired.
			a := newAuthenticator(t, registry{"fintech": holding(certificates...)})
			requireAuthenticated(t, a, "fintech", over(formOf("fintech"), parsePEM(t, vector.Cert)))
		})
	}
	require.Equal(t, 4, count)
}

// FuzzRegisteredCertificates: whatever is registered, it is certificates or an
// error.
func FuzzRegisteredCertificates(f *testing.F) {
	own := selfSigned(f, "fintech").Leaf
	good := jwkOf(f, own)
	for _, key := range []jwk{good, good.without("x5c"), good.with("crv", "P-384"), good.with("use", "enc"), good.with("x5c", []string{""})} {
		f.Add(jwksOf(f, key))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		certificates, err := mtls.RegisteredCertificates(data)
		require.Equal(t, err != nil, len(certificates) == 0)
		for _, certificate := range certificates {
			require.NotEmpty(t, certificate.Raw)
		}
	})
}
