package jar_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

// refusesClaim signs the sound claims with each value of one of them, and then
// the sound claims.
func refusesClaim(t *testing.T, rule error, name string, values ...any) {
	t.Helper()
	s, sound := newServer(t), claimsOf("client-1")
	for _, value := range values {
		s.refuses(t, rule, object(t, sound.with(name, value)))
	}
	s.accepts(t, "client-1", object(t, sound))
}

func TestClaimAttacks(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]func(t *testing.T){
		"R03 client_id in the object is another": func(t *testing.T) {
			refusesClaim(t, jar.ErrInnerClientID, "client_id", "client-2", "Client-1", "client-1 ", "")
			newServer(t).refuses(t, jar.ErrInnerClientID, object(t, claimsOf("client-1").without("client_id")))
			refusesClaim(t, jar.ErrParameter, "client_id", nil, []string{"client-1"}, 1)
		},
		"R03 client_id beside the object is another": func(t *testing.T) {
			s, sound := newServer(t), object(t, claimsOf("client-1"))
			s.refusesForm(t, jar.ErrClientID, invalidRequest, pushed("client-2", sound))
			_, err := s.Verify(t.Context(), "client-2", pushed("client-2", sound))
			requireRefused(t, jar.ErrIssuer, invalidObject, err)
			_, err = s.Verify(t.Context(), "client-2", pushed("client-1", sound))
			requireRefused(t, jar.ErrClientID, invalidRequest, err)
			for _, odd := range []string{"", "a\nb", "client\u00e9"} {
				_, err = s.Verify(t.Context(), odd, url.Values{"request": {sound}})
				requireRefused(t, jar.ErrClientID, invalidRequest, err)
			}
			s.accepts(t, "client-1", sound)
			// At the PAR endpoint, client authentication may be what names the client.
			_, err = s.Verify(t.Context(), "client-1", url.Values{"request": {sound}})
			require.NoError(t, err)
		},
		"R03 an object of another client under its own name": func(t *testing.T) {
			s := newServer(t)
			foreign := sign(t, testkeys.ES256("client-2"), es256Header, claimsOf("client-2").json(t))
			s.refuses(t, jar.ErrIssuer, foreign)
			s.accepts(t, "client-2", foreign)
			// The same kid, another key.
			s.refuses(t, jar.ErrSignature, sign(t, testkeys.ES256("client-2"), es256Header, claimsOf("client-1").json(t)))
		},
		"R04 iss": func(t *testing.T) {
			refusesClaim(t, jar.ErrIssuer, "iss", "client-2", issuer, "https://client.example.org")
			newServer(t).refuses(t, jar.ErrIssuer, object(t, claimsOf("client-1").without("iss")))
			refusesClaim(t, jar.ErrMalformed, "iss", "", nil, 1)
		},
		"R05 aud": func(t *testing.T) {
			refusesClaim(t, jar.ErrAudience, "aud", "https://as.other.example", parEndpoint, issuer+"/", "HTTPS://as.example.com",
				[]string{"https://as.other.example", "x"}, []string{})
			newServer(t).refuses(t, jar.ErrAudience, object(t, claimsOf("client-1").without("aud")))
			s := newServer(t)
			s.accepts(t, "client-1", object(t, claimsOf("client-1").with("aud", []string{"https://as.other.example", issuer, "x"})))
			extra := newServer(t, func(c *jar.VerifierConfig) { c.ExtraAudiences = []string{parEndpoint} })
			extra.accepts(t, "client-1", object(t, claimsOf("client-1").with("aud", parEndpoint)))
			extra.accepts(t, "client-1", object(t, claimsOf("client-1")))
		},
		"R07 nbf and exp": func(t *testing.T) {
			now := time.Now().Unix()
			s, sound := newServer(t), claimsOf("client-1")
			s.refuses(t, jar.ErrNotBefore, object(t, sound.without("nbf")), object(t, sound.with("nbf", now+61)), object(t, sound.with("iat", now+61)))
			s.refuses(t, jar.ErrExpiry, object(t, sound.without("exp")), object(t, sound.with("exp", now)),
				object(t, sound.with("nbf", now-3700)), object(t, sound.with("exp", now+3601)),
				object(t, sound.with("nbf", now+8).with("exp", now+5)), object(t, sound.with("nbf", now+8).with("exp", now+8)))
			s.accepts(t, "client-1", object(t, sound.with("nbf", now+8).with("iat", now+8)))
			s.accepts(t, "client-1", object(t, sound.with("nbf", now-3500).with("exp", now+90)))
			s.accepts(t, "client-1", object(t, sound.without("iat").without("jti")))
			short := newServer(t, func(c *jar.VerifierConfig) { c.MaxLifetime = 299 * time.Second })
			short.refuses(t, jar.ErrExpiry, object(t, sound))
		},
		"R10 request inside the object": func(t *testing.T) {
			for _, name := range []string{"request", "request_uri"} {
				refusesClaim(t, jar.ErrNested, name, object(t, claimsOf("client-1")), "https://evil.example/", "", nil, 1)
			}
		},
		"R15 sub is the client": func(t *testing.T) {
			refusesClaim(t, jar.ErrSubject, "sub", "client-1")
			params := newServer(t).accepts(t, "client-1", object(t, claimsOf("client-1").with("sub", "alice")))
			require.False(t, params.Has("sub"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, test)
		})
	}
}

func TestRequestAttacks(t *testing.T) {
	t.Parallel()
	t.Run("R01 unsigned", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t), claimsOf("client-1")
		signed := object(t, sound)
		for _, alg := range []string{"none", "None", "nOnE", "HS256", "RS256", ""} {
			header := jose.Encode([]byte(`{"alg":"` + alg + `"}`))
			bare := header + "." + jose.Encode([]byte(sound.json(t)))
			s.refuses(t, jar.ErrAlgorithm, bare+".", bare+signed[strings.LastIndexByte(signed, '.'):])
		}
		s.refuses(t, jar.ErrMalformed, sound.without("aud").without("redirect_uri").json(t), jose.Encode([]byte(sound.json(t))))
		s.refuses(t, jar.ErrSignature, signed[:strings.LastIndexByte(signed, '.')+1])
		s.accepts(t, "client-1", signed)
	})
	t.Run("R01 no object at all", func(t *testing.T) {
		t.Parallel()
		s := newServer(t)
		s.refusesForm(t, jar.ErrMissing, invalidRequest, soundParams("client-1"))
		s.refusesForm(t, jar.ErrMissing, invalidRequest, pushed("client-1", ""))
		s.refusesForm(t, jar.ErrMissing, invalidRequest, nil)
		s.accepts(t, "client-1", object(t, claimsOf("client-1")))
	})
	t.Run("R08 request and request_uri", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t), object(t, claimsOf("client-1"))
		s.refusesForm(t, jar.ErrBoth, invalidRequest, pushed("client-1", sound, "request_uri", "https://client.example.org/r"))
		for _, name := range []string{"request", "request_uri", "client_id"} {
			s.refusesForm(t, jar.ErrRepeated, invalidRequest, pushed("client-1", sound, name, sound, name, sound))
		}
		params, err := s.Verify(t.Context(), "client-1", pushed("client-1", sound, "request_uri", "")) // as if absent
		require.NoError(t, err)
		require.Equal(t, soundParams("client-1"), params)
	})
	t.Run("R09 parameters beside the object", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t), claimsOf("client-1").without("state").without("scope")
		form := pushed("client-1", object(t, sound), "state", "evil", "scope", "admin", "nonce", "evil",
			"redirect_uri", "https://evil.example", "prompt", "none", "claims", "{}", "client_assertion", "x")
		want := soundParams("client-1")
		want.Del("state")
		want.Del("scope")
		params, err := s.Verify(t.Context(), "client-1", form)
		require.NoError(t, err)
		require.Equal(t, want, params)
		// Control: the attack is in the form, and stays there.
		require.Equal(t, "evil", form.Get("state"))
	})
	t.Run("R14 other JWTs of the client as request", func(t *testing.T) {
		t.Parallel()
		s, sound, key := newServer(t), claimsOf("client-1"), testkeys.ES256("client-1")
		header := func(typ string) string { return `{"alg":"ES256","kid":"k1","typ":"` + typ + `"}` }
		for _, typ := range []string{"client-authentication+jwt", "dpop+jwt", "at+jwt", "application/at+jwt", "secevent+jwt",
			"token-introspection+jwt", "JOSE", "oauth-authz-req", "xoauth-authz-req+jwt"} {
			s.refuses(t, jar.ErrType, sign(t, key, header(typ), sound.json(t)))
		}
		now := time.Now().Unix()
		assertion := claims{"iss": "client-1", "sub": "client-1", "aud": issuer, "jti": "a", "iat": now, "nbf": now, "exp": now + 60}
		s.refuses(t, jar.ErrSubject, sign(t, key, header("JWT"), assertion.json(t)))
		idToken := claims{"iss": "https://as.example.com", "sub": "alice", "aud": "client-1", "iat": now, "nbf": now, "exp": now + 60}
		s.refuses(t, jar.ErrIssuer, sign(t, key, header("JWT"), idToken.json(t)))
		for _, typ := range []string{"oauth-authz-req+jwt", "application/oauth-authz-req+jwt", "OAuth-AuthZ-Req+JWT", "JWT", "jwt"} {
			s.accepts(t, "client-1", sign(t, key, header(typ), sound.json(t)))
		}
		strict := newServer(t, func(c *jar.VerifierConfig) { c.RequireType = true })
		strict.refuses(t, jar.ErrType, sign(t, key, header("JWT"), sound.json(t)), sign(t, key, `{"alg":"ES256"}`, sound.json(t)))
		strict.accepts(t, "client-1", object(t, sound))
	})
	t.Run("R14 a request object as client assertion", func(t *testing.T) {
		t.Parallel()
		memory, err := replay.NewMemory(replay.MemoryConfig{})
		require.NoError(t, err)
		verifier, err := privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
			Issuer: issuer, Replay: memory, Clients: assertionClients{"client-1": {Keys: newServer(t).clients["client-1"].Keys}},
		})
		require.NoError(t, err)
		authenticate := func(token string) error {
			form := url.Values{"client_assertion": {token}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}}
			r := httptest.NewRequest(http.MethodPost, issuer+"/par", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			_, err := verifier.Authenticate(r)
			return err
		}
		signed, err := newSigner(t).Sign(t.Context(), soundParams("client-1"))
		require.NoError(t, err)
		require.ErrorIs(t, authenticate(signed), privatekeyjwt.ErrType)
		// Without a typ it is the sub that is missing.
		untyped := sign(t, testkeys.EdDSA("client-1"), eddsaHeader, claimsOf("client-1").json(t))
		require.ErrorIs(t, authenticate(untyped), privatekeyjwt.ErrSubject)
		newServer(t).accepts(t, "client-1", untyped)
		withSub := claimsOf("client-1").with("sub", "client-1")
		require.NoError(t, authenticate(sign(t, testkeys.EdDSA("client-1"), eddsaHeader, withSub.json(t))), "control")
	})
	t.Run("R16 the same object again", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t), claimsOf("client-1")
		first := object(t, sound)
		s.accepts(t, "client-1", first)
		s.accepts(t, "client-1", first) // by decision: as after a nonce challenge
		request, err := s.VerifyRequest(t.Context(), "client-1", pushed("client-1", first))
		require.NoError(t, err)
		require.Equal(t, sound["jti"], request.ID, "for a caller that spends it")
		other := newServer(t, func(c *jar.VerifierConfig) { c.Issuer = "https://as.other.example" })
		other.refuses(t, jar.ErrAudience, first)
		other.accepts(t, "client-1", object(t, sound.with("aud", "https://as.other.example")))
	})
	t.Run("R18 errors go nowhere", func(t *testing.T) {
		t.Parallel()
		s, sound := newServer(t), claimsOf("client-1").with("redirect_uri", "https://evil.example/cb")
		for rule, token := range map[error]string{
			jar.ErrSignature: sign(t, testkeys.ES256("attacker"), es256Header, sound.json(t)),
			jar.ErrAudience:  object(t, sound.with("aud", "x")),
			jar.ErrExpiry:    object(t, sound.with("exp", 1)),
		} {
			form := pushed("client-1", token, "redirect_uri", "https://evil.example/cb", "state", "evil.example")
			s.refusesForm(t, rule, invalidObject, form) // nil params, silent text and log
			request, err := s.VerifyRequest(t.Context(), "client-1", form)
			require.Error(t, err)
			require.Nil(t, request)
		}
		// Control: what the client did sign is for the caller to judge.
		require.Equal(t, "https://evil.example/cb", s.accepts(t, "client-1", object(t, sound)).Get("redirect_uri"))
	})
	t.Run("R20 the object expires before the stored request", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t)
			token := object(t, claimsOf("client-1").with("exp", time.Now().Unix()+10))
			request, err := s.VerifyRequest(t.Context(), "client-1", pushed("client-1", token))
			require.NoError(t, err)
			require.Equal(t, 10*time.Second, time.Until(request.Expires), "for the store to see")
			time.Sleep(10*time.Second - 1)
			s.accepts(t, "client-1", token)
			time.Sleep(time.Nanosecond)
			s.refuses(t, jar.ErrExpiry, token)
		})
	})
}

// assertionClients are clients of privatekeyjwt.
type assertionClients map[string]privatekeyjwt.Client

func TestTypeConfusion(t *testing.T) {
	t.Parallel()
	t.Run("R17 parameters of the wrong type", func(t *testing.T) {
		t.Parallel()
		texts := []string{"response_type", "redirect_uri", "scope", "state", "response_mode", "nonce", "display", "prompt", "ui_locales",
			"claims_locales", "id_token_hint", "login_hint", "acr_values", "code_challenge", "code_challenge_method", "dpop_jkt"}
		for _, name := range texts {
			refusesClaim(t, jar.ErrParameter, name, []string{"a"}, claims{}, 1, true, nil, "a\x00b")
		}
		refusesClaim(t, jar.ErrParameter, "max_age", "x", "86400", -1, 1.5, json.RawMessage("1e3"), json.RawMessage("-0"),
			json.RawMessage("9223372036854775808"), []int{1}, nil, true)
		refusesClaim(t, jar.ErrParameter, "claims", "{}", []string{}, 1, nil, true)
		refusesClaim(t, jar.ErrParameter, "authorization_details", "[]", claims{}, 1, nil, true)
		refusesClaim(t, jar.ErrParameter, "resource", 1, claims{}, []any{"https://a.example", 1}, nil, []any{nil}, []string{"a\x00"})
		refusesClaim(t, jar.ErrParameter, "extension", nil, "\x00")
		refusesClaim(t, jar.ErrParameter, "", "x")
		refusesClaim(t, jar.ErrParameter, "a\x00b", "x")
	})
	t.Run("R17 the right types", func(t *testing.T) {
		t.Parallel()
		c := claimsOf("client-1")
		maps := map[string]struct {
			value any
			want  []string
		}{
			"max_age":               {json.RawMessage("86400"), []string{"86400"}},
			"claims":                {json.RawMessage(`{ "id_token":{"acr":null}}`), []string{`{"id_token":{"acr":null}}`}},
			"authorization_details": {json.RawMessage(`[{"type":"a"}]`), []string{`[{"type":"a"}]`}},
			"resource":              {[]string{"https://a.example", "https://b.example"}, []string{"https://a.example", "https://b.example"}},
			"prompt":                {"", nil},
			"ext_text":              {"[1]", []string{"[1]"}},
			"ext_number":            {json.RawMessage("1.50"), []string{"1.50"}},
			"ext_bool":              {true, []string{"true"}},
			"ext_object":            {claims{"a": 1}, []string{`{"a":1}`}},
			"Scope":                 {"other", []string{"other"}},
		}
		for name, row := range maps {
			c = c.with(name, row.value)
		}
		params := newServer(t).accepts(t, "client-1", object(t, c))
		for name, row := range maps {
			assert.Equal(t, row.want, params[name], name)
		}
		require.Equal(t, "openid accounts", params.Get("scope"))
		for _, name := range []string{"iss", "aud", "exp", "nbf", "iat", "jti"} {
			require.False(t, params.Has(name), name)
		}
		one := newServer(t).accepts(t, "client-1", object(t, c.with("resource", "https://a.example")))
		require.Equal(t, []string{"https://a.example"}, one["resource"])
	})
}

func (c assertionClients) Client(_ context.Context, id string) (privatekeyjwt.Client, bool, error) {
	client, ok := c[id]
	return client, ok, nil
}
