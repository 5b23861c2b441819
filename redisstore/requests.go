package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

var errRequests = errors.New("redisstore: Requests was not made by NewRequests, or the context is nil")

// RequestsConfig sets up a [Requests].
type RequestsConfig struct {
	// Client reaches one server or a Sentinel group (*redis.Client), or a Cluster
	// (*redis.ClusterClient). NewRequests does not connect and never closes it. Set
	// its ContextTimeoutEnabled, so that a connection on which the server hangs is
	// given up after Timeout and not after its ReadTimeout.
	Client redis.UniversalClient // required

	// Prefix comes before each key; it is followed by the 43 characters that package
	// par makes. Stores with one prefix and database are one store, so replicas must
	// agree on it, and to change it is to lose the requests under way. Empty means
	// "fapi:par:"; more than 128 bytes are refused. In a Cluster, a prefix with
	// {braces} puts all keys on one node.
	Prefix string

	// Timeout bounds each call, retries by the client included. 0 means 500 ms;
	// otherwise from 1 ms to 10 s. A par.Handler waits for 2 s at most.
	Timeout time.Duration
}

// Requests keeps pushed authorization requests (RFC 9126) in Redis, for any number
// of replicas: pushed at one, the request is there at all, and is consumed once. It
// is a par.Store. It is safe for concurrent use and needs no closing; its zero value
// errs.
type Requests struct {
	settings settings
}

// NewRequests returns a store that works through c.Client. It errs when a field is
// out of range and when the client is of a kind that cannot keep the contract, or
// waits for replies without limit. It does no I/O: call [Requests.Check] at start.
func NewRequests(c RequestsConfig) (*Requests, error) {
	s, err := settings(c).complete("fapi:par:")
	if err != nil {
		return nil, err
	}
	return &Requests{s}, nil
}

// Check asks the server, in a Cluster each primary, whether it keeps live requests
// when its memory is full. It has the errors of [Replay.Check], and like that one is
// called at start and after a fail-over.
func (r *Requests) Check(ctx context.Context) error {
	if !r.ready(ctx) {
		return errRequests
	}
	return checkServers(ctx, r.settings.Client)
}

// Put stores a record under a new key, in one round trip. It errs when until has
// passed or is more than a day ahead, when the key is in use, when the server has no
// room, and as the package comment says under Errors.
func (r *Requests) Put(ctx context.Context, key string, record []byte, until time.Time) error {
	if !r.ready(ctx) {
		return errRequests
	}
	now := time.Now()
	if !now.Before(until) {
		return errors.New("redisstore: the record has expired already")
	}
	life, err := milliseconds(now, until)
	if err != nil {
		return err
	}
	value := append([]byte(stamp(until)), record...)
	_, err = within(ctx, r.settings.Timeout, func(ctx context.Context) (struct{}, error) {
		cmd := redis.NewStatusCmd(ctx, "set", r.settings.Prefix+key, value, "px", life, "nx")
		err := r.settings.Client.Process(ctx, once{cmd})
		if errors.Is(err, redis.Nil) {
			err = errors.New("the key is in use")
		}
		return struct{}{}, err
	})
	return err
}

// once is a command that the client never repeats. Of a Put that was sent twice, the
// first copy may be stuck on its way, and arrive when the second one's record has
// been taken: the request would be back. Sent once, it is nobody's by then, since
// Put has failed.
type once struct{ *redis.StatusCmd }

func (once) NoRetry() bool { return true }

// keepScript gets the stamps of now and of until, and the life in milliseconds. It
// always writes: a server that was made a replica, and may not know yet what was
// taken elsewhere, so refuses it and does not answer. PEXPIRE leaves alone what is
// not there. It comes before SETRANGE, which a full server would refuse as the first
// write, although it makes nothing longer.
const keepScript = `local value = redis.call('GET', KEYS[1])
local live = value and string.sub(value, 1, 19) > ARGV[1]
local life = redis.call('PTTL', KEYS[1])
if live then life = math.max(life, tonumber(ARGV[3])) end
redis.call('PEXPIRE', KEYS[1], life)
if not live then return false end
if string.sub(value, 1, 19) < ARGV[2] then redis.call('SETRANGE', KEYS[1], 0, ARGV[2]) end
return value`

// Keep returns a live record, and makes it live until at least until, in one round
// trip. It errs when until is more than a day ahead, and as the package comment says
// under Errors.
func (r *Requests) Keep(ctx context.Context, key string, until time.Time) (record []byte, ok bool, err error) {
	if !r.ready(ctx) {
		return nil, false, errRequests
	}
	now := time.Now()
	if until.Before(now) {
		until = now
	}
	life, err := milliseconds(now, until)
	if err != nil {
		return nil, false, err
	}
	record, err = within(ctx, r.settings.Timeout, func(ctx context.Context) ([]byte, error) {
		keys := []string{r.settings.Prefix + key}
		_, record, err := parse(r.settings.Client.Eval(ctx, keepScript, keys, stamp(now), stamp(until), life).Text())
		return record, err
	})
	return record, record != nil, err
}

// Take removes a live record and reports whether there was one, in one round trip:
// Redis gives the value to one GETDEL of any number. It errs as the package comment
// says under Errors; the record may be gone then.
func (r *Requests) Take(ctx context.Context, key string) (ok bool, err error) {
	if !r.ready(ctx) {
		return false, errRequests
	}
	return within(ctx, r.settings.Timeout, func(ctx context.Context) (bool, error) {
		until, _, err := parse(r.settings.Client.GetDel(ctx, r.settings.Prefix+key).Result())
		return until > stamp(time.Now()), err
	})
}

// parse takes a value apart. There is no record, and no error, where Redis has none.
func parse(value string, err error) (until string, record []byte, _ error) {
	switch {
	case errors.Is(err, redis.Nil):
		return "", nil, nil
	case err != nil:
		return "", nil, err
	case len(value) < stampSize:
		return "", nil, errors.New("what is under the key is not a record")
	}
	return value[:stampSize], []byte(value[stampSize:]), nil
}

func (r *Requests) ready(ctx context.Context) bool {
	return r != nil && r.settings.Client != nil && ctx != nil
}

// stampSize is the length of what stands before a record in Redis: its until. Redis'
// own expiry counts from the arrival of a command, so that what comes late lives
// longer; it clears away, and ends lives where a replica's clock is set back.
const stampSize = 19

// stamp writes an instant so that later is greater: all nanoseconds from 2001 to 2262
// have 19 digits.
func stamp(t time.Time) string { return fmt.Sprintf("%019d", t.UnixNano()) }

// maxAhead is beyond every life that package par gives, and within what stamp can write.
const maxAhead = 24 * time.Hour

// milliseconds never makes a life too short: it adds one for the part cut off here,
// and one for the part that Redis cuts off its clock. Lives are relative for the
// reasons given at [setIfAbsent].
func milliseconds(now, until time.Time) (int64, error) {
	left := until.Sub(now)
	if left > maxAhead {
		return 0, fmt.Errorf("redisstore: until is more than %v ahead", maxAhead)
	}
	return int64(left/time.Millisecond) + 2, nil
}
