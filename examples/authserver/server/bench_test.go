package server_test

import "testing"

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
