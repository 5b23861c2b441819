package introspection

import (
	"context"
	"crypto"
	"errors"
	"net/http"
	"slices"
	"time"
)

// leeway is how far ahead nbf and iat may lie, and iat of a statement in the past:
// as far as FAPI 2.0 (5.3.2.1-13) lets clocks differ.
const leeway = time.Minute

// KeySource finds public keys of the authorization server, for instance in its JWK
// Set.
//
// kid and alg are from the header of a statement that nobody has verified: kid is an
// opaque value to be compared exactly, and empty if there is none; alg is one of
// ES256, PS256, EdDSA and Ed25519. The result are the keys that have this kid and
// can have made such a signature; at most eight are tried.
//
// No keys and no error mean that there is no such key: the answer is not believed.
// An error means that the keys could not be had. Keys must return when ctx is done.
type KeySource interface {
	Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

// ClientConfig configures a [Client].
type ClientConfig struct {
	// Issuer is the issuer identifier of the authorization server: an https URL, or
	// http on a loopback address. A statement must name it octet for octet, and so
	// must an answer that names an issuer.
	Issuer string // required

	// Endpoint is that server's introspection_endpoint, or its mtls_endpoint_aliases
	// one: https, or http on a loopback address.
	Endpoint string // required

	// Audience is the identifier of this API that tokens must be for. A statement
	// must be addressed to it (aud, RFC 9701 section 5), and an answer that names an
	// audience must hold it.
	Audience string // required

	// HTTP sends the questions. Its Transport authenticates: a
	// privatekeyjwt.Transport, or an http.Transport with a client certificate.
	// Redirects are not followed, whatever its CheckRedirect.
	HTTP *http.Client // required

	// ClientID is sent as client_id: required if HTTP authenticates by certificate,
	// since the server finds the registration by it (RFC 8705 section 2). Empty: none
	// is sent, and an assertion says who asks.
	ClientID string

	// Keys, when set, are the keys of the issuer: signed answers (RFC 9701) are then
	// asked for, and no others are believed. FAPI 2.0 Message Signing (5.5.2)
	// demands that.
	Keys KeySource

	// MaxAge bounds how long an active answer is remembered, and so how long a
	// revoked token can still be used, whatever the server allows. 0: 30 s; at most
	// 5 min.
	MaxAge time.Duration

	// NegativeAge is how long it is remembered that a token is not active. 0: 1 s;
	// at most 5 s.
	NegativeAge time.Duration

	// Timeout bounds a question, from connecting to the last octet of the answer.
	// 0: 2 s; at most 30 s.
	Timeout time.Duration

	// MaxEntries is how many active tokens are remembered, rounded up to a multiple
	// of 8. 0: 10,000; at most 1,048,576. An entry takes about 0.8 KiB and the size
	// of the answer, which is not remembered if it is above 16 KiB; tokens compete
	// for places in groups of eight, so choose twice as many as are in use within
	// MaxAge.
	MaxEntries int

	// Observe, when set, is called once for every call of Introspect, on its
	// goroutine. It must not block.
	Observe func(Event)
}

// Client asks one authorization server about tokens, for one API. It is safe for
// concurrent use. A question under way has a goroutine, which ends with Timeout;
// there are no others, and nothing to close.
type Client struct {
	issuer   string
	audience string
	keys     KeySource
	asker    *asker[*Token]
}

// NewClient errs when a required field is missing or a value out of range.
func NewClient(config ClientConfig) (*Client, error) {
	if !isIssuer(config.Issuer) {
		return nil, errors.New("introspection: Issuer is required: an https URL without user, query and fragment")
	}
	accept := typeJSON
	if config.Keys != nil {
		if isNil(config.Keys) {
			return nil, errors.New("introspection: Keys must be usable; without them, leave it out")
		}
		accept = typeStatement
	}
	asker, err := newAsker[*Token](limits{
		endpoint: config.Endpoint, audience: config.Audience, clientID: config.ClientID, http: config.HTTP,
		maxAge: config.MaxAge, negativeAge: config.NegativeAge, timeout: config.Timeout,
		entries: config.MaxEntries, observe: config.Observe,
	}, accept)
	if err != nil {
		return nil, err
	}
	c := &Client{issuer: config.Issuer, audience: config.Audience, keys: config.Keys, asker: asker}
	asker.read = c.read
	return c, nil
}

// Introspect asks whether a token is active here and now (RFC 7662). It fits
// cnf.Config.Verify.
//
// An [*Error] means that the token is not good, and has the code invalid_token. Any
// other error is a fault, one of [ErrUnavailable], [ErrCredentials] and [ErrAnswer],
// and a 5xx. It does not check that the sender of the token may use it: see
// [Token.Confirmation].
func (c *Client) Introspect(ctx context.Context, token string) (*Token, error) {
	if c == nil || c.asker == nil || ctx == nil {
		return nil, errZero
	}
	return c.asker.ask(ctx, token)
}

// Forget drops what is remembered about a token: it has been revoked, or something
// says that its claims have changed. The next call asks the server.
func (c *Client) Forget(token string) {
	if c != nil && c.asker != nil {
		c.asker.forget(token)
	}
}

// read judges an answer: what cannot be believed is a fault, what says no is not.
func (c *Client) read(ctx context.Context, sent time.Time, _ string, a answer) (*Token, time.Time, error) {
	payload, statement := a.body, ""
	if c.keys != nil {
		var err error
		statement = string(a.body)
		if payload, err = c.verify(ctx, statement, sent); err != nil {
			return nil, time.Time{}, err
		}
	}
	t, err := parse(payload)
	if err != nil {
		return nil, time.Time{}, err
	}
	t.statement = statement
	if err := c.accept(t, time.Now()); err != nil {
		return nil, time.Time{}, err
	}
	return t, t.claims.Expires, nil
}

// accept applies what the answer says to this API. A server that serves several
// issuers or audiences can call a token active that is nothing to us.
func (c *Client) accept(t *Token, now time.Time) error {
	switch {
	case t.claims.Issuer != "" && t.claims.Issuer != c.issuer:
		return refuse(ErrIssuer)
	case t.claims.Audience != nil && !slices.Contains(t.claims.Audience, c.audience):
		return refuse(ErrAudience)
	case !t.claims.InWindow(now, leeway):
		return refuse(ErrInactive)
	}
	t.claims.Issuer = c.issuer
	return nil
}
