package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// serve prints what to try, and leaves the servers up until interrupted.
func (b *bank) serve(interrupted context.Context, report *report) error {
	folder, err := os.MkdirTemp("", "bank")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	authority := filepath.Join(folder, "ca.pem")
	if err := os.WriteFile(authority, b.authority.PEM(), 0o600); err != nil {
		return err
	}
	// Not with the interruptible context: the first things printed shall be whole.
	if err := b.commands(context.Background(), report, "curl -si --cacert "+authority); err != nil {
		return err
	}
	<-interrupted.Done()
	return nil
}

func (b *bank) commands(ctx context.Context, report *report, curl string) error {
	token, err := b.token(ctx, b.api)
	if err != nil {
		return err
	}
	proof, err := b.proof(ctx, b.dpopKey, "GET", b.api+"/accounts", token)
	if err != nil {
		return err
	}
	opaque, err := b.victim(ctx, sender(b.send))
	if err != nil {
		return err
	}
	outside, err := b.request(ctx, opaque, "GET", "/accounts")
	if err != nil {
		return err
	}
	commands := []struct{ what, command string }{
		{"the server's metadata (RFC 8414)", b.issuer + "/.well-known/oauth-authorization-server"},
		{"its keys", b.issuer + "/jwks"},
		{"the API's metadata (RFC 9728)", b.api + "/.well-known/oauth-protected-resource"},
		{"no token: a challenge, without an error code", b.api + "/accounts"},
		{"a token with its proof: works once, within a minute; run it again to replay it",
			fmt.Sprintf("%s/accounts -H 'Authorization: DPoP %s' -H 'DPoP: %s'", b.api, token, proof)},
		{"the token alone, as Bearer: refused", fmt.Sprintf("%s/accounts -H 'Authorization: Bearer %s'", b.api, token)},
		{"an opaque token with its proof, through the gateway: works once",
			fmt.Sprintf("%s -H 'Authorization: %s' -H 'DPoP: %s'", outside.URL, outside.Header.Get("Authorization"), outside.Header.Get("DPoP"))},
	}
	report.heading("The servers are up; Ctrl-C ends them")
	for _, c := range commands {
		report.printf("\n# %s\n%s %s\n", c.what, curl, c.command)
	}
	return nil
}
