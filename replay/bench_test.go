package replay

import (
	"context"
	"crypto/rand"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

const liveEntries = 1_000_000

// keys returns n different keys of 32 bytes that cost no allocation: windows of one
// random string.
func keys(n int) func(int) string {
	b := make([]byte, n+32)
	rand.Read(b)
	s := string(b)
	return func(i int) string { return s[i%n : i%n+32] }
}

// filled returns a store that holds liveEntries and its heap per entry.
func filled(b *testing.B, entries int, now time.Time, until func(i int) time.Time) (*Memory, float64) {
	b.Helper()
	before := heapBytes()
	m, err := NewMemory(MemoryConfig{MaxEntries: entries})
	if err != nil {
		b.Fatal(err)
	}
	key := keys(liveEntries)
	for i := range liveEntries {
		if first, err := m.useAt(key(i), until(i), now); err != nil || !first {
			b.Fatal(first, err)
		}
	}
	return m, float64(heapBytes()-before) / liveEntries
}

func heapBytes() int64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func BenchmarkMemory(b *testing.B) {
	// Steady state: each use adds an entry that lives for as long as a million uses
	// take, and one expires. The clock is made to advance by 1 us a use; the reading
	// of the real one, which Use adds, is in the loop.
	b.Run("Use", func(b *testing.B) {
		start := time.Now()
		m, perEntry := filled(b, 2*liveEntries, start, func(i int) time.Time { return start.Add(time.Duration(i) * time.Microsecond) })
		key := keys(4 * liveEntries)
		ctx := context.Background()
		now := start
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_, _ = time.Now(), checkContext(ctx)
			now = now.Add(time.Microsecond)
			if first, err := m.useAt(key(i), now.Add(liveEntries*time.Microsecond), now); err != nil || !first {
				b.Fatal(first, err)
			}
		}
		b.ReportMetric(perEntry, "B/entry")
		b.ReportMetric(float64(m.live.Load()), "held")
	})
	b.Run("parallel", func(b *testing.B) {
		start := time.Now()
		m, _ := filled(b, 2*liveEntries, start, func(i int) time.Time { return start.Add(time.Duration(i) * time.Microsecond) })
		key := keys(4 * liveEntries)
		ctx := context.Background()
		var batch atomic.Int64
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			const size = 1024 // drawn in batches: the counter must not be what is measured
			for i := 0; pb.Next(); i++ {
				if i%size == 0 {
					i = int(batch.Add(1)-1) * size
				}
				_, _ = time.Now(), checkContext(ctx)
				now := start.Add(time.Duration(i) * time.Microsecond)
				if _, err := m.useAt(key(i), now.Add(liveEntries*time.Microsecond), now); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("replayed", func(b *testing.B) {
		start := time.Now()
		m, _ := filled(b, 2*liveEntries, start, func(int) time.Time { return start.Add(time.Hour) })
		ctx, key, until := context.Background(), keys(1), start.Add(time.Hour)
		m.useAt(key(0), until, start)
		b.ReportAllocs()
		for b.Loop() {
			if first, err := m.Use(ctx, key(0), until); first || err != nil {
				b.Fatal(first, err)
			}
		}
	})
	b.Run("full", func(b *testing.B) {
		start := time.Now()
		until := start.Add(time.Hour)
		m, _ := filled(b, liveEntries, start, func(int) time.Time { return until })
		ctx, key := context.Background(), keys(4*liveEntries)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if _, err := m.Use(ctx, key(i), until); !errors.Is(err, ErrFull) {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkSetIfAbsent(b *testing.B) {
	f := SetIfAbsent(func(context.Context, string, time.Duration) (bool, error) { return true, nil })
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	until := time.Now().Add(time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if first, err := f.Use(ctx, "k", until); err != nil || !first {
			b.Fatal(first, err)
		}
	}
}
