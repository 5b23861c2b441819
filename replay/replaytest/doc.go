// Package replaytest checks that a store of single-use values keeps the contract
// that package replay describes. A test of a store is one call:
//
//	func TestStore(t *testing.T) {
//		replaytest.Run(t, func(t *testing.T) replaytest.Store { return newRedisStore(t) })
//	}
//
// There are two entry points, because time passes in two ways:
//
//   - [Run] is for stores behind a network. It waits in real time, about three
//     seconds in all. A store that cuts lifetimes to a minute, or forgets at the
//     very instant until, passes it: that cannot be seen in three seconds.
//   - [RunInBubble] is for stores in memory and for adapters over a fake. Each rule
//     runs in a bubble of testing/synctest, where hours take no time and instants
//     are exact. Nothing in the bubble may use the network or outlive the test.
//
// Every rule asks for a new store. In Run, the new ones may share their contents:
// keys carry a random part. A store must take an until a day ahead. To test replicas, hand in a Store that spreads its calls
// over several clients of one database.
//
// What the kit cannot show, and the author of a store must settle otherwise:
//
//   - an outage: every failure must come back as an error (the kit only checks that
//     first is never true together with one);
//   - a write that is committed and then reported as failed by the database: a
//     later use must answer "not first". The kit interrupts uses by their context,
//     which provokes it only in a store that cleans up afterwards;
//   - a clock that is set back: neither a bubble nor a real host can do that. The
//     rule about past values covers the half that is visible from outside;
//   - eviction under memory pressure, and writes lost in a fail-over: matters of
//     how the database is set up.
package replaytest
