package dpop_test

import (
	"context"
	"crypto/elliptic"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/replay"
)

func withStore(store dpop.ReplayStore) func(*dpop.VerifierConfig) {
	return func(c *dpop.VerifierConfig) { c.Replay = store }
}

func newStore(t testing.TB, entries int) *replay.Memory {
	t.Helper()
	store, err := replay.NewMemory(replay.MemoryConfig{MaxEntries: entries})
	require.NoError(t, err)
	return store
}

func requireReplay(t testing.TB, g *gate, proof string) {
	t.Helper()
	accepted, err := g.verify(get(proof))
	requireRule(t, err, dpop.ErrReplay)
	require.Nil(t, accepted)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	t.Run("D24 the same proof twice", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		proof := honest(t)
		g.accept(t, get(proof))
		g.refuse(t, get(proof), dpop.ErrReplay)
		g.refuse(t, request("GET", apiURL+"?page=2", proof), dpop.ErrReplay)
		g.acceptHonest(t)

		off := newGate(t, withStore(replay.Off{}))
		for range 2 {
			_, err := off.verify(get(proof))
			require.NoError(t, err)
		}
	})
	t.Run("D24 at the token endpoint", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		proof := proofWith(t, claimsNow().with("htm", `"POST"`).with("htu", quote(tokenURL)))
		_, err := g.VerifyTokenRequest(request("POST", tokenURL, proof))
		require.NoError(t, err)
		_, err = g.VerifyTokenRequest(request("POST", tokenURL, proof))
		requireRule(t, err, dpop.ErrReplay)
	})
	t.Run("D25 X09 1,000 at once, three replicas, one store", func(t *testing.T) {
		t.Parallel()
		store := newStore(t, 100)
		replicas := []*gate{newGate(t, withStore(store)), newGate(t, withStore(store)), newGate(t, withStore(store))}
		require.EqualValues(t, 1, successes(t, replicas, honest(t)))
		// The control: without a store that is atomic, all of them pass.
		require.EqualValues(t, 1000, successes(t, []*gate{newGate(t, withStore(replay.Off{}))}, honest(t)))
	})
	t.Run("D27 the used proof with its signature respelled", func(t *testing.T) {
		t.Parallel()
		proof := honest(t)
		twin := mirrored(t, proof)
		require.NotEqual(t, proof, twin)
		g := newGate(t)
		g.accept(t, get(proof))
		g.refuse(t, get(twin), dpop.ErrReplay)
		for _, respelled := range []string{proof + "==", looseTail(proof), proof[:50] + "\n" + proof[50:], proof + "\r\n", " " + proof, proof + "."} {
			g.refuse(t, get(respelled), dpop.ErrMalformed)
		}
		// Only the store stands in the way of the twin.
		_, err := newGate(t).verify(get(twin))
		require.NoError(t, err)
	})
	t.Run("D28 a stranger uses the victim's jti first", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		claims := claimsNow()
		_, err := g.VerifyResourceRequest(get(sign(t, attacker, headerOf(t, attacker).String(), claims.String())), accessToken, thumbprintOf(attacker))
		require.NoError(t, err)
		g.accept(t, get(proofWith(t, claims)))
	})
	t.Run("the same jti for another target is another proof", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		claims := claimsNow()
		g.accept(t, get(proofWith(t, claims)))
		g.accept(t, request("GET", apiOrigin+"/payments", proofWith(t, claims.with("htu", quote(apiOrigin+"/payments")))))
		g.refuse(t, get(proofWith(t, claims.with("iat", strconv.FormatInt(time.Now().Unix()-1, 10)))), dpop.ErrReplay)
	})
	t.Run("D29 a failing request burns nothing", func(t *testing.T) {
		t.Parallel()
		g := newGate(t)
		claims := claimsNow()
		g.refuse(t, get(proofWith(t, claims.with("ath", quote(hashOf("other"))))), dpop.ErrTokenHash)
		g.refuse(t, get(proofWith(t, claims.with("htu", quote(apiOrigin+"/other")))), dpop.ErrTarget)
		g.refuse(t, get(proofWith(t, claims.with("htm", `"POST"`))), dpop.ErrMethod)
		g.refuse(t, get(proofWith(t, claims.with("iat", "1"))), dpop.ErrTime)
		g.refuse(t, get(sign(t, attacker, headerOf(t, client).String(), claims.String())), dpop.ErrSignature)
		g.refuse(t, get(sign(t, attacker, headerOf(t, attacker).String(), claims.String())), dpop.ErrBinding)
		g.accept(t, get(proofWith(t, claims)))
	})
	t.Run("D30 a flood does not wash out the first proof", func(t *testing.T) {
		t.Parallel()
		g := newGate(t, withStore(newStore(t, 8)))
		first := honest(t)
		for i := range 8 {
			proof := first
			if i > 0 {
				proof = honest(t)
			}
			_, err := g.verify(get(proof))
			require.NoError(t, err)
		}
		for range 8 {
			proof, err := g.verify(get(honest(t)))
			requireFault(t, proof, err)
			require.ErrorIs(t, err, replay.ErrFull)
		}
		requireReplay(t, g, first)
	})
}

// successes sends one proof 1,000 times at once.
func successes(t *testing.T, gates []*gate, proof string) int64 {
	t.Helper()
	var accepted, other atomic.Int64
	var group sync.WaitGroup
	start := make(chan struct{})
	for i := range 1000 {
		group.Go(func() {
			<-start
			_, err := gates[i%len(gates)].verify(get(proof))
			switch refused := (*dpop.Error)(nil); {
			case err == nil:
				accepted.Add(1)
			case !asRefusal(err, &refused) || refused.Unwrap() != dpop.ErrReplay:
				other.Add(1)
			}
		})
	}
	close(start)
	group.Wait()
	require.Zero(t, other.Load())
	return accepted.Load()
}

// mirrored is the proof with the other signature that ECDSA has for it: R, N-S.
func mirrored(t *testing.T, proof string) string {
	t.Helper()
	dot := strings.LastIndexByte(proof, '.')
	signature, err := jose.Decode(proof[dot+1:])
	require.NoError(t, err)
	s := new(big.Int).SetBytes(signature[32:])
	s.Sub(elliptic.P256().Params().N, s).FillBytes(signature[32:])
	return proof[:dot+1] + jose.Encode(signature)
}

// forgetful is a store that counts from the request, as some do: it forgets a
// proof whose iat lies ahead while that can still be used.
type forgetful struct{ ledger }

func (f *forgetful) Use(_ context.Context, key string, _ time.Time) (bool, error) {
	f.mu.Lock()
	until, used := f.spent[key]
	if used && time.Now().After(until) {
		delete(f.spent, key)
	}
	f.mu.Unlock()
	return f.record(key, time.Now().Add(time.Minute)), nil
}

func TestReplayTail(t *testing.T) {
	t.Parallel()
	for _, ahead := range []int{10, 0, -59} {
		t.Run(fmt.Sprintf("D26 replay in the skew tail, iat %+d s", ahead), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, withStore(newStore(t, 0)))
				proof := issued(t, ahead)
				_, err := g.verify(get(proof))
				require.NoError(t, err)
				for range 60 + ahead { // as long as its iat is accepted
					time.Sleep(time.Second)
					requireReplay(t, g, proof)
				}
				time.Sleep(time.Nanosecond)
				_, err = g.verify(get(proof))
				requireRule(t, err, dpop.ErrTime)
			})
		})
	}
	t.Run("D26 control: a store that counts from now is fooled", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t, withStore(&forgetful{}))
			proof := issued(t, 10)
			_, err := g.verify(get(proof))
			require.NoError(t, err)
			time.Sleep(65 * time.Second)
			_, err = g.verify(get(proof))
			require.NoError(t, err)
		})
	})
	t.Run("D26 the entry outlives the proof", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t)
			g.accept(t, get(issued(t, 3)))
			for _, until := range g.store.spent {
				require.Equal(t, time.Now().Add((3+60+10+1)*time.Second).Unix(), until.Unix())
			}
		})
	})
}

// TestReplayClock shares a store between two bubbles: each starts at the same
// instant, so for the store the second one is the clock set back.
func TestReplayClock(t *testing.T) {
	t.Parallel()
	stores := map[string]struct {
		store dpop.ReplayStore
		rule  error
	}{
		"D35 X08 clock set back":                    {newStore(t, 0), dpop.ErrReplay},
		"D35 control: a store that forgot by clock": {&forgetful{}, nil},
	}
	for name, test := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var proof string
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, withStore(test.store))
				proof = issued(t, 0)
				_, err := g.verify(get(proof))
				require.NoError(t, err)
				time.Sleep(time.Hour) // the entry expires, and uses of others sweep it out
				for range 200 {
					_, err = g.verify(get(issued(t, 0)))
					require.NoError(t, err)
				}
				_, err = g.verify(get(proof))
				requireRule(t, err, dpop.ErrTime)
			})
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(30 * time.Second)
				if forgot, ok := test.store.(*forgetful); ok {
					clear(forgot.spent)
				}
				_, err := newGate(t, withStore(test.store)).verify(get(proof))
				if test.rule == nil {
					require.NoError(t, err)
				} else {
					requireRule(t, err, test.rule)
				}
			})
		})
	}
	t.Run("X08 a day ahead", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			g := newGate(t, withStore(newStore(t, 0)))
			proof := issued(t, 0)
			_, err := g.verify(get(proof))
			require.NoError(t, err)
			time.Sleep(24 * time.Hour)
			_, err = g.verify(get(proof))
			requireRule(t, err, dpop.ErrTime)
			_, err = g.verify(get(issued(t, 0)))
			require.NoError(t, err)
		})
	})
}
