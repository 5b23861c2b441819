package accesstoken

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
)

// Token is a verified access token. Only [Verifier.Verify] makes one that says
// anything: a zero or nil Token has no scope and confirms nobody. It is
// immutable and may be shared; slices are returned as copies. It implements
// cnf.Claims.
type Token struct {
	payload      []byte
	claims       jose.Claims
	clientID     string
	scope        string
	acr          string
	amr          []string
	authTime     time.Time
	confirmation cnf.Confirmation
}

// or lets the methods of a nil Token answer like those of a zero one.
func (t *Token) or() *Token {
	if t == nil {
		return &Token{}
	}
	return t
}

// Subject is sub: the user, or for a token without one (client credentials) an
// identifier of the client (RFC 9068 section 2.2).
func (t *Token) Subject() string { return t.or().claims.Subject }

// ClientID is client_id: the client the token was issued to.
func (t *Token) ClientID() string { return t.or().clientID }

// Audience is aud as a list; it holds the audience of the Verifier.
func (t *Token) Audience() []string { return slices.Clone(t.or().claims.Audience) }

// ID is jti.
func (t *Token) ID() string { return t.or().claims.ID }

// Expires is exp.
func (t *Token) Expires() time.Time { return t.or().claims.Expires }

// IssuedAt is iat.
func (t *Token) IssuedAt() time.Time { return t.or().claims.IssuedAt }

// AuthTime is auth_time: when the user last logged in; zero if the token does
// not say.
func (t *Token) AuthTime() time.Time { return t.or().authTime }

// ACR is acr: the authentication context class of the login; empty if the token
// does not say.
func (t *Token) ACR() string { return t.or().acr }

// AMR is amr: the methods of the login; nil if the token does not say.
func (t *Token) AMR() []string { return slices.Clone(t.or().amr) }

// Confirmation is cnf: what the client has to possess. Zero: the token is not
// bound.
func (t *Token) Confirmation() cnf.Confirmation { return t.or().confirmation }

// Scopes are the values of scope, each once, in the token's order; nil for a
// token without scope.
func (t *Token) Scopes() []string {
	scope := t.or().scope
	if scope == "" {
		return nil
	}
	seen := make(map[string]bool)
	return slices.DeleteFunc(strings.Split(scope, " "), func(value string) bool {
		again := seen[value]
		seen[value] = true
		return again
	})
}

// HasScope reports whether the token was granted a scope value, compared
// exactly (RFC 6749 section 3.3).
func (t *Token) HasScope(scope string) bool {
	for value := range strings.SplitSeq(t.or().scope, " ") {
		if value == scope {
			return scope != ""
		}
	}
	return false
}

// Claim returns the JSON text of any claim as it was signed, so that numbers
// keep all their digits. The name is compared exactly; ok is false if the token
// has no such claim. It reads the payload anew on each call: keep the result
// rather than asking in a loop.
func (t *Token) Claim(name string) (json []byte, ok bool) {
	_ = jose.ReadObject(t.or().payload, func(have []byte, value jose.Value) error {
		if string(have) == name {
			json, ok = bytes.Clone(value), true
		}
		return nil
	})
	return json, ok
}

// parse reads the claims of a payload nobody has verified yet.
func parse(payload []byte) (*Token, error) {
	t := &Token{payload: payload}
	claims, err := jose.ReadClaims(payload, t.member)
	if err != nil {
		return nil, refuseJOSE(err)
	}
	t.claims = claims
	if name := t.missing(); name != "" {
		return nil, refuse(ErrClaims, errors.New("no "+name))
	}
	return t, nil
}

func (t *Token) member(name []byte, value jose.Value) (err error) {
	switch string(name) {
	case "client_id":
		t.clientID, err = value.Text()
	case "scope":
		if t.scope, err = value.Text(); err == nil && !isScope(t.scope) {
			err = refuse(ErrClaims, errors.New("scope is not a list of scope values"))
		}
	case "auth_time":
		t.authTime, err = value.Time()
	case "acr":
		t.acr, err = value.Text()
	case "amr":
		t.amr, err = value.Texts()
	case "cnf":
		if t.confirmation, err = cnf.ParseConfirmation(value); err != nil {
			err = refuse(ErrConfirmation, err)
		}
	}
	return err
}

// missing names the first absent claim of those RFC 9068 section 2.2 requires.
func (t *Token) missing() string {
	switch c := &t.claims; {
	case c.Issuer == "":
		return "iss"
	case c.Expires.IsZero():
		return "exp"
	case len(c.Audience) == 0:
		return "aud"
	case c.Subject == "":
		return "sub"
	case t.clientID == "":
		return "client_id"
	case c.IssuedAt.IsZero():
		return "iat"
	case c.ID == "":
		return "jti"
	}
	return ""
}

// inTime says how far off the clocks are: whose clock is wrong is the first
// question when tokens are refused.
func (t *Token) inTime(now time.Time, leeway time.Duration) error {
	if t.claims.InWindow(now, leeway) {
		return nil
	}
	if late := now.Sub(t.claims.Expires); late >= 0 {
		return refuse(ErrExpired, fmt.Errorf("by %s", late.Truncate(time.Second)))
	}
	ahead := max(t.claims.NotBefore.Sub(now), t.claims.IssuedAt.Sub(now))
	return refuse(ErrNotYetValid, fmt.Errorf("by %s, with a leeway of %s", ahead.Truncate(time.Millisecond), leeway))
}

// isScope and isScopeValue are the grammar of RFC 6749 section 3.3.
func isScope(s string) bool {
	for value := range strings.SplitSeq(s, " ") {
		if !isScopeValue(value) {
			return false
		}
	}
	return true
}

func isScopeValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
