package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"net/http"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/jarm"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

const (
	appID      = "budget-app" // Message Signing: signs requests, gets signed responses
	plainAppID = "plain-app"  // Security Profile: neither
	otherAppID = "thiefs-app" // registered like budget-app, and the thief's

	alice, bob, mallory = "alice", "bob", "mallory" // mallory is the thief when logged in
	password            = "correct horse battery staple"
)

var appScopes = []string{"openid", "profile", "accounts"}

// redirectURI is where a client wants its responses. Nothing listens there: the
// browser of this program hands them over.
func redirectURI(clientID string) string { return "https://" + clientID + ".example/callback" }

// users is who can log in.
type users struct{}

// Authenticate implements [server.Users].
func (users) Authenticate(_ context.Context, username, secret string) (server.User, bool, error) {
	names := map[string]string{alice: "Alice Example", bob: "Bob Example", mallory: "Mallory Example"}
	return server.User{Account: accountOf(username), Name: names[username]}, names[username] != "" && secret == password, nil
}

// accountOf is the bank's own number of a user, which is nobody else's business.
func accountOf(username string) string { return "customer-0815-" + username }

// registerApps adds the clients whose users come with a browser.
func (b *bank) registerApps(clients map[string]server.Client) error {
	profiles := map[string]fapi.Profile{
		appID: fapi.FAPI2MessageSigning, otherAppID: fapi.FAPI2MessageSigning, plainAppID: fapi.FAPI2Security,
	}
	for id, profile := range profiles {
		keys, err := jwks.NewStaticKeys(jwks.Key{Key: b.appKey(id).Public()})
		if err != nil {
			return err
		}
		clients[id] = server.Client{
			Keys: keys, Profile: profile, RedirectURIs: []string{redirectURI(id)},
			Scopes: append([]string{"payments"}, appScopes...), APIs: []string{b.api, innerAPI},
		}
	}
	return nil
}

func (b *bank) appKey(id string) crypto.Signer {
	if key, ok := b.parties.keys[id]; ok {
		return key
	}
	if id == otherAppID {
		return b.otherKey
	}
	return b.clientKey
}

// app is a client whose users come with a browser, as a fintech writes it.
type app struct {
	base      http.RoundTripper // also what its users' browsers send by
	http      *http.Client      // authenticates the client, proves possession
	oauth     *oauth2.Config
	requests  *par.Client
	objects   *jar.Signer // nil: it pushes unsigned
	responses *jarm.Decoder
}

// login is what the app keeps of a login in the session of one browser.
type login struct{ state, verifier, url string }

// app makes the client program. Its requests leave by base. Without a DPoP key it
// proves nothing.
func (b *bank) app(id string, dpopKey crypto.Signer, base http.RoundTripper) (*app, error) {
	authenticating, err := b.authenticating(id, base)
	if err != nil {
		return nil, err
	}
	a := &app{base: base, http: &http.Client{Transport: authenticating}}
	if dpopKey != nil {
		proofs, err := dpop.NewSigner(dpopKey)
		if err != nil {
			return nil, err
		}
		a.http.Transport = &dpop.Transport{Signer: proofs, Base: authenticating}
	}
	a.oauth = &oauth2.Config{
		ClientID: id, RedirectURL: redirectURI(id), Scopes: appScopes,
		Endpoint: oauth2.Endpoint{AuthURL: b.issuer + "/authorize", TokenURL: b.issuer + "/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	requests := par.ClientConfig{Config: a.oauth, Endpoint: b.issuer + "/par", HTTP: a.http}
	responses := jarm.DecoderConfig{Issuer: b.issuer, ClientID: id, Keys: b.apiConfig.Keys, ResponseMode: jarm.ModeQuery}
	if id != plainAppID {
		if a.objects, err = jar.NewSigner(jar.SignerConfig{ClientID: id, Issuer: b.issuer, Key: b.appKey(id)}); err != nil {
			return nil, err
		}
		requests.Signer, responses.ResponseMode = a.objects, jarm.ModeJWT
	}
	if a.requests, err = par.NewClient(requests); err != nil {
		return nil, err
	}
	a.responses, err = jarm.NewDecoder(responses)
	return a, err
}

func (b *bank) authenticating(id string, base http.RoundTripper) (http.RoundTripper, error) {
	assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: id, Issuer: b.issuer, Key: b.appKey(id)})
	return &privatekeyjwt.Transport{Signer: assertions, Endpoints: []string{b.issuer + "/token", b.issuer + "/par"}, Base: base}, err
}

// newLogin is a login for which nothing was pushed yet.
func newLogin() login { return login{state: rand.Text(), verifier: oauth2.GenerateVerifier()} }

// begin pushes a request, and returns with it where to send the browser.
func (a *app) begin(ctx context.Context, l login, options ...oauth2.AuthCodeOption) (login, error) {
	options = append(options, oauth2.S256ChallengeOption(l.verifier))
	if a.objects != nil {
		options = append(options, oauth2.SetAuthURLParam("response_mode", jarm.ModeJWT))
	}
	var err error
	l.url, err = a.requests.AuthCodeURL(ctx, l.state, options...)
	return l, err
}

// finish reads the response that a browser brings, with what its session has of
// the login, and redeems the code.
func (a *app) finish(ctx context.Context, l login, callback *http.Request) (*oauth2.Token, error) {
	params, err := a.responses.Callback(callback, l.state)
	if err != nil {
		return nil, err
	}
	return a.redeem(ctx, params.Get("code"), l.verifier)
}

func (a *app) redeem(ctx context.Context, code, verifier string) (*oauth2.Token, error) {
	return a.oauth.Exchange(a.context(ctx), code, oauth2.VerifierOption(verifier))
}

func (a *app) refresh(ctx context.Context, refreshToken string) (*oauth2.Token, error) {
	return a.oauth.TokenSource(a.context(ctx), &oauth2.Token{RefreshToken: refreshToken}).Token()
}

// context is for x/oauth2, which takes the HTTP client from there.
func (a *app) context(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, a.http)
}

// call calls the API, or userinfo, with a token.
func (a *app) call(ctx context.Context, token *oauth2.Token, method, target string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	response, err := a.oauth.Client(a.context(ctx), token).Do(r)
	if err != nil {
		return answer{}, err
	}
	return read(response)
}
