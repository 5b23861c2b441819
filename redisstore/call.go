package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"
)

type outcome[T any] struct {
	value T
	err   error
}

// within runs ask, and returns when ctx or the time is over even if ask does not: a
// client looks at a context's deadline only with ContextTimeoutEnabled, and at its
// end, while it waits for a reply, never. What is left running ends with the timeouts
// that [checkClient] asks for.
func within[T any](ctx context.Context, timeout time.Duration, ask func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	done := make(chan outcome[T], 1) // ask may return to nobody
	go func() { done <- answer(limited, ask) }()
	var o outcome[T]
	select {
	case o = <-done:
	case <-limited.Done():
		o.err = limited.Err()
	}
	switch {
	case o.err == nil:
		return o.value, nil
	case ctx.Err() == nil && errors.Is(o.err, context.DeadlineExceeded):
		return none, fmt.Errorf("redisstore: no answer within %v: %w", timeout, o.err)
	}
	return none, fmt.Errorf("redisstore: %w", o.err)
}

// answer makes a panic an error: nobody else could stop it in this goroutine. Its
// value may carry data of the request, its type does not.
func answer[T any](ctx context.Context, ask func(context.Context) (T, error)) (o outcome[T]) {
	defer func() {
		if p := recover(); p != nil {
			o = outcome[T]{err: fmt.Errorf("the client panicked (%T)", p)}
		}
	}()
	o.value, o.err = ask(ctx)
	return o
}
