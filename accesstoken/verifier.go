package accesstoken

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
)

const (
	defaultLeeway = 10 * time.Second
	maxLeeway     = 60 * time.Second

	// maxCandidates bounds the signature checks one token can cause. It leaves
	// room for the keys of a rotation, and is what package jwks returns at most.
	maxCandidates = 8
)

// KeySource finds public keys of the authorization server (RFC 9068 section 4),
// for instance in its JWK Set.
//
// kid and alg are from the header of a token that nobody has verified: kid is
// an opaque value to be compared exactly, and empty if the token has none; alg
// is one of ES256, PS256, EdDSA and Ed25519. The result are the keys that have
// this kid and can have made such a signature, at most eight. More than eight
// refuse the token, since which of them to try would be a guess.
//
// No keys and no error mean that there is no such key: the token is refused. An
// error means that the keys could not be had: the request fails with a 5xx.
type KeySource interface {
	Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

// VerifierConfig sets up a [Verifier].
type VerifierConfig struct {
	// Issuer is the issuer identifier of the authorization server, an https URL
	// without query and fragment (RFC 8414 section 2).
	Issuer string // required
	// Audience is the identifier of this API that tokens must be meant for, as
	// a rule the resource indicator (RFC 8707) it is known by. It must not be
	// shared with another API (RFC 9068 section 5).
	Audience string // required
	// Keys has the keys of that authorization server and of no other.
	Keys KeySource // required
	// Leeway is how far nbf and iat may lie ahead. 0 means 10 s, which FAPI 2.0
	// (5.3.2.1-13) demands as a minimum; negative, or more than 60 s, is refused.
	Leeway time.Duration
	// CacheSize is how many verified tokens are remembered, rounded up to a
	// multiple of 8. 0 means 10,000; negative, or more than 1,048,576, is
	// refused. Tokens compete for places in groups of eight: with twice as many
	// places as tokens in use within a minute, a few in a hundred are verified
	// more often than once a minute.
	CacheSize int
}

// Verifier verifies the access tokens of one issuer for one API. Its zero value
// refuses every token; make it with [NewVerifier]. It is safe for concurrent
// use, starts no goroutine, and needs no closing.
type Verifier struct {
	issuer   string
	audience string
	keys     KeySource
	leeway   time.Duration
	cache    *cache
}

// NewVerifier errs when a required field is missing or a value out of range.
func NewVerifier(c VerifierConfig) (*Verifier, error) {
	if err := checkIssuer(c.Issuer); err != nil {
		return nil, err
	}
	switch {
	case c.Audience == "":
		return nil, errors.New("accesstoken: Audience is required: the identifier of this API")
	case c.Keys == nil:
		return nil, errors.New("accesstoken: Keys is required: the keys of the issuer")
	case c.Leeway < 0 || c.Leeway > maxLeeway:
		return nil, fmt.Errorf("accesstoken: Leeway %s is not between 0 and %s", c.Leeway, maxLeeway)
	case c.CacheSize < 0 || c.CacheSize > maxCacheSize:
		return nil, fmt.Errorf("accesstoken: CacheSize %d is not between 0 and %d", c.CacheSize, maxCacheSize)
	}
	if c.Leeway == 0 {
		c.Leeway = defaultLeeway
	}
	if c.CacheSize == 0 {
		c.CacheSize = defaultCacheSize
	}
	return &Verifier{
		issuer: c.Issuer, audience: c.Audience, keys: c.Keys, leeway: c.Leeway, cache: newCache(c.CacheSize),
	}, nil
}

// checkIssuer applies RFC 8414 section 2.
func checkIssuer(issuer string) error {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.ContainsAny(issuer, "?#") {
		return errors.New("accesstoken: Issuer is required: an https URL without user, query and fragment")
	}
	return nil
}

// Verify verifies a token (RFC 9068 section 4). A refused token is an [*Error];
// any other error means that the token could not be judged, because the
// KeySource failed or the Verifier was not made by NewVerifier, and is a 5xx.
//
// Verify does not check that the sender of the token may use it: see
// [Token.Confirmation].
func (v *Verifier) Verify(ctx context.Context, token string) (*Token, error) {
	return v.verifyAt(ctx, token, time.Now())
}

func (v *Verifier) verifyAt(ctx context.Context, token string, now time.Time) (*Token, error) {
	if v == nil || v.cache == nil {
		return nil, errors.New("accesstoken: nil or zero Verifier")
	}
	if len(token) > jose.MaxToken {
		return nil, refuse(ErrMalformed, jose.ErrLimit)
	}
	d := digestOf(token)
	if t := v.cache.get(d, now); t != nil {
		if err := t.inTime(now, v.leeway); err != nil {
			return nil, err
		}
		return t, nil
	}
	t, err := v.check(ctx, token, now)
	if err != nil {
		return nil, err
	}
	v.cache.put(d, t, now)
	return t, nil
}

// check does all there is to check, the cheap before the dear: only a token
// that claims to be ours and current makes the KeySource work.
func (v *Verifier) check(ctx context.Context, token string, now time.Time) (*Token, error) {
	jws, err := jose.Parse(token)
	if err != nil {
		return nil, refuseJOSE(err)
	}
	if !jose.IsType(jws.Header.Type, "at+jwt") {
		return nil, refuse(ErrType, nil)
	}
	t, err := parse(jws.Payload)
	if err != nil {
		return nil, err
	}
	if t.claims.Issuer != v.issuer {
		return nil, refuse(ErrIssuer, nil)
	}
	if !slices.Contains(t.claims.Audience, v.audience) {
		return nil, refuse(ErrAudience, nil)
	}
	if err := t.inTime(now, v.leeway); err != nil {
		return nil, err
	}
	if err := v.checkSignature(ctx, jws); err != nil {
		return nil, err
	}
	return t, nil
}

// checkSignature treats a panic as a failure of the KeySource: its code and the
// keys it returns are the only things here that are not ours.
func (v *Verifier) checkSignature(ctx context.Context, jws *jose.JWS) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fault.Panic("accesstoken: key source or key", p)
		}
	}()
	keys, err := v.keys.Keys(ctx, jws.Header.KeyID, jws.Header.Algorithm)
	if err != nil {
		return fault.Of("accesstoken: key source", err)
	}
	if n := len(keys); n == 0 || n > maxCandidates {
		return refuse(ErrKey, fmt.Errorf("%d candidates", n))
	}
	return tryKeys(jws, keys)
}

// tryKeys reports a wrong signature rather than a key that did not fit.
func tryKeys(jws *jose.JWS, keys []crypto.PublicKey) error {
	var refusal error
	for _, key := range keys {
		err := jws.Verify(key)
		if err == nil {
			return nil
		}
		if !errors.Is(refusal, jose.ErrSignature) {
			refusal = err
		}
	}
	return refuseJOSE(refusal)
}
