package jarm_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/jarm"
)

func TestAttackSyntax(t *testing.T) {
	t.Parallel()
	payload := sound().json(t)
	good := response(t, sound())
	for name, token := range map[string]string{
		"S01 alg twice":              sign(t, serverKey(), `{"alg":"none","alg":"ES256","kid":"as-1"}`, payload),
		"S04 iss twice":              sign(t, serverKey(), es256Header, `{"iss":"https://evil.example",`+payload[1:]),
		"S04 code twice, escaped":    sign(t, serverKey(), es256Header, `{"\u0063ode":"evil",`+payload[1:]),
		"S08 data behind the object": sign(t, serverKey(), es256Header, payload+`{"code":"evil"}`),
		"S10 invalid UTF-8":          sign(t, serverKey(), es256Header, `{"x":"`+"\xff"+`",`+payload[1:]),
		"S11 lone surrogate":         sign(t, serverKey(), es256Header, `{"x":"\ud800",`+payload[1:]),
		"S17 nesting":                sign(t, serverKey(), es256Header, `{"x":`+strings.Repeat("[", 50)+strings.Repeat("]", 50)+`,`+payload[1:]),
		"S19 oversize":               good + strings.Repeat("A", 20<<10),
		"S20 segments, two":          "a.b",
		"S20 segments, four":         good + ".a",
		"S24 padding":                good + "=",
		"S26 line break":             good + "\n",
		"S43 crit":                   sign(t, serverKey(), `{"alg":"ES256","kid":"as-1","crit":["x"],"x":1}`, payload),
		"S45 b64":                    sign(t, serverKey(), `{"alg":"ES256","kid":"as-1","b64":false}`, payload),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newRP(t)
			p.refuses(t, jarm.ErrMalformed, token)
			p.accepts(t, getResponse(good))
		})
	}
	t.Run("S06 names in another letter case are other names", func(t *testing.T) {
		t.Parallel()
		params, err := newRP(t).Decode(t.Context(), response(t, sound().with("CODE", "evil").with("ISS", "evil").with("Exp", 1)))
		require.NoError(t, err)
		require.Equal(t, code, params.Get("code"))
	})
	t.Run("S61 large numbers keep their digits", func(t *testing.T) {
		t.Parallel()
		token := sign(t, serverKey(), es256Header, `{"expires_in":9007199254740993,`+payload[1:])
		params, err := newRP(t).Decode(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, "9007199254740993", params.Get("expires_in"))
	})
	t.Run("S02 another kind of JWT", func(t *testing.T) {
		t.Parallel()
		p := newRP(t)
		for _, typ := range []string{"at+jwt", "application/at+jwt", "dpop+jwt", "token-introspection+jwt", "oauth-authz-req+jwt", "logout+jwt"} {
			p.refuses(t, jarm.ErrType, sign(t, serverKey(), `{"alg":"ES256","kid":"as-1","typ":"`+typ+`"}`, payload))
		}
		p.accepts(t, getResponse(sign(t, serverKey(), `{"alg":"ES256","kid":"as-1","typ":"jwt"}`, payload)))
	})
	t.Run("S02 an ID Token is no response", func(t *testing.T) {
		t.Parallel()
		p := newRP(t)
		idToken := sound().without("code").without("state").with("sub", "u").with("nonce", "n").with("s_hash", "h")
		_, err := p.Decode(t.Context(), response(t, idToken))
		require.ErrorIs(t, err, jarm.ErrMalformed)
		_, err = p.Callback(getResponse(response(t, idToken)), state)
		require.ErrorIs(t, err, jarm.ErrState)
		p.accepts(t, getResponse(response(t, sound().with("sub", "u"))))
	})
}
