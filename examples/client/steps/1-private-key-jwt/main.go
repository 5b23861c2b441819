// Private-key-jwt is the plain client with a key of its own: it authenticates by
// a signed assertion (package privatekeyjwt) wherever it posts to the server,
// renewals included.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/examples/client/internal/app"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

func main() { app.Main(newClient) }

type client struct {
	config   app.Config
	oauth    *oauth2.Config
	http     *http.Client
	attempts *app.Store[attempt]
	sessions *app.Store[*http.Client]
}

// attempt is a login under way, kept for the one browser that began it.
type attempt struct {
	state    string
	verifier string
}

func newClient(ctx context.Context, config app.Config) (http.Handler, error) {
	metadata, err := app.Discover(ctx, config)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(config, metadata)
	if err != nil {
		return nil, err
	}
	c := &client{
		config: config,
		oauth: &oauth2.Config{
			ClientID: config.ClientID, RedirectURL: config.RedirectURI, Scopes: config.Scopes,
			Endpoint: oauth2.Endpoint{
				AuthURL: metadata.AuthURL, TokenURL: metadata.TokenURL, AuthStyle: oauth2.AuthStyleInParams,
			},
		},
		http:     &http.Client{Transport: transport, Timeout: 10 * time.Second},
		attempts: app.NewStore[attempt](config, "attempt", 30*time.Minute),
		sessions: app.NewStore[*http.Client](config, "session", 8*time.Hour),
	}
	return app.Routes(config, c.home, c.login, c.callback)
}

// newTransport adds to requests what proves who sends them.
func newTransport(config app.Config, metadata app.Metadata) (http.RoundTripper, error) {
	assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{
		ClientID: config.ClientID, Issuer: config.Issuer, Key: config.Key,
	})
	if err != nil {
		return nil, err
	}
	return &privatekeyjwt.Transport{
		Signer: assertions, Endpoints: []string{metadata.TokenURL}, Base: config.Transport(),
	}, nil
}

// login sends the browser to the authorization server.
func (c *client) login(w http.ResponseWriter, r *http.Request) error {
	a := attempt{state: rand.Text(), verifier: oauth2.GenerateVerifier()}
	address := c.oauth.AuthCodeURL(a.state, oauth2.S256ChallengeOption(a.verifier))
	if err := c.attempts.Put(w, r, a); err != nil {
		return err
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// callback is the redirect URI: the browser brings the answer of the server.
func (c *client) callback(w http.ResponseWriter, r *http.Request) error {
	a, ok := c.attempts.Get(r)
	params := r.URL.Query()
	if !ok || params.Get("state") != a.state {
		return errors.New("client: no login of this browser has this state")
	}
	if _, first := c.attempts.Take(r); !first {
		return errors.New("client: this login has been answered before")
	}
	if code := params.Get("error"); code != "" {
		return errors.New("client: the server refuses: " + code)
	}
	ctx := context.WithValue(r.Context(), oauth2.HTTPClient, c.http)
	token, err := c.oauth.Exchange(ctx, params.Get("code"), oauth2.VerifierOption(a.verifier))
	if err != nil {
		return err
	}
	// The session's client renews the token for as long as the session lasts.
	if err := c.sessions.Put(w, r, c.oauth.Client(context.WithoutCancel(ctx), token)); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

// home shows the accounts of whoever has logged in.
func (c *client) home(w http.ResponseWriter, r *http.Request) error {
	api, ok := c.sessions.Get(r)
	if !ok {
		return app.Welcome(w)
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, c.config.API, nil)
	if err != nil {
		return err
	}
	response, err := api.Do(request)
	if refused, ok := errors.AsType[*oauth2.RetrieveError](err); ok && refused.ErrorCode == "invalid_grant" {
		c.sessions.Take(r) // the token cannot be renewed: it takes a new login
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return app.Accounts(w, response)
}
