package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/go-fapi/fapi/mtls"
)

// scopeBalances is for services.
const scopeBalances = "balances"

// balances asks the accounts API for balances, with a certificate and a token of
// its own. The user's token stays where it is: whoever hands it on lets the next
// service act as the user, and it is bound to the client's key anyway.
type balances struct {
	client *http.Client
	origin string
}

func newBalances(config Balances, identity tls.Certificate, trust *x509.CertPool) (*balances, error) {
	rotator, err := mtls.NewRotator(identity)
	if err != nil {
		return nil, err
	}
	transport, err := rotator.Transport(&http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trust},
		TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 16,
	})
	if err != nil {
		return nil, err
	}
	tokens := clientcredentials.Config{
		ClientID: config.ClientID, TokenURL: config.TokenEndpoint, Scopes: []string{scopeBalances},
		EndpointParams: url.Values{"resource": {config.Resource}}, AuthStyle: oauth2.AuthStyleInParams,
	}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient, newClient(transport))
	return &balances{
		client: newClient(&oauth2.Transport{Source: tokens.TokenSource(ctx), Base: transport}),
		origin: config.Origin,
	}, nil
}

// newClient follows no redirects, which would lead certificate and token elsewhere.
func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: transport, Timeout: 5 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// of is the balance of an account, in cents. An error is a fault: whether the user
// may have it was decided before.
func (b *balances) of(ctx context.Context, id string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.origin+"/balances/"+url.PathEscape(id), nil)
	if err != nil {
		return 0, err
	}
	response, err := b.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("accounts answered with status %d", response.StatusCode)
	}
	var answer cents
	err = json.NewDecoder(io.LimitReader(response.Body, 1<<10)).Decode(&answer)
	return answer.Cents, err
}

func (b *balances) close() { b.client.CloseIdleConnections() }
