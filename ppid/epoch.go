package ppid

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash"
	"sync"
)

const (
	labelHMAC = "fapi-ppid/v1"
	labelSIV  = "fapi-ppid-siv/v1"

	minKey     = 32 // octets, HMAC
	sivKey     = 64 // octets, two AES-256 keys
	sivPlain   = 48 // octets: two for the length, then the account, then zeros
	sivAccount = sivPlain - 2
)

// base32Lower is RFC 4648 section 6 in lower case: every database that folds case
// keeps values apart, and most that convert keep them as they are.
var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// Epoch is a key and all else that decides what identifiers look like. None of it
// may change while an identifier of the epoch is in use.
type Epoch struct {
	ID string // required: what EpochOf returns

	// Key is random: 32 octets or more for HMAC, exactly 64 if Reversible. It is
	// the same on all replicas, and is used for nothing else.
	Key []byte // required

	// Reversible makes identifiers with AES-256-SIV, so that [Deriver.Account] can
	// turn them back: 86 characters (103) instead of 43 (52), for accounts of at
	// most 46 octets. Whoever steals the key can turn them back too.
	Reversible bool

	// CaseInsensitive writes identifiers in base32, which is longer, for clients
	// whose database folds case: "sub" is case sensitive (OpenID Connect Core
	// section 2), and folded base64url gives one user the account of another.
	CaseInsensitive bool
}

// epoch is an Epoch ready for use.
type epoch struct {
	issuer string
	siv    *siv // nil: HMAC
	macs   *sync.Pool
	base32 bool
}

// scratch is what one HMAC derivation needs, kept for the next.
type scratch struct {
	mac     hash.Hash
	message []byte
	sum     []byte
	text    []byte
}

func newEpoch(config Epoch, issuer string) (*epoch, error) {
	if config.ID == "" {
		return nil, errors.New("ppid: an epoch needs an ID")
	}
	if isConstant(config.Key) {
		return nil, errors.New("ppid: an epoch needs a random Key")
	}
	e := &epoch{issuer: issuer, base32: config.CaseInsensitive}
	if config.Reversible {
		if len(config.Key) != sivKey {
			return nil, errors.New("ppid: the Key of a reversible epoch must have 64 octets")
		}
		var err error
		e.siv, err = newSIV(config.Key)
		return e, err
	}
	if len(config.Key) < minKey {
		return nil, errors.New("ppid: the Key of an epoch must have 32 octets or more")
	}
	key := append([]byte(nil), config.Key...)
	prefix := appendPrefixed(appendPrefixed(nil, labelHMAC), issuer)
	e.macs = &sync.Pool{New: func() any {
		return &scratch{mac: hmac.New(sha256.New, key), message: append([]byte(nil), prefix...)}
	}}
	return e, nil
}

// isConstant reports a key of one repeated octet, such as a buffer nobody filled.
func isConstant(key []byte) bool {
	for _, b := range key {
		if b != key[0] {
			return false
		}
	}
	return true
}

// appendPrefixed appends the length and then the octets of s, so that no two lists
// of strings are one message.
func appendPrefixed(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

func (e *epoch) derive(sector, account string) (string, error) {
	if e.siv == nil {
		return e.deriveMAC(sector, account), nil
	}
	if len(account) > sivAccount {
		return "", errors.New("ppid: an account of a reversible epoch must have at most 46 octets")
	}
	plaintext := make([]byte, sivPlain)
	binary.BigEndian.PutUint16(plaintext, uint16(len(account)))
	copy(plaintext[2:], account)
	sealed := e.siv.seal(plaintext, []byte(labelSIV), []byte(e.issuer), []byte(sector))
	return string(e.appendText(nil, sealed)), nil
}

func (e *epoch) deriveMAC(sector, account string) string {
	s := e.macs.Get().(*scratch)
	defer e.macs.Put(s)
	kept := len(s.message)
	s.message = appendPrefixed(appendPrefixed(s.message, sector), account)
	s.mac.Reset()
	s.mac.Write(s.message)
	s.message = s.message[:kept]
	s.sum = s.mac.Sum(s.sum[:0])
	s.text = e.appendText(s.text[:0], s.sum)
	return string(s.text)
}

func (e *epoch) appendText(dst, data []byte) []byte {
	if e.base32 {
		return base32Lower.AppendEncode(dst, data)
	}
	return base64.RawURLEncoding.AppendEncode(dst, data)
}

// account reverses derive. Only the one text that derive gives is accepted.
func (e *epoch) account(sector, subject string) (string, error) {
	decode := base64.RawURLEncoding.Strict().DecodeString
	if e.base32 {
		decode = base32Lower.DecodeString
	}
	sealed, err := decode(subject)
	if err != nil || string(e.appendText(nil, sealed)) != subject {
		return "", errForged
	}
	plaintext, err := e.siv.open(sealed, []byte(labelSIV), []byte(e.issuer), []byte(sector))
	if err != nil || len(plaintext) != sivPlain {
		return "", errForged
	}
	n := binary.BigEndian.Uint16(plaintext)
	if n > sivAccount {
		return "", errForged
	}
	return string(plaintext[2 : 2+n]), nil
}
