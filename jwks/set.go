package jwks

import (
	"crypto"

	"github.com/go-fapi/fapi/internal/jose"
)

// maxCandidates bounds the signature checks that one token can cause.
const maxCandidates = 8

type selector struct{ kid, alg string }

// set answers a selection with one lookup. It is never changed once it is made,
// so readers need no lock. Lists under the empty kid hold all keys of an
// algorithm, whether they have a kid or not.
type set map[selector][]crypto.PublicKey

func parseSet(document []byte) (set, error) {
	keys, err := jose.ParseJWKS(document)
	if err != nil {
		return nil, err
	}
	s := set{}
	for _, key := range keys {
		s.add(selector{"", key.Algorithm}, key.Key)
		if key.KeyID != "" {
			s.add(selector{key.KeyID, key.Algorithm}, key.Key)
		}
	}
	return s, nil
}

func (s set) add(to selector, key crypto.PublicKey) {
	if len(s[to]) < maxCandidates {
		s[to] = append(s[to], key)
	}
}

// candidates returns a list that belongs to the set: callers outside this package
// get a copy, because an element they changed would be a key everybody trusts.
func (s set) candidates(kid, alg string) []crypto.PublicKey {
	if alg == jose.Ed25519 {
		alg = jose.EdDSA
	}
	return s[selector{kid, alg}]
}
