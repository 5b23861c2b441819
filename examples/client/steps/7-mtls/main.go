// Mtls is the client of step 4 with a certificate (package mtls) in place of both
// keys: it authenticates the client, and tokens are bound to it. This is a whole
// client of the FAPI 2.0 Security Profile, too.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/examples/client/internal/app"
	"github.com/go-fapi/fapi/jarm"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/par"
)

func main() { app.Main(newClient) }

type client struct {
	config   app.Config
	oauth    *oauth2.Config
	requests *par.Client
	http     *http.Client
	answers  *jarm.Decoder
	attempts *app.Store[attempt]
	sessions *app.Store[*http.Client]
}

// attempt is a login under way, kept for the one browser that began it.
type attempt struct {
	state    string
	verifier string
	answers  *jarm.Decoder // of the one server that the browser was sent to
}

func newClient(ctx context.Context, config app.Config) (http.Handler, error) {
	metadata, err := app.Discover(ctx, config)
	if err != nil {
		return nil, err
	}
	// Where the server asks for certificates; the browser goes elsewhere.
	tokenURL, err := mtls.Endpoint(metadata.Document, config.Issuer, "token_endpoint")
	if err != nil {
		return nil, err
	}
	pushURL, err := mtls.Endpoint(metadata.Document, config.Issuer, "pushed_authorization_request_endpoint")
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(config)
	if err != nil {
		return nil, err
	}
	c := &client{
		config: config,
		oauth: &oauth2.Config{
			ClientID: config.ClientID, RedirectURL: config.RedirectURI, Scopes: config.Scopes,
			Endpoint: oauth2.Endpoint{
				AuthURL: metadata.AuthURL, TokenURL: tokenURL, AuthStyle: oauth2.AuthStyleInParams,
			},
		},
		http:     &http.Client{Transport: transport, Timeout: 10 * time.Second},
		attempts: app.NewStore[attempt](config, "attempt", 30*time.Minute),
		sessions: app.NewStore[*http.Client](config, "session", 8*time.Hour),
	}
	c.requests, err = par.NewClient(par.ClientConfig{Config: c.oauth, Endpoint: pushURL, HTTP: c.http})
	if err != nil {
		return nil, err
	}
	c.answers, err = jarm.NewDecoder(jarm.DecoderConfig{
		Issuer: config.Issuer, ClientID: config.ClientID, ResponseMode: jarm.ModeQuery,
	})
	if err != nil {
		return nil, err
	}
	return app.Routes(config, c.home, c.login, c.callback)
}

// newTransport shows the certificate to servers that ask for one.
func newTransport(config app.Config) (http.RoundTripper, error) {
	if config.Certificate == nil {
		return nil, errors.New("client: a certificate is required")
	}
	rotator, err := mtls.NewRotator(*config.Certificate)
	if err != nil {
		return nil, err
	}
	return rotator.Transport(config.Transport())
}

// login sends the browser to the authorization server.
func (c *client) login(w http.ResponseWriter, r *http.Request) error {
	a := attempt{state: rand.Text(), verifier: oauth2.GenerateVerifier(), answers: c.answers}
	address, err := c.requests.AuthCodeURL(r.Context(), a.state, oauth2.S256ChallengeOption(a.verifier))
	if err != nil {
		return err
	}
	if err := c.attempts.Put(w, r, a); err != nil {
		return err
	}
	http.Redirect(w, r, address, http.StatusSeeOther)
	return nil
}

// callback is the redirect URI: the browser brings the answer of the server.
func (c *client) callback(w http.ResponseWriter, r *http.Request) error {
	a, ok := c.attempts.Get(r)
	if !ok {
		return errors.New("client: this browser has no login under way")
	}
	params, err := a.answers.Callback(r, a.state)
	if _, ended := errors.AsType[*jarm.AuthorizationError](err); err != nil && !ended {
		return err // not the server's answer, which may still come
	}
	if _, first := c.attempts.Take(r); !first {
		return errors.New("client: this login has been answered before")
	}
	if err != nil {
		return err
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
