package mtls_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
)

// BenchmarkConfirm is a bound token's certificate alone: from the connection,
// from a field that was seen before, and from one that never was.
func BenchmarkConfirm(b *testing.B) {
	leaf := issued(b, nil, "leaf", testkeys.PS256(), testkeys.PS256().Public()).Leaf
	bound := mtls.Thumbprint(leaf)
	connected := carrying()
	connected.TLS = connectedWith(leaf)
	confirm := func(name string, source mtls.CertificateSource, requests ...*http.Request) {
		b.Run(name, func(b *testing.B) {
			binding := mtls.Binding{Certificate: source}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := binding.Confirm(http.Header{}, requests[i%len(requests)], "", bound); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	confirm("direct", nil, connected)
	for _, w := range writers {
		confirm(w.field+"/seen", fromProxy(b, w.config), carrying(w.field, w.write(leaf)))
	}
	never := make([]*http.Request, 1<<14) // more than are remembered
	for i := range never {
		never[i] = carrying("Client-Cert", fmt.Sprint(itemOf(leaf), ";n=", i))
	}
	confirm("Client-Cert/new", fromProxy(b, mtls.ProxyConfig{Format: mtls.RFC9440}), never...)
}
