package partest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
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
		{"a record is kept, then taken once", once},
		{"P14 X04 X09 one of 1,000 concurrent takes", takes},
		{"P12 a keep beside a take brings nothing back", noResurrection},
		{"P15 a record is gone from its until on", expires},
		{"P13 a keep prolongs a life", prolongs},
		{"a keep does not shorten a life", notShortened},
		{"a keep of nothing makes nothing", nothing},
		{"a put does not replace", notReplaced},
		{"a past until is never found", past},
		{"X06 others do not push one out", notEvicted},
		{"any record comes back as it was", octets},
		{"keys are case-sensitive", caseOfKeys},
		{"a record is nobody's to change", copied},
		{"X03 a cancelled call changes nothing", cancelled},
	}
}

func once(s Store, p pace) error {
	k := newKey()
	return errors.Join(
		wantGone(s, k),
		put(s, k, "record", p.long),
		wantKept(s, k, "record", p.long),
		wantKept(s, k, "record", p.long),
		wantTake(s, k, true),
		wantTake(s, k, false),
		wantGone(s, k),
	)
}

func takes(s Store, p pace) error {
	const calls = 1_000
	k := newKey()
	if err := put(s, k, "record", p.long*10); err != nil {
		return err
	}
	results, errs := make(chan bool, calls), make(chan error, calls)
	together(calls, func(int) {
		ok, err := take(s, k)
		results <- ok
		errs <- err
	})
	n := 0
	for range calls {
		if err := <-errs; err != nil {
			return err
		}
		if <-results {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d of %d concurrent takes of one record succeeded, want 1", n, calls)
	}
	return wantGone(s, k)
}

// noResurrection: a page is reloaded at the very moment the decision comes in.
func noResurrection(s Store, p pace) error {
	for range 20 {
		k := newKey()
		if err := put(s, k, "record", p.long*10); err != nil {
			return err
		}
		errs := make(chan error, 20)
		together(20, func(i int) {
			var err error
			if i == 10 {
				_, err = take(s, k)
			} else {
				_, _, err = keep(s, k, p.long*10)
			}
			errs <- err
		})
		for range 20 {
			if err := <-errs; err != nil {
				return err
			}
		}
		if err := errors.Join(wantTake(s, k, false), wantGone(s, k)); err != nil {
			return fmt.Errorf("after a take among keeps: %w", err)
		}
	}
	return nil
}

func expires(s Store, p pace) error {
	if err := warmUp(s); err != nil {
		return err
	}
	kept, taken, early := newKey(), newKey(), newKey()
	until := time.Now().Add(p.life)
	for _, k := range []string{kept, taken, early} {
		if err := s.Put(context.Background(), k, []byte("record"), until); err != nil {
			return err
		}
	}
	time.Sleep(time.Until(until) * 9 / 10)
	ok, err := take(s, early)
	if time.Now().Before(until) && (err != nil || !ok) {
		return fmt.Errorf("a record was not there before its until: %w", errors.Join(err, errMissing))
	}
	time.Sleep(time.Until(until.Add(p.grace)))
	if err := errors.Join(wantTake(s, taken, false), wantGone(s, kept)); err != nil {
		return fmt.Errorf("%v after its until: %w", p.grace, err)
	}
	return nil
}

func prolongs(s Store, p pace) error {
	if err := warmUp(s); err != nil {
		return err
	}
	k := newKey()
	until := time.Now().Add(p.long)
	err := errors.Join(put(s, k, "record", p.life), wantKept(s, k, "record", p.long))
	if err != nil {
		return err
	}
	time.Sleep(p.life + (p.long-p.life)/2)
	if ok, err := take(s, k); time.Now().Before(until) && (err != nil || !ok) {
		return fmt.Errorf("a record that was kept was gone before its new until: %w", errors.Join(err, errMissing))
	}
	k = newKey()
	if err := errors.Join(put(s, k, "record", p.life/2), wantKept(s, k, "record", p.life)); err != nil {
		return err
	}
	time.Sleep(p.life + p.grace)
	return wantGone(s, k)
}

func notShortened(s Store, p pace) error {
	if err := warmUp(s); err != nil {
		return err
	}
	k, until := newKey(), time.Now().Add(p.long)
	err := errors.Join(
		put(s, k, "record", p.long),
		wantKept(s, k, "record", p.life/2),
		wantKept(s, k, "record", -time.Minute),
	)
	if err != nil {
		return err
	}
	time.Sleep(p.long * 4 / 5)
	if ok, err := take(s, k); time.Now().Before(until) && (err != nil || !ok) {
		return fmt.Errorf("a keep with an earlier until cut the life: %w", errors.Join(err, errMissing))
	}
	return nil
}

func nothing(s Store, p pace) error {
	k := newKey()
	return errors.Join(wantGone(s, k), wantTake(s, k, false), put(s, k, "record", p.long), wantTake(s, k, true))
}

func notReplaced(s Store, p pace) error {
	k := newKey()
	if err := put(s, k, "first", p.long); err != nil {
		return err
	}
	if put(s, k, "second", p.long) == nil {
		return errors.New("a put under a live key gave no error")
	}
	return wantKept(s, k, "first", p.long)
}

func past(s Store, _ pace) error {
	for _, ago := range []time.Duration{0, time.Millisecond, time.Hour, 1 << 62} {
		k := newKey()
		_ = put(s, k, "record", -ago) // an error or none: it must not be found
		if err := errors.Join(wantGone(s, k), wantTake(s, k, false)); err != nil {
			return fmt.Errorf("put with an until %v ago: %w", ago, err)
		}
	}
	return nil
}

func notEvicted(s Store, p pace) error {
	k := newKey()
	if err := put(s, k, "record", time.Hour); err != nil {
		return err
	}
	together(10, func(int) {
		for range p.flood / 10 {
			_ = put(s, newKey(), strings.Repeat("x", 600), time.Hour) // a full store refuses, rightly
		}
	})
	return wantTake(s, k, true)
}

func octets(s Store, p pace) error {
	all := make([]byte, 0, 128<<10)
	for i := range cap(all) {
		all = append(all, byte(i))
	}
	for _, record := range []string{"\x00", "a\r\nb\x00", "\xff\xfe", string(all)} {
		k := newKey()
		if err := errors.Join(put(s, k, record, p.long), wantKept(s, k, record, p.long)); err != nil {
			return fmt.Errorf("a record of %d octets: %w", len(record), err)
		}
	}
	return nil
}

func caseOfKeys(s Store, p pace) error {
	k := "aB" + newKey()[2:]
	other := "Ab" + k[2:]
	return errors.Join(
		put(s, k, "one", p.long), put(s, other, "other", p.long),
		wantTake(s, k, true), wantKept(s, other, "other", p.long),
	)
}

func copied(s Store, p pace) error {
	k, given := newKey(), []byte("record")
	if err := s.Put(context.Background(), k, given, time.Now().Add(p.long)); err != nil {
		return err
	}
	given[0] = 'X'
	got, _, err := keep(s, k, p.long)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, []byte("record")) {
		return errors.New("a record changed with the slice it was put from")
	}
	got[0] = 'X'
	return wantKept(s, k, "record", p.long)
}

func cancelled(s Store, p pace) error {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	absent, present := newKey(), newKey()
	until := time.Now().Add(p.long)
	if err := put(s, present, "record", p.long); err != nil {
		return err
	}
	if s.Put(ctx, absent, []byte("record"), until) == nil {
		return errors.New("a put with a context that is done gave no error")
	}
	if _, ok, err := s.Keep(ctx, present, until); ok || err == nil {
		return errors.New("a keep with a context that is done gave no error")
	}
	if ok, err := s.Take(ctx, present); ok || err == nil {
		return errors.New("a take with a context that is done gave no error")
	}
	return errors.Join(wantGone(s, absent), wantTake(s, present, true))
}

var errMissing = errors.New("there was no record")

// newKey has the form that package par gives its keys.
func newKey() string {
	var random [32]byte
	rand.Read(random[:])
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// together starts n calls at once and waits for them.
func together(n int, call func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			call(i)
		})
	}
	close(start)
	wg.Wait()
}

// warmUp opens connections, so that they do not cost the next call its time.
func warmUp(s Store) error { return put(s, newKey(), "record", time.Minute) }

func put(s Store, key, record string, life time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.Put(ctx, key, []byte(record), time.Now().Add(life))
}

func keep(s Store, key string, life time.Duration) ([]byte, bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.Keep(ctx, key, time.Now().Add(life))
}

func take(s Store, key string) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.Take(ctx, key)
}

func wantKept(s Store, key, record string, life time.Duration) error {
	got, ok, err := keep(s, key, life)
	switch {
	case err != nil:
		return err
	case !ok:
		return errMissing
	case string(got) != record:
		return errors.New("another record came back")
	}
	return nil
}

func wantGone(s Store, key string) error {
	_, ok, err := keep(s, key, time.Minute)
	if err == nil && ok {
		return errors.New("a keep found a record that must not be there")
	}
	return err
}

func wantTake(s Store, key string, want bool) error {
	ok, err := take(s, key)
	if err == nil && ok != want {
		return fmt.Errorf("a take answered %v, want %v", ok, want)
	}
	return err
}
