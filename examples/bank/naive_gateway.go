package main

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/examples/authserver/server"
)

// These gateways are how one must not do it, each in one respect.

// innerTokenOnly is the API behind, which takes a JWT for all it needs.
func (b *bank) innerTokenOnly() (http.Handler, error) {
	return b.guardWith(innerAPI, func(*http.Request, string) error { return nil })
}

// exchanging exchanges tokens and asks for nothing else. What it cannot exchange, it
// hands on.
func (b *bank) exchanging(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if jwt, _, err := b.gateway.exchange.Exchange(r.Context(), token); err == nil {
			token = jwt
		}
		r.Header.Set("Authorization", "Bearer "+token)
		next.ServeHTTP(w, r)
	})
}

// trustingGateway leaves everything to its own good faith, and so does the API.
func (b *bank) trustingGateway() (http.Handler, error) {
	inner, err := b.innerTokenOnly()
	return b.exchanging(inner), err
}

// forwarding hands on everything to the real API, as it came.
func (b *bank) forwarding(transport http.RoundTripper) (http.Handler, error) {
	behind, err := url.Parse(b.gateway.inside)
	return &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(behind) }, Transport: transport,
	}, err
}

// carelessGateway leaves proofs to the API, and hands on what clients say of theirs.
func (b *bank) carelessGateway() (http.Handler, error) {
	forwarding, err := b.forwarding(b.gateway.inward)
	return b.exchanging(forwarding), err
}

// forwardingGateway does not even exchange tokens.
func (b *bank) forwardingGateway() (http.Handler, error) { return b.forwarding(b.gateway.wire) }

// prefixGateway compares paths as they were sent.
func (b *bank) prefixGateway() (http.Handler, error) {
	forwarding, err := b.forwarding(b.gateway.inward)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/operators") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		forwarding.ServeHTTP(w, r)
	}), err
}

// withoutPhantom is a server whose tokens are all JWTs, and a gateway that hands them
// on to the API.
func (b *bank) withoutPhantom() (http.Handler, error) {
	config := b.serverConfig
	config.Opaque = nil
	issuer, err := server.New(config)
	if err != nil {
		return nil, err
	}
	inner, err := b.innerTokenOnly()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if "https://"+r.Host == b.issuer {
			issuer.ServeHTTP(w, r)
			return
		}
		inner.ServeHTTP(w, r)
	}), err
}
