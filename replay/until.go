package replay

import (
	"context"
	"errors"
	"time"
)

// MaxAhead is how far ahead until may lie: a day, and an hour for leeways. A value
// of the client's choosing must not pin an entry for longer.
const MaxAhead = 25 * time.Hour

// lastSecond keeps every instant we handle inside the range of UnixNano.
const lastSecond = 1 << 33

var errClock = errors.New("replay: system clock is not usable")

// remaining returns until - now. Both lose their monotonic reading first: a proof
// is judged by the wall clock, so what remembers it must follow the same clock.
func remaining(now, until time.Time) (time.Duration, error) {
	if s := now.Unix(); s <= 0 || s > lastSecond {
		return 0, errClock
	}
	left := until.Round(0).Sub(now.Round(0))
	if left < 0 || left > MaxAhead {
		return 0, ErrUntil
	}
	return left, nil
}

func checkContext(ctx context.Context) error {
	if ctx == nil {
		return ErrNotReady
	}
	return ctx.Err()
}
