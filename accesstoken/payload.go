package accesstoken

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/go-fapi/fapi/internal/jose"
)

// registered are the claims this package writes or reads itself.
var registered = [...]string{
	"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "auth_time", "acr", "amr", "cnf",
}

// maxAuthAhead forgives the clock of the machine the user logged in at.
const maxAuthAhead = time.Minute

func (g *Grant) check(now time.Time) error {
	switch {
	case g.Subject == "":
		return errors.New("Subject is required: the user, or the client itself")
	case g.ClientID == "":
		return errors.New("ClientID is required")
	case len(g.Audience) == 0 || slices.Contains(g.Audience, ""):
		return errors.New("Audience is required, and none of it may be empty")
	case g.Confirmation.IsZero():
		return errors.New("Confirmation is required: none was given, or one of an unknown member or a zero thumbprint")
	case !g.AuthTime.IsZero() && (g.AuthTime.Unix() < 0 || g.AuthTime.After(now.Add(maxAuthAhead))):
		return errors.New("AuthTime is before 1970 or lies ahead")
	case !g.Expires.IsZero() && g.Expires.Before(now.Add(time.Second)):
		return errors.New("Expires is over or not a second away")
	case slices.Contains(g.AMR, ""):
		return errors.New("AMR holds an empty value")
	}
	for _, value := range g.Scope {
		if !isScopeValue(value) {
			return errors.New("a value in Scope is outside RFC 6749 section 3.3")
		}
	}
	return checkExtra(g.Extra)
}

// checkExtra compares without letter case, because readers that fold names (as
// encoding/json does) would take "Sub" for sub.
func checkExtra(extra map[string]any) error {
	for name := range extra {
		for _, own := range registered {
			if strings.EqualFold(name, own) {
				return fmt.Errorf("the claims in Extra must not hold %s", own)
			}
		}
	}
	return nil
}

// object writes a JSON object. Its first error stays until close.
type object struct {
	data []byte
	err  error
}

func (o *object) close() ([]byte, error) { return append(o.data, '}'), o.err }

func (o *object) name(name string) {
	if o.data == nil {
		o.data = append(make([]byte, 0, 512), '{')
	} else {
		o.data = append(o.data, ',')
	}
	o.quoted(name)
	o.data = append(o.data, ':')
}

func (o *object) quoted(s string) {
	data, err := jose.AppendQuoted(o.data, s)
	if err != nil {
		o.fail(err)
		return
	}
	o.data = data
}

func (o *object) fail(err error) {
	if o.err == nil {
		o.err = err
	}
}

func (o *object) text(name, value string) {
	o.name(name)
	o.quoted(value)
}

func (o *object) texts(name string, list []string) {
	o.name(name)
	o.data = append(o.data, '[')
	for i, value := range list {
		if i > 0 {
			o.data = append(o.data, ',')
		}
		o.quoted(value)
	}
	o.data = append(o.data, ']')
}

func (o *object) seconds(name string, t time.Time) {
	o.name(name)
	o.data = strconv.AppendInt(o.data, t.Unix(), 10)
}

func (o *object) value(name string, value any) {
	text, err := json.Marshal(value, exact)
	if err != nil {
		o.fail(fmt.Errorf("claim %q: %w", name, err))
		return
	}
	o.name(name)
	o.data = append(o.data, text...)
}

// audience is a string for one resource: the form every reader knows.
func (o *object) audience(list []string) {
	if len(list) == 1 {
		o.text("aud", list[0])
		return
	}
	o.texts("aud", list)
}

// grant writes the claims a token need not have, and cnf. Extra claims are in
// the order of their names, so that equal grants give equal payloads.
func (o *object) grant(g *Grant) {
	if len(g.Scope) > 0 {
		o.text("scope", joinScope(g.Scope))
	}
	if !g.AuthTime.IsZero() {
		o.seconds("auth_time", g.AuthTime)
	}
	if g.ACR != "" {
		o.text("acr", g.ACR)
	}
	if len(g.AMR) > 0 {
		o.texts("amr", g.AMR)
	}
	o.value("cnf", g.Confirmation)
	for _, name := range slices.Sorted(maps.Keys(g.Extra)) {
		o.value(name, g.Extra[name])
	}
}

func joinScope(scope []string) string {
	var once []string
	for _, value := range scope {
		if !slices.Contains(once, value) {
			once = append(once, value)
		}
	}
	return strings.Join(once, " ")
}

// exact writes extra claims by the rules of encoding/json/v2, which refuses
// invalid UTF-8 and duplicate names instead of repairing them, but takes a
// json.Number for a string.
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
