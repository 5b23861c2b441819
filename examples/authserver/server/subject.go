package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"

	"github.com/go-fapi/fapi/ppid"
)

// subjects makes the identifiers by which clients and APIs know users. Accounts
// themselves never leave the server.
type subjects struct {
	issuer   string
	key      []byte
	pairwise *ppid.Deriver
	sectors  map[string]ppid.Sector // of the clients with pairwise identifiers
}

// newSubjects finds the sectors of the clients once: identifiers must not change
// with what is looked at later.
func newSubjects(config Config) (subjects, error) {
	s := subjects{config.Issuer, config.SubjectKey, config.Subjects, map[string]ppid.Sector{}}
	if s.key == nil {
		s.key = make([]byte, 32)
		rand.Read(s.key) // never fails: crypto/rand ends the process instead
	}
	for id, client := range config.Clients {
		if !client.usesCodes() || !config.isPairwise(client) {
			continue
		}
		sector, err := client.sector()
		if err != nil {
			return s, fmt.Errorf("server: client %q: %w", id, err)
		}
		s.sectors[id] = sector
	}
	return s, nil
}

func (c Config) isPairwise(client Client) bool {
	return client.SubjectType == "pairwise" || client.SubjectType == "" && c.Subjects != nil
}

func (c Client) sector() (ppid.Sector, error) {
	if c.Sector != (ppid.Sector{}) {
		return c.Sector, nil
	}
	return ppid.SectorOf("", c.RedirectURIs)
}

// of is sub for a client: in its ID tokens, its access tokens, at userinfo and in
// logout tokens. A JWT access token has the client's and not one of the API: the
// client can read it, and two clients of one API would find the same there.
func (s *subjects) of(clientID, account string) (string, error) {
	if sector, ok := s.sectors[clientID]; ok {
		return s.in(sector, account)
	}
	return s.public(account), nil
}

// in is sub within a sector.
func (s *subjects) in(sector ppid.Sector, account string) (string, error) {
	return s.pairwise.Derive(sector, account)
}

// public is the same for all clients (OpenID Connect Core section 8). With 43
// random-looking characters it is not a client identifier either, which APIs could
// mix up with it (FAPI 2.0 section 6).
func (s *subjects) public(account string) string {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(digest("subject", s.issuer, account)))
	return encode(mac.Sum(nil))
}

// types are those in use.
func (s *subjects) types(clients map[string]Client) (types []string) {
	public := false
	for id, client := range clients {
		_, pairwise := s.sectors[id]
		public = public || client.usesCodes() && !pairwise
	}
	if len(s.sectors) > 0 {
		types = append(types, "pairwise")
	}
	if public || types == nil {
		types = append(types, "public")
	}
	return types
}
