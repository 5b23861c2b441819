package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/phantom"
	"github.com/go-fapi/fapi/replay"
)

// atInside are attacks past the gateway: the thief is in the network behind it, reads
// what goes by there, and reaches the API.
func (b *bank) atInside() []attack {
	return []attack{{
		id: "T67", title: "JWT from the API's log, sent to the API without a statement",
		rule: phantom.ErrCount, clause: "RFC 9449 4.3-1: no token works without evidence",
		try:     b.inside(func(context.Context, overheard) (string, error) { return "", nil }),
		without: "an API that only verifies the token", weakened: b.innerTokenOnly,
	}, {
		id: "T68", title: "statement about another request",
		rule: phantom.ErrRequest, clause: "RFC 9449 4.3-8, -9",
		try:     b.insideAt(http.MethodPost, "/payments", asHeard),
		without: "the request that it is about, which had not arrived yet",
		honest:  b.inside(asHeard),
	}, {
		id: "T69", title: "statement used a second time",
		rule: phantom.ErrReplay, clause: "RFC 9449 11.1",
		try:     b.insideTwice,
		without: "replay.Off",
		weakened: b.weakenedInside(func(c *phantom.EvidenceConfig) error {
			c.Replay = replay.Off{}
			return nil
		}),
	}, {
		id: "T70", title: "statement that the thief made, with a key of his own",
		rule: phantom.ErrKey, clause: "RFC 9449 4.3-7",
		try:     b.inside(b.forgedStatement(b.thiefKey)),
		without: "an API that counts the thief's key among the gateway's", weakened: b.weakenedInside(b.withThiefsKey),
	}, {
		id: "T71", title: "statement that the thief made, under the name of the gateway's key",
		rule: phantom.ErrSignature, clause: "RFC 9449 4.3-6",
		try:     b.inside(b.forgedStatement(b.gateway.evidence)),
		without: "an API that reads statements and verifies none", weakened: b.anyStatement,
	}, {
		id: "T72", title: "statement about the thief's own request, with the victim's JWT",
		rule: phantom.ErrTokenHash, clause: "RFC 9449 4.3-12",
		try:     b.inside(b.thiefsStatement),
		without: "an API that reads statements and does not compare the token", weakened: b.anyStatement,
	}, {
		id: "T73", title: "forged Client-Cert, sent to the API past the gateway",
		rule: mtls.ErrProxy, clause: "RFC 9440 4",
		try:     b.certifiedInside,
		without: "an API that believes everybody", weakened: func() (http.Handler, error) {
			return b.innerWith(someStatement{}, func(*http.Request) bool { return true })
		},
	}, {
		id: "T74", title: "opaque token sent to the API past the gateway",
		rule: accesstoken.ErrMalformed, clause: "RFC 9068 4: it says nothing there",
		try:     b.opaqueInside,
		without: "the victim at the gateway, with a proof", honest: b.opaqueOutside,
	}}
}

// overheard is what goes by inside for one request.
type overheard struct{ jwt, statement string }

// overhear reads what the gateway sends for a request of an honest client, and keeps
// it from arriving: so the statement is unused.
func (b *bank) overhear(r *http.Request) (heard overheard, err error) {
	gateway, err := b.newGateway(sender(func(r *http.Request) (answer, error) {
		heard = overheard{strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), r.Header.Get(phantom.EvidenceHeader)}
		return answer{status: http.StatusOK, header: http.Header{}}, nil
	}))
	if err != nil {
		return heard, err
	}
	if got := sendTo(gateway, r); heard.jwt == "" {
		err = errors.New("nothing was to be heard: " + got.String())
	}
	return heard, err
}

// overhearHolder is overhear for GET /accounts of a client with a key.
func (b *bank) overhearHolder(ctx context.Context, id string, key, dpopKey crypto.Signer) (overheard, error) {
	h, err := b.holder(ctx, id, key, dpopKey, sender(b.send))
	if err != nil {
		return overheard{}, err
	}
	r, err := b.request(ctx, h, http.MethodGet, "/accounts")
	if err != nil {
		return overheard{}, err
	}
	return b.overhear(r)
}

// stating makes a statement of what was overheard.
type stating func(ctx context.Context, heard overheard) (statement string, err error)

func asHeard(_ context.Context, heard overheard) (string, error) { return heard.statement, nil }

// inside sends the victim's JWT for GET /accounts to the API.
func (b *bank) inside(state stating) func(context.Context, sender) (answer, error) {
	return b.insideAt(http.MethodGet, "/accounts", state)
}

// insideAt sends it, with a statement for GET /accounts, wherever.
func (b *bank) insideAt(method, path string, state stating) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		heard, err := b.overhearHolder(ctx, clientID, b.clientKey, b.dpopKey)
		if err != nil {
			return answer{}, err
		}
		if heard.statement, err = state(ctx, heard); err != nil {
			return answer{}, err
		}
		return b.sendInside(ctx, send, method, path, heard)
	}
}

func (b *bank) sendInside(ctx context.Context, send sender, method, path string, heard overheard) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, b.gateway.inside+path, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+heard.jwt)
	if heard.statement != "" {
		r.Header.Set(phantom.EvidenceHeader, heard.statement)
	}
	return send(r)
}

func (b *bank) insideTwice(ctx context.Context, send sender) (answer, error) {
	heard, err := b.overhearHolder(ctx, clientID, b.clientKey, b.dpopKey)
	if err != nil {
		return answer{}, err
	}
	first, err := b.sendInside(ctx, send, http.MethodGet, "/accounts", heard)
	if err != nil || first.status != http.StatusOK {
		return first, err
	}
	return b.sendInside(ctx, send, http.MethodGet, "/accounts", heard)
}

// forgedStatement is right in everything but who signed it. It says that the key was
// named.
func (b *bank) forgedStatement(named crypto.Signer) stating {
	return func(_ context.Context, heard overheard) (string, error) {
		name, err := dpop.NewSigner(named)
		if err != nil {
			return "", err
		}
		victim, err := dpop.NewSigner(b.dpopKey)
		if err != nil {
			return "", err
		}
		sum, now := sha256.Sum256([]byte(heard.jwt)), time.Now().Unix()
		header := map[string]any{"typ": "phantom-evidence+jwt", "alg": "ES256", "kid": dpop.JKT(name.Thumbprint())}
		return mint(b.thiefKey, header, map[string]any{
			"iss": gatewayIssuer, "aud": innerAPI, "iat": now, "exp": now + 30, "jti": rand.Text(),
			"htm": http.MethodGet, "path": "/accounts", "ath": encode(sum[:]),
			"cnf": map[string]any{"jkt": dpop.JKT(victim.Thumbprint())},
		})
	}
}

// thiefsStatement is the gateway's, about a request of the thief as an honest client.
func (b *bank) thiefsStatement(ctx context.Context, _ overheard) (string, error) {
	own, err := b.overhearHolder(ctx, otherClientID, b.otherKey, b.thiefKey)
	return own.statement, err
}

// certifiedInside is a JWT bound to the corporate's certificate, which anybody may
// know.
func (b *bank) certifiedInside(ctx context.Context, send sender) (answer, error) {
	r, err := b.corporateRequest(ctx)
	if err != nil {
		return answer{}, err
	}
	heard, err := b.overhear(withCertificate(r, b.certificates.corporate))
	if err != nil {
		return answer{}, err
	}
	return b.sendInside(ctx, func(r *http.Request) (answer, error) {
		b.forge(r)
		return send(r)
	}, http.MethodGet, "/accounts", heard)
}

// opaqueInside is the victim's token past the gateway.
func (b *bank) opaqueInside(ctx context.Context, send sender) (answer, error) {
	victim, err := b.victim(ctx, sender(b.send))
	if err != nil {
		return answer{}, err
	}
	return b.sendInside(ctx, send, http.MethodGet, "/accounts", overheard{jwt: victim.token})
}

// opaqueOutside is the victim, where the token belongs.
func (b *bank) opaqueOutside(ctx context.Context, send sender) (answer, error) {
	victim, err := b.victim(ctx, sender(b.send))
	if err != nil {
		return answer{}, err
	}
	return b.calls(ctx, send, victim)()
}

// weakenedInside is the API with one thing changed in how it reads statements.
func (b *bank) weakenedInside(change func(*phantom.EvidenceConfig) error) func() (http.Handler, error) {
	return func() (http.Handler, error) {
		var failed error
		handler, err := b.behindGateway(func(c *phantom.EvidenceConfig) { failed = change(c) })
		return handler, errors.Join(failed, err)
	}
}

func (b *bank) withThiefsKey(c *phantom.EvidenceConfig) (err error) {
	c.Keys, err = jwks.NewStaticKeys(jwks.Key{Key: b.gateway.evidence.Public()}, jwks.Key{Key: b.thiefKey.Public()})
	return err
}

// anyStatement is the API with a method that is content with some statement.
func (b *bank) anyStatement() (http.Handler, error) {
	return b.innerWith(someStatement{}, b.isGateway())
}

type someStatement struct{}

// Scheme implements [cnf.Method], as do Member and Confirm.
func (someStatement) Scheme() string { return "Bearer" }

// Member is what the token is bound to.
func (someStatement) Member() string { return cnf.MemberJKT }

// Confirm looks whether there is one.
func (someStatement) Confirm(_ http.Header, r *http.Request, _ string, _ [32]byte) error {
	if r.Header.Get(phantom.EvidenceHeader) == "" {
		return errNaive
	}
	return nil
}
