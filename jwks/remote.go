package jwks

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/safehttp"
)

const (
	mediaType = "application/jwk-set+json" // RFC 7517 section 8.5.2

	defaultMinInterval = 30 * time.Second
	minMinInterval     = time.Second
	maxMinInterval     = time.Hour
	defaultMaxAge      = 15 * time.Minute
	maxMaxAge          = 24 * time.Hour
	defaultMaxStale    = time.Hour
	maxMaxStale        = 24 * time.Hour
)

// RemoteConfig is the configuration of a [Remote].
//
// The three times decide how fast you follow the owner of the set. A key that the
// owner has removed is trusted for MaxAge at most while the URL can be fetched,
// and for MaxAge + MaxStale at most while it cannot.
type RemoteConfig struct {
	// URL is the jwks_uri. Required: https, without user information or fragment.
	URL string

	// MinInterval is the least time between two fetches, whatever the tokens that
	// arrive, and the least time for which a set is kept, whatever its server says.
	// With every further failure it doubles, up to 8 times this. 0: 30 s. Below 1 s
	// or above 1 h is refused.
	MinInterval time.Duration

	// MaxAge is the longest time for which a set is kept when its server says more,
	// or says nothing. 0: 15 min, or MinInterval if that is longer. Below
	// MinInterval or above 24 h is refused.
	MaxAge time.Duration

	// MaxStale is for how long after that the keys of an old set are still trusted
	// while every attempt to renew it fails. 0: 1 h. Negative or above 24 h is refused.
	MaxStale time.Duration

	// Timeout bounds a fetch. 0: 5 s. Negative or above 60 s is refused.
	Timeout time.Duration

	// RootCAs are the authorities trusted for the server. nil: the system's.
	RootCAs *x509.CertPool

	// AllowedPrefixes OPENS A PART OF THE INTERNAL NETWORK to whoever chose the URL.
	// For a URL that a client registered, leave it empty: such a URL is the
	// classical way to make a server send requests to its own neighbours, and only
	// public addresses are connected to. Name addresses only if the URL is one you
	// have configured yourself and its server is internal, and as few as possible,
	// such as 10.1.2.3/32. Loopback, private (RFC 1918), shared (RFC 6598) and
	// unique local (RFC 4193) addresses can be named; others, and the metadata
	// services of clouds, stay refused.
	AllowedPrefixes []netip.Prefix
}

// Remote is the set behind a jwks_uri. Nothing is fetched before the first lookup.
// It is safe for concurrent use and needs no closing: a fetch runs in a goroutine
// that ends with it. Make it with [NewRemote]; its zero value gives [ErrNotReady].
//
// A key that is at hand in a current set is answered without waiting. In the last
// fifth of its time the set is renewed behind such answers. A lookup waits for a
// fetch, which all that wait share, in three cases: there is no set, the set is no
// longer current, or the key is not in it and MinInterval has passed, since the
// owner may have added it. While the URL keeps failing, only the first lookup after
// a pause waits for a key that is at hand.
//
// A fetched set replaces the one before. Even a set without keys does, since its
// owner may mean it. An answer that is not an acceptable JWK Set replaces nothing,
// and counts as a failed fetch. The content type has to be
// application/jwk-set+json or application/json.
//
// A fetch connects directly, without a proxy, follows no redirect, and reads at
// most 256 KiB.
type Remote struct {
	fetch       func(context.Context) (*safehttp.Response, error)
	url         string
	minInterval time.Duration
	maxAge      time.Duration
	maxStale    time.Duration

	held atomic.Pointer[snapshot] // the last good set; never nil

	mu      sync.Mutex
	last    *flight       // the latest fetch
	running bool          // last is under way
	due     time.Time     // the next may start
	backoff time.Duration // 0: last was successful
}

// NewRemote checks the configuration without any I/O.
func NewRemote(cfg RemoteConfig) (*Remote, error) {
	client, err := safehttp.New(safehttp.Config{
		Timeout:         cfg.Timeout,
		RootCAs:         cfg.RootCAs,
		AllowedPrefixes: cfg.AllowedPrefixes,
	})
	if err != nil {
		return nil, fmt.Errorf("jwks: %s", reason(err))
	}
	if err := client.Check(cfg.URL); err != nil {
		return nil, fmt.Errorf("jwks: URL: %s", reason(err))
	}
	return newRemote(cfg, func(ctx context.Context) (*safehttp.Response, error) {
		return client.Get(ctx, cfg.URL, mediaType, "application/json")
	})
}

func newRemote(cfg RemoteConfig, fetch func(context.Context) (*safehttp.Response, error)) (*Remote, error) {
	r := &Remote{fetch: fetch, url: cfg.URL, minInterval: cfg.MinInterval, maxAge: cfg.MaxAge, maxStale: cfg.MaxStale}
	if r.minInterval == 0 {
		r.minInterval = defaultMinInterval
	}
	if r.maxAge == 0 {
		r.maxAge = max(defaultMaxAge, r.minInterval)
	}
	if r.maxStale == 0 {
		r.maxStale = defaultMaxStale
	}
	switch {
	case r.minInterval < minMinInterval || r.minInterval > maxMinInterval:
		return nil, fmt.Errorf("jwks: MinInterval must be from %s to %s", minMinInterval, maxMinInterval)
	case r.maxAge < r.minInterval || r.maxAge > maxMaxAge:
		return nil, fmt.Errorf("jwks: MaxAge must be from MinInterval to %s", maxMaxAge)
	case r.maxStale < 0 || r.maxStale > maxMaxStale:
		return nil, fmt.Errorf("jwks: MaxStale must be from 0 to %s", maxMaxStale)
	}
	r.held.Store(&snapshot{})
	return r, nil
}

// Keys returns the candidates for a token, as the package documentation says. It
// errs with an [*Error] of [ErrFetch] or [ErrSet] when the last fetch failed and
// either the set is too old or the key is not in it, with the error of ctx when
// that ends first, and with [ErrNotReady]. The end of ctx does not end a fetch that
// others may be waiting for.
func (r *Remote) Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	if r == nil || r.fetch == nil || ctx == nil {
		return nil, ErrNotReady
	}
	now, held := time.Now(), r.held.Load()
	keys := held.keys.candidates(kid, alg)
	if len(keys) > 0 && now.Before(held.renew) {
		return slices.Clone(keys), nil
	}
	if !jose.Supported(alg) {
		return nil, nil // no set can have it, so it is not worth a fetch
	}
	f := r.join(now)
	if len(keys) > 0 && (now.Before(held.fresh) || f.retry && now.Before(held.usable)) {
		return slices.Clone(keys), nil
	}
	select {
	case <-f.done:
		return r.answer(f, kid, alg)
	case <-ctx.Done():
		return nil, fmt.Errorf("jwks: waiting for the key set: %w", ctx.Err())
	}
}

// answer is what can be said once a fetch is over. That a key does not exist is
// said only on the word of the owner: if the fetch failed, it may have been added.
func (r *Remote) answer(f *flight, kid, alg string) ([]crypto.PublicKey, error) {
	held := r.held.Load()
	keys := held.keys.candidates(kid, alg)
	if f.err != nil && (len(keys) == 0 || !time.Now().Before(held.usable)) {
		return nil, f.err
	}
	return slices.Clone(keys), nil
}
