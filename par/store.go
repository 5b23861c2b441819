package par

import (
	"context"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
)

// Store keeps pushed requests until they are consumed or expire. [NewMemory]
// serves one process; several replicas share one store. The kit in partest
// checks an implementation.
//
// A key is 43 characters of A-Z a-z 0-9 - _, case-sensitive. A record is up to
// about twice HandlerConfig.MaxBytes octets of any value, and is found at every
// instant before its until and at none from then on. An error says that it is not known what
// happened; the handler then answers 503. A context that is done before the call
// gives an error and changes nothing. Every call must return when ctx is done; the
// handler waits for 2 s at most, unless the store has a method NeverBlocks().
type Store interface {
	// Put stores a record under a new key. It errs rather than replace a live
	// one, and errs rather than push another one out when it has no room. A nil
	// error means that all replicas find the record.
	Put(ctx context.Context, key string, record []byte, until time.Time) error

	// Keep returns a live record, and makes it live until at least until: it
	// never shortens, and never brings back what expired or was taken.
	Keep(ctx context.Context, key string, until time.Time) (record []byte, ok bool, err error)

	// Take removes a live record and reports whether there was one. It is
	// atomic, also between replicas: of any number of calls one is told true.
	Take(ctx context.Context, key string) (ok bool, err error)
}

// patience is how long a store may take where the request has no earlier deadline.
const patience = 2 * time.Second

// guardedStore holds any store to the contract's time and errors.
type guardedStore struct {
	store    Store
	inMemory bool
}

func newGuardedStore(store Store) guardedStore {
	_, inMemory := store.(interface{ NeverBlocks() })
	return guardedStore{store, inMemory}
}

func (s guardedStore) put(ctx context.Context, key string, record []byte, until time.Time) error {
	_, err := ask(ctx, s.inMemory, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, s.store.Put(ctx, key, record, until)
	})
	return err
}

// keep returns nil when there is no such record.
func (s guardedStore) keep(ctx context.Context, key string, until time.Time) ([]byte, error) {
	return ask(ctx, s.inMemory, func(ctx context.Context) ([]byte, error) {
		record, ok, err := s.store.Keep(ctx, key, until)
		if !ok {
			return nil, err
		}
		return record, err
	})
}

func (s guardedStore) take(ctx context.Context, key string) (bool, error) {
	return ask(ctx, s.inMemory, func(ctx context.Context) (bool, error) { return s.store.Take(ctx, key) })
}

// ask makes whatever goes wrong in a store a fault in bounded time. An answer that
// comes after the deadline does not count, also where it would be a success: the
// request behind it has been answered, or its client has gone.
func ask[T any](ctx context.Context, inMemory bool, call func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, fault.Of(storeName, err)
	}
	if inMemory {
		return answer(ctx, call)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1) // the store may answer when nobody waits any more
	go func() {
		value, err := answer(ctx, call)
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		return none, fault.Of(storeName, ctx.Err())
	}
}

const storeName = "par: store"

func answer[T any](ctx context.Context, call func(context.Context) (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Panic(storeName, p)
		}
	}()
	value, err = call(ctx)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		var none T
		return none, fault.Of(storeName, err)
	}
	return value, nil
}
