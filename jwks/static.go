package jwks

import (
	"context"
	"crypto"
	"errors"
	"slices"
	"time"
)

var errNoKey = errors.New("no signature key in it")

// Static is a set that does not change. It is safe for concurrent use. Make it
// with [NewStatic] or [NewStaticKeys]; its zero value gives [ErrNotReady].
type Static struct{ timetable timetable }

// NewStatic reads a JWK Set (RFC 7517 section 5), such as the jwks of a client's
// registration. The error is an [*Error] with [ErrSet] when the document is
// refused, or has no key that could ever verify anything.
func NewStatic(jwks []byte) (*Static, error) {
	keys, err := parseSet(jwks)
	if err == nil && len(keys) == 0 {
		err = errNoKey
	}
	if err != nil {
		return nil, &Error{kind: ErrSet, detail: err}
	}
	return &Static{timetable{{keys: keys}}}, nil
}

// NewStaticKeys makes a set of keys that are at hand in another form than a JWK
// Set. A key whose Until has passed is no longer a candidate. The errors are those
// of [NewPublisher] about its keys.
func NewStaticKeys(keys ...Key) (*Static, error) {
	t, err := newTimetable(keys, time.Now())
	if err != nil {
		return nil, err
	}
	return &Static{t}, nil
}

// Keys returns the candidates for a token, as the package documentation says. It
// does no I/O. It errs with [ErrNotReady] only.
func (s *Static) Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	if s == nil || s.timetable == nil || ctx == nil {
		return nil, ErrNotReady
	}
	return slices.Clone(s.timetable.at(time.Now()).keys.candidates(kid, alg)), nil
}
