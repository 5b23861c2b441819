package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/redis/go-redis/v9"

	"github.com/go-fapi/fapi/replay"
)

// ErrEviction says that a server has a memory limit and a maxmemory-policy other
// than noeviction: under pressure it would drop used values before their time, and
// accept them again, and lose pushed requests.
var ErrEviction = errors.New("redisstore: maxmemory-policy is not noeviction")

// Check asks the server, in a Cluster each primary, whether it keeps live keys when
// its memory is full. It errs with [ErrEviction] when it does not, and otherwise when
// that could not be found out: no connection, the command is forbidden, or the server
// does not tell. Call it at start, and again after a fail-over: what was a replica
// then has a configuration of its own.
//
// The command is INFO memory, because most managed services forbid CONFIG. Where
// INFO is forbidden too, or lacks the fields, see to the policy in the service's
// settings and do not call Check. It takes as long as the client's timeouts allow.
func (r *Replay) Check(ctx context.Context) error {
	if r == nil || r.client == nil || ctx == nil {
		return replay.ErrNotReady
	}
	return checkServers(ctx, r.client)
}

func checkServers(ctx context.Context, client redis.UniversalClient) error {
	if cluster, ok := client.(*redis.ClusterClient); ok {
		return checkPrimaries(ctx, cluster)
	}
	return checkEviction(ctx, client)
}

func checkPrimaries(ctx context.Context, cluster *redis.ClusterClient) error {
	var asked atomic.Int64
	err := cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error {
		asked.Add(1)
		return checkEviction(ctx, c)
	})
	if asked.Load() > 0 {
		return err
	}
	if err == nil {
		return errors.New("redisstore: the cluster has no primary")
	}
	return fmt.Errorf("redisstore: the cluster does not tell its primaries: %w", err)
}

func checkEviction(ctx context.Context, server redis.UniversalClient) error {
	info, err := server.Info(ctx, "memory").Result()
	if err != nil {
		return fmt.Errorf("redisstore: %v does not answer INFO memory: %w", server, err)
	}
	limit, policy := infoField(info, "maxmemory"), infoField(info, "maxmemory_policy")
	switch {
	case limit == "" || policy == "":
		return fmt.Errorf("redisstore: %v does not report maxmemory and maxmemory_policy in INFO memory", server)
	case limit == "0" || policy == "noeviction":
		return nil
	}
	return fmt.Errorf("%w: it is %.32q at %v", ErrEviction, policy, server)
}

func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
