// Package redisstore keeps the state that several replicas of a service share in
// Redis: one server, a Sentinel group or a Cluster, through go-redis.
//
// [Replay] is the shared store of package replay: it remembers single-use values,
// such as the jti of a DPoP proof (RFC 9449 section 11.1) or of a client assertion
// (RFC 7523 section 3), so that a value used at one replica is refused at all.
//
// [Requests] is the shared store of package par: it keeps pushed authorization
// requests (RFC 9126), so that a request pushed at one replica is shown and consumed
// at any, and consumed once.
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
// # What a pushed request does
//
// Each call is one command on one key, and one round trip:
//
//	Put   SET key record PX ttl NX    fails rather than replace
//	Keep  EVAL of a short script      GET, and a longer life
//	Take  GETDEL key                  Redis gives the record to one caller
//
// So a push and a Load by a par.Handler take one round trip, and Consume two. Every
// one of these is a write, and goes to the primary also where the client reads from
// replicas. Package par hashes the keys and encrypts the records: Redis sees neither
// clients nor payments. A request with seven short parameters takes 490 bytes (Redis
// 7.0), authorization_details as much more as they are long: 500 pushes a second whose
// requests stay for 10 minutes on average are 300,000 records and 150 MB or more.
//
// The commands exist since Redis 6.2, and in Valkey. The permissions needed are +set
// +getdel +eval, and for the script +get +pttl +pexpire +setrange, on the prefix;
// +info for [Requests.Check].
//
// # Time
//
// Lives are relative (PX): Redis counts them from the arrival of the command. Its
// clock may differ from that of the replicas, but must not be stepped forward, which
// ends lives early by the step; discipline it by slewing. Redis passes lives on to
// its own replicas and to its files as instants, so the clocks of the servers of
// one Sentinel group or Cluster must agree to within the consumer's leeway.
//
// A record of Requests also carries its until, which the replicas compare with their
// own clocks: it ends exactly there although Redis may keep it for longer. Clocks of
// replicas that differ shift that end by as much.
//
// # Errors
//
// Any error means "not known to be new": the consumer refuses with a 5xx. That
// covers a server that is down, hangs (Timeout in the configuration), is full, is
// read-only or forbids the command.
//
// When the answer to a command is lost, the value may be recorded. The client
// repeats such a command by itself (its MaxRetries), finds the key its own first
// try left, and reports a value that is not new. The request is refused as replayed,
// although it was not: that is safe, and rare, and the sender makes a new value for
// each attempt. With MaxRetries at -1 the answer is an error instead. No way of
// losing answers makes two uses of one value first.
//
// The same for Requests: a Put is never repeated, since a copy of it that is stuck
// on the way could bring a consumed request back; it errs, and the client pushes
// again, under a new name. A Keep is repeated without harm. A Take that is repeated
// may find that it has already taken the record, and reports false, and where nobody
// repeats it, errs: the request is spent without a code, and the user starts again.
// No way of losing answers makes two takes of one record true.
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
// Of Requests a fail-over loses pushes, which is an unknown request_uri to the user,
// and takes: such a request can be consumed once more until it expires, if somebody
// opens its request_uri again and the user decides again. The second code goes to
// the same redirect_uri and needs the same PKCE verifier.
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
// noeviction, accepts the values again, and has lost the requests. [Replay.Check] and
// [Requests.Check] refuse such a server. With noeviction a full one refuses new
// values and pushes, and still serves the requests it has, so limit the rate of each
// client in front of the store, and do not share the server with a cache.
package redisstore
