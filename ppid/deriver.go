package ppid

import (
	"crypto/subtle"
	"errors"
	"net/url"
	"unicode/utf8"

	"github.com/go-fapi/fapi/internal/fault"
)

const (
	maxAccount = 1024 // octets
	maxSubject = 255  // ASCII characters; OpenID Connect Core section 2
	maxEpochs  = 64
)

// Config configures [Deriver].
type Config struct {
	// Issuer is the issuer identifier, an https URL. It is part of every
	// identifier: two issuers that share a key share no identifiers.
	Issuer string // required

	// Epochs are all under which an identifier may still be in use; at most 64.
	Epochs []Epoch // required

	// EpochOf returns the ID of the epoch to which the sector belongs. Record it
	// with the sector, not with a client, when the sector is first seen: clients
	// of a sector share their identifiers. It is required with several epochs,
	// because a guess would silently change identifiers, and is called by every
	// Derive: answer from memory.
	EpochOf func(Sector) (id string, err error)
}

// Deriver computes identifiers from a key. It is safe for concurrent use.
type Deriver struct {
	epochs  []*epoch
	byID    map[string]*epoch
	epochOf func(Sector) (string, error)
}

// NewDeriver checks the configuration.
func NewDeriver(config Config) (*Deriver, error) {
	if err := checkIssuer(config.Issuer); err != nil {
		return nil, err
	}
	if len(config.Epochs) == 0 || len(config.Epochs) > maxEpochs {
		return nil, errors.New("ppid: Epochs must be from 1 to 64; a random key made here would be another on each replica")
	}
	if len(config.Epochs) > 1 && config.EpochOf == nil {
		return nil, errors.New("ppid: several Epochs need EpochOf")
	}
	d := &Deriver{epochOf: config.EpochOf, byID: make(map[string]*epoch)}
	for _, one := range config.Epochs {
		e, err := newEpoch(one, config.Issuer)
		if err != nil {
			return nil, err
		}
		if d.byID[one.ID] != nil {
			return nil, errors.New("ppid: two Epochs have one ID")
		}
		d.byID[one.ID] = e
		d.epochs = append(d.epochs, e)
	}
	return d, nil
}

// checkIssuer follows OpenID Connect Discovery section 3.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil ||
		u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || len(issuer) > maxURI {
		return errors.New("ppid: Issuer must be an https url without user, query and fragment")
	}
	return nil
}

// check is for what the issuer itself supplies, so its errors are faults.
func check(sector Sector, account string) error {
	switch {
	case sector.host == "":
		return errors.New("ppid: the sector was not made by SectorOf")
	case account == "" || len(account) > maxAccount || !utf8.ValidString(account):
		return errors.New("ppid: an account must have 1 to 1024 octets of utf-8")
	}
	return nil
}

// Derive returns the identifier of an account in a sector: ASCII, URL-safe, of the
// length that [Epoch] tells. The account is a name that the issuer never gives to
// another person: 1 to 1024 octets of UTF-8 (46 in a reversible epoch), compared
// octet by octet. Every error is a fault of the server.
func (d *Deriver) Derive(sector Sector, account string) (string, error) {
	if d == nil || len(d.epochs) == 0 {
		return "", errNotMade
	}
	if err := check(sector, account); err != nil {
		return "", err
	}
	e, err := d.epochFor(sector)
	if err != nil {
		return "", err
	}
	return e.derive(sector.host, account)
}

var errNotMade = errors.New("ppid: the deriver was not made by NewDeriver")

func (d *Deriver) epochFor(sector Sector) (*epoch, error) {
	if d.epochOf == nil {
		return d.epochs[0], nil
	}
	id, err := d.epochOf(sector)
	if err != nil {
		return nil, fault.Of("ppid: epoch of a sector", err)
	}
	e := d.byID[id]
	if e == nil {
		return nil, errors.New("ppid: the sector belongs to an epoch that is not configured")
	}
	return e, nil
}

// Match reports whether subject is an identifier of the account in the sector,
// under any epoch: for an id_token_hint or a sub that was asked for (OpenID Connect
// Core sections 3.1.2.1 and 5.5.1), which may be older than a migration. It takes
// the same time whichever epoch matches. Every error is a fault of the server.
func (d *Deriver) Match(sector Sector, account, subject string) (bool, error) {
	if d == nil || len(d.epochs) == 0 {
		return false, errNotMade
	}
	if err := check(sector, account); err != nil {
		return false, err
	}
	if len(subject) > maxSubject {
		return false, nil
	}
	matches := 0
	for _, e := range d.epochs {
		if e.siv != nil && len(account) > sivAccount {
			continue // has no identifier there
		}
		want, err := e.derive(sector.host, account)
		if err != nil {
			return false, err
		}
		matches |= subtle.ConstantTimeCompare([]byte(want), []byte(subject))
	}
	return matches == 1, nil
}

// Account returns the account that subject stands for in the sector, under any
// reversible epoch. The error is an [*Error] with [ErrSubject] if subject belongs
// to another sector or issuer, to an epoch that is not reversible, or is forged;
// which of them, and whether the account exists elsewhere, cannot be told.
func (d *Deriver) Account(sector Sector, subject string) (string, error) {
	if d == nil || len(d.epochs) == 0 {
		return "", errNotMade
	}
	if sector.host == "" {
		return "", errors.New("ppid: the sector was not made by SectorOf")
	}
	if len(subject) > maxSubject {
		return "", &Error{rule: ErrSubject}
	}
	for _, e := range d.epochs {
		if e.siv == nil {
			continue
		}
		if account, err := e.account(sector.host, subject); err == nil {
			return account, nil
		}
	}
	return "", &Error{rule: ErrSubject}
}
