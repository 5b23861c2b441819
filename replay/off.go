package replay

import (
	"context"
	"time"
)

// Off remembers nothing and answers that every use is the first. It gives up the
// protection against replay: whoever captures a proof or an assertion can use it
// again until it expires, as often as they like, from anywhere. Choose it only
// where something else makes each value unusable a second time.
type Off struct{}

// Use returns true, or the error of a context that is already done.
func (Off) Use(ctx context.Context, _ string, _ time.Time) (first bool, err error) {
	if err := checkContext(ctx); err != nil {
		return false, err
	}
	return true, nil
}

// NeverBlocks marks a store that answers from memory, as [Memory.NeverBlocks].
func (Off) NeverBlocks() {}
