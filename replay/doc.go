// Package replay remembers single-use values, such as the jti of a DPoP proof
// (RFC 9449 section 11.1) or of a client assertion (RFC 7523 section 3), until
// they can no longer be accepted.
//
// Consumers declare the interface they need; every store here has its method:
//
//	Use(ctx context.Context, key string, until time.Time) (first bool, err error)
//
// Use answers true exactly once per key until the instant until has passed. It
// is atomic: of any number of concurrent calls with one key, one sees true. The
// key counts as used at every instant up to and including until, and may be used
// again only after it. Any error means "not known to be new": the consumer
// refuses the request with a 5xx and never takes it for a first use.
//
// # Stores
//
//   - [Memory] serves one process. It is bounded and never forgets a live value.
//   - [SetIfAbsent] adapts a shared store that can write a key only when it is
//     absent, with a time to live. Several replicas need a shared store: a value
//     used at one replica is unknown to the Memory of another.
//   - [Off] is the spelled-out decision to go without.
//
// Package replaytest checks that any other implementation keeps the contract.
//
// # Time
//
// The instant until is compared with the wall clock, because that is what the
// consumer compares the proof with. It must not be past and not more than
// [MaxAhead] away ([ErrUntil]). Replicas that share a store must agree on the
// time to within the leeway the consumer adds to until.
//
// # Capacity
//
// A store holds (new values per second) x (seconds until they expire) entries.
// 5,000 proofs a second, each remembered for 70 s, are 350,000 entries; in Memory
// an entry takes at most 64 bytes, so about 22 MB. A full Memory refuses new
// values ([ErrFull]) instead of forgetting live ones, so size it for the peak and
// limit the rate of each client in front of it: one client alone can fill it.
//
// # What this package does not do
//
// Nothing is written to disk: after a restart, Memory accepts once more the values
// whose time is not over. A shared store that loses its last writes in a fail-over
// does the same for those writes, and one that evicts live keys under memory
// pressure (Redis with a maxmemory-policy other than noeviction) for the evicted
// ones. Server nonces (RFC 9449 section 8) narrow these windows.
package replay
