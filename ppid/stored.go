package ppid

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/go-fapi/fapi/internal/fault"
)

// Store keeps random identifiers, in a table with two unique indexes: (issuer,
// sector, account) and (issuer, subject). All strings are compared octet by octet:
// a collation that folds case or ignores trailing spaces mixes up people. A context
// that is done before the call gives its error, and nothing changes. Package
// ppidtest checks a store.
type Store interface {
	// InsertIfAbsent returns the subject of (issuer, sector, account), and records
	// candidate as such first if there is none. It is atomic: of concurrent calls
	// one candidate wins, and all return it. It errs if candidate is the subject of
	// another sector or account of the issuer.
	InsertIfAbsent(ctx context.Context, issuer, sector, account, candidate string) (subject string, err error)

	// Account returns the account with that subject in the sector, and false if
	// there is none.
	Account(ctx context.Context, issuer, sector, subject string) (account string, found bool, err error)

	// Erase removes the account's subjects in all sectors. It is no error if there
	// are none.
	Erase(ctx context.Context, issuer, account string) error
}

// StoredConfig configures [Stored].
type StoredConfig struct {
	Issuer string // required: the issuer identifier, an https URL
	Store  Store  // required
}

// Stored gives each account a random identifier in each sector, a UUID of version
// 4, and keeps it in a [Store]. It is safe for concurrent use.
type Stored struct {
	issuer string
	store  Store
}

// NewStored checks the configuration.
func NewStored(config StoredConfig) (*Stored, error) {
	if err := checkIssuer(config.Issuer); err != nil {
		return nil, err
	}
	if config.Store == nil {
		return nil, errors.New("ppid: Stored needs a Store")
	}
	return &Stored{issuer: config.Issuer, store: config.Store}, nil
}

var errNotStored = errors.New("ppid: the object was not made by NewStored")

// Derive returns the identifier of an account in a sector, 36 characters unless it
// was imported, and makes it the first time. Rules for accounts are those of
// [Deriver.Derive]. Every error is a fault of the server.
func (s *Stored) Derive(ctx context.Context, sector Sector, account string) (string, error) {
	return s.insert(ctx, sector, account, newUUID())
}

// Import records an identifier that another server gave to the account, so that
// it stays. It errs if the account has another one in this sector by now, or the
// identifier is somebody else's; see [Legacy] for how to compute old ones. What was
// imported and erased must not be imported for another account: a sub is never
// reassigned.
func (s *Stored) Import(ctx context.Context, sector Sector, account, subject string) error {
	if !isSubject(subject) {
		return errors.New("ppid: an imported subject must have 1 to 255 printable ascii characters")
	}
	have, err := s.insert(ctx, sector, account, subject)
	if err == nil && have != subject {
		err = errors.New("ppid: the account has another subject in this sector")
	}
	return err
}

func (s *Stored) insert(ctx context.Context, sector Sector, account, candidate string) (string, error) {
	if s == nil || s.store == nil {
		return "", errNotStored
	}
	if err := check(sector, account); err != nil {
		return "", err
	}
	subject, err := s.store.InsertIfAbsent(ctx, s.issuer, sector.host, account, candidate)
	if err != nil {
		return "", fault.Of("ppid: store", err)
	}
	if !isSubject(subject) {
		return "", errors.New("ppid: the store returned something that is not a subject")
	}
	return subject, nil
}

// Account returns the account that subject stands for in the sector. The error is
// an [*Error] with [ErrSubject] if there is none.
func (s *Stored) Account(ctx context.Context, sector Sector, subject string) (string, error) {
	if s == nil || s.store == nil {
		return "", errNotStored
	}
	if sector.host == "" {
		return "", errors.New("ppid: the sector was not made by SectorOf")
	}
	if !isSubject(subject) {
		return "", &Error{rule: ErrSubject}
	}
	account, found, err := s.store.Account(ctx, s.issuer, sector.host, subject)
	switch {
	case err != nil:
		return "", fault.Of("ppid: store", err)
	case !found:
		return "", &Error{rule: ErrSubject}
	case account == "":
		return "", errors.New("ppid: the store returned an empty account")
	}
	return account, nil
}

// Erase makes all identifiers of the account unlinkable to it. If the account is
// used again, it gets new ones.
func (s *Stored) Erase(ctx context.Context, account string) error {
	if s == nil || s.store == nil {
		return errNotStored
	}
	if err := s.store.Erase(ctx, s.issuer, account); err != nil {
		return fault.Of("ppid: store", err)
	}
	return nil
}

// isSubject: 255 ASCII characters at most, and none that a header or a log mangles.
func isSubject(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxSubject
}

// newUUID returns a UUID of version 4 (RFC 9562 section 5.4).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
