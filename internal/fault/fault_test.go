package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/fault"
)

type coded struct{}

func (coded) Error() string     { return "refused elsewhere" }
func (coded) OAuthCode() string { return "invalid_token" }

func TestOf(t *testing.T) {
	t.Parallel()
	err := fault.Of("store", fmt.Errorf("waiting: %w", context.Canceled))
	require.ErrorIs(t, err, context.Canceled)
	require.EqualError(t, err, "store: waiting: context canceled")

	_, ok := errors.AsType[coded](fmt.Errorf("wrapped: %w", coded{}))
	require.True(t, ok, "control: usual wrapping shows the code")
	_, ok = errors.AsType[coded](fault.Of("key source", coded{}))
	require.False(t, ok)
	require.NotErrorIs(t, fault.Of("key source", coded{}), coded{})
}

func TestPanic(t *testing.T) {
	t.Parallel()
	require.EqualError(t, fault.Panic("store", "a secret"), "store: it panicked (string)")
}
