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
