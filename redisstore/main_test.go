package redisstore_test

import (
	"flag"
	"os"
	"testing"

	"github.com/redis/go-redis/v9/logging"
)

func TestMain(m *testing.M) {
	logging.Disable() // the client logs each failed connection, and these tests make many
	if addr := os.Getenv(replicaOf); addr != "" {
		os.Exit(runReplica(addr))
	}
	flag.Set("test.parallel", "16") // a default only: these tests wait more than they compute
	os.Exit(m.Run())
}
