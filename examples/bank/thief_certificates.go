package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/mtls"
)

// withCertificates are attacks on clients that have certificates. A client's
// certificate is no secret; only its key is.
func (b *bank) withCertificates() []attack {
	return append(append(b.boundTokens(), b.forgedHeaders()...), b.certificateLogins()...)
}

// corporateToken is a token bound to the corporate client's certificate, which base
// shows.
func (b *bank) corporateToken(ctx context.Context, base http.RoundTripper, resource string) (string, error) {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, &http.Client{Transport: base})
	token, err := certificateConfig(corporateID, b.alias+"/token", resource).Token(ctx)
	if err != nil {
		return "", err
	}
	return token.AccessToken, nil
}

// corporates sends requests with the corporate's certificate.
func (b *bank) corporates(r *http.Request) (answer, error) {
	return b.send(withCertificate(r, b.certificates.corporate))
}

// present sends the corporate's token to one of the APIs, with a certificate
// or without, and whatever change does to the request.
func (b *bank) present(api *string, certificate *tls.Certificate, change func(*http.Request)) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		token, err := b.corporateToken(ctx, sender(b.corporates), b.api)
		if err != nil {
			return answer{}, err
		}
		r, err := http.NewRequestWithContext(ctx, "GET", *api+"/accounts", nil)
		if err != nil {
			return answer{}, err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		if change != nil {
			change(r)
		}
		if certificate != nil {
			r = withCertificate(r, *certificate)
		}
		return send(r)
	}
}

func (b *bank) boundTokens() []attack {
	return []attack{{
		id: "T29", title: "certificate-bound token, no certificate",
		rule: mtls.ErrNoCertificate, clause: "RFC 8705 3",
		try:     b.present(&b.certifiedAPI, nil, nil),
		without: "an API that only verifies the token", weakened: b.tokenOnly,
	}, {
		id: "T30", title: "certificate-bound token with another certificate of the same authority",
		rule: mtls.ErrBinding, clause: "RFC 8705 3",
		try:     b.present(&b.certifiedAPI, &b.certificates.colleague, nil),
		without: "an API that only verifies the token", weakened: b.tokenOnly,
	}, {
		id: "T31", title: "certificate-bound token at the host that asks for no certificate",
		rule: mtls.ErrNoCertificate, clause: "RFC 8705 3",
		try:     b.present(&b.api, &b.certificates.corporate, nil),
		without: "the same at the host that asks",
		honest:  b.present(&b.certifiedAPI, &b.certificates.corporate, nil),
	}, {
		id: "T32", title: "certificate-bound token sent as DPoP, with a proof of the thief's key",
		rule: cnf.ErrScheme, clause: "RFC 8705 3, RFC 9449 7.1",
		try:     b.presentAsDPoP,
		without: "token and proof both valid, what the token is bound to not compared", weakened: b.unboundProof,
	}, {
		id: "T33", title: "token bound to a certificate and a key: right key, other certificate",
		rule: mtls.ErrBinding, clause: "RFC 7800 3.1, both have to hold",
		try:     b.presentBoth(&b.certificates.colleague),
		without: "the same with both",
		honest:  b.presentBoth(&b.certificates.corporate),
	}}
}

func (b *bank) presentAsDPoP(ctx context.Context, send sender) (answer, error) {
	token, err := b.corporateToken(ctx, sender(b.corporates), b.api)
	if err != nil {
		return answer{}, err
	}
	proof, err := b.proof(ctx, b.thiefKey, "GET", b.api+"/accounts", token)
	if err != nil {
		return answer{}, err
	}
	return b.sendWith(ctx, send, token, proof)
}

// presentBoth gets a token that is bound to the corporate's certificate and to
// its DPoP key, and presents it with that key and some certificate.
func (b *bank) presentBoth(certificate *tls.Certificate) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		proofs, err := dpop.NewSigner(b.dpopKey)
		if err != nil {
			return answer{}, err
		}
		base := b.transport(b.certificates.corporate)
		defer base.CloseIdleConnections()
		signing := &http.Client{Transport: &dpop.Transport{Signer: proofs, Base: base}}
		token, err := certificateConfig(corporateID, b.alias+"/token", b.api).Token(context.WithValue(ctx, oauth2.HTTPClient, signing))
		if err != nil {
			return answer{}, err
		}
		target := b.certifiedAPI + "/accounts"
		proof, err := b.proof(ctx, b.dpopKey, "GET", target, token.AccessToken)
		if err != nil {
			return answer{}, err
		}
		r, err := http.NewRequestWithContext(ctx, "GET", target, nil)
		if err != nil {
			return answer{}, err
		}
		r.Header.Set("Authorization", "DPoP "+token.AccessToken)
		r.Header.Set("DPoP", proof)
		return send(withCertificate(r, *certificate))
	}
}

// forge writes the victim's certificate, which anybody may know, where a proxy
// would write it.
func (b *bank) forge(r *http.Request) {
	leaf := base64.StdEncoding.EncodeToString(b.certificates.corporate.Certificate[0])
	r.Header.Set("Client-Cert", ":"+leaf+":")
}

func (b *bank) forgedHeaders() []attack {
	return []attack{{
		id: "T34", title: "forged Client-Cert, sent to the API behind the proxy directly",
		rule: mtls.ErrProxy, clause: "RFC 9440 4",
		try:     b.present(&b.inner, nil, b.forge),
		without: "an API that believes everybody",
		weakened: func() (http.Handler, error) {
			return b.behindEdge(func(*http.Request) bool { return true })
		},
	}, {
		id: "T35", title: "forged Client-Cert, sent through the proxy",
		rule: mtls.ErrNoCertificate, clause: "RFC 9440 2.4",
		try:     b.present(&b.edge, nil, b.forge),
		without: "a proxy that does not strip what clients send", weakened: func() (http.Handler, error) { return b.newEdge(false) },
	}}
}

// login asks for a token as the corporate client with some certificate.
func (b *bank) login(certificate *tls.Certificate) func(context.Context, sender) (answer, error) {
	return func(ctx context.Context, send sender) (answer, error) {
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {corporateID}}
		r, err := http.NewRequestWithContext(ctx, "POST", b.alias+"/token", strings.NewReader(form.Encode()))
		if err != nil {
			return answer{}, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return send(withCertificate(r, *certificate))
	}
}

func (b *bank) certificateLogins() []attack {
	return []attack{{
		id: "T36", title: "client authentication with an expired certificate",
		rule: mtls.ErrChain, clause: "RFC 8705 2.1",
		try:     b.login(&b.certificates.expired),
		without: "the same with the current certificate",
		honest:  b.login(&b.certificates.corporate),
	}, {
		id: "T37", title: "client authentication with a server's certificate",
		rule: mtls.ErrChain, clause: "RFC 8705 7.5, extended key usage",
		try:     b.login(&b.certificates.wrongUsage),
		without: "the same with a certificate for clients",
		honest:  b.login(&b.certificates.corporate),
	}, {
		id: "T38", title: "client authentication with the client's name, by the thief's authority",
		rule: mtls.ErrChain, clause: "RFC 8705 7.4",
		try:     b.login(&b.certificates.impostor),
		without: "a server that trusts that authority as well",
		weakened: b.weakenedServer(func(c *server.Config) error {
			c.Roots = pki.Pool(b.certificates.authority, b.certificates.other)
			return nil
		}),
	}, {
		id: "T39", title: "client authentication as another client, with one's own certificate",
		rule: mtls.ErrSubject, clause: "RFC 8705 2.1",
		try:     b.login(&b.certificates.colleague),
		without: "a registration with the thief's subject", weakened: b.weakenedServer(b.registerColleague),
	}}
}

// registerColleague registers the corporate client under the other subject.
func (b *bank) registerColleague(c *server.Config) error {
	clients := map[string]server.Client{}
	for id, client := range c.Clients {
		clients[id] = client
	}
	clients[corporateID] = c.Clients[colleagueID]
	c.Clients = clients
	return nil
}
