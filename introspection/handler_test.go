package introspection_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// byHeader authenticates whoever says so.
type byHeader struct{}

func (byHeader) Authenticate(r *http.Request) (string, error) {
	switch id := r.Header.Get("Test-Client"); id {
	case "":
		return "", coded("invalid_client")
	case "broken":
		return "", errors.New("no database")
	case "busy":
		return "", introspection.ErrTooMany
	case "foreign":
		return "", coded("use_dpop_nonce")
	case "nobody":
		return "", nil
	default:
		return id, nil
	}
}

// bank is an authorization server with one token, for two APIs.
type bank struct {
	handler *introspection.Handler
	answer  introspection.Answer
	looked  int
	events  []introspection.Event
}

func newBank(t testing.TB, edit ...func(*introspection.HandlerConfig)) *bank {
	t.Helper()
	b := &bank{answer: introspection.Answer{
		Audience: []string{api, "https://payments.bank.example"}, Expires: time.Now().Add(5 * time.Minute),
		ClientID: "app", Subject: "alice", Scope: []string{"accounts", "payments"}, ID: "j", ACR: "urn:sca", AMR: []string{"otp"},
		IssuedAt: time.Now(), AuthTime: time.Now().Add(-time.Minute),
		Confirmation: cnf.Bind(cnf.MemberJKT, [32]byte{1}), Extra: map[string]any{"username": "Alice", "limit": json.Number("12345678901234567890")},
	}}
	config := introspection.HandlerConfig{
		Issuer: issuer, Callers: byHeader{}, Key: testkeys.ES256("issuer"), KeyID: "as-1",
		Resources: func(_ context.Context, caller string) ([]string, error) {
			return map[string][]string{
				"accounts": {api}, "payments": {"https://payments.bank.example"}, "gateway": {api, "https://payments.bank.example"},
				"stranger": {"https://other.example"},
			}[caller], nil
		},
		Lookup: func(_ context.Context, _, token string) (introspection.Answer, bool, error) {
			b.looked++
			return b.answer, token == opaque, nil
		},
		Phantom: func(_ context.Context, _, token string, a introspection.Answer) (string, error) {
			bound, err := json.Marshal(a.Confirmation)
			return accessToken(t, "aud", `"`+a.Audience[0]+`"`, "cnf", string(bound), "opaque_ath", `"`+introspection.OpaqueATH(token)+`"`,
				"exp", fmt.Sprintf("%.3f", float64(a.Expires.UnixMilli())/1000)), err
		},
		Observe: func(e introspection.Event) { b.events = append(b.events, e) },
	}
	for _, f := range edit {
		f(&config)
	}
	handler, err := introspection.NewHandler(config)
	require.NoError(t, err)
	b.handler = handler
	return b
}

func question(caller, accept, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/introspect", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Test-Client", caller)
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	return r
}

var goodForm = url.Values{"token": {opaque}}.Encode()

func (b *bank) ask(caller, accept, body string) *httptest.ResponseRecorder {
	return b.send(question(caller, accept, body))
}

func (b *bank) send(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// through lets a Client or Phantom ask the bank as caller.
func (b *bank) through(caller string) *http.Client {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		r.Header.Set("Test-Client", caller)
		return b.send(r).Result(), nil
	}).client()
}

func requireOAuthError(t testing.TB, w *httptest.ResponseRecorder, status int, code string) {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body.String())
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	require.Equal(t, typeJSON, w.Header().Get("Content-Type"))
	var body struct{ Error string }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.Equal(t, code, body.Error)
	require.NotContains(t, w.Body.String(), "elsewhere")
	require.NotContains(t, w.Body.String(), "database")
}

func p384(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	return key
}

func TestNewHandler(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*introspection.HandlerConfig){
		"Issuer":             func(c *introspection.HandlerConfig) { c.Issuer = "as" },
		"Callers":            func(c *introspection.HandlerConfig) { c.Callers = nil },
		"Callers nil inside": func(c *introspection.HandlerConfig) { c.Callers = (*privatekeyjwt.Verifier)(nil) },
		"Resources":          func(c *introspection.HandlerConfig) { c.Resources = nil },
		"Lookup":             func(c *introspection.HandlerConfig) { c.Lookup = nil },
		"Key":                func(c *introspection.HandlerConfig) { c.Key = p384(t) },
		"KeyID":              func(c *introspection.HandlerConfig) { c.Key, c.KeyID = testkeys.EdDSA("x"), "\xff" },
		"RequireSigned":      func(c *introspection.HandlerConfig) { c.RequireSigned, c.Key = true, nil },
		"MaxAge":             func(c *introspection.HandlerConfig) { c.MaxAge = -1 },
		"MaxAge large":       func(c *introspection.HandlerConfig) { c.MaxAge = 6 * time.Minute },
	} {
		config := introspection.HandlerConfig{
			Issuer: issuer, Callers: byHeader{},
			Resources: func(context.Context, string) ([]string, error) { return nil, nil },
			Lookup: func(context.Context, string, string) (introspection.Answer, bool, error) {
				return introspection.Answer{}, false, nil
			},
		}
		edit(&config)
		_, err := introspection.NewHandler(config)
		require.ErrorContains(t, err, "introspection: "+strings.Fields(name)[0], name)
	}
	for _, h := range []*introspection.Handler{nil, {}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, question("accounts", "", goodForm))
		requireOAuthError(t, w, http.StatusServiceUnavailable, "server_error")
	}
}

// A Client understands what a Handler says, signed or not.
func TestClientAndHandler(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	for _, edit := range []func(*introspection.ClientConfig){func(*introspection.ClientConfig) {}, signed(t)} {
		token, err := newClient(t, b.through("accounts"), edit).Introspect(context.Background(), opaque)
		require.NoError(t, err)
		require.Equal(t, "alice", token.Subject())
		require.Equal(t, "app", token.ClientID())
		require.Equal(t, []string{api}, token.Audience(), "the other audience is not this caller's to know")
		require.Equal(t, []string{"accounts", "payments"}, token.Scopes())
		require.Equal(t, b.answer.Confirmation, token.Confirmation())
		require.Equal(t, b.answer.Expires.Unix(), token.Expires().Unix())
		require.Equal(t, b.answer.IssuedAt.Unix(), token.IssuedAt().Unix())
		require.Equal(t, b.answer.AuthTime.Unix(), token.AuthTime().Unix())
		require.Equal(t, "urn:sca", token.ACR())
		require.Equal(t, []string{"otp"}, token.AMR())
		require.Equal(t, "j", token.ID())
		for name, want := range map[string]string{"token_type": `"DPoP"`, "username": `"Alice"`, "limit": "12345678901234567890"} {
			value, _ := token.Claim(name)
			require.Equal(t, want, string(value))
		}
	}
	jwt, claims, err := newPhantom(t, b.through("accounts")).Exchange(context.Background(), opaque)
	require.NoError(t, err)
	require.Equal(t, []string{api}, claims.Audience())
	require.NotEmpty(t, jwt)

	_, _, err = newPhantom(t, b.through("stranger")).Exchange(context.Background(), opaque)
	requireRule(t, introspection.ErrInactive, err)
	_, err = newClient(t, b.through("stranger"), signed(t)).Introspect(context.Background(), opaque)
	requireFault(t, introspection.ErrAnswer, err) // the statement is for the other API
	for _, edit := range []func(*introspection.ClientConfig){func(*introspection.ClientConfig) {}, signed(t)} {
		_, err = newClient(t, b.through(""), edit).Introspect(context.Background(), opaque)
		requireFault(t, introspection.ErrCredentials, err)
		_, err = newClient(t, b.through("broken"), edit).Introspect(context.Background(), opaque)
		requireFault(t, introspection.ErrUnavailable, err)
		_, err = newClient(t, b.through("busy"), edit).Introspect(context.Background(), opaque)
		requireFault(t, introspection.ErrUnavailable, err)
	}
}

func TestStatementShape(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	for caller, aud := range map[string]any{
		"accounts": api, "gateway": []any{api, "https://payments.bank.example"}, "not-an-api": "not-an-api",
	} {
		w := b.ask(caller, typeStatement, goodForm)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, typeStatement, w.Header().Get("Content-Type"))
		var payload map[string]any
		require.NoError(t, json.Unmarshal([]byte(payloadOf(t, w.Body.String())), &payload))
		require.Len(t, payload, 4) // no sub and no exp outside, RFC 9701 section 5
		require.Equal(t, issuer, payload["iss"])
		require.Equal(t, aud, payload["aud"])
		require.InDelta(t, time.Now().Unix(), payload["iat"], 2)
		require.Equal(t, caller != "not-an-api", payload["token_introspection"].(map[string]any)["active"])
	}
}

func TestHandlerRefusals(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
		r := question("accounts", "", goodForm)
		r.Method = method
		w := b.send(r)
		require.Equal(t, http.StatusMethodNotAllowed, w.Code)
		require.Equal(t, "POST", w.Header().Get("Allow"))
	}
	for _, body := range []string{"", "token=", "x=y", goodForm + "&" + goodForm, goodForm + "&Token=x", "token=%zz", "token=a&token_type_hint=a&token_type_hint=b"} {
		requireOAuthError(t, b.ask("accounts", "", body), http.StatusBadRequest, "invalid_request")
		require.ErrorIs(t, b.events[len(b.events)-1].Err, introspection.ErrForm)
	}
	requireOAuthError(t, b.ask("accounts", "", "token="+strings.Repeat("a", 64<<10)), http.StatusRequestEntityTooLarge, "invalid_request")
	r := question("accounts", "", goodForm)
	r.URL.RawQuery = "token=" + opaque
	r.Body = http.NoBody
	requireOAuthError(t, b.send(r), http.StatusBadRequest, "invalid_request")
	for _, accept := range []string{"text/html", "application/json;q=0", "application/json;q=2", "json", strings.Repeat("a/b,", 300)} {
		requireOAuthError(t, b.ask("accounts", accept, goodForm), http.StatusNotAcceptable, "invalid_request")
		require.ErrorIs(t, b.events[len(b.events)-1].Err, introspection.ErrFormat)
	}
	for caller, want := range map[string]struct {
		status int
		code   string
	}{
		"": {401, "invalid_client"}, "broken": {503, "server_error"}, "nobody": {503, "server_error"}, "foreign": {503, "server_error"},
		"busy": {429, "temporarily_unavailable"},
	} {
		for _, accept := range []string{"", typeJSON, typePhantom} {
			requireOAuthError(t, b.ask(caller, accept, goodForm), want.status, want.code)
			require.Empty(t, b.events[len(b.events)-1].Caller)
		}
	}
	t.Run("I20 no downgrade: a stranger that wants a statement gets 400", func(t *testing.T) {
		requireOAuthError(t, b.ask("", typeStatement, goodForm), http.StatusBadRequest, "invalid_client")
	})
	require.Zero(t, b.looked, "nobody was told anything")
	require.Equal(t, http.StatusOK, b.ask("accounts", "", goodForm).Code)
}

func TestUniformNo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		edit   func(*introspection.Answer)
		caller string
		form   string
	}{
		"I02 a token for another API":         {nil, "stranger", goodForm},
		"I02 a client that is no API":         {nil, "not-an-api", goodForm},
		"I02 an audience that is nearly ours": {func(a *introspection.Answer) { a.Audience = []string{api + "/"} }, "accounts", goodForm},
		"I02 a faulty token for another API":  {func(a *introspection.Answer) { a.Confirmation = cnf.Confirmation{} }, "stranger", goodForm},
		"I03 unknown":                         {nil, "accounts", "token=unknown"},
		"I03 expired":                         {func(a *introspection.Answer) { a.Expires = time.Now() }, "accounts", goodForm},
		"I03 not yet valid":                   {func(a *introspection.Answer) { a.NotBefore = time.Now().Add(time.Minute) }, "accounts", goodForm},
		"I04 no access token by its form":     {nil, "accounts", "token=a%20b"},
		"I04 too long to be one":              {nil, "accounts", "token=" + strings.Repeat("a", 4097)},
		"I04 a hint changes nothing":          {nil, "accounts", "token=unknown&token_type_hint=refresh_token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, func(c *introspection.HandlerConfig) { c.MaxAge = time.Minute })
			good := b.answer
			if test.edit != nil {
				test.edit(&b.answer)
			}
			w := b.ask(test.caller, "", test.form)
			require.Equal(t, http.StatusOK, w.Code)
			require.Equal(t, `{"active":false}`, w.Body.String())
			require.Equal(t, http.Header{
				"Content-Type": {typeJSON}, "Cache-Control": {"no-store"}, "Pragma": {"no-cache"}, "X-Content-Type-Options": {"nosniff"},
			}, w.Header())

			w = b.ask(test.caller, typeStatement, test.form)
			require.Equal(t, http.StatusOK, w.Code)
			require.Contains(t, payloadOf(t, w.Body.String()), `"token_introspection":{"active":false}}`)
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))

			w = b.ask(test.caller, typePhantom, test.form)
			require.Equal(t, http.StatusNoContent, w.Code)
			require.Empty(t, w.Body.String())
			require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
			for _, e := range b.events {
				require.Equal(t, introspection.Event{Caller: test.caller}, e)
			}
			b.answer = good // control
			require.Contains(t, b.ask("accounts", "", goodForm).Body.String(), `"active":true`)
		})
	}
}

// panicking is a key, or something to be told, whose code is broken.
type panicking struct{ crypto.Signer }

func (panicking) MarshalJSON() ([]byte, error) { panic(opaque) }

func (panicking) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { panic(opaque) }

func TestLookup(t *testing.T) {
	t.Parallel()
	lookup := func(a introspection.Answer, err error) *bank {
		return newBank(t, func(c *introspection.HandlerConfig) {
			c.Lookup = func(context.Context, string, string) (introspection.Answer, bool, error) { return a, true, err }
		})
	}
	good := newBank(t).answer
	t.Run("I04 a verifier's invalid_token is a no", func(t *testing.T) {
		for _, err := range []error{coded("invalid_token"), &accesstoken.Error{}, introspection.ErrTooMany} {
			w := lookup(good, err).ask("accounts", "", goodForm)
			if err == introspection.ErrTooMany {
				requireOAuthError(t, w, http.StatusTooManyRequests, "temporarily_unavailable")
				continue
			}
			require.Equal(t, `{"active":false}`, w.Body.String())
		}
	})
	for _, err := range []error{errors.New("no database"), coded("invalid_client"), coded("invalid_request"), coded("")} {
		requireOAuthError(t, lookup(good, err).ask("accounts", "", goodForm), http.StatusServiceUnavailable, "server_error")
	}
	for name, edit := range map[string]func(*introspection.Answer){
		"no audience":  func(a *introspection.Answer) { a.Audience = nil },
		"no expiry":    func(a *introspection.Answer) { a.Expires = time.Time{} },
		"not bound":    func(a *introspection.Answer) { a.Confirmation = cnf.Confirmation{} },
		"no client":    func(a *introspection.Answer) { a.ClientID = "" },
		"scope":        func(a *introspection.Answer) { a.Scope = []string{"a b"} },
		"amr":          func(a *introspection.Answer) { a.AMR = []string{""} },
		"subject":      func(a *introspection.Answer) { a.Subject = "\xff" },
		"extra own":    func(a *introspection.Answer) { a.Extra = map[string]any{"Active": true} },
		"extra token":  func(a *introspection.Answer) { a.Extra = map[string]any{"TOKEN_TYPE": "Bearer"} },
		"extra number": func(a *introspection.Answer) { a.Extra = map[string]any{"n": json.Number("1,5")} },
		"extra func":   func(a *introspection.Answer) { a.Extra = map[string]any{"f": func() {}} },
	} {
		a := good
		edit(&a)
		requireOAuthError(t, lookup(a, nil).ask("accounts", "", goodForm), http.StatusServiceUnavailable, "server_error")
		_ = name
	}
	panics := newBank(t, func(c *introspection.HandlerConfig) {
		c.Resources = func(context.Context, string) ([]string, error) { panic(opaque) }
	})
	requireOAuthError(t, panics.ask("accounts", "", goodForm), http.StatusServiceUnavailable, "server_error")
	t.Run("a panic while the answer is written", func(t *testing.T) {
		a := good
		a.Extra = map[string]any{"x": panicking{}}
		for b, accepts := range map[*bank][]string{
			lookup(a, nil): {typeJSON, typeStatement},
			newBank(t, func(c *introspection.HandlerConfig) { c.Key = panicking{c.Key} }): {typeStatement},
		} {
			for i, accept := range accepts {
				requireOAuthError(t, b.ask("accounts", accept, goodForm), http.StatusServiceUnavailable, "server_error")
				require.Len(t, b.events, i+1)
				require.Equal(t, "accounts", b.events[i].Caller)
				require.False(t, b.events[i].Active)
				require.ErrorContains(t, b.events[i].Err, "introspection: ")
				require.NotContains(t, b.events[i].Err.Error(), opaque)
			}
		}
	})
	large := good
	large.Extra = map[string]any{"x": strings.Repeat("x", 16<<10)}
	requireOAuthError(t, lookup(large, nil).ask("accounts", typeStatement, goodForm), http.StatusServiceUnavailable, "server_error")
	require.Equal(t, http.StatusOK, lookup(good, nil).ask("accounts", "", goodForm).Code)
}

func TestScanning(t *testing.T) {
	t.Parallel()
	t.Run("I05 a server that counts can stop a caller", func(t *testing.T) {
		t.Parallel()
		const most = 100
		failed := map[string]int{} // one goroutine here; a server needs a lock and a clock
		var lookups int
		b := newBank(t, func(c *introspection.HandlerConfig) {
			c.Observe = func(e introspection.Event) {
				if e.Err == nil && !e.Active {
					failed[e.Caller]++
				}
			}
			lookup := c.Lookup
			c.Lookup = func(ctx context.Context, caller, token string) (introspection.Answer, bool, error) {
				if failed[caller] >= most {
					return introspection.Answer{}, false, introspection.ErrTooMany
				}
				lookups++
				return lookup(ctx, caller, token)
			}
		})
		for range 1000 {
			b.ask("payments", "", "token=guess")
		}
		require.Equal(t, most, lookups)
		requireOAuthError(t, b.ask("payments", "", goodForm), http.StatusTooManyRequests, "temporarily_unavailable")
		require.Contains(t, b.ask("accounts", "", goodForm).Body.String(), `"active":true`)
	})
}
