package introspection

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
)

// Answer is what an authorization server knows of an access token. A [Handler] tells
// it to callers in the token's audience and to nobody else.
type Answer struct {
	// Audience are the resources the token is for. The caller learns of those that
	// are its own.
	Audience []string // required

	// Expires is the end of the token; from then on the answer is no.
	Expires time.Time // required

	// Confirmation is whom the token is bound to. FAPI 2.0 (5.3.2.1-4) knows no
	// tokens that are not bound, and a caller takes a missing cnf for just that.
	Confirmation cnf.Confirmation // required

	// ClientID is the client the token was issued to.
	ClientID string // required

	Subject   string    // the user, or the client itself; empty: left out
	Scope     []string  // of these, what the caller should know (RFC 9701 section 5)
	ID        string    // jti; empty: left out
	IssuedAt  time.Time // zero: left out
	NotBefore time.Time // until then the answer is no; zero: left out
	AuthTime  time.Time // when the user last logged in; zero: left out
	ACR       string    // empty: left out
	AMR       []string  // nil: left out

	// Extra are more members, such as authorization_details. It must not hold one of
	// the above, nor active, iss, token_type.
	Extra map[string]any
}

// check finds mistakes of the server's own code. They are a 5xx: an answer without
// the binding of the token, say, would make it a bearer token.
func (a *Answer) check() error {
	switch {
	case slices.Contains(a.Audience, ""):
		return errors.New("an empty value in Audience")
	case a.Expires.Unix() <= 0:
		return errors.New("the answer has no Expires")
	case a.Confirmation.IsZero():
		return errors.New("the answer has no Confirmation")
	case a.ClientID == "":
		return errors.New("the answer has no ClientID")
	case slices.Contains(a.AMR, ""):
		return errors.New("an empty value in AMR")
	case slices.ContainsFunc(a.Scope, func(value string) bool { return !isScopeValue(value) }):
		return errors.New("a value in Scope is outside RFC 6749 section 3.3")
	}
	for name := range a.Extra {
		for _, own := range ownMembers() {
			if strings.EqualFold(name, own) { // some readers fold the case of names
				return fmt.Errorf("the member %s in Extra", own)
			}
		}
	}
	return nil
}

func ownMembers() []string {
	return []string{
		"active", "iss", "aud", "exp", "nbf", "iat", "jti", "sub", "client_id", "scope", "token_type", "acr", "amr",
		"auth_time", "cnf", "token_introspection",
	}
}

// inactive is the whole of every "no": nothing in it depends on the reason (RFC 7662
// section 2.2).
const inactive = `{"active":false}`

type members struct {
	Active       bool             `json:"active"`
	Issuer       string           `json:"iss"`
	Audience     any              `json:"aud"`
	Expires      int64            `json:"exp"`
	NotBefore    int64            `json:"nbf,omitzero"`
	IssuedAt     int64            `json:"iat,omitzero"`
	ID           string           `json:"jti,omitzero"`
	Subject      string           `json:"sub,omitzero"`
	ClientID     string           `json:"client_id"`
	Scope        string           `json:"scope,omitzero"`
	TokenType    string           `json:"token_type"`
	AuthTime     int64            `json:"auth_time,omitzero"`
	ACR          string           `json:"acr,omitzero"`
	AMR          []string         `json:"amr,omitzero"`
	Confirmation cnf.Confirmation `json:"cnf"`
	Extra        map[string]any   `json:",embed"`
}

// encode writes the members of RFC 7662 section 2.2, with what is in both the
// token's audience and the caller's for aud.
func (a *Answer) encode(issuer string, audience []string) ([]byte, error) {
	return json.Marshal(members{
		Active: true, Issuer: issuer, Audience: textOrList(audience),
		Expires: a.Expires.Unix(), NotBefore: unix(a.NotBefore), IssuedAt: unix(a.IssuedAt),
		ID: a.ID, Subject: a.Subject, ClientID: a.ClientID, Scope: strings.Join(a.Scope, " "), TokenType: a.tokenType(),
		AuthTime: unix(a.AuthTime), ACR: a.ACR, AMR: a.AMR, Confirmation: a.Confirmation, Extra: a.Extra,
	}, exact)
}

// tokenType is the scheme in which the token has to come (RFC 9449 section 5).
func (a *Answer) tokenType() string {
	if _, ok := a.Confirmation.Thumbprint(cnf.MemberJKT); ok {
		return "DPoP"
	}
	return "Bearer"
}

// encodeStatement writes the payload of RFC 9701 section 5: nothing of the token is
// outside token_introspection.
func encodeStatement(issuer string, audience []string, now time.Time, about []byte) ([]byte, error) {
	return json.Marshal(struct {
		Issuer   string         `json:"iss"`
		Audience any            `json:"aud"`
		IssuedAt int64          `json:"iat"`
		About    jsontext.Value `json:"token_introspection"`
	}{issuer, textOrList(audience), now.Unix(), about}, exact)
}

// textOrList is a string for one audience: the form every reader knows.
func textOrList(list []string) any {
	if len(list) == 1 {
		return list[0]
	}
	return list
}

func unix(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// exact writes by the rules of encoding/json/v2, which refuses invalid UTF-8 and
// duplicate names instead of repairing them, but takes a json.Number for a string.
var exact = json.JoinOptions(
	json.Deterministic(true),
	json.WithMarshalers(json.MarshalToFunc(func(e *jsontext.Encoder, n stdjson.Number) error {
		text := jsontext.Value(n)
		if text.Kind() != '0' {
			return errors.New("json.Number holds no number")
		}
		return e.WriteValue(text)
	})),
)

// maxPhantomLife is how long a JWT may outlive the revocation of its opaque token.
const maxPhantomLife = 5 * time.Minute

// checkPhantom returns when a phantom answer ends. It has to be an access token, as a
// statement in its place would be handed on as one; for nobody but this caller; and
// bound to whom the opaque token is bound to (RFC 9449 section 6.2). And it has to end
// with the opaque token and soon, as nobody can revoke it.
func (a *Answer) checkPhantom(jwt string) (expires time.Time, err error) {
	token, err := jose.Parse(jwt)
	if err != nil {
		return time.Time{}, err
	}
	if !jose.IsType(token.Header.Type, typAccessToken) {
		return time.Time{}, errors.New("typ is not " + typAccessToken)
	}
	var bound cnf.Confirmation
	claims, err := jose.ReadClaims(token.Payload, func(name []byte, value jose.Value) (err error) {
		if string(name) == "cnf" {
			bound, err = cnf.ParseConfirmation(value)
		}
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	foreign := func(resource string) bool { return !slices.Contains(a.Audience, resource) }
	switch {
	case len(claims.Audience) == 0 || slices.ContainsFunc(claims.Audience, foreign):
		return time.Time{}, errors.New("aud is not within Answer.Audience")
	case bound != a.Confirmation:
		return time.Time{}, errors.New("cnf is not Answer.Confirmation")
	case !now.Before(claims.Expires):
		return time.Time{}, errors.New("exp is missing or past")
	case claims.Expires.Unix() > a.Expires.Unix():
		return time.Time{}, errors.New("exp is after Answer.Expires")
	case claims.Expires.Unix() > now.Add(maxPhantomLife).Unix():
		return time.Time{}, fmt.Errorf("exp is more than %s ahead", maxPhantomLife)
	}
	return claims.Expires, nil
}
