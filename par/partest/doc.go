// Package partest checks that a store of pushed authorization requests keeps the
// contract of par.Store. A test of a store is one call:
//
//	func TestStore(t *testing.T) {
//		partest.Run(t, func(t *testing.T) partest.Store { return newStore(t) })
//	}
//
// [Run] waits in real time, about three seconds in all; [RunInBubble] is for stores
// in memory, runs each rule in a bubble of testing/synctest, and is exact. Every
// rule asks for a new store; in Run, the new ones may share their contents, as keys
// are random. To test replicas, hand in a Store that spreads its calls over several
// clients of one database.
//
// What the kit cannot show: that an outage comes back as an error; that a write
// which is reported as failed may have happened; eviction under memory pressure;
// and writes, in particular removals, that are lost in a fail-over.
package partest
