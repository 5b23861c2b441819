package main

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/par"
)

// withBrowser are attacks on the way of a request and its response through
// browsers. The thief is a user too, has a client registered at the bank, and
// reads and changes what victims' browsers carry.
func (b *bank) withBrowser() []attack {
	var list []attack
	list = append(list, b.editedRequests()...)
	list = append(list, b.othersRequests()...)
	list = append(list, b.weakRequests()...)
	list = append(list, b.responses()...)
	return append(list, b.codes()...)
}

// beginning is how a login begins. It is where most of these attacks are.
type beginning func(ctx context.Context, a *app) (login, error)

// begun is a login of alice that begins in some way, and ends with a call of the
// API as far as it comes.
func (b *bank) begun(id string, begin beginning, method, path string) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		a, err := b.appAt(send, id)
		if err != nil {
			return answer{}, err
		}
		l, err := begin(ctx, a)
		if err != nil {
			return b.outcome(err)
		}
		callback, got, err := b.visit(ctx, a, alice, l.url)
		if callback == nil {
			return got, err
		}
		token, err := a.finish(ctx, l, callback)
		if err != nil {
			return b.outcome(err)
		}
		return a.call(ctx, token, method, b.api+path)
	}
}

// opened is a login that goes as far as the browser goes.
func (b *bank) opened(id string, begin beginning) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		a, err := b.appAt(send, id)
		if err != nil {
			return answer{}, err
		}
		l, err := begin(ctx, a)
		if err != nil {
			return b.outcome(err)
		}
		_, got, err := b.visit(ctx, a, alice, l.url)
		return got, err
	}
}

// more is the scope of the app and payments.
func more() string { return strings.Join(appScopes, " ") + " payments" }

// editedRequests are two ways of asking for more than the client did. Nobody is
// told: the token just does not pay.
func (b *bank) editedRequests() []attack {
	return []attack{{
		id: "T40", title: "scope payments added to the authorization URL",
		rule: cnf.ErrScope, clause: "FAPI 2.0 5.3.2.2-3, RFC 9126 4",
		try: b.begun(appID, func(ctx context.Context, a *app) (login, error) {
			l, err := a.begin(ctx, newLogin())
			l.url += "&scope=" + url.QueryEscape(more())
			return l, err
		}, http.MethodPost, "/payments"),
		without: "a server that reads the URL as well", weakened: b.naiveServer(mergesQuery),
	}, {
		id: "T41", title: "scope payments added beside the request object",
		rule: cnf.ErrScope, clause: "RFC 9101 6.3",
		try: b.begun(appID, func(ctx context.Context, a *app) (login, error) {
			l := newLogin()
			object, err := a.objects.Sign(ctx, a.parameters(l))
			if err != nil {
				return l, err
			}
			return a.push(ctx, l, url.Values{"request": {object}, "scope": {more()}})
		}, http.MethodPost, "/payments"),
		without: "a server that reads what is beside the object", weakened: b.naiveServer(mergesForm),
	}}
}

// othersRequests are requests that are sound, but not where they are used.
func (b *bank) othersRequests() []attack {
	return []attack{{
		id: "T42", title: "request_uri of another client",
		rule: par.ErrRequestURI, clause: "RFC 9126 2.2, 4",
		try: b.opened(appID, func(ctx context.Context, a *app) (login, error) {
			l, err := a.begin(ctx, newLogin())
			l.url = strings.Replace(l.url, "client_id="+appID, "client_id="+otherAppID, 1)
			return l, err
		}),
		without: "a server that asks for the request_uri alone", weakened: b.naiveServer(anyRequester),
	}, {
		id: "T43", title: "request_uri used again after the user approved",
		rule: par.ErrRequestURI, clause: "RFC 9126 4, 7.3",
		try: b.opened(appID, func(ctx context.Context, a *app) (login, error) {
			l, err := a.begin(ctx, newLogin())
			if err != nil {
				return l, err
			}
			_, err = b.approved(ctx, a, l)
			return l, err
		}),
		without: "a store that keeps what was taken", weakened: b.weakenedServer(keepsRequests),
	}, {
		id: "T44", title: "request object of another client",
		rule: jar.ErrIssuer, clause: "RFC 9101 4, 6.3",
		try: b.opened(otherAppID, func(ctx context.Context, a *app) (login, error) {
			victim, err := b.app(appID, b.dpopKey, a.base)
			if err != nil {
				return login{}, err
			}
			object, err := victim.objects.Sign(ctx, victim.parameters(newLogin()))
			if err != nil {
				return login{}, err
			}
			return a.push(ctx, newLogin(), url.Values{"request": {object}})
		}),
		without: "a server that does not ask whose a request object is", weakened: b.naiveServer(anyObject),
	}}
}

// unspent is a store that takes nothing out.
type unspent struct{ par.Store }

// Take implements [par.Store].
func (unspent) Take(context.Context, string) (bool, error) { return true, nil }

func keepsRequests(c *server.Config) error {
	store, err := par.NewMemory(par.MemoryConfig{})
	c.Requests = unspent{store}
	return err
}

// weakRequests leave something out that FAPI demands. The honest client does not
// send them; who writes one for it, or between it and the server, does.
func (b *bank) weakRequests() []attack {
	changed := func(change func(params url.Values, l login)) beginning {
		return func(ctx context.Context, a *app) (login, error) {
			l := newLogin()
			params := a.parameters(l)
			change(params, l)
			return a.push(ctx, l, params)
		}
	}
	return []attack{{
		id: "T45", title: "PKCE downgraded to plain",
		rule: par.ErrChallenge, clause: "FAPI 2.0 5.3.2.2-5",
		try: b.begun(plainAppID, changed(func(params url.Values, l login) {
			params.Set("code_challenge", l.verifier)
			params.Set("code_challenge_method", "plain")
		}), http.MethodGet, "/accounts"),
		without: "a server that takes plain", weakened: b.naiveServer(plainChallenge),
	}, {
		id: "T46", title: "PKCE left out",
		rule: par.ErrChallenge, clause: "FAPI 2.0 5.3.2.2-5",
		try: b.begun(plainAppID, changed(func(params url.Values, _ login) {
			params.Del("code_challenge")
			params.Del("code_challenge_method")
		}), http.MethodGet, "/accounts"),
		without: "a server where PKCE is optional", weakened: b.naiveServer(optionalChallenge),
	}, {
		id: "T47", title: "unsigned request of a client that signs",
		rule: par.ErrUnsigned, clause: "FAPI 2.0 Message Signing 5.3.1-1, RFC 9101 10.5",
		try:     b.begun(appID, changed(func(url.Values, login) {}), http.MethodGet, "/accounts"),
		without: "a client registered without Message Signing",
		weakened: b.weakenedServer(func(c *server.Config) error {
			client := c.Clients[appID]
			client.Profile = fapi.FAPI2Security
			c.Clients = maps.Clone(c.Clients)
			c.Clients[appID] = client
			return nil
		}),
	}, {
		id: "T48", title: "authorization request that nobody pushed",
		rule: par.ErrNotPushed, clause: "FAPI 2.0 5.3.2.2-3",
		try: b.begun(plainAppID, func(_ context.Context, a *app) (login, error) {
			l := newLogin()
			l.url = a.authorizationURL(a.parameters(l))
			return l, nil
		}, http.MethodGet, "/accounts"),
		without: "a server that takes requests from the URL", weakened: b.naiveServer(unpushed),
	}}
}
