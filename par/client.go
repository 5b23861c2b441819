package par

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/weburl"
)

const (
	maxAnswer     = 64 << 10 // octets of a response
	maxRequestURI = 2048     // octets, which every browser and server takes in a URL
)

// RequestSigner makes a request object of parameters (RFC 9101). *jar.Signer fits.
type RequestSigner interface {
	Sign(ctx context.Context, params url.Values) (requestObject string, err error)
}

// ClientConfig configures a [Client].
type ClientConfig struct {
	// Config is that of x/oauth2. Its ClientID, RedirectURL, Scopes and
	// Endpoint.AuthURL are used; a ClientSecret is not sent.
	Config *oauth2.Config // required

	// Endpoint is the server's pushed_authorization_request_endpoint, or its
	// mtls_endpoint_aliases one: https, or http on a loopback address.
	Endpoint string // required

	// HTTP sends the pushes; its transport authenticates the client and proves
	// possession of the DPoP key. nil: the client in the context under
	// oauth2.HTTPClient, or http.DefaultClient.
	HTTP *http.Client

	// Signer, when set, makes a request object of every request, which is then
	// all that is pushed (section 3).
	Signer RequestSigner
}

// Client pushes authorization requests. It is safe for concurrent use.
type Client struct {
	config  ClientConfig
	authURL *url.URL
}

// NewClient checks the configuration. Config must not change afterwards.
func NewClient(config ClientConfig) (*Client, error) {
	if config.Config == nil || config.Config.ClientID == "" {
		return nil, errors.New("par: Config with a ClientID is required")
	}
	if _, ok := parseEndpoint(config.Endpoint); !ok {
		return nil, errors.New("par: Endpoint is required: the https URL of the pushed authorization request endpoint")
	}
	authURL, ok := parseEndpoint(config.Config.Endpoint.AuthURL)
	if !ok {
		return nil, errors.New("par: Config.Endpoint.AuthURL is required: the https URL of the authorization endpoint")
	}
	for name := range authURL.Query() {
		if name == "client_id" || name == "request_uri" {
			return nil, errors.New("par: Config.Endpoint.AuthURL must not hold client_id or request_uri")
		}
	}
	return &Client{config: config, authURL: authURL}, nil
}

// parseEndpoint: an endpoint may have a query and no fragment (RFC 6749 3.1).
func parseEndpoint(text string) (*url.URL, bool) {
	u, err := url.Parse(text)
	return u, err == nil && weburl.IsSecure(u) && u.User == nil && !strings.Contains(text, "#")
}

// AuthCodeURL takes the place of the method of oauth2.Config. It posts everything
// that method would put into the URL, and returns the URL of the authorization
// endpoint with client_id and request_uri alone. The URL is for one browser, once,
// soon: call it again for each attempt, with a new state and a new PKCE verifier,
// and bind both to the browser's session. They are what notices another request's
// URL that somebody put in (section 7.5).
//
// opts must hold oauth2.S256ChallengeOption(verifier).
//
// A refusal by the server is an *oauth2.RetrieveError with its ErrorCode. Redirects
// are not followed: they would hand the request to somebody else.
func (c *Client) AuthCodeURL(ctx context.Context, state string, opts ...oauth2.AuthCodeOption) (string, error) {
	if c == nil || c.authURL == nil {
		return "", errors.New("par: the client was not made by NewClient")
	}
	params, err := c.params(state, opts)
	if err != nil {
		return "", err
	}
	if c.config.Signer != nil {
		if params, err = c.signed(ctx, params); err != nil {
			return "", err
		}
	}
	requestURI, err := c.push(ctx, params)
	if err != nil {
		return "", err
	}
	u := *c.authURL
	query := url.Values{"client_id": {c.config.Config.ClientID}, "request_uri": {requestURI}}.Encode()
	if u.RawQuery != "" {
		query = u.RawQuery + "&" + query // section 3.1 of RFC 6749: it must be retained
	}
	u.RawQuery = query
	return u.String(), nil
}

// params are what oauth2.Config would put into the URL, read back from a URL with
// nothing else in it, as options cannot be applied from outside x/oauth2.
func (c *Client) params(state string, opts []oauth2.AuthCodeOption) (url.Values, error) {
	from := c.config.Config
	bare := oauth2.Config{ClientID: from.ClientID, RedirectURL: from.RedirectURL, Scopes: from.Scopes}
	params, err := url.ParseQuery(strings.TrimPrefix(bare.AuthCodeURL(state, opts...), "?"))
	switch {
	case err != nil:
		return nil, errors.New("par: the parameters cannot be encoded")
	case params.Get("client_id") != from.ClientID:
		return nil, errors.New("par: an option changes client_id")
	case params.Has("request") || params.Has("request_uri"):
		return nil, errors.New("par: options must not set request or request_uri: use ClientConfig.Signer")
	case !hasChallenge(params):
		return nil, errors.New("par: AuthCodeURL needs oauth2.S256ChallengeOption with a new verifier")
	case params.Get("redirect_uri") == "":
		return nil, errors.New("par: Config.RedirectURL is required")
	}
	for _, name := range secrets() {
		if params.Has(name) {
			return nil, fmt.Errorf("par: an option sets %s, which belongs to the token endpoint", name)
		}
	}
	return params, nil
}

// signed leaves client_id beside the request object: the server needs it to
// authenticate the client (section 3, erratum 6711).
func (c *Client) signed(ctx context.Context, params url.Values) (url.Values, error) {
	object, err := c.config.Signer.Sign(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("par: sign request object: %w", err)
	}
	if object == "" {
		return nil, errors.New("par: Signer returned neither a request object nor an error")
	}
	return url.Values{"client_id": {c.config.Config.ClientID}, "request": {object}}, nil
}

func (c *Client) push(ctx context.Context, form url.Values) (requestURI string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.config.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("par: push: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "application/json")
	response, err := c.httpClient(ctx).Do(request)
	if err != nil {
		return "", fmt.Errorf("par: push: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return "", fmt.Errorf("par: read response: %w", err)
	}
	if response.StatusCode != http.StatusCreated {
		return "", pushError(response, body)
	}
	if len(body) > maxAnswer || !isJSON(response) {
		return "", errors.New("par: the response is not JSON, or is too large")
	}
	return readAnswer(body)
}

// httpClient is a copy that does not follow redirects: 307 and 308 would post the
// request, and a transport's assertion with it, wherever the server says.
func (c *Client) httpClient(ctx context.Context) *http.Client {
	client := c.config.HTTP
	if client == nil {
		client, _ = ctx.Value(oauth2.HTTPClient).(*http.Client)
	}
	if client == nil {
		client = http.DefaultClient
	}
	still := *client
	still.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &still
}

func isJSON(response *http.Response) bool {
	mediaType, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	return err == nil && mediaType == "application/json"
}

// pushError is an OAuth error if the server sent one.
func pushError(response *http.Response, body []byte) error {
	refused := &oauth2.RetrieveError{Response: response, Body: body}
	if len(body) <= maxAnswer && isJSON(response) {
		_ = jose.ReadObject(body, func(name []byte, value jose.Value) (err error) { // what cannot be read stays empty
			switch string(name) {
			case "error":
				refused.ErrorCode, err = value.Text()
			case "error_description":
				refused.ErrorDescription, err = value.Text()
			case "error_uri":
				refused.ErrorURI, err = value.Text()
			}
			return err
		})
	}
	if refused.ErrorCode == "" {
		return fmt.Errorf("par: push: the server answered %d", response.StatusCode)
	}
	return fmt.Errorf("par: push: %w", refused)
}

// readAnswer reads the members of section 2.2, both of which are required.
func readAnswer(body []byte) (requestURI string, err error) {
	expiresIn := int64(0)
	err = jose.ReadObject(body, func(name []byte, value jose.Value) (err error) {
		switch string(name) {
		case "request_uri":
			requestURI, err = value.Text()
		case "expires_in":
			expiresIn, err = strconv.ParseInt(string(value), 10, 64)
		}
		return err
	})
	if err != nil || expiresIn <= 0 {
		return "", errors.New("par: the response lacks a request_uri, or expires_in as a positive integer")
	}
	if u, err := url.Parse(requestURI); err != nil || !u.IsAbs() || len(requestURI) > maxRequestURI || notPrintable(requestURI) {
		return "", errors.New("par: the request_uri of the response is not a URI of reasonable length")
	}
	return requestURI, nil
}
