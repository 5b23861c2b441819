// Package ppidtest checks that a store of pairwise identifiers keeps the contract
// that package ppid describes. A test of a store is one call:
//
//	func TestStore(t *testing.T) {
//		ppidtest.Run(t, func(t *testing.T) ppidtest.Store { return newStore(t) })
//	}
//
// Stores may share their contents between rules: names carry a random part. To test
// replicas, hand in a Store that spreads its calls over several clients of one
// database.
//
// What the kit cannot show: an outage (every failure must come back as an error),
// and whether an insertion that was reported survives a fail-over. Lost rows change
// identifiers, so write them as durably as the accounts themselves.
package ppidtest
