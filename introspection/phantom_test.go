package introspection_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
)

func phantomAnswer(jwt string) *http.Response {
	return respond(200, typePhantom, jwt, "Cache-Control", "private, "+minute)
}

func TestExchange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		jwt := accessToken(t, "opaque_ath", `"`+introspection.OpaqueATH(opaque)+`"`)
		s := newServer(func(string) *http.Response { time.Sleep(time.Second); return phantomAnswer(jwt) })
		phantom := newPhantom(t, s.client())
		var group sync.WaitGroup
		for range 1000 {
			group.Go(func() {
				got, claims, err := phantom.Exchange(context.Background(), opaque)
				if err != nil || got != jwt || claims.Subject() != "alice" {
					t.Errorf("%v", err)
				}
			})
		}
		group.Wait()
		require.EqualValues(t, 1, s.asked.Load())
		time.Sleep(28 * time.Second)
		_, _, err := phantom.Exchange(context.Background(), opaque)
		require.NoError(t, err)
		require.EqualValues(t, 1, s.asked.Load())
		phantom.Forget(opaque)
		_, _, err = phantom.Exchange(context.Background(), opaque)
		require.NoError(t, err)
		require.EqualValues(t, 2, s.asked.Load())
	})
}

func TestPhantomInactive(t *testing.T) {
	t.Parallel()
	s := newServer(func(string) *http.Response { return respond(204, "", "", "Cache-Control", "no-store") })
	phantom := newPhantom(t, s.client())
	for range 2 {
		jwt, claims, err := phantom.Exchange(context.Background(), opaque)
		requireRule(t, introspection.ErrInactive, err)
		require.Empty(t, jwt)
		require.Nil(t, claims)
	}
	require.EqualValues(t, 1, s.asked.Load())
	_, _, err := phantom.Exchange(context.Background(), "a b")
	requireRule(t, introspection.ErrToken, err)
}

func TestPhantomVerification(t *testing.T) {
	t.Parallel()
	seconds := func(d time.Duration) string { return fmt.Sprint(time.Now().Add(d).Unix()) }
	for name, bad := range map[string]func(t *testing.T) *http.Response{
		"I15 bad signature": func(t *testing.T) *http.Response {
			return phantomAnswer(sign(t, testkeys.ES256("mallory"), "at+jwt", accessTokenPayload()))
		},
		"I15 expired": func(t *testing.T) *http.Response { return phantomAnswer(accessToken(t, "exp", seconds(-time.Second))) },
		"I15 no exp":  func(t *testing.T) *http.Response { return phantomAnswer(accessToken(t, "exp", "")) },
		"I15 another issuer": func(t *testing.T) *http.Response {
			return phantomAnswer(accessToken(t, "iss", `"https://other.example"`))
		},
		"I15 another API": func(t *testing.T) *http.Response {
			return phantomAnswer(accessToken(t, "aud", `"https://other.example"`))
		},
		"I15 behind another token": func(t *testing.T) *http.Response {
			return phantomAnswer(accessToken(t, "opaque_ath", `"`+introspection.OpaqueATH("x")+`"`))
		},
		"I15 opaque_ath no text": func(t *testing.T) *http.Response { return phantomAnswer(accessToken(t, "opaque_ath", "7")) },
		"I15 no JWT":             func(t *testing.T) *http.Response { return phantomAnswer("opaque") },
		"I15 empty":              func(t *testing.T) *http.Response { return phantomAnswer("") },
		"I15 JSON":               func(t *testing.T) *http.Response { return active("") },
		"I15 statement":          func(t *testing.T) *http.Response { return respond(200, typeStatement, accessToken(t)) },
		"I15 typ JWT": func(t *testing.T) *http.Response {
			return phantomAnswer(sign(t, testkeys.ES256("issuer"), "JWT", accessTokenPayload()))
		},
		"I17 JWT of 64 KiB": func(t *testing.T) *http.Response {
			return phantomAnswer(accessToken(t, "x", `"`+strings.Repeat("x", 48<<10)+`"`))
		},
		"I17 JWT and more": func(t *testing.T) *http.Response { return phantomAnswer(accessToken(t) + strings.Repeat(" ", 64<<10)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(func(string) *http.Response { return bad(t) })
			phantom := newPhantom(t, s.client())
			jwt, claims, err := phantom.Exchange(context.Background(), opaque)
			requireFault(t, introspection.ErrAnswer, err)
			require.Empty(t, jwt)
			require.Nil(t, claims)
			good := accessToken(t, "opaque_ath", `"`+introspection.OpaqueATH(opaque)+`"`)
			s.set(func(string) *http.Response { return phantomAnswer(good) }) // control
			jwt, _, err = phantom.Exchange(context.Background(), opaque)
			require.NoError(t, err)
			require.Equal(t, good, jwt)
		})
	}
}

// Verify is other people's code: none of its errors may blame the client.
func TestPhantomVerifierFails(t *testing.T) {
	t.Parallel()
	jwt := accessToken(t)
	for _, test := range []struct {
		verify func(context.Context, string) (*accesstoken.Token, error)
		kind   error
	}{
		{func(context.Context, string) (*accesstoken.Token, error) { return nil, coded("invalid_token") }, introspection.ErrAnswer},
		{func(context.Context, string) (*accesstoken.Token, error) { return nil, errors.New("no keys") }, introspection.ErrUnavailable},
		{func(context.Context, string) (*accesstoken.Token, error) { panic(jwt) }, introspection.ErrUnavailable},
		{func(context.Context, string) (*accesstoken.Token, error) { return nil, nil }, introspection.ErrUnavailable},
	} {
		s := newServer(func(string) *http.Response { return phantomAnswer(jwt) })
		phantom := newPhantom(t, s.client(), func(c *introspection.PhantomConfig[*accesstoken.Token]) { c.Verify = test.verify })
		got, _, err := phantom.Exchange(context.Background(), opaque)
		requireFault(t, test.kind, err)
		require.Empty(t, got)
	}
}

// The binding that a gateway checks is that of the JWT which the API will read.
// There is no second source that could say something else.
func TestOneSourceOfConfirmation(t *testing.T) {
	t.Parallel()
	const thumbprint = `{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`
	t.Run("N08 cnf is that of the JWT and of nothing beside it", func(t *testing.T) {
		t.Parallel()
		for _, confirmation := range []string{"", thumbprint} {
			s := newServer(func(string) *http.Response {
				answer := phantomAnswer(accessToken(t, "cnf", confirmation))
				answer.Header.Set("Cnf", `{"jkt":"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}`)
				return answer
			})
			_, claims, err := newPhantom(t, s.client()).Exchange(context.Background(), opaque)
			require.NoError(t, err)
			want := cnf.Confirmation{}
			if confirmation != "" {
				want, err = cnf.ParseConfirmation([]byte(confirmation))
				require.NoError(t, err)
			}
			require.Equal(t, want, claims.Confirmation())
		}
	})
	t.Run("N08 an API with two sources compares them", func(t *testing.T) {
		t.Parallel()
		// A JWT access token that is introspected as well, for its revocation.
		jwt := accessToken(t, "cnf", thumbprint)
		tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{Issuer: issuer, Audience: api, Keys: issuerKeys(t)})
		require.NoError(t, err)
		for members, agree := range map[string]bool{
			`,"cnf":` + thumbprint: true, "": false, `,"cnf":{"jkt":"A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"}`: false,
		} {
			inside, err := tokens.Verify(context.Background(), jwt)
			require.NoError(t, err)
			outside, err := newClient(t, newServer(always(members)).client()).Introspect(context.Background(), jwt)
			require.NoError(t, err)
			require.Equal(t, agree, inside.Confirmation() == outside.Confirmation())
		}
	})
}
