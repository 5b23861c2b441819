package jose

import (
	"errors"
	"fmt"
)

// The ways a token or key can be refused. Callers map them to the sentinel of
// their own standard; the texts carry no input.
var (
	ErrMalformed = errors.New("malformed")             // not a strict compact JWS, JWK or JSON object
	ErrLimit     = errors.New("too large")             // over a size, depth or count limit
	ErrAlgorithm = errors.New("algorithm not allowed") // outside the closed set, or not the key's
	ErrKey       = errors.New("key not allowed")       // private, symmetric, weak, malformed or contradictory
	ErrSignature = errors.New("signature invalid")
)

// errUnusable marks a well-formed key that is simply not for us (another key
// type, curve, use or algorithm, or too weak). Inside a set it is passed over,
// since other people's sets rightly hold such keys; alone it is an [ErrKey].
var errUnusable = fmt.Errorf("%w: not a signature key of a supported kind and strength", ErrKey)

func malformed(what string) error { return fmt.Errorf("%w: %s", ErrMalformed, what) }

func badKey(what string) error { return fmt.Errorf("%w: %s", ErrKey, what) }
