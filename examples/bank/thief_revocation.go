package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/introspection"
)

// revoked are tokens that were good, and servers that were there.
func (b *bank) revoked() []attack {
	inTime := fmt.Sprint("within ", revocationBound, ", as configured")
	return []attack{{
		id: "T77", title: "opaque token after its revocation",
		rule: introspection.ErrInactive, clause: "RFC 7009, " + inTime,
		try:     b.revokedToken(true),
		without: "the same for as long, not revoked", honest: b.revokedToken(false),
	}, {
		id: "T78", title: "opaque token of a code that was used twice",
		rule: introspection.ErrInactive, clause: "RFC 6749 4.1.2, " + inTime,
		try:     b.opaqueOfUsedCode(true),
		without: "the same for as long, the code used once", honest: b.opaqueOfUsedCode(false),
	}, {
		id: "T79", title: "authorization server stopped: a token that the gateway remembers, later",
		rule: introspection.ErrUnavailable, clause: "503 and not 401, " + inTime, status: http.StatusServiceUnavailable,
		try:     b.rememberedToken(true),
		without: "the same for as long, the server up", honest: b.rememberedToken(false),
	}, {
		id: "T80", title: "authorization server stopped: a token that the gateway has not seen",
		rule: introspection.ErrUnavailable, clause: "503 with Retry-After, and not 401", status: http.StatusServiceUnavailable,
		try:     b.unknownToken(true),
		without: "the same, the server up", honest: b.unknownToken(false),
	}}
}

// until calls until a call is refused, or one has succeeded that was begun later than
// the gateway may remember a token: a slow machine makes no difference. It returns the
// last answer, and when the last call was begun that succeeded.
func until(call func() (answer, error)) (last answer, worked time.Duration, err error) {
	began := time.Now()
	for worked <= revocationBound {
		at := time.Now()
		if last, err = call(); err != nil || last.status != http.StatusOK {
			return last, worked, err
		}
		worked = at.Sub(began)
		time.Sleep(10 * time.Millisecond)
	}
	return last, worked, nil
}

// calls are of a client with an opaque token, over the wire.
func (b *bank) calls(ctx context.Context, send sender, h *holder) func() (answer, error) {
	return func() (answer, error) {
		r, err := b.request(ctx, h, http.MethodGet, "/accounts")
		if err != nil {
			return answer{}, err
		}
		return send(r)
	}
}

func (b *bank) revokedToken(revoke bool) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		victim, err := b.victim(ctx, sender(b.send))
		if err != nil {
			return answer{}, err
		}
		call := b.calls(ctx, send, victim)
		if first, err := call(); err != nil || first.status != http.StatusOK {
			return first, err
		}
		if revoke {
			if err := b.revoke(ctx, victim); err != nil {
				return answer{}, err
			}
		}
		last, _, err := until(call)
		return last, err
	}
}

// revoke is RFC 7009.
func (b *bank) revoke(ctx context.Context, h *holder) error {
	form := url.Values{"token": {h.token}, "client_id": {h.id}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.issuer+"/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := h.authenticating.Do(r)
	if err != nil {
		return err
	}
	if got, err := read(response); err != nil || got.status != http.StatusOK {
		return errors.Join(errors.New("revocation answered "+got.String()), err)
	}
	return nil
}

func (b *bank) opaqueOfUsedCode(again bool) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		a, err := b.app(plainAppID, b.dpopKey, sender(b.send))
		if err != nil {
			return answer{}, err
		}
		code, l, err := b.code(ctx, a, oauth2.SetAuthURLParam("resource", innerAPI))
		if err != nil {
			return answer{}, err
		}
		token, err := a.redeem(ctx, code, l.verifier)
		if err != nil {
			return answer{}, err
		}
		call := b.calls(ctx, send, &holder{token: token.AccessToken, dpopKey: b.dpopKey})
		if first, err := call(); err != nil || first.status != http.StatusOK {
			return first, err
		}
		if again {
			if _, err := a.redeem(ctx, code, l.verifier); err == nil {
				return answer{}, errNaive
			}
		}
		last, _, err := until(call)
		return last, err
	}
}

func (b *bank) rememberedToken(stop bool) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		victim, err := b.victim(ctx, sender(b.send))
		if err != nil {
			return answer{}, err
		}
		call := b.calls(ctx, send, victim)
		if first, err := call(); err != nil || first.status != http.StatusOK {
			return first, err
		}
		b.outage.set(stop)
		defer b.outage.set(false)
		last, _, err := until(call)
		return last, err
	}
}

func (b *bank) unknownToken(stop bool) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		victim, err := b.victim(ctx, sender(b.send))
		if err != nil {
			return answer{}, err
		}
		b.outage.set(stop)
		defer b.outage.set(false)
		got, err := b.calls(ctx, send, victim)()
		if err == nil && got.status == http.StatusServiceUnavailable && got.header.Get("Retry-After") == "" {
			err = errors.New("503 without Retry-After")
		}
		return got, err
	}
}
