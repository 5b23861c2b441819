package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-fapi/fapi/replay"
)

// ReplayConfig sets up a [Replay].
type ReplayConfig struct {
	// Client reaches one server or a Sentinel group (*redis.Client), or a Cluster
	// (*redis.ClusterClient). NewReplay does not connect and never closes it. Set
	// its ContextTimeoutEnabled, so that a connection on which the server hangs is
	// given up after Timeout and not after its ReadTimeout.
	Client redis.UniversalClient // required

	// Prefix comes before each key; it is followed by 43 characters of the base64url
	// alphabet. Stores with one prefix and database are one store, so replicas must
	// agree on it, and to change it is to forget all values. Empty means
	// "fapi:replay:"; more than 128 bytes are refused. In a Cluster, a prefix with
	// {braces} puts all keys on one node.
	Prefix string

	// Timeout bounds each Use, retries by the client included. 0 means 500 ms;
	// otherwise from 1 ms to 10 s.
	Timeout time.Duration
}

// Replay remembers single-use values in Redis, for any number of replicas. It has
// the contract of package replay. It is safe for concurrent use and needs no
// closing; its zero value refuses every use.
type Replay struct {
	client  redis.UniversalClient
	set     replay.SetIfAbsent
	timeout time.Duration
}

// NewReplay returns a store that writes through c.Client. It errs when a field is
// out of range and when the client is of a kind that cannot keep the contract, or
// waits for replies without limit. It does no I/O: call [Replay.Check] at start.
func NewReplay(c ReplayConfig) (*Replay, error) {
	s, err := settings(c).complete("fapi:replay:")
	if err != nil {
		return nil, err
	}
	return &Replay{s.Client, setIfAbsent(s.Client, s.Prefix), s.Timeout}, nil
}

// Use records key until the instant until has passed and reports whether it was
// not recorded before, in one round trip. A refused use changes nothing.
//
// It errs with [replay.ErrUntil], [replay.ErrNotReady], the error of a context that
// is done, context.DeadlineExceeded after Timeout, and with what the client returns.
// After an error during the call the key may have been written or not: the consumer
// refuses, and so does a later Use if it was.
func (r *Replay) Use(ctx context.Context, key string, until time.Time) (first bool, err error) {
	if r == nil || r.client == nil || ctx == nil {
		return false, replay.ErrNotReady
	}
	limited, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	first, err = r.set.Use(limited, key, until)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("redisstore: no answer within %v: %w", r.timeout, err)
	}
	return first, err
}

// setIfAbsent is SET prefix+key 1 PX ttl NX.
//
// PX, counted from the arrival of the command, and not PXAT, an instant of Redis'
// clock: with PX a constant difference between that clock and ours has no effect,
// and delay on the way lengthens the life. With PXAT an entry dies early by as much
// as Redis' clock is ahead, and for an instant that is past over there Redis answers
// OK and keeps nothing, so that every use is a first one.
func setIfAbsent(client redis.UniversalClient, prefix string) replay.SetIfAbsent {
	return func(ctx context.Context, key string, ttl time.Duration) (bool, error) {
		// Redis counts in milliseconds, and cuts its clock to them. One more, so that
		// no entry is short by the part cut off, however a server compares. It also
		// makes the client send PX, which it does only for parts of a second.
		stored, err := client.SetNX(ctx, prefix+key, "1", ttl+time.Millisecond).Result()
		if err != nil {
			return false, fmt.Errorf("redisstore: %w", err)
		}
		return stored, nil
	}
}
