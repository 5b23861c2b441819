package introspection_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/go-fapi/fapi/introspection"
)

// What an ordinary answer looks like: bound, with scope and acr.
const benchMembers = `,"client_id":"app-4711","aud":"` + api + `","iss":"` + issuer + `","jti":"8f0c2b1e-1f7e-4c39-a5d1-0d9a0c7f1f52",` +
	`"scope":"accounts payments","acr":"urn:sca","cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},"token_type":"DPoP"`

func benchClient(b *testing.B, edit ...func(*introspection.ClientConfig)) *introspection.Client {
	return newClient(b, newServer(always(benchMembers)).client(), edit...)
}

func tokens(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("gJ2k7Vv1xQ9sT4uW8yZ0bC3dE5fG6h-%012d", i)
	}
	return list
}

func BenchmarkIntrospect(b *testing.B) {
	ctx := context.Background()
	list := tokens(1000)
	warm := func(b *testing.B) *introspection.Client {
		client := benchClient(b, func(c *introspection.ClientConfig) { c.MaxAge = 5 * time.Minute })
		for _, token := range list {
			if _, err := client.Introspect(ctx, token); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		b.ResetTimer()
		return client
	}
	b.Run("hit", func(b *testing.B) {
		client := warm(b)
		for i := range b.N {
			if _, err := client.Introspect(ctx, list[i%len(list)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("hit/parallel", func(b *testing.B) {
		client := warm(b)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := client.Introspect(ctx, list[i%len(list)]); err != nil {
					b.Error(err)
				}
			}
		})
	})
	// No network: the price of asking beside what the network costs.
	cold := func(answer func(string) *http.Response, edit ...func(*introspection.ClientConfig)) func(*testing.B) {
		return func(b *testing.B) {
			client := newClient(b, newServer(answer).client(), edit...)
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				if _, err := client.Introspect(ctx, opaque); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	body := activeBody(benchMembers)
	b.Run("cold/json", cold(func(string) *http.Response { return respond(200, typeJSON, body) }))
	jws := statement(b, "token_introspection", body)
	b.Run("cold/signed", cold(func(string) *http.Response { return respond(200, typeStatement, jws) }, signed(b)))
}

// BenchmarkEntry measures what a remembered token takes.
func BenchmarkEntry(b *testing.B) {
	const n = 10_000
	list := tokens(n)
	for range b.N {
		client := benchClient(b, func(c *introspection.ClientConfig) { c.MaxEntries = 1 << 20 })
		before := heap()
		for _, token := range list {
			if _, err := client.Introspect(context.Background(), token); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before)/n, "B/entry")
		b.ReportMetric(float64(len(activeBody(benchMembers))), "B/answer")
		runtime.KeepAlive(client)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkHandler(b *testing.B) {
	bank := newBank(b, func(c *introspection.HandlerConfig) { c.Observe = nil })
	for name, accept := range map[string]string{"json": typeJSON, "signed": typeStatement} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if w := bank.ask("accounts", accept, goodForm); w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
