package replay

import "errors"

// None of these errors is the fault of the request: consumers answer 503, not an
// OAuth error, and never accept the value.
var (
	// ErrFull says that a [Memory] holds MaxEntries values. It does not make room
	// by forgetting a live one, because that value could then be used again.
	ErrFull = errors.New("replay: store is full")

	// ErrUntil says that until is past, or more than [MaxAhead] away. A past value
	// cannot be remembered, so accepting it once would be accepting it always.
	ErrUntil = errors.New("replay: until is past or too far ahead")

	// ErrNotReady says that the store is nil, was not made by its constructor, or
	// was called with a nil context.
	ErrNotReady = errors.New("replay: nil or zero store, or nil context")
)
