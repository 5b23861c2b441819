package singleuse_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/singleuse"
	"github.com/go-fapi/fapi/replay"
)

type storeFunc func(ctx context.Context) (bool, error)

func (f storeFunc) Use(ctx context.Context, _ string, _ time.Time) (bool, error) { return f(ctx) }

func use(ctx context.Context, store singleuse.Store) (bool, error) {
	return singleuse.Use(ctx, store, "key", time.Now().Add(time.Minute))
}

func TestUse(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	t.Run("control: a sound store is believed", func(t *testing.T) {
		t.Parallel()
		memory, err := replay.NewMemory(replay.MemoryConfig{})
		require.NoError(t, err)
		for _, store := range []singleuse.Store{memory, storeFunc(func(ctx context.Context) (bool, error) { return memory.Use(ctx, "other", time.Now().Add(time.Minute)) })} {
			first, err := use(ctx, store)
			require.NoError(t, err)
			require.True(t, first)
			first, err = use(ctx, store)
			require.NoError(t, err)
			require.False(t, first)
		}
	})
	t.Run("X01 an error is never a first use", func(t *testing.T) {
		t.Parallel()
		down := errors.New("down")
		first, err := use(ctx, storeFunc(func(context.Context) (bool, error) { return true, down }))
		require.ErrorIs(t, err, down)
		require.False(t, first)
	})
	t.Run("X01 a panic is an error", func(t *testing.T) {
		t.Parallel()
		first, err := use(ctx, storeFunc(func(context.Context) (bool, error) { panic("secret") }))
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
		require.False(t, first)
	})
	t.Run("a context that has ended reaches no store", func(t *testing.T) {
		t.Parallel()
		ended, cancel := context.WithCancel(ctx)
		cancel()
		_, err := use(ended, storeFunc(func(context.Context) (bool, error) { t.Error("called"); return true, nil }))
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestUseInBubble(t *testing.T) {
	t.Parallel()
	t.Run("X03 a store that waits for its context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			first, err := use(t.Context(), storeFunc(func(ctx context.Context) (bool, error) { <-ctx.Done(); return true, nil }))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.False(t, first)
			require.Equal(t, singleuse.Patience, time.Since(start))
		})
	})
	t.Run("X03 a store that ignores its context", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			start := time.Now()
			first, err := use(ctx, storeFunc(func(context.Context) (bool, error) { time.Sleep(time.Minute); return true, nil }))
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.False(t, first)
			require.Equal(t, time.Second, time.Since(start), "the request's own deadline comes first")
			time.Sleep(time.Hour) // the store returns to nobody, and its goroutine ends: synctest would see it otherwise
		})
	})
}
