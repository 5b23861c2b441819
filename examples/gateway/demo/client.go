package demo

import (
	"context"
	"crypto"
	"crypto/tls"
	"io"
	"net/http"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/mtls"
)

// Client is somebody with an opaque token, and with what it is bound to, unless it
// is stolen: a DPoP key, a certificate, both or nothing.
type Client struct {
	Token string
	http  *http.Client
	base  *http.Transport
	bound cnf.Confirmation
	proof bool
}

// NewClient makes a client without a token. key and certificate may be nil.
func (d *Demo) NewClient(key crypto.Signer, certificate *tls.Certificate) (*Client, error) {
	c := &Client{}
	var shown []tls.Certificate
	if certificate != nil {
		shown = append(shown, *certificate)
		c.bound = cnf.Bind(cnf.MemberX5TS256, mtls.Thumbprint(certificate.Leaf))
	}
	c.base = d.Transport(shown...)
	var transport http.RoundTripper = c.base
	if key != nil {
		signer, err := dpop.NewSigner(key)
		if err != nil {
			return nil, err
		}
		c.proof = true
		transport = &dpop.Transport{Signer: signer, Base: c.base}
		if certificate == nil {
			c.bound = cnf.Bind(cnf.MemberJKT, signer.Thumbprint())
		} else {
			c.bound = c.bound.And(cnf.MemberJKT, signer.Thumbprint())
		}
	}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// Confirmation is what a token of this client has to be bound to.
func (c *Client) Confirmation() cnf.Confirmation { return c.bound }

// Do sends a request with the client's token.
func (c *Client) Do(ctx context.Context, method, url string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	scheme := "Bearer "
	if c.proof {
		scheme = "DPoP "
	}
	request.Header.Set("Authorization", scheme+c.Token)
	return c.http.Do(request)
}

// Close closes idle connections.
func (c *Client) Close() { c.base.CloseIdleConnections() }
