package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

const (
	maxBody   = 1 << 20
	maxHeader = 64 << 10
	timeout   = 10 * time.Second
)

// fetcher gets documents within limits. It follows no redirect: RFC 8414 knows
// none, and the document would not be where clients look for it.
type fetcher struct {
	client *http.Client
}

func newFetcher(roots *x509.CertPool) fetcher {
	return fetcher{client: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    timeout,
			MaxResponseHeaderBytes: maxHeader,
			ForceAttemptHTTP2:      true,
		},
	}}
}

func (f fetcher) close() { f.client.CloseIdleConnections() }

// document is what came back with status 200.
type document struct {
	url        string
	body       []byte
	isJSON     bool // by its Content-Type
	connection *tls.ConnectionState
}

// errStatus is an answer that is not the document.
var errStatus = errors.New("no document there")

func (f fetcher) get(ctx context.Context, url string) (*document, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	response, err := f.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode/100 == 3 {
		return nil, fmt.Errorf("%s: %w: it redirects, which is not followed", url, errStatus)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %w: status %d", url, errStatus, response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("%s: larger than 1 MiB", url)
	}
	mediaType, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return &document{url: url, body: body, isJSON: mediaType == "application/json", connection: response.TLS}, nil
}

// first gets the first of the addresses that has a JSON document. Web
// applications answer anything with a page, so a page means that there is none.
func (f fetcher) first(ctx context.Context, urls ...string) (*document, error) {
	var missing []error
	for _, url := range urls {
		found, err := f.get(ctx, url)
		switch {
		case err == nil && found.isJSON:
			return found, nil
		case err == nil:
			err = fmt.Errorf("%s: %w: the content type is not application/json", url, errStatus)
		case !errors.Is(err, errStatus):
			return nil, err
		}
		missing = append(missing, err)
	}
	return nil, errors.Join(missing...)
}
