package jwks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func BenchmarkKeys(b *testing.B) {
	var list []Key
	for i := range 5 {
		list = append(list, ec(fmt.Sprint(i)))
	}
	var o origin
	o.serve(document(b, list...))
	remote := o.remote(b)
	static, err := NewStatic(document(b, list...))
	require.NoError(b, err)
	publisher, err := NewPublisher(PublisherConfig{Keys: list})
	require.NoError(b, err)
	for _, c := range []struct {
		name string
		s    source
		kid  string
	}{
		{"static", static, "3"},
		{"publisher", publisher, "3"},
		{"remote", remote, "3"},
		{"remote/unknown kid", remote, "random"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := c.s.Keys(b.Context(), c.kid, "ES256"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("remote/parallel", func(b *testing.B) {
		ctx := b.Context()
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, err := remote.Keys(ctx, "3", "ES256"); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

func BenchmarkNewStatic(b *testing.B) {
	body := document(b, ec("a"), ed("b"), ec("c"))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := NewStatic(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkServe(b *testing.B) {
	p, err := NewPublisher(PublisherConfig{Keys: []Key{ec("a"), ed("b")}, MaxAge: time.Hour})
	require.NoError(b, err)
	r := httptest.NewRequest(http.MethodGet, "/jwks", nil)
	b.ReportAllocs()
	for b.Loop() {
		p.ServeHTTP(httptest.NewRecorder(), r)
	}
}
