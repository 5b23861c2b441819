package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"slices"

	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// user is somebody who can log in.
type user struct {
	Username string `json:"username"`
	Password string `json:"password"` // as typed: this is an example
	Name     string `json:"name"`
	Account  string `json:"account"`
}

func checkUsers(s strictjson.Section, users []user) {
	for i, u := range users {
		at := s.Index(i)
		at.Field("username").Unless(u.Username != "", "required")
		at.Field("password").Unless(u.Password != "", "required: an empty one would let anybody in")
		at.Field("account").Unless(u.Account != "", "required")
		same := func(other user) bool { return other.Username == u.Username }
		at.Field("username").Unless(!slices.ContainsFunc(users[:i], same), "must not be there twice")
	}
}

// directory implements [server.Users]. A real one stores slow, salted hashes
// (argon2id); here the passwords are in a file anyway, and a fast hash only makes
// all comparisons equally long. Nor does it limit attempts, which a real one has to.
type directory map[string]entry

type entry struct {
	password [sha256.Size]byte
	user     server.User
}

// newDirectory is nil without users: the server then has no login.
func newDirectory(users []user) server.Users {
	if len(users) == 0 {
		return nil
	}
	d := directory{}
	for _, u := range users {
		d[u.Username] = entry{sha256.Sum256([]byte(u.Password)), server.User{Account: u.Account, Name: u.Name}}
	}
	return d
}

// Authenticate does the same work for an unknown name as for a wrong password: it
// then compares with zeros, which are the hash of nothing anybody can type.
func (d directory) Authenticate(_ context.Context, username, password string) (server.User, bool, error) {
	known, ok := d[username]
	typed := sha256.Sum256([]byte(password))
	if subtle.ConstantTimeCompare(typed[:], known.password[:]) != 1 || !ok {
		return server.User{}, false, nil
	}
	return known.user, true, nil
}
