package introspection

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	// maxFlights bounds the requests that strangers' tokens can cause at once.
	maxFlights = 1024

	// negatives is how many "no" are remembered: about 120 bytes each.
	negatives = 8192

	// maxRemembered is the largest answer that is remembered; it bounds the memory
	// of a table, as nobody's usual answer comes near it.
	maxRemembered = 16 << 10

	// skew is how long before its exp an answer is no longer remembered.
	skew = time.Second
)

// asker is what [Client] and [Phantom] have in common: remember, join, ask. V is
// what an active answer becomes.
type asker[V any] struct {
	endpoint endpoint
	limits   limits
	secret   digest // random; what identifies the question is mixed in

	// read judges an answer to a question that was sent at the given instant. It
	// returns the exp, or zero. An *Error is a "no".
	read func(ctx context.Context, sent time.Time, token string, a answer) (V, time.Time, error)

	mu      sync.Mutex // guards flights, and writing to the tables
	flights map[digest]*flight[V]
	yes     *table[V]
	no      *table[*Error]
}

// flight is a question under way. value and err are read only after done is closed.
type flight[V any] struct {
	done  chan struct{}
	entry entry[V]
	err   error
}

func newAsker[V any](l limits, accept string) (*asker[V], error) {
	l, err := l.checked()
	if err != nil {
		return nil, err
	}
	return &asker[V]{
		endpoint: newEndpoint(l, accept), limits: l, secret: newSecret(l.endpoint, l.audience, accept),
		flights: map[digest]*flight[V]{}, yes: newTable[V](l.entries), no: newTable[*Error](negatives),
	}, nil
}

// newSecret mixes the constant part of every question into a random key.
func newSecret(parts ...string) digest {
	return digestOf(append([]string{rand.Text()}, parts...))
}

// digestOf hashes parts with their lengths, so that no two lists are the same text.
func digestOf(parts []string) digest {
	var text []byte
	for _, part := range parts {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	return sha256.Sum256(text)
}

// digest hashes a token behind the secret, which has a fixed length. The stack
// buffer keeps the usual token off the heap.
func (a *asker[V]) digest(token string) digest {
	var buffer [1024]byte
	return sha256.Sum256(append(append(buffer[:0], a.secret[:]...), token...))
}

// ask answers from memory or asks the server, and tells Observe.
func (a *asker[V]) ask(ctx context.Context, token string) (value V, err error) {
	value, cached, err := a.answer(ctx, token)
	if a.limits.observe != nil {
		a.limits.observe(Event{Active: err == nil, Cached: cached, Err: err})
	}
	return value, err
}

func (a *asker[V]) answer(ctx context.Context, token string) (value V, cached bool, err error) {
	if !isToken(token) {
		return value, false, refuse(ErrToken)
	}
	d := a.digest(token)
	if e, no := a.remembered(d, time.Now()); e != nil {
		return e.value, true, nil
	} else if no != nil {
		return value, true, no
	}
	if err := ctx.Err(); err != nil {
		return value, false, fail(ErrUnavailable, err)
	}
	f, err := a.join(d, token)
	if err != nil {
		return value, false, err
	}
	select {
	case <-f.done:
		return f.entry.value, false, f.err
	case <-ctx.Done():
		return value, false, fail(ErrUnavailable, ctx.Err())
	}
}

// remembered returns the entry of an active token, or the refusal of one that was
// refused a moment ago, or neither.
func (a *asker[V]) remembered(d digest, now time.Time) (*entry[V], *Error) {
	if e := a.yes.get(d, now); e != nil {
		return e, nil
	}
	if e := a.no.get(d, now); e != nil {
		return nil, e.value
	}
	return nil, nil
}

// join returns the flight of this question, a new one if there is none. A flight
// that landed since the caller looked counts too: asking again would be for nothing.
func (a *asker[V]) join(d digest, token string) (*flight[V], error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f := a.flights[d]; f != nil {
		return f, nil
	}
	f := &flight[V]{done: make(chan struct{}), err: fail(ErrUnavailable, errors.New("the question was not finished"))}
	if e, no := a.remembered(d, time.Now()); e != nil {
		f.entry, f.err = *e, nil
		close(f.done)
		return f, nil
	} else if no != nil {
		f.err = no
		close(f.done)
		return f, nil
	}
	if len(a.flights) >= maxFlights {
		return nil, fail(ErrUnavailable, fmt.Errorf("%d questions are under way", maxFlights))
	}
	a.flights[d] = f
	go a.fly(f, d, token)
	return f, nil
}

// fly has a context of its own: its result serves everybody who waits and everybody
// who comes later, so it must depend on no caller's deadline, nor on values in a
// caller's context.
func (a *asker[V]) fly(f *flight[V], d digest, token string) {
	ctx, cancel := context.WithTimeout(context.Background(), a.limits.timeout)
	defer cancel()
	defer close(f.done)
	defer a.land(f, d)
	f.entry, f.err = a.fetch(ctx, token)
	f.entry.digest = d
}

// fetch asks. until stays zero for what must not be remembered.
func (a *asker[V]) fetch(ctx context.Context, token string) (e entry[V], err error) {
	defer func() {
		if p := recover(); p != nil { // a transport, key source or verifier: not our code
			err = fail(ErrUnavailable, fmt.Errorf("it panicked (%T)", p))
		}
	}()
	sent := time.Now()
	got, err := a.endpoint.post(ctx, token)
	if err != nil {
		return e, err
	}
	value, expires, err := a.read(ctx, sent, token, got)
	if err != nil {
		return e, err
	}
	e.value, e.expires = value, expires
	if !expires.IsZero() && len(got.body) <= maxRemembered {
		e.until = sent.Add(min(got.fresh, a.limits.maxAge, expires.Sub(sent)-skew))
	}
	return e, nil
}

// land remembers the result, unless the token was forgotten in the meantime.
func (a *asker[V]) land(f *flight[V], d digest) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.flights[d] != f {
		return
	}
	delete(a.flights, d)
	now := time.Now()
	if no, ok := errors.AsType[*Error](f.err); ok {
		a.no.put(&entry[*Error]{digest: d, value: no, until: now.Add(a.limits.negativeAge)})
	}
	if f.err == nil && f.entry.serves(now) {
		kept := f.entry
		a.yes.put(&kept)
	}
}

// forget also cuts the question under way loose: its answer may be from before
// whatever happened to the token.
func (a *asker[V]) forget(token string) {
	d := a.digest(token)
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.flights, d)
	a.yes.remove(d)
	a.no.remove(d)
}
