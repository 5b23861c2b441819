package jar_test

import (
	"crypto"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jar"
)

// publicKeys reads keys as a registration would, and passes over none.
func publicKeys(t testing.TB, jwks ...json.RawMessage) keys {
	t.Helper()
	found := keys{}
	for _, data := range jwks {
		jwk, err := jose.ParseJWK(data, jose.MaxRSABits)
		require.NoError(t, err)
		found[jwk.KeyID] = []crypto.PublicKey{jwk.Key}
	}
	return found
}

type published struct {
	ID, JWS string
	JWK     json.RawMessage
	Clock   int64
	Payload struct {
		Aud      string
		ClientID string `json:"client_id"`
		Nonce    string
	}
}

// TestFAPI1 runs the object printed in FAPI 1.0 Advanced appendix A.
func TestFAPI1(t *testing.T) {
	t.Parallel()
	var file struct{ Vectors []published }
	readFile(t, "fapi1-advanced.json", &file)
	require.Len(t, file.Vectors, 1)
	vector := file.Vectors[0]
	t.Run(vector.ID, func(t *testing.T) {
		at(t, vector.Clock, func(t *testing.T) {
			s := newServer(t, func(c *jar.VerifierConfig) { c.Issuer = vector.Payload.Aud })
			s.clients[vector.Payload.ClientID] = jar.Client{Keys: publicKeys(t, vector.JWK), SigningAlg: "PS256"}
			require.Equal(t, url.Values{
				"scope": {"openid payments"}, "response_type": {"code id_token"}, "state": {"VgSUIEnflnDxTe1vAtr54o"},
				"redirect_uri": {"https://fapi-client.example.org/fapi-as-callback"}, "nonce": {"7xDCHviuPMSXJIigkHOcDi"},
				"client_id": {"52480754053"},
			}, s.accepts(t, vector.Payload.ClientID, vector.JWS))
		})
	})
}

// TestPublished runs the objects printed in RFC 9101 and OpenID Connect Core.
// Their RS256 is accepted under no setting, so the payloads are signed again,
// octet for octet, once they have the nbf and exp that FAPI demands.
func TestPublished(t *testing.T) {
	t.Parallel()
	var file struct{ Vectors []published }
	readFile(t, "rfc9101.json", &file)
	require.Len(t, file.Vectors, 3)
	for _, vector := range file.Vectors {
		t.Run(vector.ID, func(t *testing.T) {
			t.Parallel()
			at(t, 1700000000, func(t *testing.T) {
				id := vector.Payload.ClientID
				refusal := func(s *server, token string) error {
					_, err := s.Verify(t.Context(), id, pushed(id, token))
					return err
				}
				s := newServer(t, func(c *jar.VerifierConfig) { c.Issuer = vector.Payload.Aud })
				s.clients[id] = jar.Client{Keys: publicKeys(t, vector.JWK)}
				requireRefused(t, jar.ErrAlgorithm, invalidObject, refusal(s, vector.JWS))

				token, err := jose.Split(vector.JWS)
				require.NoError(t, err)
				payload, err := jose.Decode(token.Payload)
				require.NoError(t, err)
				s.clients[id] = jar.Client{Keys: keys{"k2bdc": {testkeys.ES256("published").Public()}}}
				header := `{"alg":"ES256","kid":"k2bdc"}`
				requireRefused(t, jar.ErrNotBefore, invalidObject, refusal(s, sign(t, testkeys.ES256("published"), header, string(payload))))
				dated := strings.Replace(string(payload), "{", `{"nbf":1700000000,"exp":1700000060,`, 1)
				// The same kid names another key elsewhere.
				requireRefused(t, jar.ErrSignature, invalidObject, refusal(s, sign(t, testkeys.ES256("other"), header, dated)))
				params := s.accepts(t, id, sign(t, testkeys.ES256("published"), header, dated))
				require.Equal(t, "86400", params.Get("max_age"))
				require.Equal(t, vector.Payload.Nonce, params.Get("nonce"))
				if vector.ID == "oidc-core-6.1" {
					require.True(t, json.Valid([]byte(params.Get("claims"))))
					require.Contains(t, params.Get("claims"), `"acr": {"values": ["urn:mace:incommon:iap:silver"]}`)
				}
			})
		})
	}
}

func TestGenerated(t *testing.T) {
	t.Parallel()
	var file struct {
		Config struct {
			Issuer   string
			ClientID string `json:"client_id"`
			Now      int64
		}
		ClientJWKS struct{ Keys []json.RawMessage } `json:"client_jwks"`
		Cases      []struct {
			ID, JWS, Error, Why string
			Accept              bool
		}
	}
	readFile(t, "request-objects.json", &file)
	require.Len(t, file.Cases, 25)
	registered := jar.Client{Keys: publicKeys(t, file.ClientJWKS.Keys...)}
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			at(t, file.Config.Now, func(t *testing.T) {
				s := newServer(t, func(v *jar.VerifierConfig) { v.Issuer = file.Config.Issuer })
				s.clients[file.Config.ClientID] = registered
				params, err := s.Verify(t.Context(), file.Config.ClientID, pushed(file.Config.ClientID, c.JWS, "state", "other"))
				if c.Error == invalidObject {
					require.Nil(t, params)
					var refused *jar.Error
					require.ErrorAs(t, err, &refused, c.Why)
					require.Equal(t, c.Error, refused.OAuthCode())
					s.accepts(t, file.Config.ClientID, file.Cases[0].JWS)
					return
				}
				// Sound, or a sound object of a request that the caller has to refuse.
				require.NoError(t, err, c.Why)
				require.NotEqual(t, "other", params.Get("state"))
				switch c.ID {
				case "ro-pkce-plain":
					require.Equal(t, "plain", params.Get("code_challenge_method"))
				case "ro-pkce-no-method":
					require.False(t, params.Has("code_challenge_method"))
				case "ro-no-redirect":
					require.False(t, params.Has("redirect_uri"))
				case "ro-redirect-http":
					require.True(t, strings.HasPrefix(params.Get("redirect_uri"), "http://"))
				case "ro-rt-hybrid":
					require.Equal(t, "code id_token", params.Get("response_type"))
				default:
					require.True(t, c.Accept, c.Why)
				}
			})
		})
	}
}

type table struct {
	Now     int64
	Vectors []struct {
		ID   string
		Rows []struct {
			ID, Why  string
			NBF, Exp *int64
			Aud      any
			Accept   *bool
			Offset   int64 `json:"offset_s"`
		}
	}
}

func TestDecisionTables(t *testing.T) {
	t.Parallel()
	var file table
	readFile(t, "decision-tables.json", &file)
	names := strings.NewReplacer("PAR_ENDPOINT", parEndpoint, "ISSUER", issuer)
	seen := []string{}
	for _, vector := range file.Vectors {
		seen = append(seen, vector.ID)
		for i, row := range vector.Rows {
			t.Run(fmt.Sprint(vector.ID, " ", i, row.ID, row.Offset), func(t *testing.T) {
				t.Parallel()
				at(t, file.Now, func(t *testing.T) {
					c, strict, patient := claimsOf("client-1"), row.Accept, row.Accept
					set := func(name string, value *int64) {
						if c = c.without(name); value != nil {
							c = c.with(name, *value)
						}
					}
					switch vector.ID {
					case "request-object-window":
						set("nbf", row.NBF)
						set("exp", row.Exp)
						set("iat", nil)
						if row.Accept == nil { // a choice: the default is the stricter one
							strict, patient = new(bool), new(bool)
							*patient = true
						}
					case "request-object-aud":
						raw, err := json.Marshal(row.Aud)
						require.NoError(t, err)
						if c = c.without("aud"); row.Aud != nil {
							c = c.with("aud", json.RawMessage(names.Replace(string(raw))))
						}
					default:
						strict, patient = new(bool), new(bool)
						*strict, *patient = row.Offset <= 10, row.Offset <= 60
						c = c.with("iat", file.Now+row.Offset)
					}
					for leeway, want := range map[*server]bool{
						newServer(t): *strict,
						newServer(t, func(c *jar.VerifierConfig) { c.Leeway = 60e9 }): *patient,
					} {
						_, err := leeway.Verify(t.Context(), "client-1", pushed("client-1", object(t, c)))
						if want {
							require.NoError(t, err, row.Why)
							continue
						}
						var refused *jar.Error
						require.ErrorAs(t, err, &refused, row.Why)
						require.Equal(t, invalidObject, refused.OAuthCode())
					}
				})
			})
		}
	}
	slices.Sort(seen)
	require.Equal(t, []string{"iat-nbf-future-skew", "request-object-aud", "request-object-window"}, seen)
}
