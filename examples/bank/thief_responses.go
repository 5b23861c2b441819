package main

import (
	"context"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/jarm"
	"github.com/go-fapi/fapi/par"
)

// responses are attacks on what comes back to a client: the client is the one to
// refuse, and what the controls take away is the client's.
func (b *bank) responses() []attack {
	return []attack{{
		id: "T49", title: "authorization URL swapped for that of the thief's own login",
		rule: jarm.ErrState, clause: "RFC 9126 7.5, RFC 6749 10.12",
		try:     b.swapped(byBrowser),
		without: "a client that finds logins by the state in the response", honest: b.swapped(byResponse),
	}, {
		id: "T50", title: "victim's response brought to the client by the thief's browser",
		rule: jarm.ErrState, clause: "JARM 5.2, RFC 6749 10.12",
		try:     b.injected(byBrowser),
		without: "a client that finds logins by the state in the response", honest: b.injected(byResponse),
	}, {
		id: "T51", title: "response for the thief's client brought to the victim's client",
		rule: jarm.ErrAudience, clause: "JARM 2.4-3",
		try:     b.forAnotherClient(appID),
		without: "a client that takes the other's aud", honest: b.forAnotherClient(otherAppID),
	}, {
		id: "T52", title: "mix-up: the thief's server sends the client to the bank, and waits for the code",
		rule: jarm.ErrIssuer, clause: "RFC 9207 2.4, FAPI 2.0 5.3.3.2-5",
		try:     b.mixedUp((*mixedUpClient).callback),
		without: "a client that only compares state", honest: b.mixedUp((*mixedUpClient).stateOnly),
	}, {
		id: "T53", title: "victim's code put into the thief's own response",
		rule: server.ErrVerifier, clause: "RFC 7636 4.6, RFC 9700 2.1.1",
		try:     b.codeInjected,
		without: "a server that forgets PKCE", weakened: b.naiveServer(anyVerifier),
	}}
}

// sessions are the logins that a client has going. The first is of the browser
// that brings the response.
type sessions []login

// finding is how a client finds the login that a response belongs to.
type finding func(ctx context.Context, a *app, going sessions, callback *http.Request) (login, error)

// byBrowser goes by the session of the browser, whatever the response says.
func byBrowser(_ context.Context, _ *app, going sessions, _ *http.Request) (login, error) {
	return going[0], nil
}

// byResponse is how one must not do it.
func byResponse(ctx context.Context, a *app, going sessions, callback *http.Request) (login, error) {
	params, err := a.responses.Decode(ctx, callback.URL.Query().Get("response"))
	if err != nil {
		return login{}, err
	}
	for _, l := range going {
		if l.state == params.Get("state") {
			return l, nil
		}
	}
	return login{}, errNaive
}

// atClient is the client's side of a response.
func (b *bank) atClient(ctx context.Context, a *app, find finding, going sessions, callback *http.Request) (answer, error) {
	l, err := find(ctx, a, going, callback)
	if err != nil {
		return answer{}, err
	}
	token, err := a.finish(ctx, l, callback)
	return b.accountsOf(ctx, a, token, err)
}

// two begins two logins at a client.
func (b *bank) two(ctx context.Context, send sender, id string) (a *app, victims, thiefs login, err error) {
	if a, err = b.appAt(send, id); err != nil {
		return nil, login{}, login{}, err
	}
	if victims, err = a.begin(ctx, newLogin()); err != nil {
		return nil, login{}, login{}, err
	}
	thiefs, err = a.begin(ctx, newLogin())
	return a, victims, thiefs, err
}

// swapped has alice begin a login, and go on with the one that the thief began:
// perhaps with less that the client asked for, perhaps for the thief's account.
func (b *bank) swapped(find finding) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		a, victims, thiefs, err := b.two(ctx, send, appID)
		if err != nil {
			return answer{}, err
		}
		callback, err := b.approved(ctx, a, thiefs)
		if err != nil {
			return answer{}, err
		}
		return b.atClient(ctx, a, find, sessions{victims, thiefs}, callback)
	}
}

// injected has the thief read alice's response, from a log or a history, and
// open it in the middle of his own login: he would see her accounts.
func (b *bank) injected(find finding) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		a, victims, thiefs, err := b.two(ctx, send, appID)
		if err != nil {
			return answer{}, err
		}
		callback, err := b.approved(ctx, a, victims)
		if err != nil {
			return answer{}, err
		}
		return b.atClient(ctx, a, find, sessions{thiefs, victims}, callback)
	}
}

// forAnotherClient brings a response for the thief's client, with the state that
// alice's browser waits for, to a client that takes itself for id.
func (b *bank) forAnotherClient(id string) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		thiefs, err := b.appAt(send, otherAppID)
		if err != nil {
			return answer{}, err
		}
		victims, err := b.appAt(send, id)
		if err != nil {
			return answer{}, err
		}
		l, err := thiefs.begin(ctx, newLogin())
		if err != nil {
			return answer{}, err
		}
		callback, err := b.approved(ctx, thiefs, l)
		if err != nil {
			return answer{}, err
		}
		if _, err := victims.responses.Callback(callback, l.state); err != nil {
			return b.outcome(err)
		}
		return answer{status: http.StatusOK}, nil
	}
}

// codeInjected is for clients with plain responses, which the thief can write
// into: state and iss are of his own login, the code is alice's.
func (b *bank) codeInjected(ctx context.Context, send sender) (answer, error) {
	a, victims, thiefs, err := b.two(ctx, send, plainAppID)
	if err != nil {
		return answer{}, err
	}
	stolen, err := b.approved(ctx, a, victims)
	if err != nil {
		return answer{}, err
	}
	callback, got, err := b.visit(ctx, a, mallory, thiefs.url)
	if callback == nil {
		return got, err
	}
	query := callback.URL.Query()
	query.Set("code", stolen.URL.Query().Get("code"))
	callback.URL.RawQuery = query.Encode()
	token, err := a.finish(ctx, thiefs, callback)
	return b.accountsOf(ctx, a, token, err)
}

// mixedUpClient believes that it talks to the thief's server, which its user
// chose. That server's metadata has the endpoints of the bank, all but one. The
// client authenticates by certificate, with which it can be sent anywhere; an
// assertion names the server it is for.
type mixedUpClient struct {
	*app
	login login
}

func (b *bank) newMixedUpClient(ctx context.Context) (c *mixedUpClient, err error) {
	c = &mixedUpClient{app: &app{base: sender(b.send), http: &http.Client{Transport: sender(b.sendCertified)}}}
	c.oauth = &oauth2.Config{
		ClientID: corporateID, RedirectURL: redirectURI(corporateID), Scopes: []string{"accounts"},
		Endpoint: oauth2.Endpoint{AuthURL: b.issuer + "/authorize", TokenURL: thiefsIssuer + "/token", AuthStyle: oauth2.AuthStyleInParams},
	}
	if c.requests, err = par.NewClient(par.ClientConfig{Config: c.oauth, Endpoint: b.alias + "/par", HTTP: c.http}); err != nil {
		return nil, err
	}
	if c.responses, err = jarm.NewDecoder(jarm.DecoderConfig{
		Issuer: thiefsIssuer, ClientID: corporateID, Keys: b.apiConfig.Keys, ResponseMode: jarm.ModeQuery,
	}); err != nil {
		return nil, err
	}
	c.login, err = c.begin(ctx, newLogin())
	return c, err
}

// sendCertified sends what the mixed-up client sends.
func (b *bank) sendCertified(r *http.Request) (answer, error) {
	if "https://"+r.URL.Host == thiefsIssuer {
		return sendTo(thiefsServer(), r), nil
	}
	return b.send(withCertificate(r, b.certificates.corporate))
}

// callback reads a response as the client of one server.
func (c *mixedUpClient) callback(r *http.Request) (url.Values, error) {
	return c.responses.Callback(r, c.login.state)
}

// stateOnly is how one must not do it.
func (c *mixedUpClient) stateOnly(r *http.Request) (url.Values, error) {
	if r.URL.Query().Get("state") != c.login.state {
		return nil, errNaive
	}
	return r.URL.Query(), nil
}

// mixedUp ends at the token endpoint of the thief's server, which is content if
// it gets a code of the bank and the verifier to it.
func (b *bank) mixedUp(read func(*mixedUpClient, *http.Request) (url.Values, error)) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, _ sender) (answer, error) {
		c, err := b.newMixedUpClient(ctx)
		if err != nil {
			return answer{}, err
		}
		callback, err := b.approved(ctx, c.app, c.login)
		if err != nil {
			return answer{}, err
		}
		params, err := read(c, callback)
		if err != nil {
			return b.outcome(err)
		}
		if _, err := c.redeem(ctx, params.Get("code"), c.login.verifier); err != nil {
			return b.outcome(err)
		}
		return answer{status: http.StatusOK}, nil
	}
}

// thiefsServer is a token endpoint that collects codes.
func thiefsServer() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ParseForm() != nil || r.PostForm.Get("code") == "" || r.PostForm.Get("code_verifier") == "" {
			naiveRefuse(w)
			return
		}
		naiveWrite(w, http.StatusOK, map[string]any{"access_token": "anything", "token_type": "Bearer"})
	})
}
