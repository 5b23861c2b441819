package fapi

import "errors"

// The errors of this package: not findings about the input, but reasons why
// there are none.
var (
	ErrProfile = errors.New("no such profile")
	ErrInput   = errors.New("cannot be checked")
)
