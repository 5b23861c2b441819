package jwks

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

const (
	defaultPublishAge = 15 * time.Minute
	maxPublishAge     = 24 * time.Hour
)

// PublisherConfig is the configuration of a [Publisher].
type PublisherConfig struct {
	// Keys are the keys of the set: see [Publisher.Set]. Required.
	Keys []Key

	// MaxAge is how long others may keep the document, in whole seconds. It is also
	// how long a new key has to be announced before it signs. 0: 15 min. Below 1 s
	// or above 24 h is refused.
	MaxAge time.Duration
}

// Publisher serves your own JWK Set at your jwks_uri, for GET and HEAD. It is also
// a source of keys, for a server that verifies what it has signed itself. It is
// safe for concurrent use. Make it with [NewPublisher]; its zero value answers 500
// and [ErrNotReady].
//
// # Rotation
//
// The list of keys is the whole truth, so that every replica, and a process after
// a restart, says the same given the same configuration. A key is announced before
// it signs and stays until the last token it signed has expired:
//
//	p.Set(current, next)  // announced; wait MaxAge, then let next sign
//	current.Until = lastExpiry.Add(leeway)
//	p.Set(next, current)  // current has signed its last; it goes by itself
//
// Verifiers that are slower than MaxAge to renew their copy look for an unknown
// kid at once, but at a limited rate. A key that has leaked is left out of the next
// list instead: copies of it live on for MaxAge at well-behaved verifiers.
type Publisher struct {
	cacheControl string
	current      atomic.Pointer[timetable]
}

// NewPublisher makes a publisher. It errs when MaxAge is out of range, and with an
// [*Error] about the keys:
//   - [ErrKey]: a key is private, malformed, of a kind or strength not in use, or
//     there under another kid already;
//   - [ErrKeyID]: two keys have one kid, or a kid is not valid UTF-8;
//   - [ErrSet]: there are no keys, more than 100, or none without Until.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	if cfg.MaxAge == 0 {
		cfg.MaxAge = defaultPublishAge
	}
	if cfg.MaxAge < time.Second || cfg.MaxAge > maxPublishAge {
		return nil, fmt.Errorf("jwks: MaxAge must be from 1s to %s", maxPublishAge)
	}
	p := &Publisher{cacheControl: fmt.Sprintf("public, max-age=%d", cfg.MaxAge/time.Second)}
	if err := p.Set(cfg.Keys...); err != nil {
		return nil, err
	}
	return p, nil
}

// Set replaces the whole set at once. Requests under way see the old set or the
// new one, never a mixture. At least one key must have no Until. After an error,
// which is as in [NewPublisher] or [ErrNotReady], the old set stays.
func (p *Publisher) Set(keys ...Key) error {
	if p == nil || p.cacheControl == "" {
		return ErrNotReady
	}
	t, err := newTimetable(keys, time.Now())
	if err != nil {
		return err
	}
	p.current.Store(&t)
	return nil
}

// Keys returns the candidates for a token among the published keys, as the package
// documentation says. It does no I/O. It errs with [ErrNotReady] only.
func (p *Publisher) Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error) {
	if !p.ready() || ctx == nil {
		return nil, ErrNotReady
	}
	return slices.Clone(p.current.Load().at(time.Now()).keys.candidates(kid, alg)), nil
}

// ServeHTTP answers GET and HEAD with the set as application/jwk-set+json, and any
// other method with 405. It supports conditional requests by ETag.
func (p *Publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !p.ready() {
		http.Error(w, "internal server error", http.StatusInternalServerError)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	document := p.current.Load().at(time.Now()).document
	digest := sha256.Sum256(document)
	header := w.Header()
	header.Set("Content-Type", mediaType)
	header.Set("Cache-Control", p.cacheControl)
	header.Set("ETag", `"`+jose.Encode(digest[:16])+`"`)
	header.Set("X-Content-Type-Options", "nosniff")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(document))
}

func (p *Publisher) ready() bool { return p != nil && p.current.Load() != nil }
