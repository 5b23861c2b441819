package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// client is what a fintech writes: two transports under x/oauth2. DPoP is the
// outer one, because the answer to a nonce challenge needs a fresh assertion.
// The context it returns is for x/oauth2.
func (b *bank) client(ctx context.Context, base http.RoundTripper) (context.Context, *clientcredentials.Config, error) {
	assertions, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: clientID, Issuer: b.issuer, Key: b.clientKey})
	if err != nil {
		return nil, nil, err
	}
	proofs, err := dpop.NewSigner(b.dpopKey)
	if err != nil {
		return nil, nil, err
	}
	signing := &http.Client{Transport: &dpop.Transport{
		Signer: proofs,
		Base:   &privatekeyjwt.Transport{Signer: assertions, Endpoints: []string{b.issuer + "/token"}, Base: base},
	}}
	return context.WithValue(ctx, oauth2.HTTPClient, signing), &clientcredentials.Config{
		ClientID: clientID, TokenURL: b.issuer + "/token", AuthStyle: oauth2.AuthStyleInParams,
		Scopes: []string{"accounts", "payments"}, EndpointParams: url.Values{"resource": {b.api}},
	}, nil
}

// story is the honest flow, told request by request.
func (b *bank) story(ctx context.Context, report *report) error {
	if err := b.keyStory(ctx, report); err != nil {
		return err
	}
	if err := b.certificateStory(ctx, report); err != nil {
		return err
	}
	if err := b.browserStory(ctx, report); err != nil {
		return err
	}
	if err := b.gatewayStory(ctx, report); err != nil {
		return err
	}
	return b.partiesStory(ctx, report)
}

// keyStory is a client with two keys: one for assertions, one for proofs.
func (b *bank) keyStory(ctx context.Context, report *report) error {
	report.heading("A client with keys")
	report.say("authorization server %s, accounts API %s, TLS by an authority made a moment ago", b.issuer, b.api)
	wire := &narrator{base: b.transport(), report: report}
	defer wire.base.CloseIdleConnections()
	oauthCtx, config, err := b.client(ctx, wire)
	if err != nil {
		return err
	}
	client := config.Client(oauthCtx)
	report.say("")
	report.say("reads the server's metadata (RFC 8414) and compares the issuer:")
	if _, err := b.discover(ctx, wire); err != nil {
		return err
	}
	steps := []struct{ title, method, path string }{
		{"lists accounts; x/oauth2 fetches a token first. Both servers ask for a nonce once:", "GET", "/accounts"},
		{"lists accounts again, now with the nonce it remembers and a new proof:", "GET", "/accounts"},
		{"pays, with the same token and a proof for another method and URL:", "POST", "/payments"},
	}
	for _, step := range steps {
		report.say(step.title)
		if err := call(ctx, client, step.method, b.api+step.path); err != nil {
			return err
		}
	}
	return nil
}

// discover reads the metadata document and checks whose it is (RFC 8414
// section 3.3).
func (b *bank) discover(ctx context.Context, wire http.RoundTripper) (document []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, "GET", b.issuer+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		return nil, err
	}
	response, err := wire.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if document, err = io.ReadAll(io.LimitReader(response.Body, 1<<16)); err != nil {
		return nil, err
	}
	var metadata struct{ Issuer string }
	if err := json.Unmarshal(document, &metadata); err != nil {
		return nil, err
	}
	if metadata.Issuer != b.issuer {
		return nil, fmt.Errorf("metadata of another issuer: %q", metadata.Issuer)
	}
	return document, nil
}

func call(ctx context.Context, client *http.Client, method, target string) error {
	request, err := http.NewRequestWithContext(ctx, method, target, http.NoBody)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the honest client got %s from %s", response.Status, target)
	}
	return nil
}

// narrator tells what goes over the wire. It names headers and never prints a
// token, an assertion or a proof.
type narrator struct {
	base    *http.Transport
	report  *report
	browser bool // what goes over it is a browser's
}

func (n *narrator) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := n.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	code, err := peekCode(response)
	if err != nil {
		return nil, err
	}
	if response.Header.Get("DPoP-Nonce") != "" {
		code = strings.TrimSpace(code + " + DPoP-Nonce")
	}
	n.report.exchange(r.Method, r.URL.Path, strings.Join(n.sent(r), ", "), response.StatusCode, code)
	return response, nil
}

// sent names what a request shows of its sender.
func (n *narrator) sent(r *http.Request) (names []string) {
	if n.browser {
		if r.Header.Get("Cookie") != "" {
			names = append(names, "cookie")
		}
		return names
	}
	if scheme, _, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		names = append(names, "Authorization: "+scheme)
	}
	if r.Header.Get("DPoP") != "" {
		names = append(names, "DPoP proof")
	}
	switch certified := len(n.base.TLSClientConfig.Certificates) > 0; {
	case certified:
		names = append(names, "client certificate")
	case r.ContentLength > 0:
		names = append(names, "client assertion")
	}
	return names
}

// peekCode reads the error of a response and leaves the body as it was.
func peekCode(response *http.Response) (string, error) {
	if response.StatusCode < 400 {
		return "", nil
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	return errorCode(response.Header, body), err
}
