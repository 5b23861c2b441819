package accesstoken

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
)

const (
	defaultLifetime = 5 * time.Minute
	maxLifetime     = time.Hour
)

// IssuerConfig sets up an [Issuer].
type IssuerConfig struct {
	// Issuer is the issuer identifier of the authorization server, an https URL
	// without query and fragment (RFC 8414 section 2).
	Issuer string // required
	// Key signs. The algorithm follows from it: ES256 for P-256, EdDSA for
	// Ed25519, PS256 for RSA of 2048 to 8192 bits. Its public half must be
	// published in the JWK Set of the authorization server, since RFC 9068
	// section 4 has APIs take it from there.
	Key crypto.Signer // required
	// KeyID is the kid of the key in that JWK Set. Empty means the RFC 7638
	// thumbprint of the key (SHA-256, base64url).
	KeyID string
	// Lifetime is how long a token is valid. 0 means 5 min; less than 1 s, or
	// more than 1 h, is refused. Whoever once had the client's key in reach can
	// have made DPoP proofs in stock for as long as the token lives (RFC 9449
	// section 11.2), and a token cannot be revoked: clients get new ones with
	// their refresh token. Fractions of a second are cut off.
	Lifetime time.Duration
}

// Issuer issues access tokens. Its zero value issues none; make it with
// [NewIssuer]. It is safe for concurrent use if its Key is.
type Issuer struct {
	issuer   string
	signer   *jose.Signer
	header   string
	lifetime time.Duration
}

// NewIssuer errs when a required field is missing or a value out of range, and
// when the key is none of the three kinds.
func NewIssuer(c IssuerConfig) (*Issuer, error) {
	if err := checkIssuer(c.Issuer); err != nil {
		return nil, err
	}
	if c.Lifetime == 0 {
		c.Lifetime = defaultLifetime
	}
	if c.Lifetime < time.Second || c.Lifetime > maxLifetime {
		return nil, fmt.Errorf("accesstoken: Lifetime %s is not between 1s and %s", c.Lifetime, maxLifetime)
	}
	signer, err := jose.NewSigner(c.Key)
	if err != nil {
		return nil, fmt.Errorf("accesstoken: Key is required: %w", err)
	}
	if c.KeyID == "" {
		thumbprint := signer.Thumbprint()
		c.KeyID = jose.Encode(thumbprint[:])
	}
	header, err := signer.Header("at+jwt", c.KeyID, false)
	if err != nil {
		return nil, fmt.Errorf("accesstoken: KeyID: %w", err)
	}
	return &Issuer{issuer: c.Issuer, signer: signer, header: header, lifetime: c.Lifetime}, nil
}

// Grant is what a token says. Whoever fills it in has authenticated the client
// and decided what it may do; text must be UTF-8.
type Grant struct {
	// Subject is sub: the identifier of the user for this API. For a token
	// without a user (client credentials) set it to the ClientID; no client may
	// be able to choose an identifier that is some user's (RFC 9068 section 5).
	Subject string // required
	// ClientID is client_id.
	ClientID string // required
	// Audience is aud: the resources the client asked for, or the default one
	// (RFC 9068 section 3). With several, every scope value counts for each, so
	// one is better.
	Audience []string // required
	// Scope is scope, one value an item; each is written once.
	Scope []string
	// AuthTime, ACR and AMR are auth_time, acr and amr: those of the login the
	// authorization rests on, the same in every token that comes of it (RFC
	// 9068 section 2.2.1). Zero ones are left out.
	AuthTime time.Time
	ACR      string
	AMR      []string
	// Confirmation is cnf. The zero one is refused: FAPI 2.0 (5.3.2.1-4) knows
	// only sender-constrained tokens.
	Confirmation cnf.Confirmation // required
	// Expires is the latest exp: that of the opaque token or the consent which this
	// token stands for. Zero: the issuer's lifetime alone counts.
	Expires time.Time
	// Extra holds further claims by name, such as authorization_details (RFC
	// 9396). A name that equals one of this package's claims, in whatever
	// letter case, is refused. Numbers of any Go type, json.Number included,
	// keep all their digits; nothing may nest deeper than 15 levels.
	Extra map[string]any
}

// Issue makes a token with a new jti, valid from now for the configured
// lifetime, or until g.Expires. No error is an [*Error]: they say that the Grant, the key or the
// Issuer is not usable, or that ctx is done.
func (i *Issuer) Issue(ctx context.Context, g Grant) (token string, expires time.Time, err error) {
	if i == nil || i.signer == nil || ctx == nil {
		return "", time.Time{}, errors.New("accesstoken: nil or zero Issuer, or nil context")
	}
	now := time.Now()
	expires = time.Unix(now.Add(i.lifetime).Unix(), 0)
	if !g.Expires.IsZero() && g.Expires.Before(expires) {
		expires = time.Unix(g.Expires.Unix(), 0)
	}
	payload, err := i.payload(&g, now, expires)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("accesstoken: grant: %w", err)
	}
	token, err = i.signer.Sign(ctx, i.header, payload)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("accesstoken: %w", err)
	}
	if len(token) > jose.MaxToken {
		return "", time.Time{}, fmt.Errorf("accesstoken: grant: token longer than %d octets", jose.MaxToken)
	}
	return token, expires, nil
}

func (i *Issuer) payload(g *Grant, now, expires time.Time) ([]byte, error) {
	if err := g.check(now); err != nil {
		return nil, err
	}
	var o object
	o.text("iss", i.issuer)
	o.text("sub", g.Subject)
	o.audience(g.Audience)
	o.text("client_id", g.ClientID)
	o.seconds("exp", expires)
	o.seconds("iat", now)
	o.text("jti", rand.Text())
	o.grant(g)
	payload, err := o.close()
	if err != nil {
		return nil, err
	}
	// What is left to find are extra claims nested deeper than a verifier reads.
	return payload, jose.ReadObject(payload, nil)
}
