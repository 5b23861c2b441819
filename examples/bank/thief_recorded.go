package main

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/go-fapi/fapi/examples/authserver/server"
)

// sought are searches in what travelled.
func (b *bank) sought() []attack {
	return []attack{{
		id: "T81", title: "a JWT sought in all that travels outside, the client's own signatures aside",
		rule: errNothing, clause: "what a token says is told inside only",
		try:     b.jwtRecorded,
		without: "tokens that are JWTs, and a gateway that hands them on", weakened: b.withoutPhantom,
	}, {
		id: "T82", title: "the opaque token sought in all that travels inside",
		rule: errNothing, clause: "a log of the API has nothing that works outside",
		try:     b.opaqueRecorded,
		without: "a gateway that hands on Authorization as it is", weakened: b.forwardingGateway,
	}}
}

// errNothing is the rule that refuses a search: there was nothing to find.
var errNothing = errors.New("what was sought is not there")

// search is what the thief sees of one.
func (b *bank) search(found bool) (answer, error) {
	if found {
		return answer{status: http.StatusOK}, nil
	}
	b.rules.record(errNothing)
	return answer{status: http.StatusNotFound, code: "nothing_found"}, nil
}

// jwtRecorded listens at the client, from the token request on.
func (b *bank) jwtRecorded(ctx context.Context, send sender) (answer, error) {
	outside := &tap{base: send}
	outside.listen()
	victim, err := b.victim(ctx, outside)
	if err != nil {
		return answer{}, err
	}
	if err := b.overWire(ctx, outside, victim); err != nil {
		return answer{}, err
	}
	sent, received := outside.heard()
	return b.search(len(foreign(jwts(slices.Concat(sent, received)))) > 0)
}

// overWire is a call that has to succeed.
func (b *bank) overWire(ctx context.Context, wire http.RoundTripper, h *holder) error {
	r, err := b.request(ctx, h, http.MethodGet, "/accounts")
	if err != nil {
		return err
	}
	response, err := wire.RoundTrip(r)
	if err != nil {
		return err
	}
	got, err := read(response)
	if err == nil && got.status != http.StatusOK {
		err = errors.New("the honest client got " + got.String())
	}
	return err
}

// opaqueRecorded listens between gateway and API. That the API refuses what it cannot
// read, in the control, changes nothing: it has it in its log.
func (b *bank) opaqueRecorded(ctx context.Context, send sender) (answer, error) {
	victim, err := b.victim(ctx, sender(b.send))
	if err != nil {
		return answer{}, err
	}
	b.gateway.wire.listen()
	_, err = b.calls(ctx, send, victim)()
	sent, received := b.gateway.wire.heard()
	if err != nil {
		return answer{}, err
	}
	if len(sent) == 0 {
		return answer{}, errors.New("nothing travelled inside")
	}
	return b.search(words(slices.Concat(sent, received))[victim.token])
}

// together are relying parties that lay side by side what they got.
func (b *bank) together() []attack {
	return []attack{{
		id: "T83", title: "two relying parties look for a user of both in all they got",
		rule: errNothing, clause: "OpenID Connect Core 8.1, 17.3",
		try:     b.compared,
		without: "public subject identifiers", weakened: b.weakenedServer(withPublicSubjects),
	}, {
		id: "T84", title: "a relying party looks for the user's account and name in all it got",
		rule: errNothing, clause: "OpenID Connect Core 17.1",
		try:     b.inspected(),
		without: "scope profile, by which the user tells the name", honest: b.inspected("profile"),
	}}
}

func withPublicSubjects(c *server.Config) error {
	clients := map[string]server.Client{}
	for id, client := range c.Clients {
		client.SubjectType = "public"
		clients[id] = client
	}
	c.Clients = clients
	return nil
}

// known is what a party could know alice by: what it has for her and not for bob.
func (b *bank) known(ctx context.Context, send sender, id string) (map[string]bool, *visit, error) {
	hers, err := b.visitOf(ctx, send, id, alice)
	if err != nil {
		return nil, nil, err
	}
	his, err := b.visitOf(ctx, send, id, bob)
	if err != nil {
		return nil, nil, err
	}
	return identifiers(hers.received, his.received), hers, nil
}

// compared: the savings bank with the insurer, and with the insurer's app.
func (b *bank) compared(ctx context.Context, send sender) (answer, error) {
	savings, _, err := b.known(ctx, send, savingsID)
	if err != nil {
		return answer{}, err
	}
	for _, id := range []string{insuranceID, insuranceAppID} {
		other, _, err := b.known(ctx, send, id)
		if err != nil {
			return answer{}, err
		}
		if len(common(savings, other)) > 0 {
			return b.search(true)
		}
	}
	return b.search(false)
}

func (b *bank) inspected(scopes ...string) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		for _, id := range []string{savingsID, insuranceID, insuranceAppID} {
			hers, err := b.visitOf(ctx, send, id, alice, scopes...)
			if err != nil {
				return answer{}, err
			}
			if holds(hers.received, alice) || holds(hers.received, accountOf(alice)) {
				return b.search(true)
			}
		}
		return b.search(false)
	}
}
