package jarm_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jarm"
)

func TestAttackMode(t *testing.T) {
	t.Parallel()
	plain := url.Values{"code": {code}, "state": {state}, "iss": {issuer}}.Encode()
	t.Run("J10 a plain response where a JWT was asked for", func(t *testing.T) {
		t.Parallel()
		p, token := newRP(t), response(t, sound())
		for _, query := range []string{
			plain, "", "response=", "error=access_denied&state=s-1", "response=&" + plain,
			"response=" + token + "&" + plain, "response=" + token + "&state=s-1", "response=" + token + "&iss=" + url.QueryEscape(issuer),
			"response=" + token + "&error=access_denied", "code=evil&response=" + token,
		} {
			params, err := p.Callback(get(query), state)
			requireRefused(t, jarm.ErrMode, params, err)
		}
		require.Zero(t, p.source.asks.Load())
		p.accepts(t, get("response="+token))
		newRP(t, mode(jarm.ModeQuery)).accepts(t, get(plain))
	})
	t.Run("J10 a JWT where a plain response was asked for", func(t *testing.T) {
		t.Parallel()
		p, token := newRP(t, mode(jarm.ModeQuery)), response(t, sound())
		for _, query := range []string{"response=" + token, plain + "&response=" + token} {
			params, err := p.Callback(get(query), state)
			requireRefused(t, jarm.ErrMode, params, err)
		}
		params, err := p.Decode(t.Context(), token)
		requireFault(t, params, err)
		p.accepts(t, get(plain))
	})
	t.Run("J10 a parameter repeated", func(t *testing.T) {
		t.Parallel()
		token := response(t, sound())
		for _, query := range []string{
			"response=" + token + "&response=" + token, "response=&response=" + token, "response=" + token + "&%72esponse=",
			"response=" + token + "&a=1&a=2", "response=" + token + ";x=1", "response=" + token + "&a=%zz",
			"response=" + token + "&a=%00", "response=" + token + "&%ff=1", "response=" + token + strings.Repeat("&", 200),
			"response=" + token + strings.Repeat("A", 70<<10),
		} {
			params, err := newRP(t).Callback(get(query), state)
			requireRefused(t, jarm.ErrMalformed, params, err)
		}
		newRP(t).accepts(t, get("tenant=7&x=&response="+token))
		for _, query := range []string{plain + "&code=evil", plain + "&state=s-1", "code=&" + plain} {
			params, err := newRP(t, mode(jarm.ModeQuery)).Callback(get(query), state)
			requireRefused(t, jarm.ErrMalformed, params, err)
		}
		newRP(t, mode(jarm.ModeQuery)).accepts(t, get(plain))
	})
	t.Run("J11 another way in than the one that was asked for", func(t *testing.T) {
		t.Parallel()
		token := response(t, sound())
		jwt, jwtForm := "response="+token, post("", "response="+token)
		for _, c := range []struct {
			mode string
			r    *http.Request
		}{
			{jarm.ModeFragmentJWT, get(jwt)}, {jarm.ModeFragmentJWT, post("", jwt)},
			{jarm.ModeFormPostJWT, get(jwt)}, {jarm.ModeFormPostJWT, post(jwt, "")}, {jarm.ModeFormPostJWT, post("code=evil", jwt)},
			{jarm.ModeFormPostJWT, post(jwt, jwt)}, {jarm.ModeFormPostJWT, post("", plain)}, {jarm.ModeFormPostJWT, post("", jwt+"&state=s-1")},
			{jarm.ModeJWT, jwtForm}, {jarm.ModeQueryJWT, post(jwt, jwt)}, {jarm.ModeFormPost, get(plain)}, {jarm.ModeFormPost, post(plain, "")},
			{jarm.ModeQuery, post(plain, plain)}, {jarm.ModeQuery, httptest.NewRequest(http.MethodHead, redirectURI+"?"+plain, nil)},
		} {
			params, err := newRP(t, mode(c.mode)).Callback(c.r, state)
			requireRefused(t, jarm.ErrMode, params, err)
		}
		newRP(t, mode(jarm.ModeFormPostJWT)).accepts(t, post("tenant=7", jwt))
		newRP(t, mode(jarm.ModeFormPost)).accepts(t, post("", plain))
		newRP(t, mode(jarm.ModeQueryJWT)).accepts(t, get(jwt))
		_, err := newRP(t, mode(jarm.ModeFragmentJWT)).Decode(t.Context(), token)
		require.NoError(t, err)
	})
	t.Run("J11 a form of another kind", func(t *testing.T) {
		t.Parallel()
		token := response(t, sound())
		r := post("", "response="+token)
		r.Header.Set("Content-Type", "text/plain")
		params, err := newRP(t, mode(jarm.ModeFormPostJWT)).Callback(r, state)
		requireRefused(t, jarm.ErrMalformed, params, err)
		params, err = newRP(t, mode(jarm.ModeFormPostJWT)).Callback(post("", "response="+token+"&response=x"), state)
		requireRefused(t, jarm.ErrMalformed, params, err)
	})
}

func TestAttackErrorResponses(t *testing.T) {
	t.Parallel()
	denied := func() members { return sound().without("code").with("error", "access_denied") }
	t.Run("J12 an error that is not signed", func(t *testing.T) {
		t.Parallel()
		p, payload := newRP(t), denied().json(t)
		p.refuses(t, jarm.ErrAlgorithm, jose.Encode([]byte(`{"alg":"none"}`))+"."+jose.Encode([]byte(payload))+".")
		p.refuses(t, jarm.ErrSignature, sign(t, testkeys.ES256("evil"), es256Header, payload))
		p.refuses(t, jarm.ErrIssuer, response(t, denied().with("iss", "https://evil.example")))
		p.refuses(t, jarm.ErrAudience, response(t, denied().with("aud", "client-2")))
		p.refuses(t, jarm.ErrExpiry, response(t, denied().with("exp", 1)))
		params, err := p.Callback(getResponse(response(t, denied().with("state", "s-2"))), state)
		requireRefused(t, jarm.ErrState, params, err)

		var answered *jarm.AuthorizationError
		params, err = p.Callback(getResponse(response(t, denied())), state)
		require.ErrorAs(t, err, &answered)
		require.Nil(t, params)
		require.Equal(t, "access_denied", answered.Code())
	})
	t.Run("J12 an error and a code, or neither", func(t *testing.T) {
		t.Parallel()
		p := newRP(t)
		for _, m := range []members{
			sound().with("error", "access_denied"), sound().without("code"), sound().with("code", ""), denied().with("error", ""),
			denied().with("access_token", "evil"), denied().with("id_token", "evil"),
			sound().with("code", 1), sound().with("code", nil), denied().with("error", []string{"access_denied"}), sound().with("code", true),
			denied().with("error", "evil\n"), denied().with("error", `ev"il`), denied().with("error", strings.Repeat("x", 129)),
			denied().with("error", "x\x7f"), denied().with("error", "é"),
			sound().with("expires_in", true), sound().with("error", map[string]any{}),
		} {
			p.refuses(t, jarm.ErrMalformed, response(t, m))
		}
		p.accepts(t, getResponse(response(t, sound().with("error", ""))))
		var answered *jarm.AuthorizationError
		_, err := p.Decode(t.Context(), response(t, denied().with("error", strings.Repeat(" ~", 64))))
		require.ErrorAs(t, err, &answered)
	})
	t.Run("J12 a plain error from nowhere", func(t *testing.T) {
		t.Parallel()
		p := newRP(t, mode(jarm.ModeQuery))
		for query, rule := range map[string]error{
			"error=access_denied&state=s-1":                                          jarm.ErrIssuer,
			"error=access_denied&state=s-1&iss=https://evil.example":                 jarm.ErrIssuer,
			"error=access_denied&iss=" + url.QueryEscape(issuer):                     jarm.ErrState,
			"error=access_denied&state=s-2&iss=" + url.QueryEscape(issuer):           jarm.ErrState,
			"error=access_denied&code=evil&state=s-1&iss=" + url.QueryEscape(issuer): jarm.ErrMalformed,
			"error=%0d%0aSet-Cookie:evil&state=s-1&iss=" + url.QueryEscape(issuer):   jarm.ErrMalformed,
			"error_description=evil&state=s-1&iss=" + url.QueryEscape(issuer):        jarm.ErrMalformed,
		} {
			params, err := p.Callback(get(query), state)
			requireRefused(t, rule, params, err)
		}
		_, err := p.Callback(get("error=access_denied&state=s-1&error_description=no&iss="+url.QueryEscape(issuer)), state)
		var answered *jarm.AuthorizationError
		require.ErrorAs(t, err, &answered)
		require.Equal(t, "no", answered.Description())
	})
}
