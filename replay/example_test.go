package replay_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-fapi/fapi/replay"
)

func ExampleMemory() {
	store, err := replay.NewMemory(replay.MemoryConfig{MaxEntries: 100_000})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, until := context.Background(), time.Now().Add(70*time.Second)
	for range 2 {
		first, err := store.Use(ctx, "jti of a proof", until)
		fmt.Println(first, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}

// A full store refuses new values and keeps those it has.
func ExampleMemory_full() {
	store, err := replay.NewMemory(replay.MemoryConfig{MaxEntries: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, until := context.Background(), time.Now().Add(70*time.Second)
	for _, key := range []string{"a", "b", "a"} {
		first, err := store.Use(ctx, key, until)
		fmt.Println(key, first, err)
	}
	// Output:
	// a true <nil>
	// b false replay: store is full
	// a false <nil>
}

// With Redis, the function is one line around SET with NX and PX. Here a map
// stands for the database.
func ExampleSetIfAbsent() {
	var database sync.Map
	store := replay.SetIfAbsent(func(ctx context.Context, key string, ttl time.Duration) (bool, error) {
		fmt.Println("ttl", ttl)
		_, there := database.LoadOrStore("replay:"+key, true)
		return !there, nil
	})
	ctx, until := context.Background(), time.Now().Add(69500*time.Millisecond)
	for range 2 {
		first, err := store.Use(ctx, "jti of a proof", until)
		fmt.Println(first, err)
	}
	// Output:
	// ttl 1m10s
	// true <nil>
	// ttl 1m10s
	// false <nil>
}

func ExampleOff() {
	ctx, until := context.Background(), time.Now().Add(70*time.Second)
	for range 2 {
		first, err := replay.Off{}.Use(ctx, "jti of a proof", until)
		fmt.Println(first, err)
	}
	// Output:
	// true <nil>
	// true <nil>
}
