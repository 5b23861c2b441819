package server_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
)

// Every kind of client gets from a push to its user's name.
func TestFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for id, tokenType := range map[string]string{"plain": "DPoP", "certified": "Bearer", "signing": "DPoP", "older": "Bearer"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			c := w.the(t, id)
			got := w.flow(t, c)
			require.Equal(t, tokenType, got.TokenType)
			require.Equal(t, "openid profile accounts", got.Scope)
			require.Len(t, got.RefreshToken, 43)
			w.checkIDToken(t, c, got)

			access := claims(t, got.AccessToken)
			require.Equal(t, []any{accounts, issuer}, access["aud"])
			require.Equal(t, c.id, access["client_id"])
			require.True(t, w.Active(access["jti"].(string)))
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				info := w.userinfo(t, c, method, got)
				require.Equal(t, http.StatusOK, info.Code, info.Body)
				require.Equal(t, access["sub"], field(t, info, "sub"))
				require.Equal(t, "Alice Example", field(t, info, "name"))
			}
		})
	}
}

// Every profile, with every way to authenticate and to bind tokens that it has.
func TestProfiles(t *testing.T) {
	t.Parallel()
	for _, profile := range []fapi.Profile{fapi.FAPI2Security, fapi.FAPI2MessageSigning, fapi.FAPI1Advanced} {
		for _, constraint := range []string{"DPoP", "certificate", "both"} {
			for _, byKey := range []bool{true, false} {
				if profile == fapi.FAPI1Advanced && constraint == "DPoP" {
					continue // binds to certificates
				}
				t.Run(fmt.Sprint(profile, " ", constraint, " by key ", byKey), func(t *testing.T) {
					t.Parallel()
					c := &client{
						id: "any", profile: profile, redirectURI: "https://any.example/cb", key: testkeys.ES256("any"), byKey: byKey,
					}
					if constraint != "certificate" {
						c.dpop = testkeys.EdDSA("any dpop")
					}
					if constraint != "DPoP" || !byKey {
						c.certificate = newCertificate(t)
					}
					w := newWorld(t, func(config *server.Config) {
						registration := c.registration(t)
						registration.CertificateBound = constraint != "DPoP"
						config.Clients = map[string]server.Client{"any": registration}
					})
					got := w.flow(t, c)
					require.Len(t, claims(t, got.AccessToken)["cnf"], map[bool]int{true: 2, false: 1}[constraint == "both"])
					require.Equal(t, http.StatusOK, w.userinfo(t, c, http.MethodGet, got).Code)
					again := tokensOf(t, w.refresh(t, c, got))
					require.Equal(t, http.StatusOK, w.userinfo(t, c, http.MethodPost, again).Code)
					c.dpop, c.certificate = nil, nil
					require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, got).Code, "stolen")
				})
			}
		}
	}
}

func (w *world) checkIDToken(t *testing.T, c *client, got tokens) {
	t.Helper()
	parsed, err := jose.Parse(got.IDToken)
	require.NoError(t, err)
	require.NoError(t, parsed.Verify(w.config.Key.Public()))
	id, access := claims(t, got.IDToken), claims(t, got.AccessToken)
	require.Equal(t, issuer, id["iss"])
	require.Equal(t, c.id, id["aud"])
	require.Equal(t, "n-0S6_WzA2Mj", id["nonce"])
	require.Equal(t, access["sub"], id["sub"])
	require.Equal(t, access["auth_time"], id["auth_time"])
	require.Equal(t, access["acr"], id["acr"])
	require.NotContains(t, id["sub"], "4711", "the account stays here")
	require.Equal(t, 300.0, id["exp"].(float64)-id["iat"].(float64))
}

// A client of FAPI 1.0 may come with its request object instead of pushing it.
func TestRequestByValue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "older")
	address := issuer + "/authorize?client_id=older&response_type=code&scope=everything&request=" + c.object(t, c.request())
	b := w.browser(t)
	callback, err := b.Authorize(t.Context(), address, username, password)
	require.NoError(t, err)
	code := w.code(t, c, callback)
	require.Equal(t, "openid profile accounts", tokensOf(t, w.redeem(t, c, code)).Scope, "what is outside does not count")
	isError(t, open(t, b, address), "invalid_request_uri")

	t.Run("in two browsers", func(t *testing.T) {
		address := issuer + "/authorize?client_id=older&request=" + c.object(t, c.request())
		first, second := login(t, w.browser(t), address), login(t, w.browser(t), address)
		w.code(t, c, press(t, first, "approve").Callback)
		isError(t, press(t, second, "approve"), "invalid_request_uri")
		isError(t, open(t, w.browser(t), address), "invalid_request_uri")
	})
	t.Run("of another profile", func(t *testing.T) {
		c := w.the(t, "signing")
		isError(t, open(t, b, issuer+"/authorize?client_id=signing&request="+c.object(t, c.request())), "invalid_request")
	})
}

// A token of the client's own is for no user, whatever it says.
func TestUserinfoOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *server.Config) {
		for id, client := range c.Clients {
			client.APIs, client.OwnTokens = []string{issuer}, true
			c.Clients[id] = client
		}
	})
	c := w.the(t, "plain")
	got := tokensOf(t, w.own(t, c, "scope", "accounts accounts"))
	require.Equal(t, "accounts", got.Scope)
	require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, got).Code)
	got = w.flow(t, c)
	require.Equal(t, []any{issuer}, claimsList(t, got, "aud"))
	require.Equal(t, http.StatusOK, w.userinfo(t, c, http.MethodGet, got).Code)
}

// Both kinds of token constraint at once: then both have to be proven.
func TestCertificateAndProof(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.the(t, "certified")
	c.dpop = plain().dpop
	got := w.flow(t, c)
	require.Equal(t, "DPoP", got.TokenType)
	require.Equal(t, http.StatusOK, w.userinfo(t, c, http.MethodGet, got).Code)
	c.certificate = nil
	require.Equal(t, http.StatusUnauthorized, w.userinfo(t, c, http.MethodGet, got).Code)
}
