package jar

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-fapi/fapi/internal/jose"
)

// The parameters of a request that carries a request object (RFC 9101 section 5).
const (
	paramClientID   = "client_id"
	paramRequest    = "request"
	paramRequestURI = "request_uri"
)

// kind is the JSON type of a parameter inside a request object.
type kind int

const (
	anyKind    kind = iota // an extension
	textKind               // a string
	numberKind             // a number without sign, fraction and exponent
	objectKind             // an object; outside, its JSON text
	arrayKind              // an array; outside, its JSON text
	textsKind              // a string or an array of strings; outside, a repeated parameter
)

// kindOf knows the parameters whose type a standard fixes: RFC 6749, RFC 7636,
// RFC 8707, RFC 9396, RFC 9449 and OpenID Connect Core.
func kindOf(name string) kind {
	switch name {
	case "response_type", paramClientID, "redirect_uri", "scope", "state", "response_mode", "nonce", "display", "prompt",
		"ui_locales", "claims_locales", "id_token_hint", "login_hint", "acr_values",
		"code_challenge", "code_challenge_method", "dpop_jkt":
		return textKind
	case "max_age":
		return numberKind
	case "claims":
		return objectKind
	case "authorization_details":
		return arrayKind
	case "resource":
		return textsKind
	}
	return anyKind
}

// addParam puts a member of a request object among the parameters. A member of
// another type than its parameter has is refused, never converted: two readers
// of one object must not see two requests. Strings without characters are left
// out, as parameters without value are (RFC 6749 section 3.1).
func addParam(params url.Values, name []byte, value jose.Value) error {
	if string(name) == paramRequest || string(name) == paramRequestURI {
		return refuse(ErrNested)
	}
	key := string(name)
	texts, ok := paramValues(kindOf(key), value)
	if !ok || key == "" || strings.IndexByte(key, 0) >= 0 {
		return refuse(ErrParameter)
	}
	for _, text := range texts {
		if strings.IndexByte(text, 0) >= 0 {
			return refuse(ErrParameter)
		}
		if text != "" {
			params[key] = append(params[key], text)
		}
	}
	return nil
}

func paramValues(kind kind, value jose.Value) (texts []string, ok bool) {
	isText, isNull := value[0] == '"', string(value) == "null"
	switch kind {
	case numberKind:
		ok = isNumber(string(value))
	case objectKind:
		ok = value[0] == '{'
	case arrayKind:
		ok = value[0] == '['
	case textsKind:
		if !isText {
			texts, err := value.Texts()
			return texts, err == nil
		}
		ok = true
	case textKind:
		ok = isText
	default:
		ok = !isNull
	}
	if !ok || !isText {
		return []string{string(value)}, ok
	}
	text, err := value.Text()
	return []string{text}, err == nil
}

// isNumber takes what any reader holds for the same number: decimal digits that
// fit 64 bits, without a leading zero.
func isNumber(text string) bool {
	n, err := strconv.ParseInt(text, 10, 64)
	return err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

// appendParam writes a parameter as a member of a request object.
func appendParam(dst []byte, name string, values []string) ([]byte, error) {
	kind := kindOf(name)
	if len(values) > 1 && kind != textsKind {
		return nil, fmt.Errorf("the parameter %q is repeated", name)
	}
	dst, err := jose.AppendQuoted(append(dst, ','), name)
	if err != nil || name == "" || strings.IndexByte(name, 0) >= 0 {
		return nil, errors.New("a parameter name is empty, not valid UTF-8, or holds NUL")
	}
	dst = append(dst, ':')
	if len(values) > 1 {
		return appendTexts(dst, name, values)
	}
	return appendValue(dst, kind, name, values[0])
}

func appendTexts(dst []byte, name string, values []string) (_ []byte, err error) {
	before := byte('[')
	for _, value := range values {
		if dst, err = appendValue(append(dst, before), textKind, name, value); err != nil {
			return nil, err
		}
		before = ','
	}
	return append(dst, ']'), nil
}

func appendValue(dst []byte, kind kind, name, value string) ([]byte, error) {
	switch kind {
	case numberKind:
		if !isNumber(value) {
			return nil, fmt.Errorf("the parameter %q is not a number", name)
		}
		return append(dst, value...), nil
	case objectKind:
		return appendJSON(dst, '{', name, value)
	case arrayKind:
		return appendJSON(dst, '[', name, value)
	}
	out, err := jose.AppendQuoted(dst, value)
	if err != nil || strings.IndexByte(value, 0) >= 0 {
		return nil, fmt.Errorf("the parameter %q is not valid UTF-8, or holds NUL", name)
	}
	return out, nil
}

// appendJSON writes value as it stands if it is one JSON value and nothing more:
// text that ends the value early would add members of its own.
func appendJSON(dst []byte, first byte, name, value string) ([]byte, error) {
	text := bytes.Trim([]byte(value), " \t\r\n")
	whole := false
	err := jose.ReadObject([]byte(`{"":`+string(text)+`}`), func(_ []byte, read jose.Value) error {
		whole = len(read) == len(text) && read[0] == first
		return nil
	})
	if err != nil || !whole {
		return nil, fmt.Errorf("the parameter %q is not the JSON text of its type", name)
	}
	return append(dst, text...), nil
}
