package jar

import (
	"errors"
	"log/slog"
	"net/url"
	"slices"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

// sent is how a request object came: one of the two is empty.
type sent struct{ object, uri string }

// readForm looks at nothing but client_id, request and request_uri. What else
// stands outside is ignored: it may be there for servers that know no request
// objects (RFC 9101 section 5), and it decides nothing here.
func (v *Verifier) readForm(clientID string, form url.Values) (sent, error) {
	var values [3]string
	for i, name := range [...]string{paramRequest, paramRequestURI, paramClientID} {
		if len(form[name]) > 1 {
			return sent{}, refuse(ErrRepeated)
		}
		values[i] = form.Get(name)
	}
	object, uri, outer := values[0], values[1], values[2]
	switch {
	case !isClientID(clientID), outer != "" && outer != clientID:
		return sent{}, refuse(ErrClientID)
	case object != "" && uri != "":
		return sent{}, refuse(ErrBoth)
	case object == "" && uri == "":
		return sent{}, refuse(ErrMissing)
	case object != "" && v.byReferenceOnly:
		return sent{}, refuse(ErrByValue)
	case uri != "" && v.fetcher == nil:
		return sent{}, refuse(ErrByReference)
	}
	return sent{object: object, uri: uri}, nil
}

// readObject makes every check that needs no key of the client. Its result
// counts only once the signature has been checked.
func (v *Verifier) readObject(object, clientID string) (*jose.JWS, *Request, error) {
	object, err := v.decrypted(object)
	if err != nil {
		return nil, nil, err
	}
	token, err := jose.Parse(object)
	if errors.Is(err, jose.ErrAlgorithm) {
		return nil, nil, refuse(ErrAlgorithm)
	}
	if err != nil {
		return nil, nil, refuse(ErrMalformed, slog.Any("cause", err))
	}
	if !v.acceptsType(token.Header.Type) {
		return nil, nil, refuse(ErrType)
	}
	params := make(url.Values, 16)
	claims, err := jose.ReadClaims(token.Payload, func(name []byte, value jose.Value) error {
		return addParam(params, name, value)
	})
	if refused, ok := errors.AsType[*Error](err); ok {
		return nil, nil, refused
	}
	if err != nil {
		return nil, nil, refuse(ErrMalformed, slog.Any("cause", err))
	}
	if err := v.checkClaims(&claims, params.Get(paramClientID), clientID); err != nil {
		return nil, nil, err
	}
	return token, &Request{Params: params, Expires: claims.Expires, ID: claims.ID}, nil
}

// acceptsType refuses the typ of every other kind of JWT. JWT and no typ at all
// are what clients send that were written before request objects had one.
func (v *Verifier) acceptsType(typ string) bool {
	if jose.IsType(typ, mediaType) {
		return true
	}
	return !v.requireType && (typ == "" || jose.IsType(typ, "JWT"))
}

// checkClaims also keeps other JWTs of the client out that have no typ: of a
// client assertion the sub, of an ID token the iss, of both the missing client_id
// (RFC 9101 section 10.8).
func (v *Verifier) checkClaims(c *jose.Claims, inner, clientID string) error {
	switch {
	case c.Issuer != clientID:
		return refuse(ErrIssuer)
	case c.Subject == clientID:
		return refuse(ErrSubject)
	case inner != clientID:
		return refuse(ErrInnerClientID)
	case !slices.ContainsFunc(c.Audience, v.isAudience):
		return refuse(ErrAudience)
	}
	return v.checkTime(c, time.Now())
}

// isAudience compares strings, without any normalisation.
func (v *Verifier) isAudience(audience string) bool {
	return audience == v.issuer || slices.Contains(v.extraAudiences, audience)
}

// checkTime gives exp no leeway when it has passed, since a client can always
// make a new object. Ahead, Leeway covers a client whose clock is fast. An exp
// that lies ahead and at most MaxLifetime after nbf leaves no room for an nbf
// older than MaxLifetime.
func (v *Verifier) checkTime(c *jose.Claims, now time.Time) error {
	latest := now.Add(v.leeway)
	switch {
	case c.NotBefore.IsZero():
		return refuse(ErrNotBefore, slog.String("cause", "absent"))
	case c.NotBefore.After(latest):
		return refuse(ErrNotBefore, slog.Duration("offset", c.NotBefore.Sub(now)), slog.Duration("leeway", v.leeway))
	case c.IssuedAt.After(latest):
		return refuse(ErrNotBefore, slog.Duration("offset", c.IssuedAt.Sub(now)), slog.Duration("leeway", v.leeway))
	case c.Expires.IsZero():
		return refuse(ErrExpiry, slog.String("cause", "absent"))
	case !now.Before(c.Expires), !c.Expires.After(c.NotBefore):
		return refuse(ErrExpiry, slog.Duration("offset", c.Expires.Sub(now)))
	case c.Expires.Sub(c.NotBefore) > v.maxLifetime:
		return refuse(ErrExpiry, slog.Duration("lifetime", c.Expires.Sub(c.NotBefore)), slog.Duration("max_lifetime", v.maxLifetime))
	}
	return nil
}
