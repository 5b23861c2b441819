package introspection

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNegotiate(t *testing.T) {
	t.Parallel()
	offered := []string{typeStatement, typeJSON, typePhantom}
	for accept, want := range map[string]string{
		"":                                typeJSON,
		" , ":                             typeJSON,
		"*/*":                             typeJSON,
		"application/*;q=0.001":           typeJSON,
		"APPLICATION/JWT":                 typePhantom,
		"application/jwt;Q=0.3":           typePhantom,
		"application/json; charset=utf-8": typeJSON,
		"application/json;version=2":      "",
		"application/json;version=2, application/json":          typeJSON,
		"application/jwt;q=0.9,application/json;q=0.90":         typeJSON,
		"application/jwt;q=0.91,application/json;q=0.9":         typePhantom,
		"application/jwt;q=1.000,application/json;q=0.999":      typePhantom,
		"application/json;q=0":                                  "",
		"application/json;q=0.000, */*":                         "",
		"application/*;q=0, */*":                                "",
		"text/html, application/xhtml+xml":                      "",
		"application/token-introspection+jwt, application/json": typeStatement,
		"application/token-introspection+jwt;q=0, */*":          typeJSON,
		"application/json, application/json;q=0":                "", // says two things
		"application/json, application/json":                    typeJSON,
		"application/json;q=0.5, application/json;q=.500":       typeJSON,
		"application/json, application/jwt, Application/JWT":    typeJSON,
		"application/json;q=.5, application/jwt;q=.6":           typePhantom,
		"application/json;q=.":                                  "",
		"application/json;q=.1234":                              "",
		"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2":  typeJSON,
		"application/json, text/plain;x=\"a,b\"":                typeJSON,
		"application/json, text/plain;x=\"a\\\",b\"":            typeJSON,
		"text/plain;x=\"a,application/json\"":                   "",
		"text/plain;x=\"a\\\",application/json\"":               "",
		"application/json, text/plain;x=\"a":                    typeJSON,
		"application/json, text/plain;x=\"a, application/jwt":   "", // may mean the JWT
		"application/json, application/jwt;q=2":                 "",
		"application/json, application/jwt;":                    typeJSON,
		"application/json, */*;q=2":                             typeJSON,
		"*, text/html;q=x":                                      "",
		"application/json;q=1.001":                              "",
		"application/json;q=":                                   "",
		"application/json;q=-0":                                 "",
		"application/json;q=0.1234":                             "",
		"application/json;q=1e0":                                "",
		"application/json;q=0.5;q=0.6":                          "",
		"*":                                                     "",
		"application":                                           "",
		"application/json;":                                     typeJSON,
		"application/json\x00":                                  "",
		"application/json application/jwt":                      "",
		strings.Repeat("a/b", 400):                              "",
		strings.Repeat(",", 1000):                               typeJSON,
		"a/1,a/2,a/3,a/4,a/5,a/6,a/7,a/8,a/9,a/a,a/b,a/c,a/d,a/e,a/f,application/json":     typeJSON,
		"a/0,a/1,a/2,a/3,a/4,a/5,a/6,a/7,a/8,a/9,a/a,a/b,a/c,a/d,a/e,a/f,application/json": "",
		"application/jwt;x=\"a,application/json\"":                                         "",
		strings.Repeat("application/json,", 60):                                            typeJSON,
	} {
		require.Equal(t, want, negotiate(http.Header{"Accept": {accept}}, offered, typeJSON), accept)
	}
	require.Equal(t, typePhantom, negotiate(http.Header{"Accept": {"text/html", typePhantom}}, offered, typeJSON))
	require.Equal(t, typeJSON, negotiate(http.Header{"Accept": {`a/b;x="`, typeJSON, `"`, typeJSON}}, offered, typeJSON))
	require.Empty(t, negotiate(http.Header{"Accept": {`a/b;x="`, typePhantom, typeJSON}}, offered, typeJSON))
	require.Equal(t, typeJSON, negotiate(nil, offered, typeJSON))
}
