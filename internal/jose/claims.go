package jose

import (
	"slices"
	"time"
)

// Claims are the registered claims of RFC 7519 section 4.1. A zero time and an
// empty string mean that the claim is absent; a claim that is there with an
// empty string is malformed.
type Claims struct {
	Issuer, Subject, ID string
	Audience            []string
	AudienceIsText      bool // aud was a JSON string, not an array
	Expires             time.Time
	NotBefore           time.Time
	IssuedAt            time.Time
}

// ReadClaims reads a payload. Members that are not registered claims go to
// other, which may be nil.
func ReadClaims(payload []byte, other func(name []byte, value Value) error) (Claims, error) {
	var c Claims
	err := ReadObject(payload, func(name []byte, value Value) error {
		known, err := c.member(string(name), value)
		if !known && other != nil {
			return other(name, value)
		}
		return err
	})
	return c, err
}

func (c *Claims) member(name string, value Value) (known bool, err error) {
	switch name {
	case "iss":
		c.Issuer, err = nonEmpty(value)
	case "sub":
		c.Subject, err = nonEmpty(value)
	case "jti":
		c.ID, err = nonEmpty(value)
	case "aud":
		err = c.audience(value)
	case "exp":
		c.Expires, err = value.Time()
	case "nbf":
		c.NotBefore, err = value.Time()
	case "iat":
		c.IssuedAt, err = value.Time()
	default:
		return false, nil
	}
	return true, err
}

func nonEmpty(value Value) (string, error) {
	text, err := value.Text()
	if err == nil && text == "" {
		return "", malformed("a claim is empty")
	}
	return text, err
}

func (c *Claims) audience(value Value) error {
	if value[0] == '"' {
		text, err := nonEmpty(value)
		c.Audience, c.AudienceIsText = []string{text}, true
		return err
	}
	list, err := value.Texts()
	if slices.Contains(list, "") {
		return malformed("a claim is empty")
	}
	c.Audience = list
	return err
}

// InWindow applies exp, nbf and iat as far as they are there: exp must lie
// ahead without leeway; nbf and iat may lie ahead by leeway, because FAPI 2.0
// (5.3.2.1-13) demands patience with other people's fast clocks.
func (c *Claims) InWindow(now time.Time, leeway time.Duration) bool {
	if !c.Expires.IsZero() && !now.Before(c.Expires) {
		return false
	}
	latest := now.Add(leeway)
	return !c.NotBefore.After(latest) && !c.IssuedAt.After(latest)
}
