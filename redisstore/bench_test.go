package redisstore_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// All over TCP on the loopback address, each use with a new key.
func BenchmarkReplay(b *testing.B) {
	s := startRedis(b)
	until := time.Now().Add(time.Hour)
	ctx := context.Background()
	var n atomic.Int64
	key := func() string { return strconv.FormatInt(n.Add(1), 36) + " of a proof by the client's key" }

	b.Run("Use", func(b *testing.B) {
		r := newReplay(b, s.client(b, nil))
		b.ReportAllocs()
		for b.Loop() {
			if first, err := r.Use(ctx, key(), until); err != nil || !first {
				b.Fatal(first, err)
			}
		}
	})
	b.Run("round trips", func(b *testing.B) {
		var w wire
		r := newReplay(b, s.client(b, w.options))
		for b.Loop() {
			if first, err := r.Use(ctx, key(), until); err != nil || !first {
				b.Fatal(first, err)
			}
		}
		sets, replies := w.seen()
		b.ReportMetric(float64(len(sets)+replies)/2/float64(b.N), "roundtrips/op")
	})
	b.Run("client alone", func(b *testing.B) {
		client := s.client(b, nil)
		b.ReportAllocs()
		for b.Loop() {
			if first, err := client.SetNX(ctx, key(), "1", time.Hour).Result(); err != nil || !first {
				b.Fatal(first, err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		r := newReplay(b, s.client(b, nil))
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if first, err := r.Use(ctx, key(), until); err != nil || !first {
					b.Error(first, err)
					return
				}
			}
		})
	})
}

// The record has the size of a usual request.
func BenchmarkRequests(b *testing.B) {
	s := startRedis(b)
	until := time.Now().Add(time.Hour)
	ctx := context.Background()
	record := make([]byte, 600)
	var n atomic.Int64
	key := func() string { return named(strconv.FormatInt(n.Add(1), 36)) }
	must := func(b *testing.B, ok bool, err error) {
		if err != nil || !ok {
			b.Fatal(ok, err)
		}
	}
	r := newRequests(b, s.client(b, nil))

	b.Run("Put", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(b, true, r.Put(ctx, key(), record, until))
		}
	})
	b.Run("Keep", func(b *testing.B) {
		k := key()
		must(b, true, r.Put(ctx, k, record, until))
		b.ReportAllocs()
		for b.Loop() {
			_, ok, err := r.Keep(ctx, k, until)
			must(b, ok, err)
		}
	})
	b.Run("Put and Take", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			k := key()
			must(b, true, r.Put(ctx, k, record, until))
			ok, err := r.Take(ctx, k)
			must(b, ok, err)
		}
	})
	b.Run("Keep in parallel", func(b *testing.B) {
		k := key()
		must(b, true, r.Put(ctx, k, record, until))
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if _, ok, err := r.Keep(ctx, k, until); err != nil || !ok {
					b.Error(ok, err)
					return
				}
			}
		})
	})
	b.Run("client alone, Get", func(b *testing.B) {
		client, k := s.client(b, nil), key()
		must(b, true, client.Set(ctx, k, record, time.Hour).Err())
		b.ReportAllocs()
		for b.Loop() {
			must(b, true, client.Get(ctx, k).Err())
		}
	})
}

// A push takes one round trip, Load one, Consume two.
func BenchmarkHandler(b *testing.B) {
	s := startRedis(b)
	ctx := context.Background()
	h := newHandler(b, newRequests(b, s.client(b, nil)))
	for b.Loop() {
		uri := pushed(b, h, "client-1")
		if _, err := h.Load(ctx, "client-1", uri); err != nil {
			b.Fatal(err)
		}
		if _, err := h.Consume(ctx, "client-1", uri); err != nil {
			b.Fatal(err)
		}
	}
}
