package par_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-fapi/fapi/par"
)

func BenchmarkHandler(b *testing.B) {
	memory, _ := par.NewMemory(par.MemoryConfig{MaxBytes: 1 << 30})
	registry := &registry{redirect: map[string][]string{"client-1": {callback}}}
	handler, err := par.NewHandler(par.HandlerConfig{Clients: byHeader{}, Store: memory, Check: registry.check})
	if err != nil {
		b.Fatal(err)
	}
	body := form().Encode()
	push := func() string {
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, pushRequest(body)); w.Code != http.StatusCreated {
			b.Fatal(w.Body)
		}
		_, rest, _ := strings.Cut(w.Body.String(), `"request_uri":"`)
		requestURI, _, _ := strings.Cut(rest, `"`)
		return requestURI
	}
	b.Run("push", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			push()
		}
	})
	b.Run("Load", func(b *testing.B) {
		requestURI, ctx := push(), context.Background()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := handler.Load(ctx, "client-1", requestURI); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("push and Consume", func(b *testing.B) {
		ctx := context.Background()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := handler.Consume(ctx, "client-1", push()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
