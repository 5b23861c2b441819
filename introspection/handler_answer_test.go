package introspection_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
)

func TestCacheControl(t *testing.T) {
	t.Parallel()
	control := func(b *bank, accept string) string {
		return b.ask("accounts", accept, goodForm).Header().Get("Cache-Control")
	}
	t.Run("I20 answers are not to be stored, and phantom answers privately", func(t *testing.T) {
		t.Parallel()
		b := newBank(t)
		require.Equal(t, "no-store", control(b, typeJSON))
		require.Equal(t, "no-store", control(b, typeStatement))
		require.Equal(t, "private, max-age=30", control(b, typePhantom))
		require.Equal(t, "no-store", b.ask("", "", goodForm).Header().Get("Cache-Control"))
	})
	t.Run("with MaxAge", func(t *testing.T) {
		t.Parallel()
		b := newBank(t, func(c *introspection.HandlerConfig) { c.MaxAge = time.Minute })
		for _, accept := range []string{typeJSON, typeStatement, typePhantom} {
			require.Equal(t, "private, max-age=60", control(b, accept))
		}
		b.answer.Expires = time.Now().Add(20*time.Second + 500*time.Millisecond)
		for _, accept := range []string{typeJSON, typeStatement, typePhantom} {
			require.Equal(t, "private, max-age=20", control(b, accept))
		}
		b.answer.Expires = time.Now().Add(900 * time.Millisecond)
		require.Equal(t, "no-store", control(b, typeJSON))
	})
	t.Run("no longer than the JWT", func(t *testing.T) {
		t.Parallel()
		b := newBank(t, func(c *introspection.HandlerConfig) {
			phantom := c.Phantom
			c.Phantom = func(ctx context.Context, caller, token string, a introspection.Answer) (string, error) {
				jwt, err := phantom(ctx, caller, token, a)
				payload := strings.Replace(payloadOf(t, jwt), `"exp":`, `"exp":`+jsonSeconds(10500*time.Millisecond)+`,"was":`, 1)
				return sign(t, testkeys.ES256("issuer"), "at+jwt", payload), err
			}
		})
		require.Contains(t, []string{"private, max-age=10", "private, max-age=9"}, control(b, typePhantom))
	})
}

func jsonSeconds(d time.Duration) string {
	text, _ := json.Marshal(float64(time.Now().Add(d).UnixMilli()) / 1000)
	return string(text)
}

// What Phantom makes has to be an access token, for this caller, with the binding of
// the opaque one.
func TestPhantomOfHandler(t *testing.T) {
	t.Parallel()
	const other = `{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`
	for name, make := range map[string]func(bound string) (string, error){
		"good":             func(bound string) (string, error) { return accessToken(t, "cnf", bound), nil },
		"error":            func(bound string) (string, error) { return accessToken(t, "cnf", bound), errors.New("no key") },
		"coded":            func(string) (string, error) { return "", coded("invalid_client") },
		"panic":            func(string) (string, error) { panic("x") },
		"empty":            func(string) (string, error) { return "", nil },
		"statement":        func(string) (string, error) { return statement(t), nil },
		"expired":          func(bound string) (string, error) { return accessToken(t, "cnf", bound, "exp", "1"), nil },
		"without exp":      func(bound string) (string, error) { return accessToken(t, "cnf", bound, "exp", ""), nil },
		"I02 for others":   func(bound string) (string, error) { return accessToken(t, "cnf", bound, "aud", `["`+api+`","x"]`), nil },
		"I02 for nobody":   func(bound string) (string, error) { return accessToken(t, "cnf", bound, "aud", ""), nil },
		"N08 not bound":    func(string) (string, error) { return accessToken(t), nil },
		"N08 bound else":   func(string) (string, error) { return accessToken(t, "cnf", other), nil },
		"N08 unknown bond": func(string) (string, error) { return accessToken(t, "cnf", `{"kid":"1"}`), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBank(t, func(c *introspection.HandlerConfig) {
				c.Phantom = func(_ context.Context, _, _ string, a introspection.Answer) (string, error) {
					bound, err := json.Marshal(a.Confirmation)
					require.NoError(t, err)
					return make(string(bound))
				}
			})
			b.answer.Expires = time.Now().Add(time.Hour)
			w := b.ask("accounts", typePhantom, goodForm)
			if name == "good" {
				require.Equal(t, http.StatusOK, w.Code)
				return
			}
			requireOAuthError(t, w, http.StatusServiceUnavailable, "server_error")
			require.Error(t, b.events[0].Err)
			require.False(t, b.events[0].Active)
		})
	}
}

// A JWT cannot be revoked, so it ends with the opaque token and within 5 min.
func TestPhantomLife(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		opaque, jwt time.Duration
		status      int
	}{
		{time.Minute, time.Minute, 200},
		{time.Minute + 900*time.Millisecond, time.Minute + 500*time.Millisecond, 200},
		{time.Minute, time.Minute + time.Second, 503},
		{time.Hour, 5 * time.Minute, 200},
		{time.Hour, 5*time.Minute + time.Second, 503},
		{time.Hour, time.Hour, 503},
		{5 * time.Minute, 24 * 365 * time.Hour, 503},
	} {
		t.Run(fmt.Sprint(test.jwt, " for ", test.opaque), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBank(t, func(c *introspection.HandlerConfig) {
					c.Phantom = func(_ context.Context, _, _ string, a introspection.Answer) (string, error) {
						bound, err := json.Marshal(a.Confirmation)
						return accessToken(t, "cnf", string(bound), "exp", jsonSeconds(test.jwt)), err
					}
				})
				b.answer.Expires = time.Now().Add(test.opaque)
				require.Equal(t, test.status, b.ask("accounts", typePhantom, goodForm).Code)
				require.Equal(t, test.status == 200, b.events[0].Active)
				require.Equal(t, test.status != 200, b.events[0].Err != nil)
				require.Contains(t, b.ask("accounts", typeJSON, goodForm).Body.String(), `"active":true`)
			})
		})
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	got := func(b *bank, accept string) string {
		return b.ask("accounts", accept, goodForm).Header().Get("Content-Type")
	}
	all := newBank(t)
	for accept, want := range map[string]string{
		"": typeJSON, "*/*": typeJSON, "application/*": typeJSON, typeJSON: typeJSON, typePhantom: typePhantom, typeStatement: typeStatement,
		typeJSON + ", " + typeStatement: typeStatement, typeJSON + ", " + typePhantom: typeJSON,
		typeStatement + ";q=0.5, " + typeJSON: typeJSON, "*/*, application/json;q=0, application/jwt;q=0.1": typePhantom,
	} {
		require.Equal(t, want, got(all, accept), accept)
	}
	t.Run("RequireSigned gives no JSON", func(t *testing.T) {
		t.Parallel()
		b := newBank(t, func(c *introspection.HandlerConfig) { c.RequireSigned = true })
		require.Equal(t, typeStatement, got(b, ""))
		require.Equal(t, typeStatement, got(b, "*/*"))
		requireOAuthError(t, b.ask("accounts", typeJSON, goodForm), http.StatusNotAcceptable, "invalid_request")
		requireOAuthError(t, b.ask("", "", goodForm), http.StatusBadRequest, "invalid_client")
	})
	t.Run("without Key and Phantom there is JSON alone", func(t *testing.T) {
		t.Parallel()
		b := newBank(t, func(c *introspection.HandlerConfig) { c.Key, c.Phantom = nil, nil })
		require.Equal(t, typeJSON, got(b, typeStatement+", */*;q=0.1"))
		for _, accept := range []string{typeStatement, typePhantom} {
			requireOAuthError(t, b.ask("accounts", accept, goodForm), http.StatusNotAcceptable, "invalid_request")
		}
	})
}

func TestTokenType(t *testing.T) {
	t.Parallel()
	b := newBank(t, func(c *introspection.HandlerConfig) { c.KeyID = "" }) // the thumbprint
	for member, want := range map[string]string{cnf.MemberJKT: "DPoP", cnf.MemberX5TS256: "Bearer"} {
		b.answer.Confirmation = cnf.Bind(member, [32]byte{1})
		require.Contains(t, payloadOf(t, b.ask("accounts", typeStatement, goodForm).Body.String()), `"token_type":"`+want+`"`)
	}
}
