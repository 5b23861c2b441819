package redisstore

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/redis/go-redis/v9"
)

// checkClient admits the clients that are known to keep each key in one place. A
// closed list, because a client that does not would accept a value again, or lose a
// request, without any sign of it.
func checkClient(client redis.UniversalClient) error {
	if v := reflect.ValueOf(client); !v.IsValid() || v.Kind() == reflect.Pointer && (v.IsNil() || v.Elem().IsZero()) {
		return errors.New("redisstore: Client is required: it is nil or zero")
	}
	switch c := client.(type) {
	case *redis.Client:
		o := c.Options()
		return checkTimeouts(o.ReadTimeout, o.WriteTimeout, o.ContextTimeoutEnabled)
	case *redis.ClusterClient:
		o := c.Options()
		return checkTimeouts(o.ReadTimeout, o.WriteTimeout, o.ContextTimeoutEnabled)
	case *redis.Ring:
		return errors.New("redisstore: Client is a *redis.Ring: it moves keys to other servers when one is unreachable, so used values become acceptable and requests are lost; use a Cluster or Sentinel")
	}
	return fmt.Errorf("redisstore: Client is a %T, want *redis.Client or *redis.ClusterClient", client)
}

// checkTimeouts sees to it that a call, and the goroutine it runs in, ends although
// the server hangs. Inside the client's options 0 stands for no limit, and less for
// setting no deadline at all, not even that of the context.
func checkTimeouts(read, write time.Duration, byContext bool) error {
	if shorter := min(read, write); shorter < 0 || shorter == 0 && !byContext {
		return errors.New("redisstore: Client waits without limit: set its ReadTimeout and WriteTimeout to 0 (5 s) or more")
	}
	return nil
}
