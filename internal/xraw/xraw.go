// Package xraw measures an operation in units of the bare signature operation
// it cannot do without. Absolute times differ between machines; this ratio
// hardly does.
package xraw

import (
	"slices"
	"testing"
	"time"
)

// turn is how long one side runs before the other has its turn: short enough
// that both see the same machine, long enough for the clock.
const turn = 2 * time.Millisecond

// Run runs op b.N times (i counts up from 0), interleaved with raw, and
// reports the median ratio of the time of one op to that of one raw as "x-raw".
// Time and allocations of raw are not in the benchmark's own figures.
func Run(b *testing.B, raw func(), op func(i int)) {
	b.Helper()
	raw()
	b.ReportAllocs()
	b.ResetTimer()
	b.StopTimer()
	var ratios []float64
	for done, chunk := 0, 32; done < b.N; {
		n := min(chunk, b.N-done)
		b.StartTimer()
		start := time.Now()
		for i := range n {
			op(done + i)
		}
		opTime := time.Since(start)
		b.StopTimer()
		ratios = append(ratios, float64(opTime)/float64(n)/rawTime(raw, opTime))
		done += n
		if opTime < turn {
			chunk *= 2
		}
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x-raw")
}

// rawTime is what one raw takes, in nanoseconds, measured for as long as the op
// had its turn.
func rawTime(raw func(), atLeast time.Duration) float64 {
	count, start := 0, time.Now()
	for {
		raw()
		count++
		if elapsed := time.Since(start); elapsed >= atLeast {
			return float64(elapsed) / float64(count)
		}
	}
}
