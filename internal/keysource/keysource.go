// Package keysource checks a signature with the keys that a client registered:
// what client authentication and request objects have in common.
package keysource

import (
	"context"
	"crypto"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
)

// maxKeys bounds the signatures that one token can make the server check.
const maxKeys = 8

// Source is the contract of every KeySource in this module.
type Source interface {
	Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

// Verify checks the token with the keys that source has for its kid and for
// alg. It returns [jose.ErrKey] if there are none, [jose.ErrSignature] if none
// verifies, or a fault of the source, which what names. It also guards the
// signature check against a panic: a key that was not made by a parser, say
// without coordinates, would cause one.
func Verify(ctx context.Context, what string, source Source, token *jose.JWS, alg string) (err error) {
	defer fault.Recover(what, &err)
	keys, err := source.Keys(ctx, token.Header.KeyID, alg)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return fault.Of(what, err)
	}
	if len(keys) == 0 {
		return jose.ErrKey
	}
	for _, key := range keys[:min(len(keys), maxKeys)] {
		if token.Verify(key) == nil {
			return nil
		}
	}
	return jose.ErrSignature
}

// Algorithm is the name under which keys know the algorithm of a header.
func Algorithm(alg string) string {
	if alg == jose.Ed25519 {
		return jose.EdDSA
	}
	return alg
}
