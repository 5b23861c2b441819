package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTap(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Answer", "in-the-header")
		_, _ = w.Write([]byte("in the body"))
	}))
	t.Cleanup(server.Close)
	wire := &tap{base: server.Client().Transport}
	post := func() string {
		r, err := http.NewRequest(http.MethodPost, server.URL+"/in-the-path", strings.NewReader("what is asked"))
		require.NoError(t, err)
		r.Header.Set("X-Ask", "in-the-head")
		response, err := wire.RoundTrip(r)
		require.NoError(t, err)
		got, err := read(response)
		require.NoError(t, err)
		return string(got.body)
	}
	require.Equal(t, "in the body", post())
	sent, received := wire.heard()
	require.Empty(t, sent)
	require.Empty(t, received, "nobody listened")

	wire.listen()
	require.Equal(t, "in the body", post())
	sent, received = wire.heard()
	for _, part := range []string{"/in-the-path", "in-the-head", "what is asked"} {
		require.Contains(t, string(sent), part)
	}
	for _, part := range []string{"in-the-header", "in the body"} {
		require.Contains(t, string(received), part)
	}
}

func TestJWTs(t *testing.T) {
	t.Parallel()
	of := func(typ string) string { return encode([]byte(`{"typ":"`+typ+`"}`)) + ".e30.c2ln" }
	found := jwts([]byte("Authorization: Bearer " + of("at+jwt") + "\nDPoP: " + of("dpop+jwt") + "&x=" + of("client-authentication+jwt") + " eyJhbGc"))
	require.Len(t, found, 4)
	var types []string
	for _, one := range foreign(found) {
		types = append(types, one.typ)
	}
	require.Equal(t, []string{"at+jwt", ""}, types, "also what only looks like one")
	require.Empty(t, jwts([]byte("an opaque token")))
}

// A server that is stopped answers nobody, and afterwards everybody.
func TestOutage(t *testing.T) {
	t.Parallel()
	var o outage
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Listener = o.affects(server.Listener)
	server.Start()
	t.Cleanup(server.Close)
	get := func() error {
		response, err := server.Client().Get(server.URL)
		if err == nil {
			response.Body.Close()
		}
		return err
	}
	require.NoError(t, get())
	o.set(true)
	require.Error(t, get(), "on the connection that there was")
	require.Error(t, get(), "on a new one")
	o.set(false)
	require.NoError(t, get())
}

// What works for longer than it may is no refusal, and neither is the wrong status.
func TestUntil(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for name, end := range map[string]time.Duration{"at once": 0, "in time": revocationBound, "never": time.Hour} {
			began := time.Now()
			last, worked, err := until(func() (answer, error) {
				if time.Since(began) >= end {
					return answer{status: http.StatusUnauthorized}, nil
				}
				return answer{status: http.StatusOK}, nil
			})
			require.NoError(t, err)
			if name == "never" {
				require.Equal(t, http.StatusOK, last.status, name)
				require.Greater(t, worked, revocationBound, name)
				continue
			}
			require.Equal(t, http.StatusUnauthorized, last.status, name)
			require.Less(t, worked, max(end, 1), name)
		}
		_, _, err := until(func() (answer, error) { return answer{}, errNaive })
		require.ErrorIs(t, err, errNaive)
	})

	refused := answer{status: http.StatusUnauthorized}
	require.True(t, attack{status: 503}.refusedBy(answer{status: 503}))
	require.False(t, attack{status: 503}.refusedBy(refused), "a client that is told to fetch a new token in vain")
	require.False(t, attack{}.refusedBy(answer{status: 503}))
}
