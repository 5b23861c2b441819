package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Metadata is what the clients use of a server's metadata (RFC 8414).
type Metadata struct {
	Issuer   string `json:"issuer"`
	AuthURL  string `json:"authorization_endpoint"`
	TokenURL string `json:"token_endpoint"`
	PushURL  string `json:"pushed_authorization_request_endpoint"`
	KeysURL  string `json:"jwks_uri"`

	Document []byte `json:"-"` // all of it
}

// Discover fetches the metadata of the configured issuer. The document must be
// for that issuer, octet by octet (RFC 8414 section 3.3, FAPI 2.0 5.3.3.1):
// otherwise a stranger's document could send codes and assertions elsewhere.
// It errs, too, when the document or one of the two endpoints that every client
// needs cannot be had.
func Discover(ctx context.Context, config Config) (Metadata, error) {
	address, err := metadataURL(config.Issuer)
	if err != nil {
		return Metadata{}, err
	}
	document, err := fetch(ctx, config, address)
	if err != nil {
		return Metadata{}, fmt.Errorf("client: metadata: %w", err)
	}
	metadata := Metadata{Document: document}
	if err := json.Unmarshal(document, &metadata); err != nil {
		return Metadata{}, fmt.Errorf("client: metadata: %w", err)
	}
	if metadata.Issuer != config.Issuer {
		return Metadata{}, errors.New("client: the metadata is another issuer's")
	}
	if metadata.AuthURL == "" || metadata.TokenURL == "" {
		return Metadata{}, errors.New("client: the server has no authorization code flow")
	}
	return metadata, nil
}

// metadataURL puts the well-known part between host and path (RFC 8414 section 3.1).
func metadataURL(issuer string) (string, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("client: the issuer is not an https URL")
	}
	return "https://" + u.Host + "/.well-known/oauth-authorization-server" + strings.TrimSuffix(u.EscapedPath(), "/"), nil
}

func fetch(ctx context.Context, config Config, address string) ([]byte, error) {
	transport := config.Transport()
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := transport.RoundTrip(request) // and so no redirect is followed
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answers %s", response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, 1<<20))
}
