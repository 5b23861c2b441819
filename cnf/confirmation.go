package cnf

import (
	"github.com/go-fapi/fapi/internal/jose"
)

// The confirmation members of sender-constrained access tokens. Both hold a
// SHA-256 thumbprint, base64url without padding: 43 characters.
const (
	MemberJKT     = "jkt"      // RFC 9449 section 6.1: the JWK thumbprint of the DPoP key
	MemberX5TS256 = "x5t#S256" // RFC 8705 section 3.1: the hash of the client certificate
)

// Confirmation is the cnf claim of an access token (RFC 7800): who has to be
// able to prove possession of what. The zero Confirmation confirms nobody; it
// stands for a token that is not sender-constrained, and [Middleware] refuses
// it. A Confirmation is comparable, and two tokens with equal ones are bound
// alike.
type Confirmation struct {
	jkt, x5t binding
	mistaken bool // made of something that binds to nobody
}

type binding struct {
	set        bool
	thumbprint [32]byte
}

// Bind returns a Confirmation of one member, [MemberJKT] or [MemberX5TS256]. Any
// other name, and a zero thumbprint, which is what is left of a forgotten proof
// or certificate, give a Confirmation that confirms nobody: IsZero is true, also
// after [Confirmation.And], and no token can be issued with it.
func Bind(member string, thumbprint [32]byte) Confirmation {
	return Confirmation{}.And(member, thumbprint)
}

// And adds a member: a token bound to a key and to a certificate needs both.
func (c Confirmation) And(member string, thumbprint [32]byte) Confirmation {
	if c.mistaken || thumbprint == [32]byte{} {
		return Confirmation{mistaken: true}
	}
	switch member {
	case MemberJKT:
		c.jkt = binding{true, thumbprint}
	case MemberX5TS256:
		c.x5t = binding{true, thumbprint}
	default:
		return Confirmation{mistaken: true}
	}
	return c
}

// Thumbprint returns the value of a member, and whether the token has it.
func (c Confirmation) Thumbprint(member string) (thumbprint [32]byte, ok bool) {
	switch member {
	case MemberJKT:
		return c.jkt.thumbprint, c.jkt.set
	case MemberX5TS256:
		return c.x5t.thumbprint, c.x5t.set
	}
	return thumbprint, false
}

// count is the number of members.
func (c Confirmation) count() (n int) {
	for _, b := range [...]binding{c.jkt, c.x5t} {
		if b.set {
			n++
		}
	}
	return n
}

// IsZero reports whether c confirms nobody.
func (c Confirmation) IsZero() bool { return c.mistaken || c == Confirmation{} }

// ParseConfirmation reads the value of a cnf claim or of the cnf member of an
// introspection response. RFC 7800 section 3.1 lets an application demand more
// than the standard does, and this one does: a member other than the two above
// (jwk, jwe, jku, kid, or one invented later) is an error, since a binding
// that cannot be checked must not be taken for no binding. So are an empty
// object, and a thumbprint in any but its one canonical spelling.
func ParseConfirmation(data []byte) (Confirmation, error) {
	var c Confirmation
	err := jose.ReadObject(data, func(name []byte, value jose.Value) error {
		text, err := value.Text()
		if err != nil {
			return err
		}
		sum, err := jose.Decode(text)
		if err != nil || len(sum) != 32 {
			return ErrConfirmation
		}
		if c = c.And(string(name), [32]byte(sum)); c.IsZero() {
			return ErrConfirmation
		}
		return nil
	})
	if err != nil || c.IsZero() {
		return Confirmation{}, refuse(ErrConfirmation)
	}
	return c, nil
}

// MarshalJSON writes the value of a cnf claim. The zero Confirmation is an
// error: a token meant to be bound must not lose its binding on the way out.
func (c Confirmation) MarshalJSON() ([]byte, error) {
	if c.IsZero() {
		return nil, refuse(ErrConfirmation)
	}
	out := []byte{'{'}
	if c.jkt.set {
		out = append(out, `"jkt":"`+jose.Encode(c.jkt.thumbprint[:])+`"`...)
	}
	if c.x5t.set {
		if c.jkt.set {
			out = append(out, ',')
		}
		out = append(out, `"x5t#S256":"`+jose.Encode(c.x5t.thumbprint[:])+`"`...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads the value of a cnf claim as [ParseConfirmation] does; null
// is an error too. A struct of claims can therefore hold a Confirmation. Take
// care that a second cnf beside the first is refused, which encoding/json does
// not do.
func (c *Confirmation) UnmarshalJSON(data []byte) error {
	parsed, err := ParseConfirmation(data)
	if err == nil {
		*c = parsed
	}
	return err
}
