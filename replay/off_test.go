package replay_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/replay"
)

func TestOff(t *testing.T) {
	t.Parallel()
	var off replay.Off
	for range 2 {
		first, err := off.Use(t.Context(), "k", time.Now().Add(time.Minute))
		require.NoError(t, err)
		require.True(t, first)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	first, err := off.Use(cancelled, "k", time.Now().Add(time.Minute))
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, first)

	var none context.Context
	first, err = off.Use(none, "k", time.Now().Add(time.Minute))
	require.ErrorIs(t, err, replay.ErrNotReady)
	require.False(t, first)
}
