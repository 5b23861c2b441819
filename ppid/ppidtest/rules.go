package ppidtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A rule returns an error instead of failing a test, so that the kit can be shown
// to find a broken store.
type rule struct {
	name  string
	check func(context.Context, Store) error
}

func rules() []rule {
	return []rule{
		{"the first candidate stays", firstStays},
		{"of 64 concurrent candidates one wins", concurrent},
		{"issuers, sectors and accounts are independent", independent},
		{"any two different accounts are independent", awkward},
		{"a subject leads back to its account", leadsBack},
		{"a subject is compared octet by octet", exact},
		{"a subject is taken once", takenOnce},
		{"erasing removes an account from all sectors", erases},
		{"erasing keeps everything else", erasesOne},
		{"a done context changes nothing", done},
	}
}

// name returns names that no other rule or run uses.
func name(label string) string { return label + "-" + rand.Text() }

// row is one identifier.
type row struct{ issuer, sector, account, subject string }

func newRow() row {
	return row{"https://" + name("as") + ".example", "client.example.com", name("account"), name("subject")}
}

func insert(ctx context.Context, s Store, r row, want string) error {
	have, err := s.InsertIfAbsent(ctx, r.issuer, r.sector, r.account, r.subject)
	if err != nil {
		return fmt.Errorf("InsertIfAbsent: %w", err)
	}
	if have != want {
		return fmt.Errorf("InsertIfAbsent gave %q, want %q", have, want)
	}
	return nil
}

func lookUp(ctx context.Context, s Store, r row, want string) error {
	have, found, err := s.Account(ctx, r.issuer, r.sector, r.subject)
	if err != nil {
		return fmt.Errorf("calling Account: %w", err)
	}
	if found != (want != "") || found && have != want {
		return fmt.Errorf("what Account gave is %q, %v, want %q", have, found, want)
	}
	return nil
}

func firstStays(ctx context.Context, s Store) error {
	first := newRow()
	second := first
	second.subject = name("subject")
	return errors.Join(
		insert(ctx, s, first, first.subject),
		insert(ctx, s, first, first.subject),
		insert(ctx, s, second, first.subject),
		lookUp(ctx, s, second, ""),
	)
}

func concurrent(ctx context.Context, s Store) error {
	const calls = 64
	r := newRow()
	subjects, errs := make([]string, calls), make([]error, calls)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range calls {
		wg.Go(func() {
			<-start
			subjects[i], errs[i] = s.InsertIfAbsent(ctx, r.issuer, r.sector, r.account, name("subject"))
		})
	}
	close(start)
	wg.Wait()
	for i, subject := range subjects {
		if errs[i] != nil || subject != subjects[0] {
			return fmt.Errorf("call %d gave %q, %v, but another %q", i, subject, errs[i], subjects[0])
		}
	}
	r.subject = subjects[0]
	return lookUp(ctx, s, r, r.account)
}

// change returns r with a new subject and one thing different.
func (r row) change(f func(*row)) row {
	r.subject = name("subject")
	f(&r)
	return r
}

func independent(ctx context.Context, s Store) error {
	first := newRow()
	others := []row{
		first.change(func(r *row) { r.issuer += "/tenant" }),
		first.change(func(r *row) { r.sector = "other.example.org" }),
		first.change(func(r *row) { r.account += "1" }),
		// Joined without lengths, these are one.
		first.change(func(r *row) { r.sector, r.account = "ab", "c"+first.account }),
		first.change(func(r *row) { r.sector, r.account = "a", "bc"+first.account }),
	}
	err := insert(ctx, s, first, first.subject)
	for _, other := range others {
		err = errors.Join(err, insert(ctx, s, other, other.subject), lookUp(ctx, s, other, other.account))
	}
	elsewhere := first
	elsewhere.sector = "other.example.org"
	abroad := first
	abroad.issuer += "/tenant"
	return errors.Join(err,
		lookUp(ctx, s, first, first.account),
		lookUp(ctx, s, elsewhere, ""),
		lookUp(ctx, s, abroad, ""),
	)
}

// awkward uses accounts that a careless store takes for one: folded, trimmed,
// cut off, decoded or normalised.
func awkward(ctx context.Context, s Store) error {
	base := newRow()
	long := base.account
	for len(long) < 1000 {
		long += "0123456789"
	}
	tails := []string{"a", "A", "a ", " a", "a\n", "%61", "YQ", "a:b", "a/b", "a*", "a'--", "a_", "a%",
		"\u00e9", "e\u0301", "\u00e8", "\U0001F600", "\ufffd"}
	accounts := []string{long + "x", long + "y"}
	for _, tail := range tails {
		accounts = append(accounts, base.account+tail)
	}
	for _, account := range accounts {
		r := base.change(func(r *row) { r.account = account })
		if err := errors.Join(insert(ctx, s, r, r.subject), lookUp(ctx, s, r, account)); err != nil {
			return fmt.Errorf("account %.60q: %w", account[len(base.account):], err)
		}
	}
	return nil
}

func leadsBack(ctx context.Context, s Store) error {
	r, unknown := newRow(), newRow()
	return errors.Join(
		insert(ctx, s, r, r.subject),
		lookUp(ctx, s, r, r.account),
		lookUp(ctx, s, unknown, ""),
	)
}

func exact(ctx context.Context, s Store) error {
	r := newRow()
	r.subject += "aB"
	err := insert(ctx, s, r, r.subject)
	for _, tail := range []string{"AB", "ab", "aB ", "a", "%"} {
		other := r
		other.subject = r.subject[:len(r.subject)-2] + tail
		err = errors.Join(err, lookUp(ctx, s, other, ""))
	}
	return err
}

func takenOnce(ctx context.Context, s Store) error {
	first := newRow()
	if err := insert(ctx, s, first, first.subject); err != nil {
		return err
	}
	otherAccount, otherSector := first, first
	otherAccount.account = name("account")
	otherSector.sector = "other.example.org"
	for _, r := range []row{otherAccount, otherSector} {
		if have, err := s.InsertIfAbsent(ctx, r.issuer, r.sector, r.account, r.subject); err == nil {
			return fmt.Errorf("a subject was given twice: %q", have)
		}
	}
	otherAccount.subject = name("subject")
	return errors.Join(
		lookUp(ctx, s, first, first.account),
		insert(ctx, s, otherAccount, otherAccount.subject), // the refused call left nothing
	)
}

func erases(ctx context.Context, s Store) error {
	first := newRow()
	second := first.change(func(r *row) { r.sector = "other.example.org" })
	again := first.change(func(*row) {})
	return errors.Join(
		insert(ctx, s, first, first.subject),
		insert(ctx, s, second, second.subject),
		s.Erase(ctx, first.issuer, first.account),
		lookUp(ctx, s, first, ""),
		lookUp(ctx, s, second, ""),
		s.Erase(ctx, first.issuer, first.account),
		insert(ctx, s, again, again.subject),
	)
}

func erasesOne(ctx context.Context, s Store) error {
	erased := newRow()
	account := erased.change(func(r *row) { r.account += "1" })
	issuer := erased.change(func(r *row) { r.issuer += "/tenant" })
	return errors.Join(
		insert(ctx, s, erased, erased.subject),
		insert(ctx, s, account, account.subject),
		insert(ctx, s, issuer, issuer.subject),
		s.Erase(ctx, erased.issuer, erased.account),
		lookUp(ctx, s, account, account.account),
		lookUp(ctx, s, issuer, issuer.account),
	)
}

func done(ctx context.Context, s Store) error {
	kept, other := newRow(), newRow()
	if err := insert(ctx, s, kept, kept.subject); err != nil {
		return err
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	late, cancel := context.WithDeadline(ctx, time.Unix(1, 0))
	defer cancel()
	for _, over := range []context.Context{cancelled, late} {
		_, inserted := s.InsertIfAbsent(over, other.issuer, other.sector, other.account, other.subject)
		_, _, looked := s.Account(over, kept.issuer, kept.sector, kept.subject)
		erased := s.Erase(over, kept.issuer, kept.account)
		for _, err := range []error{inserted, looked, erased} {
			if !errors.Is(err, over.Err()) {
				return fmt.Errorf("a call with a done context gave %v, want %w", err, over.Err())
			}
		}
	}
	return errors.Join(lookUp(ctx, s, kept, kept.account), lookUp(ctx, s, other, ""))
}
