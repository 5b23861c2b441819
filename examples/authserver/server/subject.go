package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
)

// subjects makes the identifiers by which clients and APIs know users.
type subjects struct{ key []byte }

func newSubjects(config Config) subjects {
	if config.SubjectKey != nil {
		return subjects{config.SubjectKey}
	}
	key := make([]byte, 32)
	rand.Read(key) // never fails: crypto/rand ends the process instead
	return subjects{key}
}

// subject is sub for a client: in its ID tokens, its access tokens and at
// userinfo. It is public (OpenID Connect Core section 8), the same for all
// clients. With 43 random-looking characters it is not a client identifier
// either, which APIs could mix up with it (FAPI 2.0 section 6).
func (s *Server) subject(_ string, account string) string {
	mac := hmac.New(sha256.New, s.flow.subjects.key)
	mac.Write([]byte(digest("subject", s.config.Issuer, account)))
	return encode(mac.Sum(nil))
}
