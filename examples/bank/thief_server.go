package main

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"time"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

const thiefsIssuer = "https://as.thief.example"

// weakenedServer is the authorization server with one thing changed.
func (b *bank) weakenedServer(change func(*server.Config) error) func() (http.Handler, error) {
	return func() (http.Handler, error) {
		config := b.serverConfig
		if err := change(&config); err != nil {
			return nil, err
		}
		return server.New(config)
	}
}

// ask posts the form that make makes, with a proof of the thief's key.
func (b *bank) ask(make func(ctx context.Context) (url.Values, error)) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		form, err := make(ctx)
		if err != nil {
			return answer{}, err
		}
		r, err := b.tokenRequest(ctx, form, b.issuer+"/token")
		if err != nil {
			return answer{}, err
		}
		return send(r)
	}
}

// atTheServer are attacks on the token endpoint: the thief wants a token bound
// to a key of his own.
func (b *bank) atTheServer() []attack {
	return append(b.assertions(), attack{
		id: "T27", title: "token request without a proof, for a Bearer token",
		rule: dpop.ErrProofCount, clause: "RFC 9449 5.2",
		try:     b.tokenWithProofFor(""),
		without: "the same with a proof",
		honest:  b.tokenWithProofFor(b.issuer + "/token"),
	}, attack{
		id: "T28", title: "proof made for the API used at the token endpoint",
		rule: dpop.ErrTarget, clause: "RFC 9449 4.3-9",
		try:     b.tokenWithProofFor(b.api + "/accounts"),
		without: "the same with a proof for the token endpoint",
		honest:  b.tokenWithProofFor(b.issuer + "/token"),
	})
}

func (b *bank) tokenWithProofFor(target string) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		form, err := b.assertionFor(ctx, b.issuer)
		if err != nil {
			return answer{}, err
		}
		r, err := b.tokenRequest(ctx, form, target)
		if err != nil {
			return answer{}, err
		}
		return send(r)
	}
}

func (b *bank) assertions() []attack {
	return []attack{{
		id: "T23", title: "client assertion made for the thief's own server",
		rule: privatekeyjwt.ErrAudience, clause: "FAPI 2.0 5.3.2.1-8",
		try:     b.ask(func(ctx context.Context) (url.Values, error) { return b.assertionFor(ctx, thiefsIssuer) }),
		without: "an extra audience",
		weakened: b.weakenedServer(func(c *server.Config) error {
			c.ExtraAudiences = []string{thiefsIssuer}
			return nil
		}),
	}, {
		id: "T24", title: "client assertion replayed",
		rule: privatekeyjwt.ErrReplay, clause: "RFC 7523 3-7",
		try: func(ctx context.Context, send sender) (answer, error) {
			form, err := b.assertionFor(ctx, b.issuer)
			if err != nil {
				return answer{}, err
			}
			same := b.ask(func(context.Context) (url.Values, error) { return form, nil })
			if first, err := same(ctx, send); err != nil || first.status != http.StatusOK {
				return first, err
			}
			return same(ctx, send)
		},
		without: "replay.Off",
		weakened: b.weakenedServer(func(c *server.Config) error {
			c.Replay = replay.Off{}
			return nil
		}),
	}, {
		id: "T25", title: "client assertion in the victim's name, signed by another client",
		rule: privatekeyjwt.ErrKey, clause: "RFC 8725 3.10",
		try: b.ask(func(ctx context.Context) (url.Values, error) {
			signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: clientID, Issuer: b.issuer, Key: b.otherKey})
			if err != nil {
				return nil, err
			}
			form := url.Values{"grant_type": {"client_credentials"}}
			return form, signer.AuthenticateClient(ctx, form)
		}),
		without: "a server that looks for the key among all clients' keys", weakened: b.weakenedServer(b.poolKeys),
	}, {
		id: "T26", title: `client assertion with alg "none"`,
		rule: privatekeyjwt.ErrAlgorithm, clause: "FAPI 2.0 5.4.1",
		try:     b.ask(b.unsigned),
		without: "the same, signed",
		honest:  b.ask(func(ctx context.Context) (url.Values, error) { return b.assertionFor(ctx, b.issuer) }),
	}}
}

func (b *bank) poolKeys(c *server.Config) error {
	pool, err := jwks.NewStaticKeys(jwks.Key{Key: b.clientKey.Public()}, jwks.Key{Key: b.otherKey.Public()})
	clients := map[string]server.Client{}
	for id, client := range c.Clients {
		client.Keys = pool
		clients[id] = client
	}
	c.Clients = clients
	return err
}

func (b *bank) unsigned(ctx context.Context) (url.Values, error) {
	form, err := b.assertionFor(ctx, b.issuer)
	if err != nil {
		return nil, err
	}
	now := time.Now().Unix()
	assertion, err := mint(b.thiefKey, map[string]any{"alg": "none"}, map[string]any{
		"iss": clientID, "sub": clientID, "aud": b.issuer, "iat": now, "exp": now + 60, "jti": rand.Text(),
	})
	form.Set("client_assertion", assertion)
	return form, err
}
