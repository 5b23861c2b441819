package mtls_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
)

var (
	loopback = netip.MustParsePrefix("127.0.0.0/8")
	discard  = log.New(io.Discard, "", 0)
)

// selfSigned is the certificate of a label's key, as a client without any
// authority makes it.
func selfSigned(t testing.TB, label string) tls.Certificate {
	t.Helper()
	return signedBy(t, nil, label)
}

// signedBy is a certificate of a label's key, changed before an issuer signs it.
func signedBy(t testing.TB, issuer *tls.Certificate, label string, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key := testkeys.ES256(label)
	return issued(t, issuer, label, key, key.Public(), change...)
}

func issued(t testing.TB, issuer *tls.Certificate, label string, key crypto.Signer, public crypto.PublicKey, change ...func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: label},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	for _, f := range change {
		f(template)
	}
	parent, signer, chain := template, key, [][]byte(nil)
	if issuer != nil {
		parent, signer, chain = issuer.Leaf, issuer.PrivateKey.(crypto.Signer), issuer.Certificate
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	require.NoError(t, err)
	leaf, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return tls.Certificate{Certificate: append([][]byte{der}, chain...), PrivateKey: key, Leaf: leaf}
}

func asAuthority(c *x509.Certificate) {
	c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
}

func base64Of(c *x509.Certificate) string { return base64.StdEncoding.EncodeToString(c.Raw) }
func itemOf(c *x509.Certificate) string   { return ":" + base64Of(c) + ":" }
func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// escapedPEM is what nginx writes, and Envoy between quotes.
func escapedPEM(chain ...*x509.Certificate) (text string) {
	for _, c := range chain {
		text += strings.ReplaceAll(url.QueryEscape(pemOf(c)), "+", "%20")
	}
	return text
}

func xfccOf(c *x509.Certificate) string {
	return fmt.Sprintf(`By=spiffe://edge;Hash=%x;Cert="%s";Subject="CN=x";URI=`, mtls.Thumbprint(c), escapedPEM(c))
}

// fromProxy is a source for a header that everybody may send, unless config
// says otherwise.
func fromProxy(t testing.TB, config mtls.ProxyConfig) mtls.CertificateSource {
	t.Helper()
	if config.Trusted == nil {
		config.Trusted = func(*http.Request) bool { return true }
	}
	source, err := mtls.FromProxy(config)
	require.NoError(t, err)
	return source
}

// carrying is a request with header fields, in pairs.
func carrying(fields ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	for i := 0; i < len(fields); i += 2 {
		r.Header[fields[i]] = append(r.Header[fields[i]], fields[i+1])
	}
	return r
}

func requireRefused(t testing.TB, rule error, code string, err error) {
	t.Helper()
	require.ErrorIs(t, err, rule)
	var refused *mtls.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, code, refused.OAuthCode())
}

const (
	tokenIssuer = "https://as.bank.example"
	audience    = "https://api.bank.example"
)

// api is a guarded API over real TLS, with real tokens.
type api struct{ *httptest.Server }

// newAPI takes certificates as RFC 8705 section 6.2 wants it, without checking
// them, unless a listener asks for something else.
func newAPI(t testing.TB, methods []cnf.Method, listener ...func(*tls.Config)) *api {
	t.Helper()
	return startTLS(t, guarded(t, methods), listener...)
}

func startTLS(t testing.TB, h http.Handler, listener ...func(*tls.Config)) *api {
	t.Helper()
	a := &api{httptest.NewUnstartedServer(h)}
	a.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	for _, change := range listener {
		change(a.TLS)
	}
	a.EnableHTTP2 = slices.Contains(a.TLS.NextProtos, "h2")
	a.Config.ErrorLog = discard
	a.StartTLS()
	t.Cleanup(a.Close)
	return a
}

// guarded is the API's handler. A response tells that it ran, and whether the
// session was resumed.
func guarded(t testing.TB, methods []cnf.Method) http.Handler {
	t.Helper()
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: testkeys.EdDSA("issuer").Public(), KeyID: "as-1"})
	require.NoError(t, err)
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: tokenIssuer, Audience: audience, Keys: keys})
	require.NoError(t, err)
	guard, err := cnf.New(cnf.Config[*accesstoken.Token]{Verify: tokens.Verify, Methods: methods})
	require.NoError(t, err)
	return guard.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Handled", "yes")
		w.Header().Set("X-Resumed", fmt.Sprint(r.TLS != nil && r.TLS.DidResume))
	}))
}

// client is one with a certificate and connections of its own.
func (a *api) client(t testing.TB, certificate *tls.Certificate, change ...func(*tls.Config)) *http.Client {
	t.Helper()
	transport := a.Server.Client().Transport.(*http.Transport).Clone()
	if certificate != nil {
		transport.TLSClientConfig.Certificates = []tls.Certificate{*certificate}
	}
	for _, f := range change {
		f(transport.TLSClientConfig)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// get sends a request with a token and further header fields, in pairs.
func get(t testing.TB, client *http.Client, target, token string, fields ...string) *http.Response {
	t.Helper()
	r := carrying(fields...)
	r.URL, _ = url.Parse(target)
	r.RequestURI = ""
	r.Header.Set("Authorization", "Bearer "+token)
	return send(t, client, r)
}

func send(t testing.TB, client *http.Client, r *http.Request) *http.Response {
	t.Helper()
	response, err := client.Do(r)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response
}

func (a *api) admits(t testing.TB, client *http.Client, token string, fields ...string) *http.Response {
	t.Helper()
	response := get(t, client, a.URL, token, fields...)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "yes", response.Header.Get("X-Handled"))
	return response
}

func (a *api) refuses(t testing.TB, client *http.Client, token string, fields ...string) {
	t.Helper()
	response := get(t, client, a.URL, token, fields...)
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	require.Contains(t, response.Header.Get("WWW-Authenticate"), `Bearer error="invalid_token"`)
	require.Empty(t, response.Header.Get("X-Handled"), "the protected handler ran")
}

// boundTo is a token bound to a certificate.
func boundTo(t testing.TB, c *x509.Certificate) string {
	t.Helper()
	thumbprint := mtls.Thumbprint(c)
	return signToken(t, `{"x5t#S256":"`+jose.Encode(thumbprint[:])+`"}`)
}

// signToken signs a token whose cnf is written by hand.
func signToken(t testing.TB, cnf string) string {
	t.Helper()
	now := time.Now().Unix()
	payload := fmt.Sprintf(`{"iss":%q,"aud":%q,"sub":"alice","client_id":"app","jti":"1","iat":%d,"exp":%d,"cnf":%s}`,
		tokenIssuer, audience, now, now+300, cnf)
	signer, err := jose.NewSigner(testkeys.EdDSA("issuer"))
	require.NoError(t, err)
	header, err := signer.Header("at+jwt", "as-1", false)
	require.NoError(t, err)
	token, err := signer.Sign(context.Background(), header, []byte(payload))
	require.NoError(t, err)
	return token
}

func readVectors(t testing.TB, name string, into any) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, into))
}

func parsePEM(t testing.TB, text string) *x509.Certificate {
	t.Helper()
	block, rest := pem.Decode([]byte(text))
	require.NotNil(t, block)
	require.Empty(t, rest)
	c, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	return c
}

func plainServer(t testing.TB, h http.Handler) *api {
	t.Helper()
	a := &api{httptest.NewServer(h)}
	t.Cleanup(a.Close)
	return a
}
