package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	t.Parallel()
	var out, log bytes.Buffer
	require.NoError(t, run(t.Context(), []string{"-n", "40", "-c", "4", "-seconds", "5"}, &out, &log))
	require.Equal(t, 4, strings.Count(out.String(), " 40 "), out.String())
	for _, args := range [][]string{{"-n", "0"}, {"-c", "1001"}, {"-seconds", "61"}, {"x"}, {"-x"}} {
		require.Error(t, run(t.Context(), args, &out, &log), args)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	var sorted []time.Duration
	require.Zero(t, percentile(sorted, 500))
	for i := range 1000 {
		sorted = append(sorted, time.Duration(i+1)*time.Millisecond)
	}
	require.Equal(t, 500*time.Millisecond, percentile(sorted, 500))
	require.Equal(t, 999*time.Millisecond, percentile(sorted, 999))
	require.Equal(t, time.Millisecond, percentile(sorted[:1], 999))
}
