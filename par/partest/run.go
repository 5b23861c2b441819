package partest

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// Store is what is tested: par.Store in other words.
type Store interface {
	Put(ctx context.Context, key string, record []byte, until time.Time) error
	Keep(ctx context.Context, key string, until time.Time) (record []byte, ok bool, err error)
	Take(ctx context.Context, key string) (ok bool, err error)
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
	life  time.Duration // of a record
	long  time.Duration // of a record that is kept for longer
	grace time.Duration // after which an expired record must be gone
	flood int           // how many others must not push a record out
}

func realTime() pace {
	return pace{life: 900 * time.Millisecond, long: 2500 * time.Millisecond, grace: 50 * time.Millisecond, flood: 500}
}

func bubbleTime() pace {
	return pace{life: 70*time.Second + 500*time.Millisecond, long: 2 * time.Hour, flood: 20_000}
}
