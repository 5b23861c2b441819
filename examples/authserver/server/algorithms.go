package server

import (
	"cmp"
	"context"
	"crypto"
	"slices"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// rules are those of the client's profile.
func (c Client) rules() fapi.Rules {
	rules, _ := cmp.Or(c.Profile, fapi.FAPI2Security).Rules() // it was checked
	return rules
}

// knows says whether the client's profile has the algorithm of a key.
func (c Client) knows(key crypto.Signer) bool {
	signer, err := jose.NewSigner(key)
	return err == nil && slices.Contains(c.rules().SigningAlgorithms, signer.Algorithm())
}

// algorithms are those in which one client or another may sign. FAPI 1.0 has fewer
// than FAPI 2.0: a server that has no other clients for its flow says so.
func (c Config) algorithms() (algorithms []string) {
	for _, client := range c.Clients {
		if client.usesCodes() || !c.hasFlow() {
			algorithms = append(algorithms, client.rules().SigningAlgorithms...)
		}
	}
	if algorithms == nil {
		algorithms = Client{}.rules().SigningAlgorithms
	}
	slices.Sort(algorithms)
	return slices.Compact(algorithms)
}

// hasFlow says that some client uses the authorization code flow.
func (c Config) hasFlow() bool {
	for _, client := range c.Clients {
		if client.usesCodes() {
			return true
		}
	}
	return false
}

// keys are those of a client, without algorithms that its profile does not know.
func (c Client) keys() privatekeyjwt.KeySource {
	return permittedKeys{c.Keys, c.rules().SigningAlgorithms}
}

type permittedKeys struct {
	source     privatekeyjwt.KeySource
	algorithms []string
}

// Keys implements [privatekeyjwt.KeySource].
func (p permittedKeys) Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	if !slices.Contains(p.algorithms, alg) {
		return nil, nil
	}
	return p.source.Keys(ctx, kid, alg)
}
