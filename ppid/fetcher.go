package ppid

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/safehttp"
)

const (
	mediaJSON   = "application/json"
	maxDocument = 64 << 10 // octets
	maxFetches  = 16
)

// FetcherConfig configures [Fetcher]. The zero value is the strictest.
type FetcherConfig struct {
	Timeout time.Duration  // for a whole fetch; 0: 5 s, at most 60 s
	RootCAs *x509.CertPool // trusted for the servers; nil: the system's

	// Ports are allowed besides 443.
	Ports []uint16

	// AllowedPrefixes OPENS A PART OF THE INTERNAL NETWORK to everybody who may
	// register a client. Only loopback, private, shared and unique local addresses
	// can be named.
	AllowedPrefixes []netip.Prefix
}

// Fetcher validates sector_identifier_uris. It follows no redirects, connects to
// public addresses only (checked on the socket, after name resolution), uses no
// proxy, and reads at most 64 KiB of application/json without content coding. At
// most 16 fetches are under way at once; how often somebody may register is for
// the registration endpoint to limit. It is safe for concurrent use.
type Fetcher struct {
	source interface {
		Get(ctx context.Context, rawURL string, mediaTypes ...string) (*safehttp.Response, error)
	}
	ports []uint16
}

// NewFetcher checks the configuration.
func NewFetcher(config FetcherConfig) (*Fetcher, error) {
	if slices.Contains(config.Ports, 0) {
		return nil, errors.New("ppid: Ports must be from 1 to 65535")
	}
	client, err := safehttp.New(safehttp.Config{
		Timeout:         config.Timeout,
		MaxBytes:        maxDocument,
		MaxConcurrent:   maxFetches,
		RootCAs:         config.RootCAs,
		AllowedPrefixes: config.AllowedPrefixes,
	})
	if err != nil {
		return nil, fault.Of("ppid: fetcher", err)
	}
	return &Fetcher{source: client, ports: append([]uint16{443}, config.Ports...)}, nil
}

// SectorOf returns the sector as [SectorOf] does, after it has found every redirect
// URI in the document behind sectorIdentifierURI, if that is not empty (OpenID
// Connect Registration section 5). For a client without redirect URIs pass its
// jwks_uri in their place, which the document must then list, and let it prove that
// it has those keys. There is no duty to fetch again later.
//
// The error is an [*Error] with [ErrSector] or [ErrDocument], or a fault of the
// server: too many fetches at once, or the end of ctx.
func (f *Fetcher) SectorOf(ctx context.Context, sectorIdentifierURI string, redirectURIs []string) (Sector, error) {
	if f == nil || f.source == nil {
		return Sector{}, errors.New("ppid: the fetcher was not made by NewFetcher")
	}
	sector, err := SectorOf(sectorIdentifierURI, redirectURIs)
	if err != nil || sectorIdentifierURI == "" {
		return sector, err
	}
	if len(redirectURIs) == 0 || len(redirectURIs) > maxURIs {
		return Sector{}, refuseSector("register from 1 to 1000 redirect_uris, or a jwks_uri")
	}
	if !f.allowsPort(sectorIdentifierURI) {
		return Sector{}, refuseDocument(errors.New("port is not allowed"))
	}
	listed, err := f.document(ctx, sectorIdentifierURI)
	if err != nil {
		return Sector{}, err
	}
	for _, uri := range redirectURIs {
		if !listed[uri] {
			return Sector{}, refuseDocument(errors.New("a redirect uri is not listed"))
		}
	}
	return sector, nil
}

func refuseDocument(cause error) error { return &Error{rule: ErrDocument, cause: cause} }

func (f *Fetcher) allowsPort(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil {
		return false
	}
	if u.Port() == "" {
		return true
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil && slices.Contains(f.ports, uint16(port))
}

func (f *Fetcher) document(ctx context.Context, uri string) (map[string]bool, error) {
	response, err := f.source.Get(ctx, uri, mediaJSON)
	var refused *safehttp.Error
	if errors.As(err, &refused) {
		return nil, refuseDocument(refused)
	}
	if err != nil {
		return nil, fault.Of("ppid: sector document", err)
	}
	listed, err := parseDocument(response.Body)
	if err != nil {
		return nil, refuseDocument(err)
	}
	return listed, nil
}

// parseDocument reads one array of strings. Pointers tell null from a string.
func parseDocument(body []byte) (map[string]bool, error) {
	var elements []*string
	if !utf8.Valid(body) || json.Unmarshal(body, &elements) != nil {
		return nil, errors.New("document is not a JSON array of strings")
	}
	if len(elements) == 0 || len(elements) > maxURIs {
		return nil, errors.New("document has no or too many elements")
	}
	listed := make(map[string]bool, len(elements))
	for _, element := range elements {
		if element == nil || len(*element) > maxURI {
			return nil, errors.New("document has an element that is null or too long")
		}
		listed[*element] = true
	}
	return listed, nil
}
