package replaytest

import (
	"context"
	"errors"
	"fmt"
	"time"
)

func cancelledRecordsNothing(s Store, p pace) error {
	for _, ctx := range doneContexts() {
		k, until := newKey(), time.Now().Add(p.long)
		if err := wantContextError(ctx, s, k, until); err != nil {
			return err
		}
		if err := wantFirst(s, k, until); err != nil {
			return fmt.Errorf("after a cancelled use: %w", err)
		}
	}
	return nil
}

func cancelledForgetsNothing(s Store, p pace) error {
	for _, ctx := range doneContexts() {
		k, until := newKey(), time.Now().Add(p.long)
		err := errors.Join(
			wantFirst(s, k, until),
			wantContextError(ctx, s, k, until),
			wantUsed(s, k, until),
		)
		if err != nil {
			return err
		}
	}
	return nil
}

// interrupted cuts uses short at various moments. Whether they recorded the key is
// open, but of all uses of a key one at most may be first. The pause lets a store
// that cleans up behind an interrupted use do its damage.
func interrupted(s Store, p pace) error {
	const keys = 40
	until := time.Now().Add(time.Minute)
	var names [keys]string
	var firsts [keys]int
	for i := range names {
		names[i] = newKey()
		after := time.Duration(1+i*i) * 5 * time.Microsecond // 5 us to 8 ms
		ctx, cancel := context.WithTimeout(context.Background(), after)
		cut, _ := useIn(ctx, s, names[i], until)
		cancel()
		again, err := use(s, names[i], until)
		if err != nil {
			return err
		}
		firsts[i] = count(cut) + count(again)
	}
	time.Sleep(p.life / 4)
	for i, k := range names {
		last, err := use(s, k, until)
		if err != nil {
			return err
		}
		if firsts[i]+count(last) > 1 {
			return errors.New("a key was first twice after an interrupted use")
		}
	}
	return nil
}

func count(first bool) int {
	if first {
		return 1
	}
	return 0
}

// doneContexts returns one context that was cancelled and one that timed out.
func doneContexts() []context.Context {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	cancel()
	return []context.Context{cancelled, late}
}

func wantContextError(ctx context.Context, s Store, key string, until time.Time) error {
	first, err := useIn(ctx, s, key, until)
	if first || err == nil {
		return fmt.Errorf("a use with a done context gave first %v, error %v", first, err)
	}
	if !errors.Is(err, ctx.Err()) {
		return fmt.Errorf("error of a use with a done context does not wrap %q: %w", ctx.Err(), err)
	}
	return nil
}
