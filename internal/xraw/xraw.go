// Package xraw measures an operation in units of the bare signature operation
// it cannot do without. Absolute times differ between machines; this ratio
// hardly does.
package xraw

import (
	"slices"
	"testing"
	"time"
)

// chunk is how many operations run before the other side has its turn: short
// enough that both see the same machine, long enough for the clock.
const chunk = 32

// Run runs op b.N times (i counts up from 0), interleaved with raw, and
// reports the median ratio as "x-raw". Time and allocations of raw are not in
// the benchmark's own figures.
func Run(b *testing.B, raw func(), op func(i int)) {
	b.Helper()
	raw()
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	var ratios []float64
	for done := 0; done < b.N; done += chunk {
		n := min(chunk, b.N-done)
		start := time.Now()
		for range n {
			raw()
		}
		rawTime := time.Since(start)
		b.StartTimer()
		start = time.Now()
		for i := range n {
			op(done + i)
		}
		opTime := time.Since(start)
		b.StopTimer()
		ratios = append(ratios, float64(opTime)/float64(rawTime))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-raw")
}
