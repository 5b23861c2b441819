// Package redisstore keeps the state that several replicas of a service share in
// Redis: one server, a Sentinel group or a Cluster, through go-redis.
//
// [Replay] is the shared store of package replay: it remembers single-use values,
// such as the jti of a DPoP proof (RFC 9449 section 11.1) or of a client assertion
// (RFC 7523 section 3), so that a value used at one replica is refused at all.
//
// # What a use does
//
// One command and one round trip: SET key 1 PX ttl NX. Redis decides; nothing is
// ever read, so there is no moment between looking and writing, and no answer from
// a replica that lags behind. The key is a hash of the consumer's: nothing of the
// request is visible in Redis. The entry lives for the time left until the value
// expires, and for 1 ms to 1.001 s longer. It takes about 150 bytes (Redis 7.0):
// 5,000 values a second of 70 s each are 350,000 entries and 53 MB.
//
// The commands exist since Redis 4, and in Valkey; the tests run with Redis 7. The
// permissions needed are +set on the prefix, and +info for [Replay.Check]; in a
// Cluster the client itself also uses CLUSTER and COMMAND.
//
// # Time
//
// Lives are relative (PX): Redis counts them from the arrival of the command. Its
// clock may differ from that of the replicas, but must not be stepped forward, which
// ends lives early by the step; discipline it by slewing. Redis passes lives on to
// its own replicas and to its files as instants, so the clocks of the servers of
// one Sentinel group or Cluster must agree to within the consumer's leeway.
//
// # Errors
//
// Any error means "not known to be new": the consumer refuses with a 5xx. That
// covers a server that is down, hangs (ReplayConfig.Timeout), is full, is read-only
// or forbids the command.
//
// When the answer to a command is lost, the value may be recorded. The client
// repeats such a command by itself (its MaxRetries), finds the key its own first
// try left, and reports a value that is not new. The request is refused as replayed,
// although it was not: that is safe, and rare, and the sender makes a new value for
// each attempt. With MaxRetries at -1 the answer is an error instead. No way of
// losing answers makes two uses of one value first.
//
// # Fail-over
//
// Redis confirms a write before its replicas have it. A primary that fails takes
// the last writes with it, usually less than a second's, and the values in them can
// be used once more until they expire; so can those that both sides of a split
// network accept, and, after a restart without persistence, all. What narrows this:
//
//   - Server nonces (RFC 9449 section 8): a proof can be used again only while its
//     nonce is current. For assertions, a short life. These bound the harm; the
//     settings below make it rarer.
//   - min-replicas-to-write 1 and a small min-replicas-max-lag: a primary that is
//     cut off from its replicas accepts values for no longer than the lag.
//   - appendonly yes, and no automatic restart of a primary that keeps no files.
//
// WAIT is not used: it would add the replica's round trip to each request, and a
// fail-over may still choose a replica that did not confirm.
//
// Databases with several primaries for one key (active-active) decide on each side
// for itself, and accept a value once on each: they are not a shared store.
//
// # Eviction
//
// A server that reaches its maxmemory drops live keys unless maxmemory-policy is
// noeviction, and accepts the values again. [Replay.Check] refuses such a server.
// With noeviction a full one refuses new values, so limit the rate of each client
// in front of the store, and do not share the server with a cache.
package redisstore
