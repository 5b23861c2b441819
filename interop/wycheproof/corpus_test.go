package wycheproof_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/c2sp/wycheproof"
	"github.com/stretchr/testify/require"
)

// deviations are vectors that are marked valid, lie inside the library's
// profile, and are refused all the same: file, tcId, reason.
var deviations = map[string]map[int]string{
	"json_web_signature_test.json": {
		272: "its payload is empty, which no JWT is: refused with the segments",
	},
}

type file struct {
	NumberOfTests int     `json:"numberOfTests"`
	Groups        []group `json:"testGroups"`
}

type group struct {
	Comment   string
	Private   json.RawMessage // one JWK or a set
	Public    json.RawMessage // absent for symmetric keys
	PublicDER octets          `json:"publicKeyDer"`
	PublicJWK json.RawMessage `json:"publicKeyJwk"`
	Tests     []vector
}

type vector struct {
	ID        int `json:"tcId"`
	Comment   string
	Result    string
	JWS       json.RawMessage // a string, or an object in a JSON serialization
	JWE       json.RawMessage
	Message   octets `json:"msg"`
	Signature octets `json:"sig"`
}

// token is the JWS or JWE as its reader receives it.
func (v vector) token() string {
	raw := v.JWS
	if raw == nil {
		raw = v.JWE
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// octets is a hexadecimal string.
type octets []byte

func (o *octets) UnmarshalText(text []byte) (err error) {
	*o, err = hex.DecodeString(string(text))
	return err
}

// load reads a file of the corpus and checks that nothing of it was lost.
func load(t *testing.T, name string) file {
	t.Helper()
	data, err := fs.ReadFile(wycheproof.TestVectors, name)
	require.NoError(t, err)
	var f file
	require.NoError(t, json.NewDecoder(bytes.NewReader(data)).Decode(&f))
	count := 0
	for _, g := range f.Groups {
		count += len(g.Tests)
	}
	require.Equal(t, f.NumberOfTests, count)
	return f
}
