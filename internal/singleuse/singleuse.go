// Package singleuse is how verifiers spend a single-use value: a proof's or
// an assertion's jti. A store is other people's code, so whatever it does
// wrong has to end as an error, never as "first use" and never as a crash.
package singleuse

import (
	"context"
	"errors"
	"time"
)

// Store is the contract of every ReplayStore in this module: atomic, and
// first exactly once for a key until the given instant has passed.
type Store interface {
	Use(ctx context.Context, key string, until time.Time) (first bool, err error)
}

// Use spends key. A panic of the store is an error, and a result that arrives
// after the context has ended does not count.
func Use(ctx context.Context, store Store, key string, until time.Time) (first bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	defer func() {
		if recover() != nil {
			first, err = false, errors.New("the store panicked")
		}
	}()
	first, err = store.Use(ctx, key, until)
	if err == nil {
		err = ctx.Err()
	}
	return first && err == nil, err
}
