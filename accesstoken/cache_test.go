package accesstoken

import (
	"context"
	"crypto"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
)

// counted counts how often the keys are asked for: once per signature check.
func counted(count *atomic.Int64, source KeySource) KeySource {
	return keysFunc(func(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
		count.Add(1)
		return source.Keys(ctx, kid, alg)
	})
}

func (c *cache) entries() (n int) {
	for i := range c.slots {
		if c.slots[i].Load() != nil {
			n++
		}
	}
	return n
}

func TestCache(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	at := time.Unix(1_800_000_000, 0)
	good := func(change ...string) string { return sign(t, issuerKey(), testHeader, payload(at, change...)) }
	counting := func() (*Verifier, *atomic.Int64) {
		var n atomic.Int64
		return newVerifier(t, func(c *VerifierConfig) { c.Keys = counted(&n, c.Keys) }), &n
	}

	t.Run("a token is verified once in a minute", func(t *testing.T) {
		t.Parallel()
		v, checks := counting()
		token := good()
		for _, step := range []struct {
			at     time.Duration
			checks int64
		}{{0, 1}, {0, 1}, {revalidateAfter - 1, 1}, {revalidateAfter, 2}, {2*revalidateAfter - 1, 2}, {2 * revalidateAfter, 3}} {
			_, err := v.verifyAt(ctx, token, at.Add(step.at))
			require.NoError(t, err)
			require.Equal(t, step.checks, checks.Load(), step.at)
		}
		require.Equal(t, 1, v.cache.entries(), "its older entry was replaced")
	})
	t.Run("I06 an entry dies with its token", func(t *testing.T) {
		t.Parallel()
		v, checks := counting()
		token := good("exp", fmt.Sprint(at.Unix()+20))
		_, err := v.verifyAt(ctx, token, at.Add(20*time.Second-1))
		require.NoError(t, err)
		_, err = v.verifyAt(ctx, token, at.Add(20*time.Second))
		require.ErrorIs(t, err, ErrExpired)
		require.Equal(t, int64(1), checks.Load(), "refused from the cache")
	})
	t.Run("X08 clock set back: iat and nbf count in the cache too", func(t *testing.T) {
		t.Parallel()
		for _, claim := range []string{"iat", "nbf"} {
			v, checks := counting()
			token := good(claim, fmt.Sprint(at.Unix()+30))
			_, err := v.verifyAt(ctx, token, at.Add(30*time.Second))
			require.NoError(t, err)
			back := at.Add(20 * time.Second)
			_, err = v.verifyAt(ctx, token, back.Add(-1))
			require.ErrorIs(t, err, ErrNotYetValid)
			_, err = v.verifyAt(ctx, token, back)
			require.NoError(t, err, "control")
			require.Equal(t, int64(2), checks.Load(), "a check in the future does not count")
		}
	})
	t.Run("the same by the clock of Verify", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			v, checks := counting()
			token := sign(t, issuerKey(), testHeader, payload(time.Now()))
			requireAccepted(t, v, token)
			time.Sleep(revalidateAfter)
			requireAccepted(t, v, token)
			require.Equal(t, int64(2), checks.Load())
		})
	})
	t.Run("strangers and refused tokens cannot fill it", func(t *testing.T) {
		t.Parallel()
		v := newVerifier(t, nil)
		for i := range 50 {
			jti := fmt.Sprintf(`"%d"`, i)
			_, err := v.verifyAt(ctx, sign(t, testkeys.ES256("attacker"), testHeader, payload(at, "jti", jti)), at)
			require.ErrorIs(t, err, ErrSignature)
			_, err = v.verifyAt(ctx, good("jti", jti, "aud", `"x"`), at)
			require.ErrorIs(t, err, ErrAudience)
			_, err = v.verifyAt(ctx, good("jti", jti), at.Add(time.Hour))
			require.ErrorIs(t, err, ErrExpired)
		}
		require.Zero(t, v.cache.entries())
		_, err := v.verifyAt(ctx, good(), at)
		require.NoError(t, err)
		require.Equal(t, 1, v.cache.entries(), "control")
	})
	t.Run("a refused token is not remembered as refused", func(t *testing.T) {
		t.Parallel()
		v, _ := counting()
		token := good()
		_, err := v.verifyAt(ctx, token, at.Add(-time.Minute))
		require.ErrorIs(t, err, ErrNotYetValid)
		_, err = v.verifyAt(ctx, token, at)
		require.NoError(t, err)
	})
	t.Run("it is bounded, and the oldest entry leaves first", func(t *testing.T) {
		t.Parallel()
		v := newVerifier(t, func(c *VerifierConfig) { c.CacheSize = 1 }) // one set
		require.Len(t, v.cache.slots, ways)
		var tokens []string
		for i := range ways + 1 {
			tokens = append(tokens, good("jti", fmt.Sprintf(`"%d"`, i)))
			_, err := v.verifyAt(ctx, tokens[i], at.Add(time.Duration(i)))
			require.NoError(t, err)
		}
		require.Equal(t, ways, v.cache.entries())
		left := func(now time.Time) (gone []int) {
			for i, token := range tokens {
				if v.cache.get(digestOf(token), now) == nil {
					gone = append(gone, i)
				}
			}
			return gone
		}
		now := at.Add(ways + 1)
		require.Equal(t, []int{0}, left(now))
		_, err := v.verifyAt(ctx, tokens[0], now)
		require.NoError(t, err)
		require.Equal(t, []int{1}, left(now), "not the one in the first place, which is new")
	})
	t.Run("the default and the largest size", func(t *testing.T) {
		t.Parallel()
		require.Len(t, newVerifier(t, nil).cache.slots, 10_000)
		require.Len(t, newCache(9).slots, 16)
		require.Len(t, newCache(maxCacheSize).slots, 1_048_576)
		require.Len(t, newCache(maxCacheSize).set(digest{255, 255, 255, 255, 255, 255, 255, 255}), ways)
	})
	t.Run("I08 tokens that share a place stay apart", func(t *testing.T) {
		t.Parallel()
		c := newCache(1)
		one, two := &Token{acr: "1"}, &Token{acr: "2"}
		c.put(digest{31: 1}, one, at)
		c.put(digest{31: 2}, two, at)
		require.Same(t, one, c.get(digest{31: 1}, at))
		require.Same(t, two, c.get(digest{31: 2}, at))
		require.Nil(t, c.get(digest{31: 3}, at))
		require.Nil(t, c.get(digest{}, at))
	})
	t.Run("I08 every octet of the token is in the digest", func(t *testing.T) {
		t.Parallel()
		for _, length := range []int{1, 2047, 2048, 2049, 5000} {
			text := strings.Repeat("a", length)
			seen := map[digest]bool{digestOf(text): true, digestOf(text + "a"): true, digestOf("b" + text[1:]): true, digestOf(text[:length-1] + "b"): true}
			require.Len(t, seen, map[bool]int{true: 3, false: 4}[length == 1])
		}
	})
	t.Run("a second audience is a second verifier with its own cache", func(t *testing.T) {
		t.Parallel()
		v := newVerifier(t, nil)
		other := newVerifier(t, func(c *VerifierConfig) { c.Audience = "https://other.example" })
		token := goodToken(t)
		requireAccepted(t, v, token)
		_, err := other.Verify(ctx, token)
		require.ErrorIs(t, err, ErrAudience)
	})
}

func TestRemovedKey(t *testing.T) {
	t.Parallel()
	t.Run("S64 a token outlives its key by a minute at most", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var removed atomic.Bool
			v := newVerifier(t, func(c *VerifierConfig) {
				inner := c.Keys
				c.Keys = keysFunc(func(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
					if removed.Load() {
						return nil, nil
					}
					return inner.Keys(ctx, kid, alg)
				})
			})
			cached, fresh := goodToken(t), goodToken(t, "jti", `"fresh"`)
			requireAccepted(t, v, cached)
			removed.Store(true)
			_, err := v.Verify(context.Background(), fresh)
			require.ErrorIs(t, err, ErrKey)
			for range 59 { // hits do not prolong the entry
				time.Sleep(time.Second)
				requireAccepted(t, v, cached)
			}
			time.Sleep(time.Second)
			_, err = v.Verify(context.Background(), cached)
			require.ErrorIs(t, err, ErrKey)
			removed.Store(false)
			requireAccepted(t, v, cached)
		})
	})
}

func TestConcurrency(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	tokenOf := func(user, id int) string {
		return goodToken(t, "sub", fmt.Sprintf(`"user-%d"`, user), "client_id", fmt.Sprintf(`"client-%d"`, user),
			"jti", fmt.Sprintf(`"%d-%d"`, user, id), "scope", fmt.Sprintf(`"scope-%d"`, user))
	}
	// check verifies tokens of two users from four goroutines each.
	check := func(t *testing.T, v *Verifier, tokens [2][]string, rounds int) {
		var group sync.WaitGroup
		for worker := range 8 {
			user := worker % 2
			group.Go(func() {
				for i := range rounds {
					token, err := v.Verify(ctx, tokens[user][i%len(tokens[user])])
					if !assert.NoError(t, err) {
						return
					}
					name, _ := token.Claim("sub")
					if token.Subject() != fmt.Sprintf("user-%d", user) || token.ClientID() != fmt.Sprintf("client-%d", user) ||
						string(name) != fmt.Sprintf(`"user-%d"`, user) || token.HasScope(fmt.Sprintf("scope-%d", 1-user)) {
						assert.Fail(t, "cross-talk")
						return
					}
					token.Audience()[0] = "https://evil.example"
				}
			})
		}
		group.Wait()
	}
	t.Run("X17 10,000 requests of two users, cached", func(t *testing.T) {
		t.Parallel()
		check(t, newVerifier(t, nil), [2][]string{{tokenOf(0, 1), tokenOf(0, 2)}, {tokenOf(1, 1), tokenOf(1, 2)}}, 1250)
	})
	t.Run("X17 two users, more tokens than places", func(t *testing.T) {
		t.Parallel()
		var tokens [2][]string
		for user := range tokens {
			for id := range 10 {
				tokens[user] = append(tokens[user], tokenOf(user, id))
			}
		}
		check(t, newVerifier(t, func(c *VerifierConfig) { c.CacheSize = 1 }), tokens, 50)
	})
	t.Run("X16 keys change while tokens are verified", func(t *testing.T) {
		t.Parallel()
		keys := map[string]crypto.PublicKey{}
		for _, name := range []string{"old", "both", "new"} {
			keys[name] = testkeys.ES256(name).Public()
		}
		sets := [2]map[string]crypto.PublicKey{{"old": keys["old"], "both": keys["both"]}, {"both": keys["both"], "new": keys["new"]}}
		var current atomic.Pointer[map[string]crypto.PublicKey]
		current.Store(&sets[0])
		v := newVerifier(t, func(c *VerifierConfig) {
			c.CacheSize = 1
			c.Keys = keysFunc(func(_ context.Context, kid, _ string) ([]crypto.PublicKey, error) {
				if key, ok := (*current.Load())[kid]; ok {
					return []crypto.PublicKey{key}, nil
				}
				return nil, nil
			})
		})
		token := func(key, kid string, id int) string {
			header := strings.Replace(testHeader, testKeyID, kid, 1)
			return sign(t, testkeys.ES256(key), header, payload(time.Now(), "jti", fmt.Sprintf(`"%d"`, id)))
		}
		done := make(chan struct{})
		var rotating sync.WaitGroup
		rotating.Go(func() {
			for i := 0; ; i++ {
				current.Store(&sets[i%2])
				select {
				case <-done:
					return
				default:
				}
			}
		})
		var verifying sync.WaitGroup
		for worker := range 2 {
			verifying.Go(func() {
				for i := range 40 {
					_, err := v.Verify(ctx, token("both", "both", worker*1000+i))
					assert.NoError(t, err)
					if _, err = v.Verify(ctx, token("old", "old", worker*1000+i)); err != nil {
						assert.ErrorIs(t, err, ErrKey)
					}
					_, err = v.Verify(ctx, token("never", "both", worker*1000+i))
					assert.ErrorIs(t, err, ErrSignature)
					_, err = v.Verify(ctx, token("never", "never", worker*1000+i))
					assert.ErrorIs(t, err, ErrKey)
				}
			})
		}
		verifying.Wait()
		close(done)
		rotating.Wait()
	})
}

// TestAllocations is not parallel: the count is of the whole process.
func TestAllocations(t *testing.T) {
	v, token, ctx := newVerifier(t, nil), goodToken(t), context.Background()
	verified := requireAccepted(t, v, token)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = v.Verify(ctx, token) }))
	assert.Zero(t, testing.AllocsPerRun(100, func() { _ = verified.HasScope("payments") && verified.Confirmation().IsZero() }))
}
