// Package singleuse is how verifiers spend a single-use value: a proof's or
// an assertion's jti. A store is other people's code, so whatever it does
// wrong has to end as an error in bounded time, never as "first use", as a
// crash, or as a request that hangs.
package singleuse

import (
	"context"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
)

// Store is the contract of every ReplayStore in this module: atomic, and
// first exactly once for a key until the given instant has passed.
type Store interface {
	Use(ctx context.Context, key string, until time.Time) (first bool, err error)
}

// neverBlocks is implemented by stores in this process's memory. They are
// called directly; all others get a deadline and somebody who watches it.
type neverBlocks interface{ NeverBlocks() }

// Patience is how long a store may take where the request has no earlier
// deadline of its own.
const Patience = 2 * time.Second

// Use spends key. A panic of the store is an error, and a result that arrives
// after the deadline does not count.
func Use(ctx context.Context, store Store, key string, until time.Time) (first bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if _, ok := store.(neverBlocks); ok {
		return use(ctx, store, key, until)
	}
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	type result struct {
		first bool
		err   error
	}
	done := make(chan result, 1) // the store may answer when nobody waits any more
	go func() {
		first, err := use(ctx, store, key, until)
		done <- result{first, err}
	}()
	select {
	case r := <-done:
		return r.first, r.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

func use(ctx context.Context, store Store, key string, until time.Time) (first bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			first, err = false, fault.Panic("the store", p)
		}
	}()
	first, err = store.Use(ctx, key, until)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return false, err
	}
	return first, nil
}
