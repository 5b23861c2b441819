package introspection

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
)

// Token is what the authorization server says of an active token. Only
// [Client.Introspect] makes one that says anything: a zero or nil Token has no scope
// and confirms nobody. It is immutable and may be shared; slices are returned as
// copies. It implements cnf.Claims.
//
// RFC 7662 requires no member but active, so any of them may be missing.
type Token struct {
	payload      []byte
	statement    string
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

// Issuer is the issuer of the token: that of the Client which asked.
func (t *Token) Issuer() string { return t.or().claims.Issuer }

// Subject is sub: as a rule the user.
func (t *Token) Subject() string { return t.or().claims.Subject }

// ClientID is client_id: the client the token was issued to.
func (t *Token) ClientID() string { return t.or().clientID }

// Audience is aud as a list; if there is one, it holds the audience of the Client.
func (t *Token) Audience() []string { return slices.Clone(t.or().claims.Audience) }

// ID is jti.
func (t *Token) ID() string { return t.or().claims.ID }

// Expires is exp; zero if the server does not say.
func (t *Token) Expires() time.Time { return t.or().claims.Expires }

// IssuedAt is iat; zero if the server does not say.
func (t *Token) IssuedAt() time.Time { return t.or().claims.IssuedAt }

// AuthTime is auth_time: when the user last logged in (RFC 9470 section 6.2); zero
// if the server does not say.
func (t *Token) AuthTime() time.Time { return t.or().authTime }

// ACR is acr: the authentication context class of the login; empty if the server
// does not say.
func (t *Token) ACR() string { return t.or().acr }

// AMR is amr: the methods of the login; nil if the server does not say.
func (t *Token) AMR() []string { return slices.Clone(t.or().amr) }

// Confirmation is cnf: what the client has to possess. Zero: the server does not say
// that the token is bound.
func (t *Token) Confirmation() cnf.Confirmation { return t.or().confirmation }

// Scopes are the values of scope, in the order of the answer; nil if there are none.
func (t *Token) Scopes() []string {
	if scope := t.or().scope; scope != "" {
		return strings.Split(scope, " ")
	}
	return nil
}

// HasScope reports whether the token was granted a scope value, compared exactly
// (RFC 6749 section 3.3).
func (t *Token) HasScope(scope string) bool {
	for value := range strings.SplitSeq(t.or().scope, " ") {
		if value == scope {
			return scope != ""
		}
	}
	return false
}

// Claim returns the JSON text of any member of the answer, such as username or
// authorization_details, as it was sent. The name is compared exactly; ok is false
// if there is no such member. It reads the answer anew on each call: keep the result
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

// Statement is the JWT of a signed answer (RFC 9701), for records of what the server
// said; nil if the answer was not signed. It is no access token and must not be sent
// anywhere as one.
func (t *Token) Statement() []byte {
	if statement := t.or().statement; statement != "" {
		return []byte(statement)
	}
	return nil
}

// parse reads the members of RFC 7662 section 2.2. If active is false, none of the
// others counts, not even for syntax.
func parse(payload []byte) (*Token, error) {
	active, err := isActive(payload)
	if err != nil {
		return nil, fail(ErrAnswer, err)
	}
	if !active {
		return nil, refuse(ErrInactive)
	}
	t := &Token{payload: payload}
	if t.claims, err = jose.ReadClaims(payload, t.member); err != nil {
		return nil, fail(ErrAnswer, err)
	}
	return t, nil
}

func isActive(payload []byte) (active bool, err error) {
	stated := false
	err = jose.ReadObject(payload, func(name []byte, value jose.Value) (err error) {
		if string(name) == "active" {
			stated = true
			active, err = value.Bool()
		}
		return err
	})
	if err == nil && !stated {
		err = errors.New("no active")
	}
	return active && err == nil, err
}

func (t *Token) member(name []byte, value jose.Value) (err error) {
	switch string(name) {
	case "client_id":
		t.clientID, err = value.Text()
	case "scope":
		// An empty one is outside the grammar, but some servers write it for none.
		if t.scope, err = value.Text(); err == nil && t.scope != "" && !isScope(t.scope) {
			err = errors.New("scope is not a list of scope values")
		}
	case "auth_time":
		t.authTime, err = value.Time()
	case "acr":
		t.acr, err = value.Text()
	case "amr":
		t.amr, err = value.Texts()
	case "cnf":
		t.confirmation, err = cnf.ParseConfirmation(value)
	}
	return err
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
