package introspection

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/keysource"
)

const typStatement = "token-introspection+jwt" // RFC 9701 section 5

// verify verifies a statement (RFC 9701 section 5), the cheap before the dear, and
// returns its token_introspection.
func (c *Client) verify(ctx context.Context, statement string, sent time.Time) ([]byte, error) {
	token, err := jose.Parse(statement)
	if err != nil {
		return nil, fail(ErrAnswer, err)
	}
	if !jose.IsType(token.Header.Type, typStatement) {
		return nil, fail(ErrAnswer, errors.New("typ is not "+typStatement))
	}
	var about jose.Value
	claims, err := jose.ReadClaims(token.Payload, func(name []byte, value jose.Value) error {
		if string(name) == "token_introspection" {
			about = value
		}
		return nil
	})
	if err != nil {
		return nil, fail(ErrAnswer, err)
	}
	if err := c.addressed(&claims, sent, time.Now()); err != nil {
		return nil, err
	}
	if len(about) == 0 || about[0] != '{' {
		return nil, fail(ErrAnswer, errors.New("no token_introspection"))
	}
	switch err := keysource.Verify(ctx, "key source", c.keys, token, token.Header.Algorithm); {
	case err == nil:
		return about, nil
	case errors.Is(err, jose.ErrKey), errors.Is(err, jose.ErrSignature):
		return nil, fail(ErrAnswer, err)
	default:
		return nil, fail(ErrUnavailable, err)
	}
}

// addressed: the statement comes from the issuer, is for this API, and was made for
// a question of now. It does not name the question, so a short iat window is all
// that stands against an old one, should TLS not.
func (c *Client) addressed(claims *jose.Claims, sent, now time.Time) error {
	switch {
	case claims.Issuer != c.issuer:
		return fail(ErrAnswer, errors.New("iss of the statement is another issuer"))
	case !slices.Contains(claims.Audience, c.audience):
		return fail(ErrAnswer, errors.New("aud of the statement does not hold this API"))
	case claims.IssuedAt.IsZero():
		return fail(ErrAnswer, errors.New("the statement has no iat"))
	case claims.IssuedAt.Before(sent.Add(-leeway)):
		return fail(ErrAnswer, errors.New("the statement is older than the question"))
	case !claims.InWindow(now, leeway):
		return fail(ErrAnswer, errors.New("exp, nbf or iat of the statement is out of time"))
	}
	return nil
}
