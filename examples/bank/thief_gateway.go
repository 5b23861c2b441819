package main

import (
	"context"
	"crypto"
	"net/http"
	"time"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/phantom"
)

// atGateway are attacks from outside: the thief has an opaque token of the victim.
func (b *bank) atGateway() []attack {
	return []attack{{
		id: "T59", title: "stolen opaque token, no proof",
		rule: dpop.ErrProofCount, clause: "RFC 9449 4.3-1",
		try:     b.stolenOpaque(nil),
		without: "a gateway that only exchanges tokens, and an API that believes it", weakened: b.trustingGateway,
	}, {
		id: "T60", title: "stolen opaque token with a proof of the thief's own key",
		rule: dpop.ErrBinding, clause: "RFC 9449 4.3-12",
		try:     b.stolenOpaque(b.thiefKey),
		without: "a gateway that only exchanges tokens, and an API that believes it", weakened: b.trustingGateway,
	}, {
		id: "T61", title: "certificate-bound opaque token with another certificate",
		rule: mtls.ErrBinding, clause: "RFC 8705 3",
		try: b.certifiedOpaque(func(r *http.Request) *http.Request {
			return withCertificate(r, b.certificates.colleague)
		}),
		without: "a gateway that only exchanges tokens, and an API that believes it", weakened: b.trustingGateway,
	}, {
		id: "T62", title: "JWT from the API's log presented outside, at the gateway",
		rule: phantom.ErrToken, clause: "RFC 6750 3.1: what works inside does not outside",
		try:     b.innerOutside,
		without: "a gateway that hands on what it cannot exchange", weakened: b.trustingGateway,
	}, {
		id: "T63", title: "forged Client-Cert, sent through the gateway",
		rule: mtls.ErrNoCertificate, clause: "RFC 9440 2.4",
		try: b.certifiedOpaque(func(r *http.Request) *http.Request {
			b.forge(r)
			return r
		}),
		without: "a gateway that leaves proofs to the API and strips nothing", weakened: b.carelessGateway,
	}, {
		id: "T64", title: "stolen opaque token with a statement from inside, sent through the gateway",
		rule: dpop.ErrProofCount, clause: "RFC 9449 4.3-1",
		try:     b.stolenStatement,
		without: "a gateway that leaves proofs to the API and strips nothing", weakened: b.carelessGateway,
	}, {
		id: "T65", title: "encoded slashes to a page that no route leads to",
		rule: phantom.ErrTarget, clause: "RFC 3986 6.2.2",
		try:     b.honestAt("/accounts%2F..%2Foperators"),
		without: "a proxy that compares the path it was sent with what is forbidden", weakened: b.prefixGateway,
	}, {
		id: "T66", title: "an empty segment before the page that no route leads to",
		rule: phantom.ErrTarget, clause: "RFC 3986 6.2.2",
		try:     b.honestAt("//operators"),
		without: "a proxy that compares the path it was sent with what is forbidden", weakened: b.prefixGateway,
	}}
}

// stolenOpaque sends the victim's token to the gateway, with a proof of some key or
// none.
func (b *bank) stolenOpaque(key crypto.Signer) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		victim, err := b.victim(ctx, sender(b.send))
		if err != nil {
			return answer{}, err
		}
		r, err := b.requestWith(ctx, victim.token, key, http.MethodGet, "/accounts")
		if err != nil {
			return answer{}, err
		}
		return send(r)
	}
}

// stolenStatement adds a statement that was overheard inside. It is about the JWT
// that the gateway remembers, so a slow machine tries again.
func (b *bank) stolenStatement(ctx context.Context, send sender) (got answer, err error) {
	for began := time.Now(); ; began = time.Now() {
		victim, err := b.victim(ctx, sender(b.send))
		if err != nil {
			return answer{}, err
		}
		r, err := b.request(ctx, victim, http.MethodGet, "/accounts")
		if err != nil {
			return answer{}, err
		}
		heard, err := b.overhear(r)
		if err != nil {
			return answer{}, err
		}
		r.Header.Del("DPoP")
		r.Header.Set(phantom.EvidenceHeader, heard.statement)
		if got, err = send(r); err != nil || time.Since(began) < revocationBound {
			return got, err
		}
	}
}

// certifiedOpaque sends a token that is bound to the corporate's certificate, without
// that certificate.
func (b *bank) certifiedOpaque(change func(*http.Request) *http.Request) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		r, err := b.corporateRequest(ctx)
		if err != nil {
			return answer{}, err
		}
		return send(change(r))
	}
}

// corporateRequest is the corporate's, as it arrives without a certificate.
func (b *bank) corporateRequest(ctx context.Context) (*http.Request, error) {
	token, err := b.corporateToken(ctx, sender(b.corporates), innerAPI)
	if err != nil {
		return nil, err
	}
	return b.bearer(ctx, token)
}

// bearer is GET /accounts at the gateway with a token that needs no proof.
func (b *bank) bearer(ctx context.Context, token string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.gateway.origin+"/accounts", http.NoBody)
	if err == nil {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r, err
}

// innerOutside has everything right for the JWT, but that it is one.
func (b *bank) innerOutside(ctx context.Context, send sender) (answer, error) {
	heard, err := b.overhearHolder(ctx, clientID, b.clientKey, b.dpopKey)
	if err != nil {
		return answer{}, err
	}
	r, err := b.requestWith(ctx, heard.jwt, b.dpopKey, http.MethodGet, "/accounts")
	if err != nil {
		return answer{}, err
	}
	return send(r)
}

// honestAt is a client with a good token and a good proof, at a path.
func (b *bank) honestAt(path string) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		thief, err := b.holder(ctx, otherClientID, b.otherKey, b.thiefKey, sender(b.send))
		if err != nil {
			return answer{}, err
		}
		r, err := b.request(ctx, thief, http.MethodGet, path)
		if err != nil {
			return answer{}, err
		}
		return send(r)
	}
}
