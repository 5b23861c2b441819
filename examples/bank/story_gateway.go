package main

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
)

// gatewayStory is what travels outside and inside, what a revocation does and when,
// and what is left of it all without the authorization server.
func (b *bank) gatewayStory(ctx context.Context, report *report) error {
	report.heading("The gateway")
	report.say("gateway %s; tokens for the API behind it are opaque. A revoked one", b.gateway.origin)
	report.say("works for another %d ms at most (a bank would take the default, 30 s)", revocationBound.Milliseconds())
	report.say("")
	wire := &narrator{base: b.transport(), report: report}
	defer wire.base.CloseIdleConnections()
	report.say("a client with a key gets an opaque token, and lists accounts through the gateway:")
	victim, err := b.overheardStory(ctx, report, wire)
	if err != nil {
		return err
	}
	report.say("a client with a certificate does the same:")
	if err := b.certifiedStory(ctx, report); err != nil {
		return err
	}
	report.say("the first client revokes its token (RFC 7009), and goes on trying:")
	if err := b.revocationStory(ctx, report, victim); err != nil {
		return err
	}
	report.say("the authorization server stops:")
	return b.outageStory(ctx, report)
}

// overheardStory listens on both sides of the gateway.
func (b *bank) overheardStory(ctx context.Context, report *report, wire http.RoundTripper) (*holder, error) {
	outside := &tap{base: wire}
	outside.listen()
	victim, err := b.victim(ctx, outside)
	if err != nil {
		return nil, err
	}
	b.gateway.wire.listen()
	if err := b.overWire(ctx, outside, victim); err != nil {
		return nil, err
	}
	sentOut, receivedOut := outside.heard()
	sentIn, receivedIn := b.gateway.wire.heard()
	if err := tellSides(report, victim.token, slices.Concat(sentOut, receivedOut), slices.Concat(sentIn, receivedIn)); err != nil {
		return nil, err
	}
	return victim, nil
}

// tellSides says in words what travelled.
func tellSides(report *report, opaque string, outside, inside []byte) error {
	if strings.Contains(opaque, ".") || len(foreign(jwts(outside))) > 0 {
		return errors.New("a JWT travels outside")
	}
	if words(inside)[opaque] {
		return errors.New("the opaque token travels inside")
	}
	report.say("outside, in %d octets: a token of %d characters without a dot, no JWT but the client's own;", len(outside), len(opaque))
	report.say("inside, in %d octets: %s; no opaque token.", len(inside), tellInside(inside))
	return nil
}

// tellInside names what speaks for the client, and never shows it.
func tellInside(inside []byte) string {
	var names []string
	for _, one := range jwts(inside) {
		what := "a JWT (" + one.typ + ")"
		if one.typ == "phantom-evidence+jwt" {
			what = "a statement about its key (" + one.typ + ")"
		}
		names = append(names, what)
	}
	if bytes.Contains(inside, []byte("\nClient-Cert: ")) {
		names = append(names, "the certificate (Client-Cert)")
	}
	return strings.Join(names, ", ")
}

func (b *bank) certifiedStory(ctx context.Context, report *report) error {
	wire := &narrator{base: b.transport(b.certificates.corporate), report: report}
	defer wire.base.CloseIdleConnections()
	outside := &tap{base: wire}
	outside.listen()
	token, err := b.corporateToken(ctx, outside, innerAPI)
	if err != nil {
		return err
	}
	r, err := b.bearer(ctx, token)
	if err != nil {
		return err
	}
	b.gateway.wire.listen()
	response, err := outside.RoundTrip(r)
	if err != nil {
		return err
	}
	if got, err := read(response); err != nil || got.status != http.StatusOK {
		return errors.Join(errors.New("the client with a certificate got "+got.String()), err)
	}
	sentOut, receivedOut := outside.heard()
	sentIn, receivedIn := b.gateway.wire.heard()
	return tellSides(report, token, slices.Concat(sentOut, receivedOut), slices.Concat(sentIn, receivedIn))
}

func (b *bank) revocationStory(ctx context.Context, report *report, h *holder) error {
	call := b.calls(ctx, b.send, h)
	if first, err := call(); err != nil || first.status != http.StatusOK {
		return errors.Join(errors.New("before its revocation the token got "+first.String()), err)
	}
	if err := b.revoke(ctx, h); err != nil {
		return err
	}
	last, worked, err := until(call)
	if err != nil {
		return err
	}
	if last.status != http.StatusUnauthorized {
		return errors.New("after its revocation the token got " + last.String())
	}
	report.say("the token worked for another %d ms, then: %s. The bound is %d ms.",
		worked.Milliseconds(), last, revocationBound.Milliseconds())
	return nil
}

func (b *bank) outageStory(ctx context.Context, report *report) error {
	known, err := b.victim(ctx, sender(b.send))
	if err != nil {
		return err
	}
	unknown, err := b.victim(ctx, sender(b.send))
	if err != nil {
		return err
	}
	call := b.calls(ctx, b.send, known)
	if first, err := call(); err != nil || first.status != http.StatusOK {
		return errors.Join(errors.New("before the outage the token got "+first.String()), err)
	}
	b.outage.set(true)
	defer b.outage.set(false)
	got, err := b.calls(ctx, b.send, unknown)()
	if err != nil {
		return err
	}
	last, worked, err := until(call)
	if err != nil {
		return err
	}
	if last.status != http.StatusServiceUnavailable || got.status != http.StatusServiceUnavailable {
		return errors.New("without the authorization server, clients got " + got.String() + " and " + last.String())
	}
	report.say("a token that the gateway remembered worked for another %d ms, then: %s;", worked.Milliseconds(), last)
	report.say("one that it had not seen: %s at once, Retry-After: %s.", got, got.header.Get("Retry-After"))
	return b.recovery(report, call)
}

// recovery waits until the server is there again for the gateway.
func (b *bank) recovery(report *report, call func() (answer, error)) error {
	b.outage.set(false)
	last, err := call()
	if err != nil || last.status != http.StatusOK {
		return errors.Join(errors.New("after the outage the token got "+last.String()), err)
	}
	report.say("the server is back: %s.", last)
	return nil
}
