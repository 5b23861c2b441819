package privatekeyjwt

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// credentials are what a request says about its client.
type credentials struct {
	assertion string
	clientID  string // the client_id parameter, which is optional
}

// readCredentials reads the form. resource and audience may repeat (RFC 8707
// section 2, RFC 8693 section 2.1); nothing that is read here may.
func readCredentials(r *http.Request) (credentials, error) {
	form, err := oauthhttp.ReadForm(nil, r, 0, "resource", "audience")
	if refused, ok := errors.AsType[*oauthhttp.FormError](err); ok {
		return credentials{}, &Error{rule: ErrRequest, form: refused, detail: []slog.Attr{slog.Any("cause", refused)}}
	}
	if err != nil {
		return credentials{}, fmt.Errorf("privatekeyjwt: %w", err)
	}
	assertion := form.Get(paramAssertion)
	if assertion == "" || form.Get(paramAssertionType) != assertionType {
		return credentials{}, refuse(ErrAssertion)
	}
	// Whatever it holds, and even if the assertion is junk: no policy behind
	// can then take the request for one of another method.
	if len(r.Header.Values("Authorization")) > 0 || form.Has(paramSecret) || queryAuthenticates(r.URL) {
		return credentials{}, refuse(ErrMethods)
	}
	return credentials{assertion: assertion, clientID: form.Get(paramClientID)}, nil
}

// queryAuthenticates reports credentials in the request URI, where RFC 6749
// section 2.3.1 forbids them. A query that cannot be read may hold some.
func queryAuthenticates(u *url.URL) bool {
	if u == nil || u.RawQuery == "" {
		return false
	}
	query, err := url.ParseQuery(u.RawQuery)
	return err != nil || query.Has(paramSecret) || query.Has(paramAssertion) || query.Has(paramAssertionType)
}

// readAssertion makes every check that needs neither a lookup nor arithmetic.
func (v *Verifier) readAssertion(c credentials) (*jose.JWS, *jose.Claims, error) {
	token, err := jose.Parse(c.assertion)
	if errors.Is(err, jose.ErrAlgorithm) {
		return nil, nil, refuse(ErrAlgorithm)
	}
	if err != nil {
		return nil, nil, refuse(ErrMalformed, slog.Any("cause", err))
	}
	if !v.acceptsType(token.Header.Type) {
		return nil, nil, refuse(ErrType)
	}
	claims, err := jose.ReadClaims(token.Payload, nil)
	if err != nil {
		return nil, nil, refuse(ErrMalformed, slog.Any("cause", err))
	}
	if err := v.checkClaims(&claims, c.clientID); err != nil {
		return nil, nil, err
	}
	return token, &claims, nil
}

// acceptsType refuses the typ of every other kind of JWT. JWT and no typ at all
// are what clients send that were written before client assertions had one.
func (v *Verifier) acceptsType(typ string) bool {
	if jose.IsType(typ, mediaType) {
		return true
	}
	return !v.requireType && (typ == "" || jose.IsType(typ, "JWT"))
}

// checkClaims goes through RFC 7523 section 3.
func (v *Verifier) checkClaims(c *jose.Claims, clientID string) error {
	switch {
	case !isClientID(c.Issuer):
		return refuse(ErrIssuer)
	case c.Subject != c.Issuer:
		return refuse(ErrSubject)
	case clientID != "" && clientID != c.Subject:
		return refuse(ErrClientID)
	case !v.isAudience(c):
		return refuse(ErrAudience)
	case c.ID == "":
		return refuse(ErrID)
	}
	return v.checkTime(c, time.Now())
}

// isAudience compares strings, without any normalisation (RFC 7523 section 3-3).
func (v *Verifier) isAudience(c *jose.Claims) bool {
	if len(v.extraAudiences) == 0 {
		return c.AudienceIsText && c.Audience[0] == v.issuer
	}
	return slices.ContainsFunc(c.Audience, func(audience string) bool {
		return audience == v.issuer || slices.Contains(v.extraAudiences, audience)
	})
}

// checkTime gives exp no leeway when it has passed, since a client can always
// make a new assertion. Ahead, Leeway covers a client whose clock is fast.
func (v *Verifier) checkTime(c *jose.Claims, now time.Time) error {
	latest := now.Add(v.leeway)
	switch {
	case c.Expires.IsZero():
		return refuse(ErrExpiry, slog.String("cause", "absent"))
	case !now.Before(c.Expires), c.Expires.After(latest.Add(v.maxLifetime)):
		return refuse(ErrExpiry, slog.Duration("offset", c.Expires.Sub(now)), slog.Duration("max_lifetime", v.maxLifetime))
	case c.NotBefore.After(latest):
		return refuse(ErrNotBefore, slog.Duration("offset", c.NotBefore.Sub(now)), slog.Duration("leeway", v.leeway))
	case c.IssuedAt.After(latest):
		return refuse(ErrNotBefore, slog.Duration("offset", c.IssuedAt.Sub(now)), slog.Duration("leeway", v.leeway))
	}
	return nil
}
