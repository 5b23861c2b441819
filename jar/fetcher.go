package jar

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/safehttp"
)

// FetcherConfig configures a [Fetcher]. Its zero value is the strictest.
type FetcherConfig struct {
	// Timeout bounds a fetch, from name resolution to the last octet, and with
	// it how long a request by reference can last. 0: 5 s. Negative or above
	// 60 s is refused.
	Timeout time.Duration

	// MaxConcurrent bounds the fetches under way at once; one more request by
	// reference is a fault of the server, a 5xx. 0: 64. Negative or above 1024
	// is refused.
	MaxConcurrent int

	// RootCAs are the authorities trusted for the clients' servers. nil: the
	// system's.
	RootCAs *x509.CertPool

	// AllowedPrefixes OPENS A PART OF THE INTERNAL NETWORK to every client that
	// registers a request_uri. Leave it empty: only public addresses are then
	// connected to. Loopback, private (RFC 1918), shared (RFC 6598) and unique
	// local (RFC 4193) addresses can be named, as for a demonstration on one
	// machine 127.0.0.1/32; others, and the metadata services of clouds, stay
	// refused.
	AllowedPrefixes []netip.Prefix
}

// Fetcher gets request objects from where clients host them (RFC 9101 section
// 5.2.3). Whoever registers a request_uri chooses what the server connects to,
// so the URL, the address, the answer and the time are all limited: https to a
// public address, checked after name resolution; no redirect, no proxy, no
// content coding; status 200, application/oauth-authz-req+jwt, at most 32 KiB.
// Nothing is cached. It is safe for concurrent use. Make it with [NewFetcher].
type Fetcher struct {
	client *safehttp.Client
}

// NewFetcher checks the configuration.
func NewFetcher(config FetcherConfig) (*Fetcher, error) {
	client, err := safehttp.New(safehttp.Config{
		Timeout: config.Timeout, MaxBytes: maxObject, MaxConcurrent: config.MaxConcurrent,
		RootCAs: config.RootCAs, AllowedPrefixes: config.AllowedPrefixes,
	})
	if err != nil {
		return nil, fmt.Errorf("jar: %w", err)
	}
	return &Fetcher{client: client}, nil
}

// Check reports whether a request_uri would be fetched, without fetching it, so
// that it can be refused when a client registers it. A nil error promises
// nothing about the addresses its name resolves to.
func (f *Fetcher) Check(requestURI string) error {
	if f == nil || f.client == nil {
		return errors.New("jar: a fetcher not made by NewFetcher")
	}
	base, _, _ := strings.Cut(requestURI, "#")
	if err := f.client.Check(base); err != nil {
		return fmt.Errorf("jar: %w", err)
	}
	return nil
}

// fetch gets the object behind a request_uri that the client has registered.
func (f *Fetcher) fetch(ctx context.Context, requestURI string, registered []string) (string, error) {
	base, fragment, hashed := strings.Cut(requestURI, "#")
	if !slices.ContainsFunc(registered, func(entry string) bool {
		entry, _, _ = strings.Cut(entry, "#")
		return entry == base
	}) {
		return "", refuse(ErrRequestURI)
	}
	response, err := f.client.Get(ctx, base, "application/"+mediaType)
	if refused, ok := errors.AsType[*safehttp.Error](err); ok {
		return "", refuse(ErrFetch, slog.Any("cause", refused))
	}
	if err != nil {
		return "", fault.Of("jar: fetcher", err)
	}
	if sum := sha256.Sum256(response.Body); hashed && fragment != jose.Encode(sum[:]) {
		return "", refuse(ErrHash)
	}
	return string(response.Body), nil
}
