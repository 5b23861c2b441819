// Package fault marks errors of other people's code (a store, a key server, a
// nonce source) as faults of the server. Whoever maps errors to responses looks
// for an OAuthCode, and a key server's own OAuth error must not be taken for
// the refusal of the request at hand.
package fault

import (
	"errors"
	"fmt"
)

// Error is a fault. [errors.Is] sees through it, so that a cancelled context is
// recognised, unless the cause is itself somebody's refusal; [errors.As] never
// does, so that no OAuthCode shines through.
type Error struct {
	what  string
	cause error
}

// Of marks cause, which what names: "dpop: replay store".
func Of(what string, cause error) error { return &Error{what: what, cause: cause} }

// Panic marks what was recovered. The value may carry data of the request, so
// only its type is told.
func Panic(what string, recovered any) error {
	return &Error{what: what, cause: fmt.Errorf("it panicked (%T)", recovered)}
}

// Recover makes a panic of what runs before the deferred call an error:
//
//	defer fault.Recover("dpop: nonce source", &err)
func Recover(what string, err *error) {
	if p := recover(); p != nil {
		*err = Panic(what, p)
	}
}

// Error names what failed, and how.
func (e *Error) Error() string { return e.what + ": " + e.cause.Error() }

// Is reports whether the cause is target.
func (e *Error) Is(target error) bool {
	var refusal interface{ OAuthCode() string }
	return !errors.As(e.cause, &refusal) && errors.Is(e.cause, target)
}
