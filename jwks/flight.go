package jwks

import (
	"context"
	"errors"
	"time"
)

const (
	maxBackoff = 8 // times the MinInterval
	renewAhead = 5 // the last part of a set's time in which it is renewed
)

var errPanic = errors.New("its reader panicked")

// snapshot is a set with the times that go with it. It is never changed.
type snapshot struct {
	keys   set
	renew  time.Time // from here a fetch is worth starting, not worth waiting for
	fresh  time.Time // up to here the set is current
	usable time.Time // up to here it is better than nothing
}

// flight is one fetch that any number of lookups wait for.
type flight struct {
	done  chan struct{}
	retry bool  // another fetch has failed only just now
	err   error // to be read when done is closed
}

// join returns the fetch under way. If there is none, it starts one, or returns the
// last one when the next is not due.
func (r *Remote) join(now time.Time) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running || now.Before(r.due) {
		return r.last
	}
	// Lookups that come often find a failing URL tried again and again, and need
	// not wait for it. The first lookup after a long silence has to.
	retry := r.backoff > 0 && now.Before(r.due.Add(r.minInterval))
	r.last, r.running = &flight{done: make(chan struct{}), retry: retry}, true
	go r.run(r.last)
	return r.last
}

func (r *Remote) run(f *flight) {
	keys, age, err := r.load()
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		fresh := now.Add(age)
		r.held.Store(&snapshot{keys: keys, renew: fresh.Add(-age / renewAhead), fresh: fresh, usable: fresh.Add(r.maxStale)})
		r.backoff = 0
	} else {
		r.backoff = min(max(2*r.backoff, r.minInterval), maxBackoff*r.minInterval)
	}
	r.due = now.Add(max(r.backoff, r.minInterval))
	f.err, r.running = err, false
	close(f.done)
}

// load fetches with a context of its own, because it works for more than one
// caller. It holds a panic back because it runs outside of everything that does so
// for handlers: a stranger's document would end the process.
func (r *Remote) load() (keys set, age time.Duration, err error) {
	defer func() {
		if recover() != nil {
			err = &Error{kind: ErrSet, url: r.url, detail: errPanic}
		}
	}()
	response, err := r.fetch(context.Background())
	if err != nil {
		return nil, 0, &Error{kind: ErrFetch, url: r.url, detail: err}
	}
	if keys, err = parseSet(response.Body); err != nil {
		return nil, 0, &Error{kind: ErrSet, url: r.url, detail: err}
	}
	if !response.MaxAgeStated {
		return keys, r.maxAge, nil
	}
	return keys, min(max(response.MaxAge, r.minInterval), r.maxAge), nil
}
