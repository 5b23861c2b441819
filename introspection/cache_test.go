package introspection_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/introspection"
)

// Whether and for how long an answer is remembered: the smallest of the bounds.
func TestRemembered(t *testing.T) {
	t.Parallel()
	control := func(lines ...string) []string {
		var header []string
		for _, line := range lines {
			header = append(header, "Cache-Control", line)
		}
		return header
	}
	for name, test := range map[string]struct {
		header []string
		exp    time.Duration // 0: none
		maxAge time.Duration
		want   time.Duration // how long the answer is remembered
	}{
		"max-age is the smallest":      {control("max-age=10"), time.Hour, 0, 10 * time.Second},
		"MaxAge is the smallest":       {control("max-age=300"), time.Hour, 0, 30 * time.Second},
		"a MaxAge of one's own":        {control("max-age=300"), time.Hour, time.Minute, time.Minute},
		"exp is the smallest":          {control("max-age=300"), 20 * time.Second, 0, 19 * time.Second},
		"private, quoted, upper case":  {control(`Private, MAX-AGE="7"`), time.Hour, 0, 7 * time.Second},
		"two lines, the smaller":       {control("max-age=9", "max-age=5"), time.Hour, 0, 5 * time.Second},
		"Age is subtracted":            {append(control("max-age=20"), "Age", "15"), time.Hour, 0, 5 * time.Second},
		"a number beyond all":          {control("max-age=99999999999999999999"), time.Hour, 0, 30 * time.Second},
		"no header":                    {nil, time.Hour, 0, 0},
		"no max-age":                   {control("private"), time.Hour, 0, 0},
		"max-age=0":                    {control("max-age=0"), time.Hour, 0, 0},
		"no-store":                     {control("no-store"), time.Hour, 0, 0},
		"no-store in another line":     {control("max-age=20", "No-Store"), time.Hour, 0, 0},
		"no-cache":                     {control("max-age=20, no-cache"), time.Hour, 0, 0},
		"nonsense":                     {control("max-age=1e3"), time.Hour, 0, 0},
		"negative":                     {control("max-age=-5"), time.Hour, 0, 0},
		"Age as large":                 {append(control("max-age=20"), "Age", "20"), time.Hour, 0, 0},
		"I06 no exp, not remembered":   {control("max-age=20"), 0, 0, 0},
		"I06 exp within a second":      {control("max-age=20"), time.Second, 0, 0},
		"max-age in quotes":            {control(`ext="a, max-age=60"`), time.Hour, 0, 0},
		"max-age beside quotes":        {control(`ext="a, b", max-age=60`), time.Hour, 0, 0},
		"max-age behind open quotes":   {control(`ext="a, max-age=60`), time.Hour, 0, 0},
		"an escaped quote":             {control(`ext="a\", max-age=60, "`), time.Hour, 0, 0},
		"quotes over two lines":        {control(`ext="a`, `max-age=60`, `b"`), time.Hour, 0, 0},
		"half a quote":                 {control(`max-age="60`), time.Hour, 0, 0},
		"quotes without a comma":       {control(`ext="a", max-age=20`), time.Hour, 0, 20 * time.Second},
		"Expires is no Cache-Control":  {[]string{"Expires", "Fri, 31 Dec 2100 23:59:59 GMT"}, time.Hour, 0, 0},
		"only s-maxage, which is ours": {control("s-maxage=20"), time.Hour, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				body := `{"active":true}`
				if test.exp != 0 {
					body = fmt.Sprintf(`{"active":true,"exp":%d}`, time.Now().Add(test.exp).Unix())
				}
				s := newServer(func(string) *http.Response { return respond(200, typeJSON, body, test.header...) })
				client := newClient(t, s.client(), func(c *introspection.ClientConfig) { c.MaxAge = test.maxAge })
				ask := func() int64 {
					_, err := client.Introspect(context.Background(), opaque)
					require.NoError(t, err)
					return s.asked.Load()
				}
				require.EqualValues(t, 1, ask())
				if test.want == 0 {
					require.EqualValues(t, 2, ask(), "remembered")
					return
				}
				time.Sleep(test.want - time.Nanosecond)
				require.EqualValues(t, 1, ask(), "forgotten too soon")
				time.Sleep(time.Nanosecond)
				require.EqualValues(t, 2, ask(), "remembered for too long")
			})
		})
	}
}

// The bound counts from the question: an answer that was long on its way is old.
func TestSlowAnswerIsOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(func(string) *http.Response {
			time.Sleep(1500 * time.Millisecond)
			return respond(200, typeJSON, activeBody(""), "Cache-Control", "max-age=2")
		})
		client := newClient(t, s.client())
		for _, pause := range []time.Duration{0, 499 * time.Millisecond, time.Millisecond} {
			time.Sleep(pause)
			_, err := client.Introspect(context.Background(), opaque)
			require.NoError(t, err)
		}
		require.EqualValues(t, 2, s.asked.Load())
	})
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	t.Run("I06 exp is compared again at every use", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer(func(string) *http.Response {
				body := fmt.Sprintf(`{"active":true,"exp":%d}`, time.Date(2000, 1, 1, 0, 0, 25, 0, time.UTC).Unix())
				return respond(200, typeJSON, body, "Cache-Control", "max-age=3600")
			})
			client := newClient(t, s.client(), func(c *introspection.ClientConfig) { c.MaxAge = 5 * time.Minute })
			_, err := client.Introspect(context.Background(), opaque)
			require.NoError(t, err)
			time.Sleep(25 * time.Second)
			_, err = client.Introspect(context.Background(), opaque) // the server still calls it active
			requireRule(t, introspection.ErrInactive, err)
			require.EqualValues(t, 2, s.asked.Load())
		})
	})
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	revoked := func(string) *http.Response { return inactive() }
	t.Run("I07 a revoked token works for MaxAge at most", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer(always(""))
			client := newClient(t, s.client())
			_, err := client.Introspect(context.Background(), opaque)
			require.NoError(t, err)
			s.set(revoked)
			time.Sleep(30*time.Second - time.Nanosecond)
			_, err = client.Introspect(context.Background(), opaque)
			require.NoError(t, err, "control: remembered until the bound")
			time.Sleep(time.Nanosecond)
			_, err = client.Introspect(context.Background(), opaque)
			requireRule(t, introspection.ErrInactive, err)
		})
	})
	t.Run("I07 Forget ends it at once", func(t *testing.T) {
		t.Parallel()
		s := newServer(always(""))
		client := newClient(t, s.client())
		_, err := client.Introspect(context.Background(), opaque)
		require.NoError(t, err)
		s.set(revoked)
		client.Forget("another")
		_, err = client.Introspect(context.Background(), opaque)
		require.NoError(t, err, "control: another token was forgotten")
		client.Forget(opaque)
		_, err = client.Introspect(context.Background(), opaque)
		requireRule(t, introspection.ErrInactive, err)
		client.Forget(opaque) // a "no" too
		s.set(always(""))
		_, err = client.Introspect(context.Background(), opaque)
		require.NoError(t, err)
	})
	t.Run("I07 an answer from before Forget is not remembered", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer(func(string) *http.Response { time.Sleep(time.Second); return active("") })
			client := newClient(t, s.client())
			go func() { _, _ = client.Introspect(context.Background(), opaque) }()
			synctest.Wait()
			s.set(revoked)
			client.Forget(opaque)
			for range 2 {
				_, err := client.Introspect(context.Background(), opaque)
				requireRule(t, introspection.ErrInactive, err)
				time.Sleep(5 * time.Second) // the old answer has arrived by now
			}
		})
	})
	t.Run("I07 a server that is down prolongs nothing", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer(always(""))
			client := newClient(t, s.client())
			_, err := client.Introspect(context.Background(), opaque)
			require.NoError(t, err)
			s.set(func(string) *http.Response { return respond(503, "", "") })
			time.Sleep(29 * time.Second)
			_, err = client.Introspect(context.Background(), opaque)
			require.NoError(t, err)
			time.Sleep(time.Second)
			_, err = client.Introspect(context.Background(), opaque)
			requireFault(t, introspection.ErrUnavailable, err)
		})
	})
}

func TestNegative(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(func(string) *http.Response {
			return respond(200, typeJSON, `{"active":false}`, "Cache-Control", "no-store")
		})
		client := newClient(t, s.client(), func(c *introspection.ClientConfig) { c.NegativeAge = 3 * time.Second })
		for i, pause := range []time.Duration{0, 3*time.Second - time.Nanosecond, time.Nanosecond} {
			time.Sleep(pause)
			_, err := client.Introspect(context.Background(), opaque)
			requireRule(t, introspection.ErrInactive, err)
			require.EqualValues(t, []int{1, 1, 2}[i], s.asked.Load())
		}
	})
}

func TestFailuresAreNotRemembered(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403, 404, 429, 500, 503} {
		s := newServer(func(string) *http.Response { return respond(status, typeJSON, "{}", "Cache-Control", minute) })
		client := newClient(t, s.client())
		_, err := client.Introspect(context.Background(), opaque)
		require.Error(t, err)
		s.set(always(""))
		_, err = client.Introspect(context.Background(), opaque)
		require.NoError(t, err, status)
	}
}

func TestCacheKeys(t *testing.T) {
	t.Parallel()
	t.Run("I08 tokens that are nearly the same are different", func(t *testing.T) {
		t.Parallel()
		s := newServer(func(token string) *http.Response {
			if token == opaque {
				return active("")
			}
			return inactive()
		})
		client := newClient(t, s.client())
		_, err := client.Introspect(context.Background(), opaque)
		require.NoError(t, err)
		for _, token := range []string{
			strings.ToUpper(opaque), strings.ToLower(opaque), opaque[:len(opaque)-1], opaque + "=", opaque[1:], "A" + opaque, opaque[:8],
		} {
			_, err := client.Introspect(context.Background(), token)
			requireRule(t, introspection.ErrInactive, err)
		}
		_, err = client.Introspect(context.Background(), opaque)
		require.NoError(t, err)
		require.EqualValues(t, 8, s.asked.Load())
	})
	t.Run("I08 clients for other audiences and servers share nothing", func(t *testing.T) {
		t.Parallel()
		s := newServer(always(""))
		for _, edit := range []func(*introspection.ClientConfig){
			func(*introspection.ClientConfig) {},
			func(c *introspection.ClientConfig) { c.Audience += "/2" },
			func(c *introspection.ClientConfig) { c.Endpoint += "/2" },
		} {
			_, err := newClient(t, s.client(), edit).Introspect(context.Background(), opaque)
			require.NoError(t, err)
		}
		require.EqualValues(t, 3, s.asked.Load())
	})
}

func TestFlood(t *testing.T) {
	t.Parallel()
	t.Run("I09 garbage evicts no active token", func(t *testing.T) {
		t.Parallel()
		s := newServer(func(token string) *http.Response {
			if strings.HasPrefix(token, "good") {
				return active("")
			}
			return inactive()
		})
		client := newClient(t, s.client(), func(c *introspection.ClientConfig) { c.MaxEntries = 1024 })
		ask := func(token string) error {
			_, err := client.Introspect(context.Background(), token)
			return err
		}
		for i := range 100 {
			require.NoError(t, ask(fmt.Sprint("good", i)))
		}
		for i := range 20_000 {
			require.Error(t, ask(fmt.Sprint("garbage", i)))
		}
		before := s.asked.Load()
		for i := range 100 {
			require.NoError(t, ask(fmt.Sprint("good", i)))
		}
		require.Equal(t, before, s.asked.Load())
		for i := range 20_000 { // control: what is active does compete for places
			require.NoError(t, ask(fmt.Sprint("goods", i)))
		}
		before = s.asked.Load()
		for i := range 100 {
			require.NoError(t, ask(fmt.Sprint("good", i)))
		}
		require.Greater(t, s.asked.Load(), before+50)
	})
}

// An answer too large to be remembered is still an answer.
func TestLargeAnswers(t *testing.T) {
	t.Parallel()
	s := newServer(always(`,"x":"` + strings.Repeat("x", 16<<10) + `"`))
	client := newClient(t, s.client())
	for range 2 {
		_, err := client.Introspect(context.Background(), opaque)
		require.NoError(t, err)
	}
	require.EqualValues(t, 2, s.asked.Load())
}
