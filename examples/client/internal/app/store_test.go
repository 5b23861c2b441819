package app_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/client/internal/app"
)

// kept puts a value into a store and returns the request of a browser that has it.
func kept(t *testing.T, store *app.Store[string], value string) *http.Request {
	t.Helper()
	w := httptest.NewRecorder()
	require.NoError(t, store.Put(w, get(), value))
	r := get()
	for _, cookie := range w.Result().Cookies() {
		r.AddCookie(cookie)
	}
	return r
}

func get() *http.Request { return httptest.NewRequest(http.MethodGet, "/", nil) }

func TestStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := app.NewStore[string](app.Config{RedirectURI: "https://client.example/callback"}, "x", time.Minute)
		first, second := kept(t, store, "one"), kept(t, store, "two")
		value, ok := store.Get(first)
		require.True(t, ok)
		require.Equal(t, "one", value)
		value, _ = store.Take(second)
		require.Equal(t, "two", value)
		_, ok = store.Take(second)
		require.False(t, ok)

		third := kept(t, store, "three")
		require.NoError(t, store.Put(httptest.NewRecorder(), third, "four"))
		_, ok = store.Get(third)
		require.False(t, ok, "the name before is no more")

		time.Sleep(time.Minute)
		_, ok = store.Get(first)
		require.False(t, ok)
		_, ok = store.Take(first)
		require.False(t, ok)
		_, ok = store.Get(get())
		require.False(t, ok)
	})
}

// Of a hundred requests at once, one takes the value.
func TestTakeIsAtomic(t *testing.T) {
	t.Parallel()
	store := app.NewStore[string](app.Config{}, "x", time.Minute)
	r := kept(t, store, "one")
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if _, ok := store.Take(r); ok {
				taken.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, taken.Load())
}

func TestStoreIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := app.NewStore[string](app.Config{}, "x", time.Minute)
		first := kept(t, store, "0")
		for i := range 9_999 {
			require.NoError(t, store.Put(httptest.NewRecorder(), get(), strconv.Itoa(i)))
		}
		require.Error(t, store.Put(httptest.NewRecorder(), get(), "one too many"))
		_, ok := store.Get(first)
		require.True(t, ok, "and nobody is thrown out")
		time.Sleep(time.Minute)
		require.NoError(t, store.Put(httptest.NewRecorder(), get(), "the others have expired"))
	})
}

func TestCookies(t *testing.T) {
	t.Parallel()
	for redirect, want := range map[string]string{
		"https://client.example/callback": "; Path=/; HttpOnly; Secure; SameSite=Lax",
		"http://127.0.0.1:8080/callback":  "; Path=/; HttpOnly; SameSite=Lax",
	} {
		w := httptest.NewRecorder()
		require.NoError(t, app.NewStore[string](app.Config{RedirectURI: redirect}, "x", time.Minute).Put(w, get(), "value"))
		require.Regexp(t, `^(__Host-)?x=[A-Z2-7]{26}`+want+`$`, w.Header().Get("Set-Cookie"))
		require.Equal(t, redirect[:5] == "https", w.Result().Cookies()[0].Name == "__Host-x")
	}
}
