package mtls_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/mtls"
)

func TestFromProxy(t *testing.T) {
	t.Parallel()
	everybody := func(*http.Request) bool { return true }
	for name, config := range map[string]mtls.ProxyConfig{
		"nothing":                    {},
		"no format":                  {Trusted: everybody},
		"unknown format":             {Format: mtls.XFCC + 1, Trusted: everybody, Header: "X"},
		"negative format":            {Format: -1, Trusted: everybody, Header: "X"},
		"nobody who says who":        {Format: mtls.RFC9440},
		"PEM without a header":       {Format: mtls.PEM, Trusted: everybody},
		"Base64 without a header":    {Format: mtls.Base64, Trusted: everybody},
		"header with an underscore":  {Format: mtls.PEM, Trusted: everybody, Header: "SSL_CLIENT_CERT"},
		"header with a space":        {Format: mtls.PEM, Trusted: everybody, Header: "Client-Cert "},
		"header with another letter": {Format: mtls.PEM, Trusted: everybody, Header: "Client-Cert:"},
		"negative hops":              {Format: mtls.XFCC, Trusted: everybody, Hops: -1},
		"too many hops":              {Format: mtls.XFCC, Trusted: everybody, Hops: 9},
		"hops of another format":     {Format: mtls.RFC9440, Trusted: everybody, Hops: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, err := mtls.FromProxy(config)
			require.Error(t, err)
			require.Nil(t, source)
		})
	}
	t.Run("names of one's own", func(t *testing.T) {
		t.Parallel()
		leaf := selfSigned(t, "leaf").Leaf
		source := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440, Header: "x-CERT", Chain: true})
		_, err := source(carrying("X-Cert", itemOf(leaf)))
		require.NoError(t, err)
		_, err = source(carrying("X-Cert-Chain", itemOf(leaf)))
		requireRefused(t, mtls.ErrProxy, "invalid_request", err)
		_, err = source(carrying("Client-Cert", itemOf(leaf)))
		requireRefused(t, mtls.ErrNoCertificate, "invalid_request", err)
	})
	t.Run("a refusal names the header and the peer for the log only", func(t *testing.T) {
		t.Parallel()
		r := carrying("Client-Cert", "secret")
		r.RemoteAddr = "192.0.2.1:1234"
		_, err := fromProxy(t, mtls.ProxyConfig{Format: mtls.RFC9440, Trusted: mtls.TrustedPeers(loopback)})(r)
		requireRefused(t, mtls.ErrProxy, "invalid_request", err)
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("refused", "error", err)
		for _, part := range []string{`error.cause="sender is not trusted"`, "error.header=Client-Cert", "error.peer=192.0.2.1:1234", "error.code=invalid_request"} {
			require.Contains(t, log.String(), part)
		}
		require.NotContains(t, log.String()+err.Error(), "secret")
		require.NotContains(t, err.Error(), "192.0.2.1")
	})
}

func TestTrustedPeers(t *testing.T) {
	t.Parallel()
	trusted := mtls.TrustedPeers(netip.MustParsePrefix("10.1.2.3/32"), netip.MustParsePrefix("fe80::/64"), netip.MustParsePrefix("2001:db8::1/128"))
	everybody := mtls.TrustedPeers(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"), netip.Prefix{})
	for address, want := range map[string]bool{
		"10.1.2.3:443": true, "[::ffff:10.1.2.3]:443": true, "[2001:db8::1]:1": true, "[fe80::1%eth0]:1": true,
		"10.1.2.4:443": false, "[2001:db8::2]:1": false, "10.1.2.3": false, "10.1.2.3:": false, "": false, "@": false,
		"/run/proxy.sock": false, "10.1.2.3:443, 192.0.2.1:1": false, "proxy:443": false, "10.1.2.03:443": false,
	} {
		t.Run(address, func(t *testing.T) {
			t.Parallel()
			r := carrying("X-Forwarded-For", "10.1.2.3", "Forwarded", "for=10.1.2.3")
			r.RemoteAddr = address
			require.Equal(t, want, trusted(r))
			require.False(t, everybody(r))
			require.False(t, mtls.TrustedPeers()(r))
		})
	}
	t.Run("later writes do not reach it", func(t *testing.T) {
		t.Parallel()
		prefixes := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		trusted := mtls.TrustedPeers(prefixes...)
		prefixes[0] = netip.MustParsePrefix("192.0.2.0/24")
		r := carrying()
		r.RemoteAddr = "192.0.2.1:1"
		require.False(t, trusted(r))
		r.RemoteAddr = "10.0.0.1:1"
		require.True(t, trusted(r))
	})
}

func TestTrustedCertificates(t *testing.T) {
	t.Parallel()
	proxy, next, other := selfSigned(t, "proxy").Leaf, selfSigned(t, "next").Leaf, selfSigned(t, "other").Leaf
	trusted := mtls.TrustedCertificates(mtls.Thumbprint(proxy), mtls.Thumbprint(next))
	for i, c := range []struct {
		state *tls.ConnectionState
		want  bool
	}{
		{connectedWith(proxy), true}, {connectedWith(next, other), true}, {connectedWith(other), false}, {connectedWith(other, proxy), false},
		{connectedWith(), false}, {nil, false}, {&tls.ConnectionState{PeerCertificates: connectedWith(proxy).PeerCertificates}, false},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			r := carrying()
			r.TLS = c.state
			require.Equal(t, c.want, trusted(r))
			require.False(t, mtls.TrustedCertificates()(r))
			require.False(t, mtls.TrustedCertificates([32]byte{})(r))
		})
	}
}

func connectedWith(chain ...*x509.Certificate) *tls.ConnectionState {
	return &tls.ConnectionState{HandshakeComplete: true, PeerCertificates: chain}
}
