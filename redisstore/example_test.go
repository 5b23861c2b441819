package redisstore_test

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/redisstore"
)

// In production the client also has a TLSConfig, a Username and a Password. Several
// addresses make a Cluster client, a MasterName a Sentinel one.
func ExampleNewReplay() {
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:                 []string{"redis.bank.example:6379"},
		ContextTimeoutEnabled: true,
	})
	defer client.Close()
	store, err := redisstore.NewReplay(redisstore.ReplayConfig{Client: client})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	if err := store.Check(ctx); err != nil {
		fmt.Println(err)
		return
	}
	// Usually called by a verifier, whose configuration takes the store.
	first, err := store.Use(ctx, "jti of a proof", time.Now().Add(70*time.Second))
	fmt.Println(first, err)
}

// One client serves both stores.
func ExampleNewRequests() {
	client := redis.NewUniversalClient(&redis.UniversalOptions{
		Addrs:                 []string{"redis.bank.example:6379"},
		ContextTimeoutEnabled: true,
	})
	defer client.Close()
	store, err := redisstore.NewRequests(redisstore.RequestsConfig{Client: client})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := store.Check(context.Background()); err != nil {
		fmt.Println(err)
		return
	}
	_ = par.HandlerConfig{
		Store: store,
		// Clients and Check as always.
	}
}
