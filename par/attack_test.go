package par_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/par"
)

func TestAttacksOnThePush(t *testing.T) {
	t.Parallel()
	t.Run("P02 other methods", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "post", "X"} {
			r := pushRequest(form().Encode())
			r.Method = method
			w := s.serve(r)
			requireOAuthError(t, w, http.StatusMethodNotAllowed, "invalid_request")
			require.Equal(t, "POST", w.Header().Get("Allow"))
			requireRule(t, par.ErrForm, s.lastEvent().Err)
		}
		require.Equal(t, 0, s.store.puts())
		s.works(t, s.pushed(t))
	})
	t.Run("P03 too large", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.refuses(t, par.ErrForm, 413, "invalid_request", pushRequest(form("state", strings.Repeat("s", 64<<10)).Encode()))
		s.refuses(t, par.ErrForm, 413, "invalid_request", pushRequest(strings.Repeat("a=b&", 15_000)))
		r := pushRequest(form("state", strings.Repeat("s", 64<<10)).Encode())
		r.ContentLength = -1
		s.refuses(t, par.ErrForm, 413, "invalid_request", r)
	})
	t.Run("P03 a limit of one's own", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, func(c *par.HandlerConfig) { c.MaxBytes = 512 })
		s.refuses(t, par.ErrForm, 413, "invalid_request", pushRequest(form("state", strings.Repeat("s", 512)).Encode()))
	})
	t.Run("P04 nobody", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		r := pushRequest(form().Encode())
		r.Header.Del("Test-Client")
		requireOAuthError(t, s.serve(r), http.StatusUnauthorized, "invalid_client")
		require.Equal(t, par.Event{Err: coded("invalid_client")}, s.lastEvent())
		require.Equal(t, 0, s.store.puts())
		s.pushed(t)
	})
	t.Run("P05 client_id of another client", func(t *testing.T) {
		t.Parallel()
		newServer(t).refusesForm(t, par.ErrClientID, "invalid_request", "client_id", "client-2")
	})
	t.Run("P06 repeated parameters", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		for _, more := range []string{
			"&scope=accounts", "&redirect_uri=https%3A%2F%2Fevil.example", "&client_id=client-1", "&client_id=client-2",
			"&Scope=accounts", "&CLIENT_ID=client-2", "&scope=", "&%73cope=x", "&request_uri=a&request_uri=b", "&audience=a&audience=b",
		} {
			s.refuses(t, par.ErrForm, 400, "invalid_request", pushRequest(form().Encode()+more))
		}
		request := s.works(t, requireCreated(t, s.push(form().Encode()+"&resource=urn:a:1&resource=urn:b:2")))
		require.Equal(t, []string{"urn:a:1", "urn:b:2"}, request.Params()["resource"])
	})
	t.Run("P20 request_uri at the push is not fetched", func(t *testing.T) {
		t.Parallel()
		newServer(t).refusesForm(t, par.ErrNested, "invalid_request", "request_uri", "https://evil.example/object")
	})
}

// The policy here compares prefixes, as a careless one does: what can fool it must
// not reach it.
func TestRedirectURIs(t *testing.T) {
	t.Parallel()
	careless := func(c *par.HandlerConfig) {
		c.Check = (&registry{redirect: map[string][]string{"client-1": nil}}).checkPrefix
	}
	for _, uri := range []string{
		"https://client.example@evil.example/cb", "https://client.example%25@evil.example/", "https://client.example:443@evil.example",
		`https://client.example\@evil.example/cb`, `https://client.example\.evil.example/`, "https://client.example/cb#fragment", "https://client.example/cb#",
		"https://client.example/cb/../../evil", "https://client.example/cb/%2e%2e/evil", "https://client.example/./cb", "https://client.example/cb%2f..%2fevil",
		"//client.example/cb", "/cb", "client.example/cb", "https:client.example", "https:///client.example", "https://",
		"http://client.example/cb", "http://127.0.0.1.evil.example/", "http://2130706433/", "javascript:alert(1)", "data:text/html,x", "com.example:/cb",
		"https://client.example/cb\r\nLocation: x", "https://client.example/c b", "https://client.example/\x00", "https://client.\u00e9xample/cb",
	} {
		t.Run("P07 "+fmt.Sprintf("%.60q", uri), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, careless)
			w := s.push(form("redirect_uri", uri).Encode())
			requireOAuthError(t, w, http.StatusBadRequest, "invalid_request")
			require.Equal(t, 0, s.store.puts())
			s.pushed(t)
		})
	}
	t.Run("P07 control: what is sound reaches the policy", func(t *testing.T) {
		t.Parallel()
		for _, uri := range []string{callback, "https://client.example/cb?x=%2F..&y=@", "https://client.example:8443/cb", "http://127.0.0.1:8080/cb", "http://[::1]:1/cb", "http://localhost/cb"} {
			s := newServer(t, careless)
			s.pushed(t, "redirect_uri", uri)
		}
	})
	t.Run("P07 unregistered", func(t *testing.T) {
		t.Parallel()
		for _, uri := range []string{"https://client.example/cb/", "https://client.example/CB", "https://client.example:444/cb", "https://client.example.evil.example/cb", "http://127.0.0.1:9999/"} {
			newServer(t).refusesForm(t, par.ErrRedirectURI, "invalid_request", "redirect_uri", uri)
		}
	})
}

func TestAttacksOnTheReference(t *testing.T) {
	t.Parallel()
	t.Run("P09 guessing", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		const samples = 10_000
		seen, ones := make(map[string]bool, samples), [256]int{}
		body := form().Encode()
		for range samples {
			reference := strings.TrimPrefix(requireCreated(t, s.push(body)), uriPrefix)
			require.False(t, seen[reference])
			seen[reference] = true
			octets, err := jose.Decode(reference)
			require.NoError(t, err)
			require.Len(t, octets, 32)
			for bit := range ones {
				ones[bit] += int(octets[bit/8] >> (bit % 8) & 1)
			}
		}
		for bit, n := range ones {
			require.InDelta(t, samples/2, n, 400, "bit %d", bit) // 8 sigma
		}
		s.dead(t, uriPrefix+challenge)
	})
	t.Run("P09 P20 what this server cannot have issued", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		good := s.pushed(t)
		s.store.set(func(call string) error { t.Error(call, "the store was asked"); return nil })
		for _, uri := range []string{
			"https://evil.example/object", "http://169.254.169.254/", "urn:example:as2:" + challenge, strings.ToUpper(good), good + "A", good[:len(good)-1],
			good + "=", good + "\n", " " + good, uriPrefix, strings.Replace(good, "request_uri:", "request_uri%3A", 1), strings.TrimPrefix(good, uriPrefix), "\x00",
		} {
			request, err := s.Load(t.Context(), "client-1", uri)
			require.Nil(t, request)
			requireRule(t, par.ErrRequestURI, err)
		}
		request, err := s.Load(t.Context(), "", good)
		require.Nil(t, request)
		requireRule(t, par.ErrRequestURI, err)
		s.store.set(nil)
		s.works(t, good)
	})
	t.Run("P10 another client's", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI := s.pushed(t)
		_, unknown := s.Load(t.Context(), "client-2", uriPrefix+challenge)
		for _, clientID := range []string{"client-2", "client-1 ", "Client-1", "client-11", "lient-1"} {
			_, err := s.Load(t.Context(), clientID, requestURI)
			requireRule(t, par.ErrRequestURI, err)
			require.Equal(t, unknown, err, "no telling that it exists")
			require.Equal(t, "invalid_request_uri", err.(*par.Error).OAuthCode())
		}
		s.works(t, requestURI)
	})
	t.Run("P11 burning by mismatch", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI := s.pushed(t)
		for i := range 100 {
			_, err := s.Consume(t.Context(), fmt.Sprint("client-", i+2), requestURI)
			requireRule(t, par.ErrRequestURI, err)
			_, err = s.Consume(t.Context(), "client-1", requestURI+fmt.Sprint(i))
			requireRule(t, par.ErrRequestURI, err)
		}
		require.Equal(t, 0, s.store.taken)
		s.works(t, requestURI)
		require.Equal(t, 1, s.store.taken)
	})
	t.Run("P12 reuse after completion", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI := s.pushed(t)
		_, err := s.Consume(t.Context(), "client-1", requestURI)
		require.NoError(t, err)
		s.dead(t, requestURI)
		s.works(t, s.pushed(t))
	})
	t.Run("P13 reload and preload", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI := s.pushed(t)
		for range 100 {
			request, err := s.Load(t.Context(), "client-1", requestURI)
			require.NoError(t, err)
			require.Equal(t, form(), request.Params())
		}
		s.works(t, requestURI)
	})
	t.Run("P14 X09 one of 1,000 completions", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI := s.pushed(t)
		var won, refused atomic.Int64
		var wg sync.WaitGroup
		for i := range 1_000 {
			wg.Go(func() {
				if i%10 == 0 { // reloads in between bring nothing back
					_, _ = s.Load(t.Context(), "client-1", requestURI)
				}
				_, err := s.Consume(t.Context(), "client-1", requestURI)
				switch {
				case err == nil:
					won.Add(1)
				case errors.Is(err, par.ErrRequestURI):
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		require.EqualValues(t, 1, won.Load())
		require.EqualValues(t, 999, refused.Load())
		s.dead(t, requestURI)
	})
	t.Run("P14 control: get, then delete, lets several through", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			var live, won atomic.Int64
			live.Store(1)
			for range 10 {
				go func() {
					if live.Load() == 1 {
						time.Sleep(time.Millisecond)
						live.Store(0)
						won.Add(1)
					}
				}()
			}
			time.Sleep(time.Second)
			require.Greater(t, won.Load(), int64(1))
		})
	})
	t.Run("P19 not pushed", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		_, err := s.Load(t.Context(), "client-1", "")
		requireRule(t, par.ErrNotPushed, err)
		require.Equal(t, "invalid_request", err.(*par.Error).OAuthCode())
		s.works(t, s.pushed(t))
	})
	t.Run("P21 the client changed after the push", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		requestURI := s.pushed(t)
		for rule, registered := range map[error][]string{par.ErrRedirectURI: {"https://client.example/new"}, par.ErrUnauthorized: nil} {
			if s.registry.redirect["client-1"] = registered; registered == nil {
				delete(s.registry.redirect, "client-1")
			}
			_, err := s.Load(t.Context(), "client-1", requestURI)
			requireRule(t, rule, err)
			_, err = s.Consume(t.Context(), "client-1", requestURI)
			requireRule(t, rule, err)
		}
		s.registry.redirect["client-1"] = []string{callback}
		s.works(t, requestURI)
	})
}

func TestTime(t *testing.T) {
	t.Parallel()
	inBubble := func(name string, test func(t *testing.T, s *server)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { test(t, newServer(t)) })
		})
	}
	inBubble("P15 P16 X08 expired", func(t *testing.T, s *server) {
		before, after := s.pushed(t), s.pushed(t)
		time.Sleep(5*time.Minute - 1)
		s.works(t, before)
		time.Sleep(time.Nanosecond)
		s.dead(t, after)
	})
	inBubble("P15 shown in time, the user takes longer", func(t *testing.T, s *server) {
		requestURI := s.pushed(t)
		time.Sleep(4 * time.Minute)
		_, err := s.Load(t.Context(), "client-1", requestURI)
		require.NoError(t, err)
		time.Sleep(29 * time.Minute)
		s.works(t, requestURI)
	})
	inBubble("P15 shown, and left alone", func(t *testing.T, s *server) {
		requestURI := s.pushed(t)
		time.Sleep(4 * time.Minute)
		_, err := s.Load(t.Context(), "client-1", requestURI)
		require.NoError(t, err)
		time.Sleep(30 * time.Minute)
		s.dead(t, requestURI)
	})
	inBubble("P15 reloads do not keep it for ever", func(t *testing.T, s *server) {
		requestURI := s.pushed(t)
		request, err := s.Load(t.Context(), "client-1", requestURI)
		require.NoError(t, err)
		require.True(t, time.Now().Add(35*time.Minute).Equal(request.Expires()))
		for range 34 {
			time.Sleep(time.Minute)
			_, err := s.Load(t.Context(), "client-1", requestURI)
			require.NoError(t, err)
		}
		time.Sleep(time.Minute)
		s.dead(t, requestURI)
	})
	t.Run("P15 bounds of one's own", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, func(c *par.HandlerConfig) { c.Lifetime, c.Interaction = 599*time.Second, time.Second })
			w := s.push(form().Encode())
			require.Contains(t, w.Body.String(), `"expires_in":599}`)
			requestURI := requireCreated(t, w)
			time.Sleep(599*time.Second - 1)
			_, err := s.Load(t.Context(), "client-1", requestURI)
			require.NoError(t, err)
			time.Sleep(time.Second)
			s.dead(t, requestURI)
		})
	})
}
