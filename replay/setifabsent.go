package replay

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// SetIfAbsent makes a store of one atomic operation of a shared store: write key
// with a time to live unless it is there, and report whether it was written. In
// Redis that is SET key 1 NX PX ttl; in SQL, an INSERT under a unique key that also
// replaces an expired row. A read followed by a write is not atomic and lets the
// same value through twice.
//
// The function gets:
//   - key: always 43 characters of the base64url alphabet, the SHA-256 of the
//     consumer's key. Add a prefix of your own to share the store with others.
//   - ttl: whole seconds, 1 s or more, always longer than the time left until
//     until, by at most one second. It must not be shortened.
//   - ctx: it should stop waiting when ctx is done.
//
// The function is run in a goroutine of its own, so that Use returns when ctx is
// done even if the function does not (several clients look only at their own
// timeouts). This costs about a microsecond beside the round trip; the goroutine
// ends when the function does, so the client's own timeout must be finite.
//
// The adapter keeps no state. If the clock of this process or of the shared store
// is set back by more than the leeway in until, it cannot notice: discipline the
// clocks by slewing.
type SetIfAbsent func(ctx context.Context, key string, ttl time.Duration) (stored bool, err error)

// Use runs the function and reports whether it stored the key.
//
// It errs with [ErrUntil], with [ErrNotReady] when the function is nil, with the
// error of a context that is done, and with whatever the function returns; a panic
// becomes an error. After an error during the call the key may have been written
// or not: the consumer refuses, and so does a later Use if it was.
func (f SetIfAbsent) Use(ctx context.Context, key string, until time.Time) (first bool, err error) {
	if f == nil {
		return false, ErrNotReady
	}
	if err := checkContext(ctx); err != nil {
		return false, err
	}
	left, err := remaining(time.Now(), until)
	if err != nil {
		return false, err
	}
	// Strictly longer than what is left: at until itself the key still counts.
	ttl := left.Truncate(time.Second) + time.Second
	stored, err := f.run(ctx, encodeKey(key), ttl)
	if err != nil || !stored {
		return false, err
	}
	// A slow write can land after an earlier entry has died in the shared store.
	// By then until has passed, so this look at the clock keeps it from counting.
	if _, err := remaining(time.Now(), until); err != nil {
		return false, err
	}
	return true, nil
}

type result struct {
	stored bool
	err    error
}

func (f SetIfAbsent) run(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	done := make(chan result, 1) // buffered: the function may return to nobody
	go func() {
		// Sent unless the function returns: it also covers runtime.Goexit.
		r := result{err: errors.New("replay: set-if-absent function did not return")}
		defer func() {
			if p := recover(); p != nil {
				// The value may carry data of the request, its type does not.
				r = result{err: fmt.Errorf("replay: set-if-absent function panicked (%T)", p)}
			}
			done <- r
		}()
		stored, err := f(ctx, key, ttl)
		r = result{stored, err}
	}()
	select {
	case r := <-done:
		return r.stored, r.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// encodeKey gives any key a form and length every store takes. Hashing all keys,
// not only long ones, keeps the mapping one to one.
func encodeKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
