package jwks

import (
	"crypto"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/go-fapi/fapi/internal/jose"
)

var (
	errNoLasting = errors.New("every key has an Until, so one day it would be empty")
	errTooMany   = errors.New("more than 100 keys")
	errTwice     = errors.New("it is there under another kid, so retiring one would not retire it")
)

// Key is a public key with the name that tokens select it by.
type Key struct {
	// Key is required: *ecdsa.PublicKey on P-256, ed25519.PublicKey, or
	// *rsa.PublicKey of 2048 to 8192 bits. A private key is refused.
	Key crypto.PublicKey

	// KeyID is the kid. Empty: [KeyID] of the key.
	KeyID string

	// Until retires the key: from that instant it is in the set no longer. Set it
	// to the expiry of the last token the key signed, plus the leeway of those who
	// verify it. Zero: the key stays.
	Until time.Time
}

// KeyID is the kid that a key has unless another is chosen: its JWK thumbprint
// (RFC 7638) with SHA-256 in base64url. Configure the signer of the key with it.
// It errs with an [*Error] of [ErrKey] for a key that no set here can hold.
func KeyID(key crypto.PublicKey) (string, error) {
	thumbprint, err := jose.Thumbprint(key)
	if err != nil {
		return "", &Error{kind: ErrKey, detail: err}
	}
	return jose.Encode(thumbprint[:]), nil
}

// timetable is what a list of keys comes to over time: the periods between the
// moments at which a key retires. The last one is open-ended. Everything that can
// fail has been done when it is made, so that time passing cannot fail.
type timetable []period

type period struct {
	until    time.Time // exclusive; zero: for ever
	keys     set
	document []byte // the set as it is published
}

func newTimetable(keys []Key, now time.Time) (timetable, error) {
	keys, err := named(keys)
	if err != nil {
		return nil, err
	}
	var t timetable
	for {
		keys = slices.DeleteFunc(keys, func(k Key) bool { return !k.Until.IsZero() && !now.Before(k.Until) })
		p, err := newPeriod(keys)
		if err != nil {
			return nil, err
		}
		if t = append(t, p); p.until.IsZero() {
			return t, nil
		}
		now = p.until
	}
}

// named returns a copy in which every key has its kid, and checks what concerns
// the list as a whole.
func named(keys []Key) ([]Key, error) {
	if len(keys) > jose.MaxKeys {
		return nil, &Error{kind: ErrSet, detail: errTooMany}
	}
	keys = slices.Clone(keys)
	taken, seen, lasting := map[string]bool{}, map[string]bool{}, false
	for i := range keys {
		key := &keys[i]
		own, err := KeyID(key.Key)
		if err != nil {
			return nil, err
		}
		if key.KeyID == "" {
			key.KeyID = own
		}
		if taken[key.KeyID] || !utf8.ValidString(key.KeyID) {
			return nil, &Error{kind: ErrKeyID}
		}
		if seen[own] {
			return nil, &Error{kind: ErrKey, detail: errTwice}
		}
		taken[key.KeyID], seen[own] = true, true
		lasting = lasting || key.Until.IsZero()
	}
	switch {
	case len(keys) == 0:
		return nil, &Error{kind: ErrSet, detail: errNoKey}
	case !lasting:
		return nil, &Error{kind: ErrSet, detail: errNoLasting}
	}
	return keys, nil
}

// newPeriod reads back what it has written: a key that others would refuse is
// refused here, and our own selection is the one that others make.
func newPeriod(keys []Key) (period, error) {
	var p period
	list := make([]jose.PublicKey, len(keys))
	for i, key := range keys {
		list[i] = jose.PublicKey{Key: key.Key, KeyID: key.KeyID}
		if !key.Until.IsZero() && (p.until.IsZero() || key.Until.Before(p.until)) {
			p.until = key.Until
		}
	}
	document, err := jose.EncodeJWKS(list)
	if err == nil {
		p.keys, err = parseSet(document)
	}
	if err != nil {
		return period{}, &Error{kind: ErrKey, detail: err}
	}
	p.document = document
	return p, nil
}

// at never runs off the end, because the last period has no until.
func (t timetable) at(now time.Time) *period {
	i := 0
	for !t[i].until.IsZero() && !now.Before(t[i].until) {
		i++
	}
	return &t[i]
}
