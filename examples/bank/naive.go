package main

//lint:file-ignore SA1019 what is naive here includes the use of raw coordinates

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"time"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/accounts/api"
)

// This file is how one must not do it. Each function is a server with one
// defence missing, so that the reader sees what that defence was good for.

// guardWith is the accounts API behind a check written by hand.
func (b *bank) guardWith(audience string, check func(r *http.Request, token string) error) (http.Handler, error) {
	tokens, err := b.tokens(audience)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if token == "" {
			token = r.URL.Query().Get("access_token")
		}
		if _, err := tokens.Verify(r.Context(), token); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if err := check(r, token); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		api.Accounts().ServeHTTP(w, r)
	}), nil
}

// tokenOnly verifies the access token and forgets what it is bound to.
func (b *bank) tokenOnly() (http.Handler, error) {
	return b.guardWith(b.api, func(*http.Request, string) error { return nil })
}

// unboundProof verifies the token and the proof, but not that they belong
// together: neither the key nor ath is compared.
func (b *bank) unboundProof() (http.Handler, error) {
	proofs, err := dpop.NewVerifier(b.proofConfig)
	if err != nil {
		return nil, err
	}
	return b.guardWith(b.api, func(r *http.Request, _ string) error {
		_, err := proofs.VerifyTokenRequest(r)
		return err
	})
}

// believesHost takes its own public address from the request.
func (b *bank) believesHost() (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		config := b.proofConfig
		config.Origins = []string{"https://" + r.Host}
		handler, err := b.accounts(config)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		handler.ServeHTTP(w, r)
	}), nil
}

// firstProof looks at the first DPoP field and ignores the others.
func (b *bank) firstProof() (http.Handler, error) {
	handler, err := b.accounts(b.proofConfig)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("DPoP", r.Header.Get("DPoP"))
		handler.ServeHTTP(w, r)
	}), nil
}

// anyAlgorithm does with a proof what its header says, as the usual few lines
// around a general JWT library do.
func (b *bank) anyAlgorithm() (http.Handler, error) {
	return b.guardWith(b.api, func(r *http.Request, _ string) error { return verifyAsTold(r.Header.Get("DPoP")) })
}

// trustsHeaderKey verifies an access token with the key the token brings along.
func (b *bank) trustsHeaderKey() (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if err := verifyAsTold(token); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		api.Accounts().ServeHTTP(w, r)
	}), nil
}

var errNaive = errors.New("naive: refused")

type naiveHeader struct {
	Alg string
	JWK struct{ X, Y, N, E string }
}

func verifyAsTold(token string) error {
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		return errNaive
	}
	header, _ := base64.RawURLEncoding.DecodeString(segments[0])
	signature, _ := base64.RawURLEncoding.DecodeString(segments[2])
	var h naiveHeader
	if err := json.Unmarshal(header, &h); err != nil {
		return err
	}
	digest := sha256.Sum256([]byte(segments[0] + "." + segments[1]))
	switch h.Alg {
	case "none":
		return nil
	case "RS256":
		key := &rsa.PublicKey{N: integer(h.JWK.N), E: int(integer(h.JWK.E).Int64())}
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature)
	}
	key := &ecdsa.PublicKey{Curve: elliptic.P256(), X: integer(h.JWK.X), Y: integer(h.JWK.Y)}
	half := len(signature) / 2
	if !ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:])) {
		return errNaive
	}
	return nil
}

func integer(text string) *big.Int {
	data, _ := base64.RawURLEncoding.DecodeString(text)
	return new(big.Int).SetBytes(data)
}

// fixedLife is a replay store that keeps every entry equally long from now,
// whatever the proof's own time is.
type fixedLife struct {
	used map[string]time.Time
	life time.Duration
}

func (s *fixedLife) Use(_ context.Context, key string, _ time.Time) (bool, error) {
	until, ok := s.used[key]
	if ok && time.Now().Before(until) {
		return false, nil
	}
	s.used[key] = time.Now().Add(s.life)
	return true, nil
}
