package replaytest

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Store is what is tested. Use returns true exactly once per key until the instant
// until has passed. It is atomic. A context that is done before the call gives its
// error, and nothing is recorded.
type Store interface {
	Use(ctx context.Context, key string, until time.Time) (first bool, err error)
}

// Run checks a store in real time. newStore is called once for every rule.
func Run(t *testing.T, newStore func(t *testing.T) Store) {
	// Parallel subtests would wait for each other, since there are no more of them
	// at a time than cores. The rules spend their time asleep, so all run at once.
	var wg sync.WaitGroup
	defer wg.Wait()
	results := make(map[string]chan error)
	for _, r := range rules() {
		s, done := newStore(t), make(chan error, 1)
		results[r.name] = done
		wg.Go(func() { done <- r.check(s, realTime()) })
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			if err := <-results[r.name]; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// RunInBubble checks a store in the fake time of testing/synctest. newStore is
// called once for every rule, inside the bubble.
func RunInBubble(t *testing.T, newStore func(t *testing.T) Store) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if err := r.check(newStore(t), bubbleTime()); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

// pace says how long the rules wait.
type pace struct {
	life  time.Duration // of an ordinary value
	long  time.Duration // of a value that is remembered for longer than usual
	grace time.Duration // after which an expired key must be free again
	exact bool          // sleeping ends at the very instant asked for
	flood int           // how many other keys must not push a live one out
}

func realTime() pace {
	return pace{
		life:  900 * time.Millisecond, // not whole seconds, as in a bubble
		long:  2 * time.Second,
		grace: 1500 * time.Millisecond, // room for stores that count in seconds
		flood: 1_000,
	}
}

func bubbleTime() pace {
	return pace{
		life:  70*time.Second + 500*time.Millisecond, // a store that counts in seconds must round up
		long:  24 * time.Hour,
		grace: 2 * time.Second,
		exact: true,
		flood: 20_000,
	}
}
