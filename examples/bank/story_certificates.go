package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/go-fapi/fapi/mtls"
)

// certificateStory is a client with a certificate, which authenticates it and
// binds its tokens, the way open banking runs today.
func (b *bank) certificateStory(ctx context.Context, report *report) error {
	report.heading("Clients with certificates")
	for _, client := range []struct {
		id, title   string
		certificate tls.Certificate
	}{
		{corporateID, "of the bank's authority for clients (tls_client_auth)", b.certificates.corporate},
		{selfSignedID, "that the client signed itself and registered (self_signed_tls_client_auth)", b.certificates.selfSigned},
	} {
		report.say("a certificate %s: token, API, and an API behind a proxy that terminates TLS", client.title)
		if err := b.certificateClient(ctx, report, client.id, client.certificate); err != nil {
			return err
		}
	}
	return nil
}

func (b *bank) certificateClient(ctx context.Context, report *report, id string, certificate tls.Certificate) error {
	plain := b.transport()
	defer plain.CloseIdleConnections()
	document, err := b.discover(ctx, plain)
	if err != nil {
		return err
	}
	wire := &narrator{base: b.transport(certificate), report: report}
	defer wire.base.CloseIdleConnections()
	// The alias: where the server asks for certificates (RFC 8705 section 5).
	tokenURL, err := mtls.Endpoint(document, b.issuer, "token_endpoint")
	if err != nil {
		return err
	}
	config := certificateConfig(id, tokenURL, b.api)
	client := config.Client(context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: wire}))
	for _, api := range []string{b.certifiedAPI, b.edge} {
		if err := call(ctx, client, "GET", api+"/accounts"); err != nil {
			return err
		}
	}
	return nil
}

func certificateConfig(id, tokenURL, resource string) *clientcredentials.Config {
	return &clientcredentials.Config{
		ClientID: id, TokenURL: tokenURL, AuthStyle: oauth2.AuthStyleInParams,
		Scopes: scopes, EndpointParams: url.Values{"resource": {resource}},
	}
}
