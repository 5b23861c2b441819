package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"slices"

	"github.com/go-fapi/fapi/examples/authserver/server"
)

// user is somebody who can log in.
type user struct {
	Username string `json:"username"`
	Password string `json:"password"` // as typed: this is an example
	Name     string `json:"name"`
	Account  string `json:"account"`
}

func checkUsers(s section, users []user) {
	for i, u := range users {
		at := s.index(i)
		at.field("username").unless(u.Username != "", "required")
		at.field("password").unless(u.Password != "", "required: an empty one would let anybody in")
		at.field("account").unless(u.Account != "", "required")
		same := func(other user) bool { return other.Username == u.Username }
		at.field("username").unless(!slices.ContainsFunc(users[:i], same), "must not be there twice")
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
