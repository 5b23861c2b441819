package mtls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/mtls"
)

// An API asks every client for a certificate and accepts each, since the token
// says which one it has to be.
func ExampleBinding() {
	alice, mallory := newCertificate(), newCertificate()
	token := claims{cnf.Bind(cnf.MemberX5TS256, mtls.Thumbprint(alice.Leaf))}
	guard, err := cnf.New(cnf.Config[claims]{
		Verify:  func(context.Context, string) (claims, error) { return token, nil }, // (*accesstoken.Verifier).Verify
		Methods: []cnf.Method{mtls.Binding{}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewUnstartedServer(guard.Handler(http.HandlerFunc(noContent)))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()

	for _, certificate := range []tls.Certificate{alice, mallory} {
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.Certificates = []tls.Certificate{certificate}
		request, _ := http.NewRequest("GET", server.URL, nil)
		request.Header.Set("Authorization", "Bearer stolen-or-not")
		response, err := transport.RoundTrip(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
		transport.CloseIdleConnections()
		fmt.Printf("%d %q\n", response.StatusCode, response.Header.Get("WWW-Authenticate"))
	}
	// Output:
	// 204 ""
	// 401 "Bearer error=\"invalid_token\""
}

// nginx hands the certificate on with
//
//	proxy_set_header X-Client-Cert $ssl_client_escaped_cert;
func ExampleFromProxy() {
	source, err := mtls.FromProxy(mtls.ProxyConfig{
		Format:  mtls.PEM,
		Header:  "X-Client-Cert",
		Trusted: mtls.TrustedPeers(netip.MustParsePrefix("10.0.3.7/32")),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	certificate := newCertificate().Leaf
	r := httptest.NewRequest("GET", "/accounts", nil)
	r.Header.Set("X-Client-Cert", escapedPEM(certificate))

	r.RemoteAddr = "10.0.3.7:41234"
	chain, err := source(r)
	fmt.Println(mtls.Thumbprint(chain[0]) == mtls.Thumbprint(certificate), err)

	r.RemoteAddr = "192.0.2.9:5555"
	_, err = source(r)
	fmt.Println(err)
	// Output:
	// true <nil>
	// mtls: certificate header is not the trusted proxy's one and only
}

// An edge in Go terminates TLS, takes away what clients must not send, and adds
// the field of RFC 9440.
func ExampleStrip() {
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		if chain, err := mtls.FromTLS(r.In); err == nil {
			r.Out.Header.Set("Client-Cert", ":"+base64.StdEncoding.EncodeToString(chain[0].Raw)+":")
		}
		r.Out.URL.Scheme, r.Out.URL.Host = "https", "backend.internal"
	}}
	proxy.Transport = printing{}
	edge := mtls.Strip(proxy)

	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Client-Cert", ":Zm9yZ2Vk:")
	r.Header["Client_cert"] = []string{":Zm9yZ2Vk:"}
	r.Header.Set("Accept", "application/json")
	edge.ServeHTTP(httptest.NewRecorder(), r)
	// Output:
	// [application/json] 0 certificate fields
}

func noContent(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }

type printing struct{}

func (printing) RoundTrip(r *http.Request) (*http.Response, error) {
	fmt.Println(r.Header["Accept"], len(r.Header["Client-Cert"])+len(r.Header["Client_cert"]), "certificate fields")
	return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody}, nil
}

func newCertificate() tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, _ := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	leaf, _ := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// claims are what is left of a verified access token.
type claims struct{ confirmation cnf.Confirmation }

func (c claims) Confirmation() cnf.Confirmation { return c.confirmation }
func (claims) HasScope(string) bool             { return true }
func (claims) ACR() string                      { return "" }
func (claims) AuthTime() time.Time              { return time.Time{} }
