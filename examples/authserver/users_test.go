package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/authserver/server"
)

func TestDirectory(t *testing.T) {
	t.Parallel()
	users := newDirectory([]user{{"alice", "wonderland", "Alice", "4711"}, {"bob", "builder", "Bob", "4712"}})
	for _, c := range []struct {
		username, password string
		want               server.User
	}{
		{"alice", "wonderland", server.User{Account: "4711", Name: "Alice"}},
		{"bob", "builder", server.User{Account: "4712", Name: "Bob"}},
		{"alice", "builder", server.User{}},
		{"alice", "Wonderland", server.User{}},
		{"Alice", "wonderland", server.User{}},
		{"alice", "", server.User{}},
		{"", "", server.User{}},
		{"mallory", "wonderland", server.User{}},
		{"mallory", "", server.User{}},
	} {
		got, ok, err := users.Authenticate(t.Context(), c.username, c.password)
		require.NoError(t, err)
		require.Equal(t, c.want.Account != "", ok, c.username)
		require.Equal(t, c.want, got)
	}
	require.Nil(t, newDirectory(nil), "no users, no login")
}
