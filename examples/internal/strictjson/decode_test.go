package strictjson_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

type document struct {
	Name  string          `json:"name"`
	Count int             `json:"count"`
	Set   bool            `json:"set"`
	Inner *inner          `json:"inner"`
	List  []inner         `json:"list"`
	Raw   json.RawMessage `json:"raw"`
}

type inner struct {
	Value string `json:"value"`
}

func TestDecode(t *testing.T) {
	t.Parallel()
	var d document
	text := `{"name":"a","count":3,"set":true,"inner":{"value":"b"},"list":[{"value":"c"}],"raw":{"x":[1.5,null]}}`
	require.Nil(t, strictjson.Decode([]byte(text), &d))
	require.Equal(t, document{"a", 3, true, &inner{"b"}, []inner{{"c"}}, json.RawMessage(`{"x":[1.5,null]}`)}, d)

	for text, want := range map[string]string{
		`{"name":1}`:                   "name: must be a string, not a number",
		`{"count":1.5}`:                "count: must be a whole number",
		`{"count":1e400}`:              "count: must be a whole number",
		`{"count":"1"}`:                "count: must be a whole number, not a string",
		`{"set":0}`:                    "set: must be true or false, not a number",
		`{"inner":[]}`:                 "inner: must be an object, not an array",
		`{"inner":null}`:               "inner: must not be null: leave it out",
		`{"inner":{"value":{}}}`:       "inner.value: must be a string, not an object",
		`{"list":[{},{"value":true}]}`: "list[1].value: must be a string, not true or false",
		`{"Name":"a"}`:                 "Name: is not a field of the configuration (names are exact)",
		`{"name":"a","name":"b"}`:      "name: must not be there twice",
		`{"raw":{"x":1,"x":2}}`:        "raw.x: must not be there twice",
		`{"a\u001bb":1}`:               `"a\x1bb": is not a field of the configuration (names are exact)`,
		"{\n\"name\" 1}":               "document: line 2: invalid character '1' after object key",
		`{} {}`:                        "document: line 1: invalid character '{' after top-level value",
		"{\"name\":\"\xff\"}":          "document: must be UTF-8",
		`[]`:                           "document: must be an object, not an array",
	} {
		var d document
		require.EqualError(t, strictjson.Decode([]byte(text), &d), "configuration refused\n  "+want, text)
		require.Zero(t, d)
	}
}

func TestSection(t *testing.T) {
	t.Parallel()
	var found strictjson.Problems
	root := found.Root()
	require.NoError(t, found.Err())
	require.True(t, root.Sound())
	at := root.Field("list").Index(1)
	at.Field("value").Unless(false, "must be %d", 1)
	at.Refuse("is known already")
	require.False(t, at.Sound())
	require.True(t, root.Field("listing").Sound())
	root.Field("other").Unless(true, "is not noted")
	require.EqualError(t, found.Err(), "configuration refused\n  list[1].value: must be 1")
}
