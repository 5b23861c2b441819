package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

func TestDecodeStrict(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want strictjson.Problems
	}{
		"an empty object":       {`{}`, nil},
		"white space after":     {"{}\n ", nil},
		"empty":                 {``, wrong("", "line 1: unexpected end of JSON input")},
		"cut off":               {"{\n\"issuer\":", wrong("", "line 2: unexpected end of JSON input")},
		"trailing data":         {"{}\n\n{}", wrong("", "line 3: invalid character '{' after top-level value")},
		"comment":               {"{} // x", wrong("", "line 1: invalid character '/' after top-level value")},
		"array":                 {`[]`, wrong("", "must be an object, not an array")},
		"null":                  {`null`, wrong("", "must not be null: leave it out")},
		"not UTF-8":             {"{\"issuer\":\"\xff\"}", wrong("", "must be UTF-8")},
		"unknown":               {`{"isuer":{"a":[{"b":null}]}}`, wrong("isuer", "is not a field of the configuration (names are exact)")},
		"letter case":           {`{"Issuer":""}`, wrong("Issuer", "is not a field of the configuration (names are exact)")},
		"repeated":              {`{"issuer":"","issuer":""}`, wrong("issuer", "must not be there twice")},
		"repeated, escaped":     {`{"issuer":"","\u0069ssuer":""}`, wrong("issuer", "must not be there twice")},
		"repeated in a list":    {`{"users":[{"name":"","name":""}]}`, wrong("users[0].name", "must not be there twice")},
		"repeated in a set":     {`{"clients":[{"jwks":{"keys":[],"keys":[]}}]}`, wrong("clients[0].jwks.keys", "must not be there twice")},
		"null member":           {`{"users":null}`, wrong("users", "must not be null: leave it out")},
		"text for a list":       {`{"scopes":"openid"}`, wrong("scopes", "must be an array, not a string")},
		"text for a boolean":    {`{"clients":[{"dpop_bound_access_tokens":"true"}]}`, wrong("clients[0].dpop_bound_access_tokens", "must be true or false, not a string")},
		"two at once":           {`{"a":1,"listen":true}`, wrong("a", "is not a field of the configuration (names are exact)", "listen", "must be a string, not true or false")},
		"a name that is empty":  {`{"":1}`, wrong(`""`, "is not a field of the configuration (names are exact)")},
		"a name for terminals":  {"{\"\\u001b[2J\":1}", wrong(`"\x1b[2J"`, "is not a field of the configuration (names are exact)")},
		"a name like a problem": {`{"x":1,"x: is not a field of the configuration (names are exact)":1}`, wrong("x", "is not a field of the configuration (names are exact)", "x: is not a field of the configuration (names are exact)", "is not a field of the configuration (names are exact)")},
		"too deep":              {strings.Repeat("[", 20000) + strings.Repeat("]", 20000), wrong("", "line 1: invalid character '[' exceeded max depth")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got config
			require.Equal(t, c.want, strictjson.Decode([]byte(c.text), &got))
			if c.want != nil {
				require.Zero(t, got)
			}
		})
	}
}

func FuzzDecodeStrict(f *testing.F) {
	for _, seed := range []string{`{}`, `{"issuer":"a","scopes":["b"],"clients":[{"jwks":{"keys":[1]}}]}`, `{"tls":{"key":1}}`, `[{"a":`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second config
		if strictjson.Decode(data, &first) != nil {
			return
		}
		again, err := json.Marshal(first)
		require.NoError(t, err)
		require.Nil(t, strictjson.Decode(again, &second), "what it accepted once")
		text, err := json.Marshal(second)
		require.NoError(t, err)
		require.Equal(t, string(again), string(text))
	})
}

// wrong are problems: fields and rules in turn.
func wrong(texts ...string) (found strictjson.Problems) {
	for pair := range slices.Chunk(texts, 2) {
		found = append(found, strictjson.Problem{Field: pair[0], Rule: pair[1]})
	}
	return found
}
