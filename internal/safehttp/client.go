package safehttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	defaultTimeout    = 5 * time.Second
	maxTimeout        = 60 * time.Second
	defaultBytes      = 256 << 10
	maxBytes          = 16 << 20
	defaultConcurrent = 64
	maxConcurrent     = 1024
	maxHeaderBytes    = 32 << 10
)

// Config is the configuration of a [Client]. Its zero value is the strictest.
type Config struct {
	// Timeout bounds a whole fetch, from name resolution to the last byte of the
	// body. 0: 5 s. Above 60 s is refused.
	Timeout time.Duration

	// MaxBytes bounds the body. 0: 256 KiB. Above 16 MiB is refused. Content
	// codings are refused, so what is received is what is counted.
	MaxBytes int64

	// MaxConcurrent bounds the fetches under way at once; one more gives
	// [ErrBusy]. 0: 64. Above 1024 is refused. The memory of a client is bounded
	// by a small multiple of MaxConcurrent × MaxBytes.
	MaxConcurrent int

	// RootCAs are the authorities trusted for the servers. nil: the system's.
	RootCAs *x509.CertPool

	// AllowedPrefixes OPENS A PART OF THE INTERNAL NETWORK to everybody who may
	// register a URL. Name only addresses you own and would let every registrant
	// send requests to, as narrowly as possible, such as 127.0.0.1/32 in a
	// demonstration on one machine. Only loopback, private (RFC 1918), shared
	// (RFC 6598) and unique local (RFC 4193) addresses can be named; other
	// special addresses, and the metadata services of clouds, stay refused.
	AllowedPrefixes []netip.Prefix
}

// Client fetches documents from URLs that other people registered. It is safe for
// concurrent use. Make it with [New].
type Client struct {
	timeout   time.Duration
	maxBytes  int64
	slots     chan struct{} // one element for each fetch under way
	addresses addresses
	dialer    *net.Dialer // the transport's own; tests set its Resolver
	transport *http.Transport
}

// New makes a client. It fails when a limit is negative or above its maximum, or
// an allowed prefix has bits outside its mask or lies outside the ranges that can
// be allowed.
func New(cfg Config) (*Client, error) {
	switch {
	case cfg.Timeout < 0 || cfg.Timeout > maxTimeout:
		return nil, fmt.Errorf("safehttp: timeout must be from 0 to %s", maxTimeout)
	case cfg.MaxBytes < 0 || cfg.MaxBytes > maxBytes:
		return nil, fmt.Errorf("safehttp: max bytes must be from 0 to %d", maxBytes)
	case cfg.MaxConcurrent < 0 || cfg.MaxConcurrent > maxConcurrent:
		return nil, fmt.Errorf("safehttp: max concurrent must be from 0 to %d", maxConcurrent)
	}
	a, err := newAddresses(cfg.AllowedPrefixes)
	if err != nil {
		return nil, err
	}
	c := &Client{
		timeout:   orDefault(cfg.Timeout, defaultTimeout),
		maxBytes:  orDefault(cfg.MaxBytes, defaultBytes),
		slots:     make(chan struct{}, orDefault(cfg.MaxConcurrent, defaultConcurrent)),
		addresses: a,
	}
	c.dialer = &net.Dialer{Timeout: c.timeout, Control: a.control}
	c.transport = newTransport(c.dialer, cfg.RootCAs)
	return c, nil
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// newTransport makes the transport that is used without an http.Client: a bare
// transport neither follows redirects nor keeps cookies.
func newTransport(dialer *net.Dialer, roots *x509.CertPool) *http.Transport {
	var protocols http.Protocols
	protocols.SetHTTP1(true) // one request a connection gains nothing from HTTP/2
	// The transport goes on dialling when a request has ended. The timeout of the
	// dialer covers connection and handshake of a tls.Dialer together, so what is
	// left behind ends with the fetch's own time.
	secure := &tls.Dialer{NetDialer: dialer, Config: &tls.Config{
		MinVersion: tls.VersionTLS12,
		RootCAs:    roots,
		NextProtos: []string{"http/1.1"}, // every port may be named, so say what is spoken; RFC 9325 3.8
		CipherSuites: []uint16{ // for TLS 1.2; RFC 9325 4.2; FAPI 2.0 Security Profile 5.2.2
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
			tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		},
	}}
	return &http.Transport{
		Proxy:                  nil, // not even from the environment
		DialContext:            dialer.DialContext,
		DialTLSContext:         secure.DialContext,
		Protocols:              &protocols,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// Check reports whether Get would attempt the URL, without any I/O, so that a bad
// URL is refused when it is registered. A nil error promises nothing about the
// addresses the name resolves to. The error is an [*Error] with [ErrURL] or
// [ErrAddress].
func (c *Client) Check(rawURL string) error {
	if c == nil || c.transport == nil {
		return errNotMade
	}
	_, err := c.addresses.parse(rawURL)
	return err
}

// Get fetches the URL. The content type of the answer must be one of the media
// types given, in lower case without parameters; none given means any.
//
// A refusal is an [*Error]. [ErrBusy], the end of ctx and a client that New did
// not make are not: the URL has no part in them.
func (c *Client) Get(ctx context.Context, rawURL string, mediaTypes ...string) (*Response, error) {
	if c == nil || c.transport == nil {
		return nil, errNotMade
	}
	u, err := c.addresses.parse(rawURL)
	if err != nil {
		return nil, err
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	default:
		return nil, ErrBusy // waiting would move the queue into our caller's memory
	}
	fetch, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	response, err := c.fetch(fetch, u, mediaTypes)
	var refused *Error
	if err != nil && !errors.As(err, &refused) {
		return nil, failure(ctx, err)
	}
	return response, err
}

// fetch returns an *Error for an answer it refuses and the bare cause when there
// is no complete answer.
func (c *Client) fetch(ctx context.Context, u *url.URL, mediaTypes []string) (*Response, error) {
	accept := "*/*"
	if len(mediaTypes) > 0 {
		accept = strings.Join(mediaTypes, ", ")
	}
	request := (&http.Request{
		Method: http.MethodGet,
		URL:    u,
		Host:   u.Host,
		Header: http.Header{"Accept": {accept}, "Accept-Encoding": {"identity"}, "User-Agent": {"go-fapi"}},
	}).WithContext(ctx)
	answer, err := c.transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()

	contentType := mediaType(answer.Header)
	if err := checkHeader(answer, contentType, mediaTypes); err != nil {
		return nil, err
	}
	body, err := readBody(answer, c.maxBytes)
	if err != nil {
		return nil, err
	}
	// Out of time, the transport says goodbye before it closes. A server that ends
	// its answer on that makes half a document look whole.
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	response := &Response{Body: body, ContentType: contentType}
	response.MaxAge, response.MaxAgeStated = freshness(answer.Header, time.Now())
	return response, nil
}
