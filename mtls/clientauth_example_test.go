package mtls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/go-fapi/fapi/mtls"
)

// known is where a server keeps its clients: here, a map.
type known map[string]mtls.Client

func (k known) Client(_ context.Context, clientID string) (mtls.Client, bool, error) {
	client, ok := k[clientID]
	return client, ok, nil
}

// A token endpoint with one client, whose certificates come from an authority
// made for this purpose.
func ExampleClientAuthenticator() {
	authority := newNamed("Open Banking CA", nil)
	roots := x509.NewCertPool()
	roots.AddCert(authority.Leaf)

	// At registration, errors are the client's: invalid_client_metadata.
	subject, err := mtls.SubjectDN("CN=fintech,O=Fintech Ltd.")
	if err != nil {
		fmt.Println(err)
		return
	}
	authenticator, err := mtls.NewClientAuthenticator(mtls.ClientAuthenticatorConfig{
		Clients: known{"fintech": {Method: mtls.TLSClientAuth, Subject: subject}},
		Roots:   roots,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clientID, err := authenticator.Authenticate(r)
		if refused, ok := errors.AsType[*mtls.Error](err); ok {
			fmt.Println(refused.OAuthCode(), "-", refused)
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		fmt.Println(clientID, err)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert} // checked by Authenticate, not by the listener
	server.StartTLS()
	defer server.Close()

	for _, certificate := range []tls.Certificate{newNamed("fintech", &authority), newNamed("fintech", nil)} {
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.Certificates = []tls.Certificate{certificate}
		client := &http.Client{Transport: transport}
		response, err := client.PostForm(server.URL, url.Values{"client_id": {"fintech"}, "grant_type": {"client_credentials"}})
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
		client.CloseIdleConnections()
	}
	// Output:
	// fintech <nil>
	// invalid_client - mtls: certificate has no valid chain to an authority of the client
}

// The set a client registers holds its certificate beside the key.
func ExampleRegisteredCertificates() {
	jwks := []byte(`{"keys":[{"kty":"EC","crv":"P-256",
		"x":"1yfLHCpXqFjxCeHHHMVDTcLscpb07KUxudBmOMn8C7Q","y":"8_coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8",
		"x5c":["MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY="]
	}]}`)
	certificates, err := mtls.RegisteredCertificates(jwks)
	if err != nil {
		fmt.Println(err)
		return
	}
	client := mtls.Client{Method: mtls.SelfSignedTLSClientAuth, Certificates: certificates}
	fmt.Println(client.Method, len(client.Certificates), client.Certificates[0].Subject)
	// Output:
	// self_signed_tls_client_auth 1 CN=mtls
}

func ExampleSubjectDN() {
	_, err := mtls.SubjectDN(`CN=client \"one\",OU=a\;b,O=Lab\2C Inc.,C=DE`)
	fmt.Println(err)
	_, err = mtls.SubjectDN("C = DE, O = Lab")
	fmt.Println(err)
	// Output:
	// <nil>
	// mtls: subject DN: near octet 0: unknown attribute type; is there a space or an unescaped comma before it?
}

func ExampleEndpoint() {
	metadata := []byte(`{
		"issuer": "https://as.bank.example",
		"token_endpoint": "https://as.bank.example/token",
		"introspection_endpoint": "https://as.bank.example/introspect",
		"mtls_endpoint_aliases": {"token_endpoint": "https://mtls.as.bank.example/token"}
	}`)
	for _, name := range []string{"token_endpoint", "introspection_endpoint"} {
		fmt.Println(mtls.Endpoint(metadata, "https://as.bank.example", name))
	}
	// Output:
	// https://mtls.as.bank.example/token <nil>
	// https://as.bank.example/introspect <nil>
}

// A client changes its certificate. What begins afterwards shows the new one,
// and what was bound to the old one has to be got anew.
func ExampleRotator() {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println("server:", r.TLS.PeerCertificates[0].Subject)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	defer server.Close()

	rotator, err := mtls.NewRotator(newNamed("this year", nil)) // tls.LoadX509KeyPair
	if err != nil {
		fmt.Println(err)
		return
	}
	transport, err := rotator.Transport(server.Client().Transport.(*http.Transport))
	if err != nil {
		fmt.Println(err)
		return
	}
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	get := func() {
		response, err := client.Get(server.URL)
		if err != nil {
			fmt.Println(err)
			return
		}
		response.Body.Close()
	}

	get()
	bound := mtls.Thumbprint(rotator.Certificate()) // what a token got now is bound to
	if err := rotator.Rotate(newNamed("next year", nil)); err != nil {
		fmt.Println(err)
		return
	}
	get()
	fmt.Println("token still good:", bound == mtls.Thumbprint(rotator.Certificate()))
	// Output:
	// server: CN=this year,O=Fintech Ltd.
	// server: CN=next year,O=Fintech Ltd.
	// token still good: false
}

// newNamed makes a certificate by its issuer, or by itself.
func newNamed(name string, issuer *tls.Certificate) tls.Certificate {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: issuer == nil, BasicConstraintsValid: true,
		Subject: pkix.Name{CommonName: name, Organization: []string{"Fintech Ltd."}},
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.PrivateKey.(*ecdsa.PrivateKey)
	}
	der, _ := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	leaf, _ := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}
