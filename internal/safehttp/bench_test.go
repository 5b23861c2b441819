package safehttp

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func BenchmarkCheck(b *testing.B) {
	c, err := New(Config{})
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Check("https://as.example:8443/.well-known/jwks.json"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAdmit(b *testing.B) {
	a := mustAddresses(b)
	ip := netip.MustParseAddr("2a00:1450:4001::200e")
	b.ReportAllocs()
	for b.Loop() {
		if !a.admit(ip) {
			b.Fatal("refused")
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s := newServer(b, serveGood)
	c := newClient(b, Config{}, loopback4)
	b.ReportAllocs()
	for b.Loop() {
		requireGood(b, c, s.URL)
	}
}
