package server_test

import (
	"net/url"
	"testing"
)

// The whole way from the push to the tokens, the client's and the browser's work
// included.
func BenchmarkFlow(b *testing.B) {
	w := newWorld(b)
	for _, id := range []string{"plain", "certified", "signing"} {
		b.Run(id, func(b *testing.B) {
			c := w.the(b, id)
			b.ReportAllocs()
			for b.Loop() {
				w.flow(b, c)
			}
		})
	}
}

// BenchmarkIntrospect is a question with private_key_jwt, in the three forms.
func BenchmarkIntrospect(b *testing.B) {
	w := newWorld(b, withOpaque(b))
	got := w.flow(b, w.the(b, "plain"))
	for _, accept := range []string{typeJSON, typeStatement, typePhantom} {
		b.Run(accept, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				r := w.posting(b, gateway(), "/introspect", url.Values{"token": {got.AccessToken}})
				r.Header.Set("Accept", accept)
				b.StartTimer()
				w.serve(r)
			}
		})
	}
}
