package dpop

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

// NoncesConfig configures [Nonces].
type NoncesConfig struct {
	// Server names the server whose nonces these are, for instance its issuer
	// or API identifier. A nonce of one server is not accepted by another,
	// even where both share a secret (RFC 9449 section 9).
	Server string // required

	// Secrets are at least 32 random octets each, the same on all replicas.
	// The first one makes nonces, every one recognises them: to rotate, put a
	// new secret in front, and drop the old one after Lifetime.
	Secrets [][]byte // required

	Lifetime time.Duration // how long a nonce is accepted; 0: 2 min, 10 s to 1 h
}

// Nonces gives nonces that carry their own time under a MAC, so that nothing
// is stored and every replica recognises them. It is safe for concurrent use.
//
// A nonce changes every quarter of Lifetime and is accepted for Lifetime from
// the beginning of its quarter, so a client has three quarters or more. It is
// not single-use: within it, jti makes each proof unique (section 11.1).
type Nonces struct {
	keys [][]byte
	step time.Duration
}

const (
	minSecret    = 32
	stepsPerLife = 4
	stepSize     = 4                     // octets of the step number
	macSize      = 16                    // octets: 128 bits, FAPI's floor for what must not be guessed
	nonceSize    = stepSize + macSize    // octets; 27 characters
	nonceLabel   = "fapi/dpop nonce\x00" // keeps the secret's other uses apart
)

// NewNonces checks the configuration.
func NewNonces(config NoncesConfig) (*Nonces, error) {
	if config.Server == "" || len(config.Secrets) == 0 {
		return nil, errors.New("dpop: Nonces needs Server and Secrets")
	}
	lifetime := config.Lifetime
	if lifetime == 0 {
		lifetime = 2 * time.Minute
	}
	if lifetime < 10*time.Second || lifetime > time.Hour {
		return nil, errors.New("dpop: nonce Lifetime must be from 10 s to 1 h")
	}
	n := &Nonces{step: lifetime / stepsPerLife}
	for _, secret := range config.Secrets {
		if len(secret) < minSecret {
			return nil, errors.New("dpop: a nonce secret must have 32 octets or more")
		}
		n.keys = append(n.keys, mac(secret, []byte(nonceLabel+config.Server)))
	}
	return n, nil
}

func mac(key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	return h.Sum(nil)
}

func (n *Nonces) now() uint32 { return uint32(time.Now().UnixNano() / int64(n.step)) }

func (n *Nonces) make(key []byte, step uint32) [nonceSize]byte {
	var nonce [nonceSize]byte
	binary.BigEndian.PutUint32(nonce[:], step)
	copy(nonce[stepSize:], mac(key, nonce[:stepSize]))
	return nonce
}

// Nonce returns the nonce of this quarter of Lifetime: 27 characters.
func (n *Nonces) Nonce(context.Context) (string, error) {
	if n == nil || len(n.keys) == 0 {
		return "", errors.New("dpop: the nonces were not made by NewNonces")
	}
	nonce := n.make(n.keys[0], n.now())
	return jose.Encode(nonce[:]), nil
}

// Accept reports whether nonce was made with one of the secrets at most
// Lifetime ago. One step ahead passes, for replicas whose clocks differ; only
// a holder of a secret could have made it.
func (n *Nonces) Accept(_ context.Context, nonce string) (bool, error) {
	if n == nil || len(n.keys) == 0 {
		return false, errors.New("dpop: the nonces were not made by NewNonces")
	}
	have, err := jose.Decode(nonce)
	if err != nil || len(have) != nonceSize {
		return false, nil
	}
	step := binary.BigEndian.Uint32(have)
	if age := int64(n.now()) - int64(step); age < -1 || age > stepsPerLife-1 {
		return false, nil
	}
	for _, key := range n.keys {
		if want := n.make(key, step); hmac.Equal(have, want[:]) {
			return true, nil
		}
	}
	return false, nil
}
