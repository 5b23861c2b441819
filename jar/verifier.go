package jar

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

// VerifierConfig configures a [Verifier].
type VerifierConfig struct {
	// Issuer is the server's own issuer identifier, which aud must be or hold:
	// an https URL, or http on a loopback address.
	Issuer string // required

	// Clients finds the registrations.
	Clients ClientSource // required

	// ExtraAudiences are further URLs by which clients name this server, such as
	// an endpoint of it in a deployment before FAPI. FAPI forbids them.
	ExtraAudiences []string

	// MaxLifetime is how long exp may lie after nbf, from 1 s to 60 min. Since
	// exp must lie ahead, it also bounds the age of nbf. 0: 60 min, both limits
	// of FAPI (Message Signing 5.3.1-3, 5.3.1-4).
	MaxLifetime time.Duration

	// Leeway is how far ahead nbf and iat may lie, from 10 s, which FAPI 2.0
	// demands, to 60 s, which it allows (5.3.2.1-13). 0: 10 s.
	Leeway time.Duration

	// RequireType accepts only objects whose typ says what they are,
	// oauth-authz-req+jwt. By default typ may also be JWT or absent, as FAPI
	// demands of servers; the typ of another kind of JWT is always refused.
	RequireType bool

	// DecryptionKeys are the server's private keys to which clients encrypt. None:
	// encrypted objects are refused.
	DecryptionKeys []DecryptionKey

	// Fetcher, when set, takes request objects by reference too. nil: a
	// request_uri is refused with request_uri_not_supported. Those that the
	// server itself hands out for pushed requests never come here.
	Fetcher *Fetcher

	// ByReferenceOnly refuses request objects by value with
	// request_not_supported.
	ByReferenceOnly bool

	// Observe, when set, is called once for every request, on its goroutine. It
	// must not block.
	Observe func(Event)
}

// Event is the outcome of one verification.
type Event struct {
	ClientID string // whose request it was; empty unless verified
	Err      error  // nil: verified. An *Error: refused. Else: a fault of the server
}

// Request is a verified authorization request.
type Request struct {
	// Params are the parameters inside the object, client_id among them.
	Params url.Values

	// Expires is the exp of the object. A pushed request should not outlive it.
	Expires time.Time

	// ID is the jti of the object; empty if it has none.
	ID string
}

// Verifier reads signed authorization requests at an authorization server. It is
// safe for concurrent use.
type Verifier struct {
	issuer          string
	extraAudiences  []string
	clients         ClientSource
	maxLifetime     time.Duration
	leeway          time.Duration
	requireType     bool
	decryptionKeys  []jose.DecryptionKey
	fetcher         *Fetcher
	byReferenceOnly bool
	observe         func(Event)
}

// NewVerifier checks the configuration.
func NewVerifier(config VerifierConfig) (*Verifier, error) {
	switch {
	case !isIssuer(config.Issuer):
		return nil, errIssuer
	case config.Clients == nil:
		return nil, errors.New("jar: Clients is required")
	case config.Fetcher != nil && config.Fetcher.client == nil:
		return nil, errors.New("jar: Fetcher was not made by NewFetcher")
	case config.ByReferenceOnly && config.Fetcher == nil:
		return nil, errors.New("jar: ByReferenceOnly needs a Fetcher")
	}
	for _, audience := range config.ExtraAudiences {
		if _, ok := parseURL(audience); !ok {
			return nil, fmt.Errorf("jar: the extra audience %q is not an absolute https URL", audience)
		}
	}
	if config.MaxLifetime == 0 {
		config.MaxLifetime = maxLifetime
	}
	if config.Leeway == 0 {
		config.Leeway = 10 * time.Second
	}
	if config.MaxLifetime < time.Second || config.MaxLifetime > maxLifetime {
		return nil, errors.New("jar: MaxLifetime must be from 1 s to 60 min")
	}
	if config.Leeway < 10*time.Second || config.Leeway > time.Minute {
		return nil, errors.New("jar: Leeway must be from 10 s to 60 s")
	}
	keys, err := checkedKeys(config.DecryptionKeys)
	if err != nil {
		return nil, err
	}
	return &Verifier{
		issuer: config.Issuer, extraAudiences: slices.Clone(config.ExtraAudiences), clients: config.Clients,
		maxLifetime: config.MaxLifetime, leeway: config.Leeway, requireType: config.RequireType,
		decryptionKeys: keys, fetcher: config.Fetcher, byReferenceOnly: config.ByReferenceOnly, observe: config.Observe,
	}, nil
}

var errUnconstructed = errors.New("jar: no context, or a verifier not made by NewVerifier")

// Verify returns the authorization parameters of a request: those inside the
// request object, and only those, whatever stands beside it (RFC 9101 section
// 6.3). They are what the client signed, not yet a valid request: check
// redirect_uri, response_type, PKCE and the rest as for any other (RFC 6749).
// iss, aud, exp, nbf, iat, jti and sub are not among them. max_age is in
// decimal digits, claims and authorization_details are JSON texts, resource may
// repeat. Of extensions, strings are as they stand, other values JSON texts.
//
// clientID is the authenticated client at the pushed authorization request
// endpoint, and the client_id of the query at the authorization endpoint. form
// holds the parameters of the request and is not changed.
//
// An [*Error] is a refused request, of which nothing is returned. Any other
// error means that the server could not find out, and deserves a 5xx. Never
// answer with the text of either.
func (v *Verifier) Verify(ctx context.Context, clientID string, form url.Values) (params url.Values, err error) {
	request, err := v.VerifyRequest(ctx, clientID, form)
	if err != nil {
		return nil, err
	}
	return request.Params, nil
}

// VerifyRequest is [Verifier.Verify] for those who store the request: it also
// tells when the object expires, and its jti.
func (v *Verifier) VerifyRequest(ctx context.Context, clientID string, form url.Values) (*Request, error) {
	if v == nil || v.clients == nil || ctx == nil {
		return nil, errUnconstructed
	}
	request, err := v.verify(ctx, clientID, form)
	if v.observe != nil {
		event := Event{Err: err}
		if err == nil {
			event.ClientID = clientID
		}
		v.observe(event)
	}
	return request, err
}

// VerifyUntil is [Verifier.Verify] and the instant at which the object expires.
// Package par looks for it, so that what was pushed ends with the object.
func (v *Verifier) VerifyUntil(ctx context.Context, clientID string, form url.Values) (params url.Values, expires time.Time, err error) {
	request, err := v.VerifyRequest(ctx, clientID, form)
	if err != nil {
		return nil, time.Time{}, err
	}
	return request.Params, request.Expires, nil
}

// verify looks the client up first: who it is does not depend on the object, and
// without one there is nothing to fetch or to decrypt.
func (v *Verifier) verify(ctx context.Context, clientID string, form url.Values) (*Request, error) {
	sent, err := v.readForm(clientID, form)
	if err != nil {
		return nil, err
	}
	client, err := v.client(ctx, clientID)
	if err != nil {
		return nil, err
	}
	if sent.uri != "" {
		if sent.object, err = v.fetcher.fetch(ctx, sent.uri, client.RequestURIs); err != nil {
			return nil, err
		}
	}
	token, request, err := v.readObject(sent.object, clientID)
	if err != nil {
		return nil, err
	}
	if err := checkSignature(ctx, token, &client); err != nil {
		return nil, err
	}
	return request, nil
}
