package fapi_test

import (
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/internal/testkeys"
)

var profiles = []fapi.Profile{fapi.FAPI2Security, fapi.FAPI2MessageSigning, fapi.FAPI1Advanced}

func TestTLSConfig(t *testing.T) {
	t.Parallel()
	secure := map[uint16]bool{}
	for _, suite := range tls.CipherSuites() {
		secure[suite.ID] = true
	}
	for _, profile := range profiles {
		for _, role := range []fapi.Role{fapi.BrowserEndpoint, fapi.APIEndpoint, fapi.TLSClient} {
			config, err := profile.TLSConfig(role)
			require.NoError(t, err)
			require.Equal(t, uint16(tls.VersionTLS12), config.MinVersion)
			require.Zero(t, config.MaxVersion)
			require.False(t, config.InsecureSkipVerify)
			require.NotEmpty(t, config.CipherSuites)
			for _, suite := range config.CipherSuites {
				require.True(t, secure[suite], tls.CipherSuiteName(suite))
			}
			config.CipherSuites[0] = tls.TLS_RSA_WITH_AES_128_CBC_SHA
			again, err := profile.TLSConfig(role)
			require.NoError(t, err)
			require.NotContains(t, again.CipherSuites, uint16(tls.TLS_RSA_WITH_AES_128_CBC_SHA), "each caller has its own")
		}
		for _, role := range []fapi.Role{"", "server"} {
			config, err := profile.TLSConfig(role)
			require.ErrorIs(t, err, fapi.ErrInput)
			require.Nil(t, config)
		}
	}
}

func certificate(t *testing.T, key crypto.Signer) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"as.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// negotiate is one handshake over a pipe.
func negotiate(t *testing.T, client, server *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	deadline := time.Now().Add(10 * time.Second)
	require.NoError(t, near.SetDeadline(deadline))
	require.NoError(t, far.SetDeadline(deadline))
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer far.Close()
		_ = tls.Server(far, server).Handshake()
	}()
	connection := tls.Client(near, client)
	err := connection.Handshake()
	near.Close()
	<-done
	return connection.ConnectionState(), err
}

func TestHandshake(t *testing.T) {
	t.Parallel()
	ecdsaKey, rsaKey := testkeys.ES256("tls"), testkeys.PS256()
	certificates := map[bool]tls.Certificate{false: certificate(t, ecdsaKey), true: certificate(t, rsaKey)}
	for _, c := range []struct {
		name    string
		profile fapi.Profile
		role    fapi.Role
		isRSA   bool
		max     uint16 // of the client
		suites  []uint16
		ok      bool
	}{
		{"TLS 1.1 is refused", fapi.FAPI2Security, fapi.APIEndpoint, true, tls.VersionTLS11, nil, false},
		{"CBC is refused", fapi.FAPI2Security, fapi.APIEndpoint, true, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, false},
		{"CBC is refused to browsers", fapi.FAPI2Security, fapi.BrowserEndpoint, true, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}, false},
		{"ChaCha20 is refused at an API", fapi.FAPI2Security, fapi.APIEndpoint, false, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}, false},
		{"ChaCha20 is for browsers", fapi.FAPI2Security, fapi.BrowserEndpoint, false, tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256}, true},
		{"GCM", fapi.FAPI2Security, fapi.APIEndpoint, false, tls.VersionTLS12, nil, true},
		{"TLS 1.3", fapi.FAPI2Security, fapi.APIEndpoint, false, 0, nil, true},
		{"FAPI 1.0 with RSA", fapi.FAPI1Advanced, fapi.APIEndpoint, true, tls.VersionTLS12, nil, true},
		{"FAPI 1.0 has no ECDSA suite", fapi.FAPI1Advanced, fapi.APIEndpoint, false, tls.VersionTLS12, nil, false},
		{"FAPI 1.0 has ECDSA for browsers", fapi.FAPI1Advanced, fapi.BrowserEndpoint, false, tls.VersionTLS12, nil, true},
		{"FAPI 1.0 has any key in TLS 1.3", fapi.FAPI1Advanced, fapi.APIEndpoint, false, 0, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, err := c.profile.TLSConfig(c.role)
			require.NoError(t, err)
			server.Certificates = []tls.Certificate{certificates[c.isRSA]}
			roots := x509.NewCertPool()
			leaf, err := x509.ParseCertificate(server.Certificates[0].Certificate[0])
			require.NoError(t, err)
			roots.AddCert(leaf)
			client := &tls.Config{RootCAs: roots, ServerName: "as.example", MinVersion: tls.VersionTLS10, MaxVersion: c.max, CipherSuites: c.suites}
			_, err = negotiate(t, client, server)
			require.Equal(t, c.ok, err == nil, err)

			// The profile's own client reaches what a client may reach.
			if caller, err := c.profile.TLSConfig(fapi.TLSClient); c.ok && c.suites == nil && (c.role == fapi.APIEndpoint) {
				require.NoError(t, err)
				caller.RootCAs, caller.ServerName = roots, "as.example"
				_, err = negotiate(t, caller, server)
				require.NoError(t, err)
			}
		})
	}
}
