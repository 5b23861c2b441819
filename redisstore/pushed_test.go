package redisstore_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/par"
)

// byHeader authenticates whoever says so.
type byHeader struct{}

func (byHeader) Authenticate(r *http.Request) (string, error) {
	return r.Header.Get("Test-Client"), nil
}

func newHandler(t testing.TB, store par.Store) *par.Handler {
	t.Helper()
	h, err := par.NewHandler(par.HandlerConfig{
		Clients: byHeader{}, Store: store, Lifetime: 5 * time.Second,
		Check: func(context.Context, string, url.Values) error { return nil },
	})
	require.NoError(t, err)
	return h
}

// push posts a request as the client and returns the answer.
func push(h http.Handler, client string) *httptest.ResponseRecorder {
	form := url.Values{
		"response_type":         {"code"},
		"client_id":             {client},
		"redirect_uri":          {"https://client.example/cb"},
		"scope":                 {"accounts"},
		"state":                 {"of the browser"},
		"code_challenge":        {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, // RFC 7636 appendix B
		"code_challenge_method": {"S256"},
	}
	r := httptest.NewRequest(http.MethodPost, "/par", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Test-Client", client)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func pushed(t testing.TB, h http.Handler, client string) (requestURI string) {
	t.Helper()
	w := push(h, client)
	require.Equal(t, http.StatusCreated, w.Code, w.Body)
	var body struct {
		RequestURI string `json:"request_uri"`
	}
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	return body.RequestURI
}

func isRefusal(err error) bool {
	var refusal interface{ OAuthCode() string }
	return errors.As(err, &refusal)
}

func TestTwoHandlers(t *testing.T) {
	t.Parallel()
	s := startRedis(t)
	ctx := t.Context()
	here, there := newHandler(t, newRequests(t, s.client(t, nil))), newHandler(t, newRequests(t, s.client(t, nil)))

	t.Run("P12 P13 pushed at one, shown at both, consumed at the other", func(t *testing.T) {
		t.Parallel()
		uri := pushed(t, here, "client-1")
		for _, h := range []*par.Handler{there, here, there} {
			request, err := h.Load(ctx, "client-1", uri)
			require.NoError(t, err)
			require.Equal(t, "of the browser", request.Params().Get("state"))
		}
		_, err := there.Consume(ctx, "client-2", uri)
		require.ErrorIs(t, err, par.ErrRequestURI)
		request, err := there.Consume(ctx, "client-1", uri)
		require.NoError(t, err)
		require.Equal(t, "client-1", request.ClientID())
		for _, h := range []*par.Handler{here, there} {
			_, err = h.Load(ctx, "client-1", uri)
			require.ErrorIs(t, err, par.ErrRequestURI)
			_, err = h.Consume(ctx, "client-1", uri)
			require.ErrorIs(t, err, par.ErrRequestURI)
		}
	})
	t.Run("control: with stores in memory the other knows nothing of it", func(t *testing.T) {
		t.Parallel()
		var handlers [2]*par.Handler
		for i := range handlers {
			m, err := par.NewMemory(par.MemoryConfig{})
			require.NoError(t, err)
			handlers[i] = newHandler(t, m)
		}
		_, err := handlers[1].Load(ctx, "client-1", pushed(t, handlers[0], "client-1"))
		require.ErrorIs(t, err, par.ErrRequestURI)
	})
	t.Run("P14 X09 one of 100 consumes over both", func(t *testing.T) {
		t.Parallel()
		for range 5 {
			uri := pushed(t, here, "client-1")
			require.Equal(t, [3]int{1, 99, 0}, consumeAll([]*par.Handler{here, there}, uri, 100))
		}
	})
	t.Run("P14 control: a store that looks and then removes", func(t *testing.T) {
		t.Parallel()
		racy := newHandler(t, readThenDelete{newRequests(t, s.client(t, nil)), s.client(t, nil)})
		won := 0
		for range 10 {
			won += consumeAll([]*par.Handler{racy}, pushed(t, racy, "client-1"), 100)[0]
		}
		require.Greater(t, won, 10)
	})
	t.Run("nothing of the request can be read in the server", func(t *testing.T) {
		t.Parallel()
		own := startRedis(t)
		uri := pushed(t, newHandler(t, newRequests(t, own.client(t, nil))), "client-1")
		name := own.do(t, "randomkey").(string)
		require.Regexp(t, "^fapi:par:[A-Za-z0-9_-]{43}$", name)
		record := own.do(t, "get", name).(string)
		_, reference, _ := strings.Cut(uri, "request_uri:")
		for _, secret := range []string{reference, "client-1", "client.example", "accounts", "of the browser"} {
			require.NotContains(t, name+record, secret)
		}
		require.Less(t, own.do(t, "memory", "usage", name), int64(1_000))
	})
}

// readThenDelete is the mistake that Requests avoids.
type readThenDelete struct {
	par.Store
	client *redis.Client
}

func (s readThenDelete) Take(ctx context.Context, key string) (bool, error) {
	n, err := s.client.Exists(ctx, "fapi:par:"+key).Result()
	if err == nil {
		err = s.client.Del(ctx, "fapi:par:"+key).Err()
	}
	return n > 0, err
}

// consumeAll counts the successes, the refusals and the faults of concurrent calls.
func consumeAll(handlers []*par.Handler, uri string, calls int) [3]int {
	var wg sync.WaitGroup
	var won, refused, failed atomic.Int64
	begin := make(chan struct{})
	for i := range calls {
		wg.Go(func() {
			<-begin
			_, err := handlers[i%len(handlers)].Consume(context.Background(), "client-1", uri)
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, par.ErrRequestURI):
				refused.Add(1)
			default:
				failed.Add(1)
			}
		})
	}
	close(begin)
	wg.Wait()
	return [3]int{int(won.Load()), int(refused.Load()), int(failed.Load())}
}

func TestHandlerOutage(t *testing.T) {
	t.Parallel()
	ctx := t.Context()

	t.Run("X01 the server dies: 503, and neither a page nor a code", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t)
		client := s.client(t, nil)
		uri := pushed(t, newHandler(t, newRequests(t, client)), "client-1")
		h := newHandler(t, newRequestsWithin(t, client, 200*time.Millisecond))
		_, err := h.Load(ctx, "client-1", uri)
		require.NoError(t, err, "control")
		s.stop()

		w := push(h, "client-1")
		require.Equal(t, http.StatusServiceUnavailable, w.Code)
		require.NotContains(t, w.Body.String(), "redis")
		require.NotContains(t, w.Body.String(), s.port)
		for _, ask := range []func(context.Context, string, string) (*par.Request, error){h.Load, h.Consume} {
			request, err := ask(ctx, "client-1", uri)
			require.Error(t, err)
			require.False(t, isRefusal(err), "a fault, not the client's doing: %v", err)
			require.Nil(t, request)
		}
	})
	t.Run("X01 the server dies between the look and the take", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t)
		client := s.client(t, nil)
		h := newHandler(t, diesBeforeTake{newRequestsWithin(t, client, time.Second), s.stop})
		request, err := h.Consume(ctx, "client-1", pushed(t, h, "client-1"))
		require.Error(t, err)
		require.False(t, isRefusal(err))
		require.Nil(t, request)
	})
	t.Run("X02 the answer to the take is lost: refused, and the request is spent", func(t *testing.T) {
		t.Parallel()
		s := startRedis(t)
		var w wire
		lossy := s.client(t, func(o *redis.Options) { w.options(o); o.MaxRetries = -1 })
		h := newHandler(t, losesAnswers{newRequests(t, lossy), &w})
		calm := newHandler(t, newRequests(t, s.client(t, nil)))
		uri := pushed(t, calm, "client-1")
		_, err := h.Consume(ctx, "client-1", uri)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.False(t, isRefusal(err))
		_, err = calm.Consume(ctx, "client-1", uri)
		require.ErrorIs(t, err, par.ErrRequestURI)
		_, err = calm.Consume(ctx, "client-1", pushed(t, calm, "client-1"))
		require.NoError(t, err, "control: pushed again")
	})
}

type diesBeforeTake struct {
	par.Store
	stop func()
}

func (s diesBeforeTake) Take(ctx context.Context, key string) (bool, error) {
	s.stop()
	return s.Store.Take(ctx, key)
}

type losesAnswers struct {
	par.Store
	wire *wire
}

func (s losesAnswers) Take(ctx context.Context, key string) (bool, error) {
	s.wire.loseReplies(1, context.DeadlineExceeded)
	return s.Store.Take(ctx, key)
}
