package redisstore_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// certificate makes one for 127.0.0.1 and returns its files.
func certificate(t *testing.T) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
		return path
	}
	parsed, err := x509.ParseCertificate(cert)
	require.NoError(t, err)
	roots = x509.NewCertPool()
	roots.AddCert(parsed)
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", der), roots
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certFile, keyFile, roots := certificate(t)
	port := freePort(t)
	s := startRedis(t, "--tls-port", port, "--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-auth-clients", "no")
	trusting := func(roots *x509.CertPool) *redis.Client {
		return s.client(t, func(o *redis.Options) {
			o.Addr, o.DialerRetries, o.MaxRetries = "127.0.0.1:"+port, 1, -1
			o.TLSConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		})
	}
	t.Run("both stores work over TLS", func(t *testing.T) {
		requests, uses := newRequests(t, trusting(roots)), newReplay(t, trusting(roots))
		wantPut(t, requests, "k")
		wantKept(t, requests, "k")
		wantTake(t, requests, "k", true)
		wantFirst(t, uses, "k")
		wantUsed(t, uses, "k")
	})
	t.Run("X01 a server that cannot be verified", func(t *testing.T) {
		nobody := x509.NewCertPool()
		for _, err := range failures(t, newRequests(t, trusting(nobody)), t.Context(), "k") {
			require.ErrorContains(t, err, "x509")
		}
		require.ErrorContains(t, wantError(t, newReplay(t, trusting(nobody)), "new"), "x509")
	})
}
