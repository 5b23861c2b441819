package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/examples/internal/browser"
)

// browserStory is a client that acts for a user, who says so in a browser.
// Everything is signed: requests (JAR) and responses (JARM).
func (b *bank) browserStory(ctx context.Context, report *report) error {
	report.heading("The browser")
	wire := &narrator{base: b.transport(), report: report}
	defer wire.base.CloseIdleConnections()
	a, err := b.app(appID, b.dpopKey, wire)
	if err != nil {
		return err
	}
	report.say("pushes a signed request, and gets a reference to it (RFC 9126, RFC 9101):")
	l, err := a.begin(ctx, newLogin())
	if err != nil {
		return err
	}
	report.say("alice's browser carries the reference and nothing else; she logs in and approves:")
	user, err := browser.New(b.issuer, &narrator{base: wire.base, report: report, browser: true})
	if err != nil {
		return err
	}
	callback, err := user.Authorize(ctx, l.url, alice, password)
	if err != nil {
		return err
	}
	report.say("comes back to %s with a response, whose issuer, audience, state and", a.oauth.RedirectURL)
	report.say("signature are right (JARM); the client redeems the code with the verifier of PKCE:")
	token, err := a.finish(ctx, l, callback)
	if err != nil {
		return err
	}
	return b.afterLogin(ctx, report, a, token)
}

// afterLogin is what the client does with its tokens.
func (b *bank) afterLogin(ctx context.Context, report *report, a *app, token *oauth2.Token) error {
	report.say("lists accounts in alice's name:")
	accounts := b.api + "/accounts"
	if err := call(ctx, a.oauth.Client(a.context(ctx), token), http.MethodGet, accounts); err != nil {
		return err
	}
	report.say("gets the next access token, for when this one has expired, and lists them again:")
	token, err := a.refresh(ctx, token.RefreshToken)
	if err != nil {
		return err
	}
	if err := call(ctx, a.oauth.Client(a.context(ctx), token), http.MethodGet, accounts); err != nil {
		return err
	}
	report.say("asks who the user is (OpenID Connect Core 5.3):")
	got, err := a.call(ctx, token, http.MethodGet, b.issuer+"/userinfo")
	if err != nil {
		return err
	}
	var user struct{ Name string }
	if err := json.Unmarshal(got.body, &user); err != nil {
		return fmt.Errorf("userinfo answered %s: %w", got, err)
	}
	report.say("it is %s.", user.Name)
	return nil
}
