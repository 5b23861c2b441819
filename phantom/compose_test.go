package phantom_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/dpop/dpoptest"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/replay"
)

// Where the gateway meets the other packages.
var (
	_ phantom.Exchanger[token] = (*introspection.Phantom[token])(nil)
	_ cnf.Method               = (*phantom.Evidence)(nil)
	_ http.Handler             = (*phantom.Gateway[token])(nil)
	_ phantom.KeySource        = (*jwks.Remote)(nil)
	_ phantom.KeySource        = (*jwks.Publisher)(nil)
	_ phantom.ReplayStore      = (*replay.Memory)(nil)
	_ phantom.ReplayStore      = replay.Off{}
	_                          = config{Certificate: mtls.FromTLS}
)

func certificate(t testing.TB, key crypto.Signer, serial int64) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der := must[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))
	return must[*x509.Certificate](t)(x509.ParseCertificate(der))
}

// over is a request on a connection with a certificate.
func over(r *http.Request, leaf *x509.Certificate) *http.Request {
	r.TLS = &tls.ConnectionState{HandshakeComplete: true}
	if leaf != nil {
		r.TLS.PeerCertificates = []*x509.Certificate{leaf}
	}
	return r
}

// withCertificates is a world in which tokens are bound to certificates, or to
// keys and certificates. The API takes Client-Cert from the gateway.
func withCertificates(t testing.TB, bound cnf.Confirmation, change ...func(*world)) *world {
	return newWorld(t, append([]func(*world){func(w *world) {
		source := must[mtls.CertificateSource](t)(mtls.FromProxy(mtls.ProxyConfig{
			Format: mtls.RFC9440, Trusted: mtls.TrustedPeers(netip.MustParsePrefix("127.0.0.1/32")),
		}))
		guard := must[*cnf.Middleware[token]](t)(cnf.New(cnf.Config[token]{
			Verify: w.verifier.Verify, Methods: []cnf.Method{mtls.Binding{Certificate: source}, w.evidence},
		}))
		w.upstream.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.received.add(r.Clone(context.Background()))
			guard.Handler(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(rw, "balance")
			})).ServeHTTP(rw, r)
		})
		w.config.Methods = append(w.config.Methods, mtls.Binding{})
		w.config.Certificate = mtls.FromTLS
		w.book.jwts[opaque] = w.jwt(t, bound)
	}}, change...)...)
}

func TestCertificates(t *testing.T) {
	t.Parallel()
	alice := certificate(t, testkeys.ES256("alice"), 1)
	mallory := certificate(t, testkeys.ES256("mallory"), 2)
	bound := cnf.Bind(cnf.MemberX5TS256, mtls.Thumbprint(alice))
	plain := func(leaf *x509.Certificate) *http.Request {
		r := httptest.NewRequest("GET", "/accounts", nil)
		r.Host = host
		r.Header.Set("Authorization", "Bearer "+opaque)
		return over(r, leaf)
	}
	t.Run("handed on", func(t *testing.T) {
		t.Parallel()
		w := withCertificates(t, bound)
		answer := w.send(plain(alice))
		require.Equal(t, "balance", answer.Body.String())
		got := w.received.last(t)
		require.Len(t, got.Header["Client-Cert"], 1)
		require.Empty(t, got.Header[phantom.EvidenceHeader], "no key was proven")
		require.Equal(t, 401, w.send(plain(mallory)).Code)
		require.Equal(t, 401, w.send(plain(nil)).Code)
	})
	t.Run("certificates only, without a Key", func(t *testing.T) {
		t.Parallel()
		w := withCertificates(t, bound, func(w *world) {
			w.config.Methods, w.config.Key, w.config.Issuer = []cnf.Method{mtls.Binding{}}, nil, ""
		})
		require.Equal(t, 200, w.send(plain(alice)).Code)
		w.book.jwts[opaque] = w.jwt(t, jktOf(t, w.alice))
		require.Equal(t, 401, w.send(w.request(t, "GET", "/accounts")).Code, "a token bound to a key has no way here")
	})
	t.Run("I16 spoofed Client-Cert", func(t *testing.T) {
		t.Parallel()
		w := withCertificates(t, bound)
		good := w.send(plain(alice))
		field := w.received.last(t).Header.Get("Client-Cert")
		require.Equal(t, 200, good.Code)
		for _, leaf := range []*x509.Certificate{nil, mallory} {
			r := plain(leaf)
			r.Header["Client-Cert"], r.Header["Client_cert"] = []string{field}, []string{field}
			require.Equal(t, 401, w.send(r).Code)
		}
		require.Len(t, w.received.all(), 1)
		r := plain(alice)
		r.Header["Client-Cert"], r.Header["client-cert"], r.Header["Client_cert"] = []string{"x", field}, []string{"x"}, []string{"x"}
		r.Header.Set("Connection", "Client-Cert, Authorization")
		require.Equal(t, 200, w.send(r).Code)
		require.Equal(t, []string{field}, w.received.last(t).Header["Client-Cert"])
	})
	t.Run("another source than the method's", func(t *testing.T) {
		t.Parallel()
		for name, source := range map[string]func(*http.Request) ([]*x509.Certificate, error){
			"other":  func(*http.Request) ([]*x509.Certificate, error) { return []*x509.Certificate{mallory}, nil },
			"none":   func(*http.Request) ([]*x509.Certificate, error) { return nil, nil },
			"error":  func(*http.Request) ([]*x509.Certificate, error) { return nil, coded("invalid_token") },
			"panics": func(*http.Request) ([]*x509.Certificate, error) { panic("x") },
		} {
			w := withCertificates(t, bound, func(w *world) { w.config.Certificate = source })
			require.Equal(t, 503, w.send(plain(alice)).Code, name)
			require.Empty(t, w.received.all())
		}
	})
	t.Run("N03 key and certificate", func(t *testing.T) {
		t.Parallel()
		both := bound.And(cnf.MemberJKT, dpoptest.Thumbprint(t, testkeys.ES256("alice")))
		w := withCertificates(t, both)
		require.Equal(t, 401, w.send(over(w.request(t, "GET", "/accounts"), mallory)).Code)
		require.Equal(t, 401, w.send(over(w.request(t, "GET", "/accounts"), nil)).Code)
		require.Equal(t, 401, w.send(over(signed(t, w.mallory, "GET", "/accounts", opaque), alice)).Code)
		require.Equal(t, 200, w.send(over(w.request(t, "GET", "/accounts"), alice)).Code)
		got := w.received.last(t)
		require.Len(t, got.Header["Client-Cert"], 1)
		require.Len(t, got.Header[phantom.EvidenceHeader], 1)
	})
	t.Run("N03 control: the API asks for both too", func(t *testing.T) {
		t.Parallel()
		both := bound.And(cnf.MemberJKT, dpoptest.Thumbprint(t, testkeys.ES256("alice")))
		w := withCertificates(t, both)
		require.Equal(t, 200, w.send(over(w.request(t, "GET", "/accounts"), alice)).Code)
		for _, field := range []string{"Client-Cert", phantom.EvidenceHeader} {
			w.send(over(w.request(t, "GET", "/accounts"), alice))
			r := must[*http.Request](t)(http.NewRequestWithContext(t.Context(), "GET", w.upstream.URL+"/accounts", nil))
			r.Header = w.received.last(t).Header.Clone()
			r.Header.Del(field)
			response := must[*http.Response](t)(w.upstream.Client().Do(r))
			readAll(t, response)
			require.Equal(t, 401, response.StatusCode, field)
		}
	})
}

type brokenKey struct {
	crypto.Signer
	err error
}

func (k brokenKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	if k.err == nil {
		panic("x")
	}
	return nil, k.err
}

func TestSigningFails(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"error": coded("invalid_token"), "X01, N14 panic": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(w *world) { w.config.Key = brokenKey{gatewayKey(), err} })
			require.Equal(t, 503, w.send(w.request(t, "GET", "/accounts")).Code)
			require.Empty(t, w.received.all())
			require.Error(t, w.events.last(t).Err)
		})
	}
}

// An authorization server that counts, behind a real introspection.Phantom.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	release := make(chan struct{})
	w := newWorld(t)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		<-release
		if r.PostFormValue("token") != opaque {
			rw.WriteHeader(http.StatusNoContent)
			return
		}
		rw.Header().Set("Content-Type", "application/jwt")
		rw.Header().Set("Cache-Control", "private, max-age=60")
		_, _ = io.WriteString(rw, w.book.jwts[opaque])
	}))
	t.Cleanup(server.Close)
	exchange := must[*introspection.Phantom[token]](t)(introspection.NewPhantom(introspection.PhantomConfig[token]{
		Endpoint: server.URL, Audience: audience, HTTP: server.Client(), Verify: w.verifier.Verify,
	}))
	w.config.APIs[0].Tokens = exchange
	w.gateway = must[*phantom.Gateway[token]](t)(phantom.NewGateway(w.config))
	w.config.Transport.(*http.Transport).MaxIdleConnsPerHost = 16

	const parallel = 1000
	requests := make([]*http.Request, parallel)
	for i := range requests {
		requests[i] = w.request(t, "GET", "/accounts")
	}
	time.AfterFunc(20*time.Millisecond, func() { close(release) })
	var group sync.WaitGroup
	var served atomic.Int64
	slots := make(chan struct{}, 64)
	for _, r := range requests {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if w.send(r).Code == http.StatusOK {
				served.Add(1)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, parallel, served.Load())
	require.EqualValues(t, 1, asked.Load(), "one question")

	require.Equal(t, 401, w.send(signed(t, w.alice, "GET", "/accounts", "unknown")).Code)
	r := w.request(t, "GET", "/accounts")
	r.Header.Del("DPoP")
	require.Equal(t, 401, w.send(r).Code, "I10 remembered, and yet the proof is asked for")

	server.Close()
	answer := w.send(signed(t, w.alice, "GET", "/accounts", "another"))
	require.Equal(t, 503, answer.Code)
	require.NotEmpty(t, answer.Header().Get("Retry-After"))
	require.ErrorIs(t, w.events.last(t).Err, introspection.ErrUnavailable)
	w.requireHonest(t)
}

// X17: one gateway, many clients at once, each with the JWT of its own token.
func TestCrosstalk(t *testing.T) {
	t.Parallel()
	t.Run("X17 no crosstalk", func(t *testing.T) {
		t.Parallel()
		const clients = 50
		w := newWorld(t)
		w.unguarded = true
		w.handle = func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(rw, r.Header.Get("Authorization"))
		}
		keys := make([]crypto.Signer, clients)
		for i := range keys {
			keys[i] = testkeys.ES256(fmt.Sprint(i))
			w.book.jwts[fmt.Sprint("token-", i)] = w.jwt(t, jktOf(t, keys[i]))
		}
		w.config.Transport.(*http.Transport).MaxIdleConnsPerHost = 16
		var group sync.WaitGroup
		for i := range clients {
			group.Go(func() {
				name := fmt.Sprint("token-", i)
				signer, err := dpop.NewSigner(keys[i])
				if !assert.NoError(t, err) {
					return
				}
				for range 4 {
					proof, err := signer.SignResourceRequest(context.Background(), "GET", origin+"/accounts", name, "")
					assert.NoError(t, err)
					r := httptest.NewRequest("GET", "/accounts", nil)
					r.Host = host
					r.Header.Set("Authorization", "DPoP "+name)
					r.Header.Set("DPoP", proof)
					assert.Equal(t, "Bearer "+w.book.jwts[name], w.send(r).Body.String())
				}
			})
		}
		group.Wait()
	})
}

func TestNewGateway(t *testing.T) {
	t.Parallel()
	good := newWorld(t).config
	p384 := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	routes := func(list ...phantom.Route) func(*config) {
		return func(c *config) { c.APIs[0].Routes = list }
	}
	for name, test := range map[string]struct {
		change func(*config)
		text   string
	}{
		"no Origins":        {func(c *config) { c.Origins = nil }, "Origins"},
		"origin with path":  {func(c *config) { c.Origins = []string{origin + "/x"} }, "origin"},
		"origin in clear":   {func(c *config) { c.Origins = []string{"http://api.bank.example"} }, "https"},
		"origin with user":  {func(c *config) { c.Origins = []string{"https://a@b.example"} }, "origin"},
		"no Methods":        {func(c *config) { c.Methods = nil }, "Method"},
		"no APIs":           {func(c *config) { c.APIs = nil }, "APIs"},
		"no Routes":         {routes(), "Routes"},
		"one has no Routes": {func(c *config) { other := c.APIs[0]; other.Routes = nil; c.APIs = append(c.APIs, other) }, "Routes"},
		"nil Transport":     {func(c *config) { c.Transport = (*http.Transport)(nil) }, "Transport"},
		"nil func":          {func(c *config) { c.Transport = roundTrip(nil) }, "Transport"},
		"no Tokens":         {func(c *config) { c.APIs[0].Tokens = nil }, "Tokens"},
		"nil Tokens":        {func(c *config) { c.APIs[0].Tokens = (*introspection.Phantom[token])(nil) }, "Tokens"},
		"no Upstream":       {func(c *config) { c.APIs[0].Upstream = "" }, "Upstream"},
		"Upstream in clear": {func(c *config) { c.APIs[0].Upstream = "http://accounts.internal" }, "Upstream"},
		"Upstream's path":   {func(c *config) { c.APIs[0].Upstream += "/v1" }, "Upstream"},
		"no Audience":       {func(c *config) { c.APIs[0].Audience = "" }, "Audience"},
		"Audience":          {func(c *config) { c.APIs[0].Audience = "\xff" }, "Audience"},
		"no Key":            {func(c *config) { c.Key = nil }, "Key"},
		"key of P-384":      {func(c *config) { c.Key = p384 }, "Key"},
		"KeyID":             {func(c *config) { c.KeyID = "\xff" }, "KeyID"},
		"no Issuer":         {func(c *config) { c.Issuer = "" }, "Issuer"},
		"Issuer in clear":   {func(c *config) { c.Issuer = "http://gw.bank.example" }, "Issuer"},
		"Issuer of FTP":     {func(c *config) { c.Issuer = "ftp://localhost/x" }, "Issuer"},
		"Issuer, no scheme": {func(c *config) { c.Issuer = "//localhost" }, "Issuer"},
		"Issuer, no host":   {func(c *config) { c.Issuer = "https://:443" }, "Issuer"},
		"no Certificate":    {func(c *config) { c.Methods = []cnf.Method{mtls.Binding{}} }, "Certificate"},
		"small headers":     {func(c *config) { c.MaxHeaderBytes = 1 }, "MaxHeaderBytes"},
		"large headers":     {func(c *config) { c.MaxHeaderBytes = 1 << 30 }, "MaxHeaderBytes"},
		"Internal":          {func(c *config) { c.Internal = []string{"X_Verified"} }, "Internal"},
		"metadata":          {func(c *config) { c.ResourceMetadata = "x" }, "ResourceMetadata"},
		"path without /":    {routes(phantom.Route{Path: "x"}), "Path"},
		"path with /":       {routes(phantom.Route{Path: "/x/"}), "Path"},
		"path with dots":    {routes(phantom.Route{Path: "/x/.."}), "Path"},
		"path decoded":      {routes(phantom.Route{Path: "/é"}), "Path"},
		"path not of UTF-8": {routes(phantom.Route{Path: "/%C0%AE"}), "Path"},
		"no path":           {routes(phantom.Route{}), "Path"},
		"method":            {routes(phantom.Route{Path: "/", Methods: []string{"get"}}), "method"},
		"method with digit": {routes(phantom.Route{Path: "/", Methods: []string{"GET2"}}), "method"},
		"no method":         {routes(phantom.Route{Path: "/", Methods: []string{""}}), "method"},
		"TRACE":             {routes(phantom.Route{Path: "/", Methods: []string{"TRACE"}}), "method"},
		"two of a path":     {routes(phantom.Route{Path: "/"}, phantom.Route{Path: "/", Methods: []string{}}), "two routes"},
		"two of a method":   {routes(phantom.Route{Path: "/", Methods: []string{"A", "B"}}, phantom.Route{Path: "/", Methods: []string{"B"}}), "two routes"},
		"requirement":       {routes(phantom.Route{Path: "/", Require: cnf.Requirement{Scope: []string{""}}}), "Require"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := good
			bad.APIs = slices.Clone(good.APIs)
			test.change(&bad)
			_, err := phantom.NewGateway(bad)
			require.ErrorContains(t, err, test.text)
		})
	}
	_, err := phantom.NewGateway(good)
	require.NoError(t, err)
	local := good
	local.Issuer, local.Transport = "http://localhost:8443/gw", nil
	_, err = phantom.NewGateway(local)
	require.NoError(t, err)
}
