package jwks

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/safehttp"
)

func TestRemoteConfig(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		cfg  RemoteConfig
		want string
	}{
		"no URL":               {RemoteConfig{}, "jwks: URL: "},
		"negative MinInterval": {RemoteConfig{MinInterval: -1}, "jwks: MinInterval must"},
		"short MinInterval":    {RemoteConfig{MinInterval: time.Second - 1}, "jwks: MinInterval must"},
		"long MinInterval":     {RemoteConfig{MinInterval: time.Hour + 1}, "jwks: MinInterval must"},
		"negative MaxAge":      {RemoteConfig{MaxAge: -1}, "jwks: MaxAge must"},
		"short MaxAge":         {RemoteConfig{MaxAge: 30*time.Second - 1}, "jwks: MaxAge must"},
		"long MaxAge":          {RemoteConfig{MaxAge: 24*time.Hour + 1}, "jwks: MaxAge must"},
		"negative MaxStale":    {RemoteConfig{MaxStale: -1}, "jwks: MaxStale must"},
		"long MaxStale":        {RemoteConfig{MaxStale: 24*time.Hour + 1}, "jwks: MaxStale must"},
		"negative Timeout":     {RemoteConfig{Timeout: -1}, "jwks: timeout must"},
		"long Timeout":         {RemoteConfig{Timeout: time.Minute + 1}, "jwks: timeout must"},
		"public prefix": {RemoteConfig{AllowedPrefixes: []netip.Prefix{netip.MustParsePrefix("8.8.8.0/24")}},
			"jwks: allowed prefix"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "no URL" {
				c.cfg.URL = "https://client.example/jwks"
			}
			_, err := NewRemote(c.cfg)
			require.ErrorContains(t, err, c.want)
		})
	}

	for name, cfg := range map[string]RemoteConfig{
		"defaults": {},
		"least":    {MinInterval: time.Second, MaxAge: time.Second, MaxStale: 1, Timeout: 1},
		"most":     {MinInterval: time.Hour, MaxAge: 24 * time.Hour, MaxStale: 24 * time.Hour, Timeout: time.Minute},
		"long MinInterval moves the default of MaxAge": {MinInterval: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg.URL = "https://client.example/jwks"
			_, err := NewRemote(cfg)
			require.NoError(t, err)
		})
	}
}

func TestRemoteNotReady(t *testing.T) {
	t.Parallel()
	var none *Remote
	requireFailure(t, none, "a", "ES256", ErrNotReady)
	requireFailure(t, &Remote{}, "a", "ES256", ErrNotReady)
	_, err := new(origin).remote(t).Keys(noContext, "a", "ES256")
	require.ErrorIs(t, err, ErrNotReady)
}

func TestRemoteFetchesLazily(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o origin
		o.serve(document(t, ec("a")))
		r := o.remote(t)
		time.Sleep(time.Hour)
		requireKeys(t, r, "a", "none")
		requireKeys(t, r, "a", "RS256")
		require.Zero(t, o.fetches(), "nothing to be found by a fetch")
		requireKeys(t, r, "a", "ES256", ec("a"))
		requireKeys(t, r, "", "ES256", ec("a"))
		require.Equal(t, 1, o.fetches())
	})
}

func TestRemoteFreshness(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer safehttp.Response
		want   time.Duration
	}{
		"nothing stated":        {safehttp.Response{}, 15 * time.Minute},
		"not to be kept":        {safehttp.Response{MaxAgeStated: true}, 30 * time.Second},
		"less than MinInterval": {safehttp.Response{MaxAgeStated: true, MaxAge: time.Second}, 30 * time.Second},
		"between":               {safehttp.Response{MaxAgeStated: true, MaxAge: 5 * time.Minute}, 5 * time.Minute},
		"more than MaxAge":      {safehttp.Response{MaxAgeStated: true, MaxAge: 24 * time.Hour}, 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := origin{answer: &c.answer}
				c.answer.Body = document(t, ec("old"))
				r := o.remote(t)
				requireKeys(t, r, "old", "ES256", ec("old"))
				o.serve(document(t, ec("new")))
				o.slow(time.Minute) // no renewal ahead of time comes back in time
				time.Sleep(c.want - 1)
				requireKeys(t, r, "old", "ES256", ec("old"))
				time.Sleep(time.Nanosecond)
				requireKeys(t, r, "old", "ES256")
				require.Equal(t, 2, o.fetches())
			})
		})
	}
}

func TestRemoteRenewsAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o origin
		o.serve(document(t, ec("a")))
		r := o.remote(t)
		requireKeys(t, r, "a", "ES256", ec("a"))
		o.slow(5 * time.Second)
		start := time.Now()
		for time.Since(start) < 24*time.Hour {
			time.Sleep(10 * time.Second)
			asked := time.Now()
			requireKeys(t, r, "a", "ES256", ec("a"))
			require.Equal(t, asked, time.Now(), "a busy source makes nobody wait")
		}
		require.InDelta(t, 24*60/12, o.fetches(), 2)
	})
}

func TestRemoteFindsNewKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o origin
		o.serve(document(t, ec("a")))
		r := o.remote(t)
		requireKeys(t, r, "a", "ES256", ec("a"))
		o.serve(document(t, ec("a"), ec("b"), ed("a")))
		time.Sleep(30*time.Second - 1)
		requireKeys(t, r, "b", "ES256")
		require.Equal(t, 1, o.fetches())
		time.Sleep(time.Nanosecond)
		requireKeys(t, r, "a", "EdDSA", ed("a")) // same kid, other algorithm
		requireKeys(t, r, "b", "ES256", ec("b"))
		require.Equal(t, 2, o.fetches())
	})
}

func TestRemoteSharesOneFetch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o origin
		o.serve(document(t, ec("a")))
		o.slow(2 * time.Second)
		r := o.remote(t)

		ctx, leave := context.WithCancel(t.Context())
		started := time.Now()
		var all sync.WaitGroup
		all.Go(func() {
			keys, err := r.Keys(ctx, "a", "ES256")
			assert.Empty(t, keys)
			assert.ErrorIs(t, err, context.Canceled)
			var ours *Error
			assert.NotErrorAs(t, err, &ours)
			assert.Equal(t, time.Second, time.Since(started))
		})
		synctest.Wait() // the one that leaves has started the fetch
		for range 100 {
			all.Go(func() {
				keys, err := r.Keys(t.Context(), "a", "ES256")
				assert.NoError(t, err)
				assert.Len(t, keys, 1)
				assert.Equal(t, 2*time.Second, time.Since(started))
			})
		}
		time.Sleep(time.Second)
		leave()
		all.Wait()
		require.Equal(t, 1, o.fetches())
	})
}

func TestRemoteStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o origin
		o.serve(document(t, ec("a")))
		r := o.remote(t)
		requireKeys(t, r, "a", "ES256", ec("a"))
		o.fail()
		time.Sleep(15*time.Minute + time.Hour - 1)
		requireKeys(t, r, "a", "ES256", ec("a"))
		time.Sleep(time.Nanosecond)
		requireFailure(t, r, "a", "ES256", ErrFetch)

		o.serve(document(t, ec("a")))
		requireFailure(t, r, "a", "ES256", ErrFetch)
		time.Sleep(30 * time.Second)
		requireKeys(t, r, "a", "ES256", ec("a"))
	})
}

func TestRemoteStaleOfAServerThatForbidsKeeping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := origin{answer: &safehttp.Response{Body: document(t, ec("a")), MaxAgeStated: true}}
		r := o.remote(t)
		requireKeys(t, r, "a", "ES256", ec("a"))
		o.fail()
		time.Sleep(30*time.Second + time.Hour - 1)
		requireKeys(t, r, "a", "ES256", ec("a"))
		time.Sleep(time.Nanosecond)
		requireFailure(t, r, "a", "ES256", ErrFetch)
	})
}

// While the last fetch failed, a key that is not at hand may exist.
func TestRemoteUnknownKeyWhileFailing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o origin
		o.serve(document(t, ec("a")))
		r := o.remote(t)
		requireKeys(t, r, "b", "ES256")
		o.fail()
		requireKeys(t, r, "b", "ES256")
		time.Sleep(30 * time.Second)
		requireFailure(t, r, "b", "ES256", ErrFetch)
		requireKeys(t, r, "a", "ES256", ec("a"))
		requireFailure(t, r, "b", "ES256", ErrFetch)
		require.Equal(t, 2, o.fetches())

		o.serve(document(t, ec("a")))
		time.Sleep(30 * time.Second)
		requireKeys(t, r, "b", "ES256")
	})
}

func TestRemoteBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o origin
		r := o.remote(t)
		start := time.Now()
		run := func(length time.Duration) (minutes []float64) {
			o.started = nil
			for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(time.Second) {
				_, _ = r.Keys(t.Context(), "a", "ES256")
			}
			for _, at := range o.started {
				minutes = append(minutes, at.Sub(start).Minutes())
			}
			return minutes
		}
		require.Equal(t, []float64{0, 0.5, 1.5, 3.5, 7.5, 11.5}, run(15*time.Minute))
		o.serve(document(t, ec("b")))
		require.Equal(t, []float64{15.5, 16, 16.5}, run(2*time.Minute), "a success ends it")
		o.fail()
		require.Equal(t, []float64{17, 17.5, 18.5}, run(2*time.Minute))
	})
}

func TestRemoteMakesNobodyWaitForAFailingServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o origin
		o.serve(document(t, ec("a")))
		r := o.remote(t)
		requireKeys(t, r, "a", "ES256", ec("a"))
		o.fail()
		o.slow(5 * time.Second)
		for range 60 * 60 {
			time.Sleep(time.Second)
			asked := time.Now()
			requireKeys(t, r, "a", "ES256", ec("a"))
			require.Equal(t, asked, time.Now())
		}
		require.Greater(t, o.fetches(), 5)
	})
}

func TestRemotePanicOfTheReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var o origin
		o.serve(document(t, ec("a")))
		r := o.remote(t)
		requireKeys(t, r, "a", "ES256", ec("a"))
		fetch := r.fetch
		r.fetch = func(context.Context) (*safehttp.Response, error) { panic("a bug") }
		time.Sleep(30 * time.Second)
		requireFailure(t, r, "b", "ES256", ErrSet)
		requireKeys(t, r, "a", "ES256", ec("a"))
		r.fetch = fetch
		time.Sleep(30 * time.Second)
		requireKeys(t, r, "b", "ES256")
	})
}

func TestError(t *testing.T) {
	t.Parallel()
	var o origin
	err := requireFailure(t, o.remote(t), "a", "ES256", ErrFetch)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.EqualError(t, err, "jwks: key set could not be fetched: context deadline exceeded")
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Contains(t, e.LogValue().String(), "https://client.example/jwks")

	require.EqualError(t, &Error{kind: ErrKeyID}, ErrKeyID.Error())
	require.Len(t, (&Error{kind: ErrKeyID}).Unwrap(), 1)

	t.Run("zero and nil", func(t *testing.T) {
		t.Parallel()
		for _, e := range []*Error{nil, {}} {
			require.Equal(t, ErrNotReady.Error(), e.Error())
			require.Empty(t, e.Unwrap())
			require.NotEmpty(t, e.LogValue().String())
		}
	})
}
