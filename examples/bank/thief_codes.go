package main

import (
	"context"
	"crypto"
	"net/http"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/accounts/api"
	"github.com/go-fapi/fapi/examples/authserver/server"
)

// codes are attacks with a code or a refresh token in the thief's hands. He has
// PKCE's verifier too, so that one rule is left against him.
func (b *bank) codes() []attack {
	return []attack{{
		id: "T54", title: "stolen code redeemed by another client",
		rule: server.ErrCodeClient, clause: "RFC 6749 4.1.3",
		try:     b.redeemedByThief,
		without: "a server that takes a code from every client", weakened: b.naiveServer(anyRedeemer),
	}, {
		id: "T55", title: "code used twice",
		rule: server.ErrCodeUsed, clause: "RFC 6749 4.1.2, FAPI 2.0 5.3.2.2-9",
		try:     b.redeemedTwice,
		without: "a server that does not spend codes", weakened: b.naiveServer(reusableCodes),
	}, {
		id: "T56", title: "token of a code that was used twice",
		rule: api.ErrRevoked, clause: "RFC 6749 4.1.2",
		try:     b.tokenOfUsedCode,
		target:  b.asking(b.server.Active),
		without: "an API that takes a token at its word until it expires", weakened: b.asking(nil),
	}, {
		id: "T57", title: "code bound to a DPoP key redeemed with another key",
		rule: server.ErrCodeKey, clause: "RFC 9449 10, FAPI 2.0 5.3.2.1-12",
		try:     b.redeemedWithThiefsKey(true),
		without: "a code whose request came without a proof", honest: b.redeemedWithThiefsKey(false),
	}, {
		id: "T58", title: "stolen refresh token used by another client",
		rule: server.ErrRefreshClient, clause: "RFC 6749 6, 10.4",
		try:     b.refreshedByThief,
		without: "a server that takes a refresh token from every client", weakened: b.naiveServer(anyRefresher),
	}}
}

// code is a code of alice for an app, on its way to it.
func (b *bank) code(ctx context.Context, a *app, options ...oauth2.AuthCodeOption) (code string, l login, err error) {
	if l, err = a.begin(ctx, newLogin(), options...); err != nil {
		return "", l, err
	}
	callback, err := b.approved(ctx, a, l)
	if err != nil {
		return "", l, err
	}
	params, err := a.responses.Callback(callback, l.state)
	return params.Get("code"), l, err
}

// pair are the victim's client and the thief's, at one server.
func (b *bank) pair(send sender) (victims, thiefs *app, err error) {
	if victims, err = b.appAt(send, plainAppID); err != nil {
		return nil, nil, err
	}
	thiefs, err = b.appAt(send, otherAppID)
	return victims, thiefs, err
}

func (b *bank) redeemedByThief(ctx context.Context, send sender) (answer, error) {
	victims, thiefs, err := b.pair(send)
	if err != nil {
		return answer{}, err
	}
	code, l, err := b.code(ctx, victims)
	if err != nil {
		return answer{}, err
	}
	thiefs.oauth.RedirectURL = victims.oauth.RedirectURL // the request says what the code's said
	token, err := thiefs.redeem(ctx, code, l.verifier)
	return b.accountsOf(ctx, thiefs, token, err)
}

func (b *bank) refreshedByThief(ctx context.Context, send sender) (answer, error) {
	victims, thiefs, err := b.pair(send)
	if err != nil {
		return answer{}, err
	}
	code, l, err := b.code(ctx, victims)
	if err != nil {
		return answer{}, err
	}
	token, err := victims.redeem(ctx, code, l.verifier)
	if err != nil {
		return answer{}, err
	}
	token, err = thiefs.refresh(ctx, token.RefreshToken)
	return b.accountsOf(ctx, thiefs, token, err)
}

// twiceRedeemed redeems a code twice, and returns what both gave.
func (b *bank) twiceRedeemed(ctx context.Context, a *app) (first, second *oauth2.Token, secondErr, err error) {
	code, l, err := b.code(ctx, a)
	if err != nil {
		return nil, nil, nil, err
	}
	if first, err = a.redeem(ctx, code, l.verifier); err != nil {
		return nil, nil, nil, err
	}
	second, secondErr = a.redeem(ctx, code, l.verifier)
	return first, second, secondErr, nil
}

func (b *bank) redeemedTwice(ctx context.Context, send sender) (answer, error) {
	a, err := b.appAt(send, plainAppID)
	if err != nil {
		return answer{}, err
	}
	_, token, refused, err := b.twiceRedeemed(ctx, a)
	if err != nil {
		return answer{}, err
	}
	return b.accountsOf(ctx, a, token, refused)
}

// tokenOfUsedCode is about the token that the code gave first: who redeemed it
// was perhaps the thief.
func (b *bank) tokenOfUsedCode(ctx context.Context, send sender) (answer, error) {
	a, err := b.app(plainAppID, b.dpopKey, b.only(b.api, send))
	if err != nil {
		return answer{}, err
	}
	token, _, refused, err := b.twiceRedeemed(ctx, a)
	if err == nil && refused == nil {
		err = errNaive
	}
	if err != nil {
		return answer{}, err
	}
	return a.call(ctx, token, http.MethodGet, b.api+"/accounts")
}

// asking is the accounts API with or without a way to ask the authorization
// server whether it still stands by a token.
func (b *bank) asking(active func(tokenID string) bool) func() (http.Handler, error) {
	return func() (http.Handler, error) {
		proofs, err := dpop.NewVerifier(b.proofConfig)
		if err != nil {
			return nil, err
		}
		config := b.apiConfig
		config.Methods, config.Active = []cnf.Method{proofs}, active
		return api.New(config)
	}
}

func (b *bank) redeemedWithThiefsKey(bound bool) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		var victimsKey crypto.Signer
		if bound {
			victimsKey = b.dpopKey
		}
		on := b.only(b.issuer, send)
		victims, err := b.app(plainAppID, victimsKey, on)
		if err != nil {
			return answer{}, err
		}
		code, l, err := b.code(ctx, victims)
		if err != nil {
			return answer{}, err
		}
		thiefs, err := b.app(plainAppID, b.thiefKey, on) // inside the client, but not where it keeps its key
		if err != nil {
			return answer{}, err
		}
		token, err := thiefs.redeem(ctx, code, l.verifier)
		return b.accountsOf(ctx, thiefs, token, err)
	}
}
