package main

import (
	"context"
	"crypto"
	"errors"
	"maps"
	"net/http"

	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// atIntrospection are attempts to read a token at the server.
func (b *bank) atIntrospection() []attack {
	return []attack{{
		id: "T75", title: "a client asks what a stolen opaque token says",
		rule: privatekeyjwt.ErrClient, clause: "RFC 7662 2.1, 4: no API, no answer",
		try:     b.asks(otherClientID, b.otherKey),
		without: "a server that has it among its APIs", weakened: b.weakenedServer(asReader(otherClientID)),
	}, {
		id: "T76", title: "the gateway of another API asks what a stolen opaque token says",
		rule: introspection.ErrInactive, clause: "RFC 7662 4: only its audience",
		try:     b.asks(otherGatewayID, b.otherKey),
		without: "a server that lets it stand in front of this API as well", weakened: b.weakenedServer(asReader(otherGatewayID)),
	}}
}

// asReader makes the other gateway one of the victim's API, under its own name or
// under one that is no client's then.
func asReader(name string) func(*server.Config) error {
	return func(c *server.Config) error {
		reader := c.ResourceServers[otherGatewayID]
		reader.APIs = []string{innerAPI}
		c.Clients, c.ResourceServers = maps.Clone(c.Clients), maps.Clone(c.ResourceServers)
		delete(c.Clients, name)
		delete(c.ResourceServers, otherGatewayID)
		c.ResourceServers[name] = reader
		return nil
	}
}

// asks asks about the victim's token. What the server does not tell is a refusal by
// the program that asked, as an API would.
func (b *bank) asks(id string, key crypto.Signer) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		victim, err := b.victim(ctx, b.only(b.issuer, send))
		if err != nil {
			return answer{}, err
		}
		client, err := b.introspecting(id, key, b.only(b.issuer, send))
		if err != nil {
			return answer{}, err
		}
		asking, err := introspection.NewClient(introspection.ClientConfig{
			Issuer: b.issuer, Endpoint: b.issuer + "/introspect", Audience: innerAPI, HTTP: client,
		})
		if err != nil {
			return answer{}, err
		}
		_, err = asking.Introspect(ctx, victim.token)
		if refused, ok := errors.AsType[*introspection.Error](err); ok {
			b.rules.record(err)
			return answer{status: http.StatusUnauthorized, code: refused.OAuthCode()}, nil
		}
		if errors.Is(err, introspection.ErrCredentials) {
			return answer{status: http.StatusUnauthorized, code: "invalid_client"}, nil
		}
		return answer{status: http.StatusOK}, err
	}
}
