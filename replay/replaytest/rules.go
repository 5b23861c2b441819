package replaytest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A rule returns an error instead of failing a test, so that the kit can be shown
// to find a broken store.
type rule struct {
	name  string
	check func(Store, pace) error
}

func rules() []rule {
	return []rule{
		{"a key is first once", once},
		{"X09 D25 X04 one of 1,000 concurrent uses is first", concurrent},
		{"D26 X08 a key is used up to and including until", untilIncluded},
		{"X08 a key is free again after until", freeAfter},
		{"X08 an until far ahead is honoured", farAhead},
		{"a refused use does not shorten the life", notShortened},
		{"D35 a past until is never first", past},
		{"D30 X06 other keys do not push one out", notEvicted},
		{"D31 a cancelled use records nothing", cancelledRecordsNothing},
		{"D31 a cancelled use forgets nothing", cancelledForgetsNothing},
		{"X02 an interrupted use is never first twice", interrupted},
		{"D23 any two different keys are independent", independent},
	}
}

func once(s Store, p pace) error {
	k, until := newKey(), time.Now().Add(p.long)
	return errors.Join(
		wantFirst(s, k, until),
		wantUsed(s, k, until),
		wantUsed(s, k, until.Add(time.Second)),
	)
}

func concurrent(s Store, p pace) error {
	const uses = 1_000
	k, until := newKey(), time.Now().Add(p.long)
	firsts, errs := make(chan bool, uses), make(chan error, uses)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for range uses {
		wg.Go(func() {
			<-start
			first, err := use(s, k, until)
			firsts <- first
			errs <- err
		})
	}
	close(start)
	wg.Wait()
	n := 0
	for range uses {
		if err := <-errs; err != nil {
			return err
		}
		if <-firsts {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d of %d concurrent uses of one key were first, want 1", n, uses)
	}
	return nil
}

func untilIncluded(s Store, p pace) error {
	if err := warmUp(s); err != nil {
		return err
	}
	k, until := newKey(), time.Now().Add(p.life)
	if err := wantFirst(s, k, until); err != nil {
		return err
	}
	instants := []time.Time{until.Add(-p.life / 2), until.Add(-p.life / 5)}
	if p.exact {
		instants = append(instants, until.Truncate(time.Second), until.Add(-1), until)
	}
	for _, at := range instants {
		time.Sleep(time.Until(at))
		first, err := use(s, k, until.Add(p.life))
		if time.Now().After(until) {
			return nil // too slow to tell: by now the answer may be either
		}
		if err != nil {
			return err
		}
		if first {
			return fmt.Errorf("a key was first again %v before its until", until.Sub(at))
		}
	}
	return nil
}

func freeAfter(s Store, p pace) error {
	if err := warmUp(s); err != nil {
		return err
	}
	k, until := newKey(), time.Now().Add(p.life)
	if err := wantFirst(s, k, until); err != nil {
		return err
	}
	time.Sleep(time.Until(until.Add(p.grace)))
	if err := wantFirst(s, k, time.Now().Add(p.life)); err != nil {
		return fmt.Errorf("%v after its until: %w", p.grace, err)
	}
	return nil
}

func farAhead(s Store, p pace) error {
	k, until := newKey(), time.Now().Add(p.long)
	if err := wantFirst(s, k, until); err != nil {
		return err
	}
	time.Sleep(p.long * 9 / 10)
	first, err := use(s, k, time.Now().Add(p.life))
	if time.Now().After(until) {
		return nil
	}
	if err == nil && first {
		return fmt.Errorf("a key with an until %v ahead was first again before", p.long)
	}
	return err
}

func notShortened(s Store, p pace) error {
	k, until := newKey(), time.Now().Add(p.long)
	if err := errors.Join(wantFirst(s, k, until), warmUp(s)); err != nil {
		return err
	}
	if err := wantUsed(s, k, time.Now().Add(p.long/10)); err != nil {
		return err
	}
	time.Sleep(p.long * 4 / 5)
	first, err := use(s, k, time.Now().Add(p.life))
	if time.Now().After(until) {
		return nil
	}
	if err == nil && first {
		return errors.New("a refused use with an earlier until cut the life of the key")
	}
	return err
}

func past(s Store, p pace) error {
	for _, ago := range []time.Duration{time.Millisecond, time.Second, time.Hour, 1 << 62} {
		if first, _ := use(s, newKey(), time.Now().Add(-ago)); first {
			return fmt.Errorf("a key with an until %v ago was first", ago)
		}
	}
	if first, _ := use(s, newKey(), time.Time{}); first {
		return errors.New("a key with a zero until was first")
	}
	k, until := newKey(), time.Now().Add(p.life)
	if err := wantFirst(s, k, until); err != nil {
		return err
	}
	time.Sleep(time.Until(until.Add(p.grace)))
	if first, _ := use(s, k, until); first {
		return errors.New("an expired key was first again with the until it had")
	}
	return nil
}

func notEvicted(s Store, p pace) error {
	k, until := newKey(), time.Now().Add(time.Hour)
	if err := wantFirst(s, k, until); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			for range p.flood / 10 {
				use(s, newKey(), until) // a full store may refuse: that is the right answer
			}
		})
	}
	wg.Wait()
	if first, _ := use(s, k, until); first {
		return fmt.Errorf("a key was first again after %d others", p.flood)
	}
	return nil
}

func independent(s Store, p pace) error {
	keys, until := awkwardKeys(newKey()), time.Now().Add(time.Minute)
	for _, want := range []bool{true, false} {
		for _, k := range keys {
			got, err := use(s, k, until)
			if err != nil {
				return fmt.Errorf("key %.80q (%d bytes): %w", k, len(k), err)
			}
			// The empty key has no random part, so an earlier run may have used it.
			if got != want && (k != "" || got || p.exact) {
				return fmt.Errorf("key %.80q (%d bytes): first is %v, want %v", k, len(k), got, want)
			}
		}
	}
	return nil
}

// warmUp opens connections, so that they do not cost the next use its time.
func warmUp(s Store) error {
	return wantFirst(s, newKey(), time.Now().Add(time.Minute))
}

func wantFirst(s Store, key string, until time.Time) error {
	first, err := use(s, key, until)
	if err == nil && !first {
		return errors.New("a new key was not first")
	}
	return err
}

func wantUsed(s Store, key string, until time.Time) error {
	first, err := use(s, key, until)
	if err == nil && first {
		return errors.New("a used key was first again")
	}
	return err
}

func use(s Store, key string, until time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return useIn(ctx, s, key, until)
}

// useIn adds what holds for every call: an error is never a first use.
func useIn(ctx context.Context, s Store, key string, until time.Time) (bool, error) {
	first, err := s.Use(ctx, key, until)
	if first && err != nil {
		return true, fmt.Errorf("first together with an error: %w", err)
	}
	return first, err
}
