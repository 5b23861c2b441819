package privatekeyjwt_test

import (
	"crypto"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// at runs f in a bubble whose clock shows the given second.
func at(t *testing.T, second int64, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Unix(second, 0)))
		f(t)
	})
}

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

// TestPublished runs the assertions printed in standards. All their signatures
// are valid; FAPI 2.0 takes those that name the issuer.
func TestPublished(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID, JWS, FAPI2 string
			JWK            json.RawMessage
			Clock          int64
			Payload        struct{ Aud, Sub string }
		}
	}
	readFile(t, "private-key-jwt.json", &file)
	require.Len(t, file.Vectors, 6)
	issuers := map[string]string{
		"fapi1-adv-A.5": "https://fapi-as.example.com", "fapi-ciba-A": "https://server.example.com/",
		"rfc9126-2.1": "https://server.example.com", "ciba-core-7.1": "https://server.example.com",
		"ciba-core-7.1.1": "https://server.example.com", "ciba-core-10.1": "https://server.example.com",
	}
	for _, vector := range file.Vectors {
		t.Run(vector.ID, func(t *testing.T) {
			t.Parallel()
			at(t, vector.Clock, func(t *testing.T) {
				s := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Issuer = issuers[vector.ID] })
				s.clients[vector.Payload.Sub] = privatekeyjwt.Client{Keys: publicKeys(t, vector.JWK)}
				got, err := s.authenticate(vector.JWS)
				if strings.HasPrefix(vector.FAPI2, "accept") {
					require.NoError(t, err)
					require.Equal(t, vector.Payload.Sub, got)
					return
				}
				if vector.ID == "rfc9126-2.1" { // RS256: no setting accepts it
					requireRefused(t, privatekeyjwt.ErrAlgorithm, invalidClient, err)
					return
				}
				requireRefused(t, privatekeyjwt.ErrAudience, invalidClient, err)
				s = newServer(t, func(c *privatekeyjwt.VerifierConfig) {
					c.Issuer, c.ExtraAudiences, c.Clients = issuers[vector.ID], []string{vector.Payload.Aud}, s.clients
				})
				s.accepts(t, vector.Payload.Sub, vector.JWS)
			})
		})
	}
}

// TestDraftExample signs what rfc7523bis prints without its signature. It lacks
// the jti that OpenID Connect and FAPI require, and lives for an hour.
func TestDraftExample(t *testing.T) {
	t.Parallel()
	var file struct {
		Templates []struct {
			Header  json.RawMessage
			Payload claims
		} `json:"negative_templates"`
	}
	readFile(t, "private-key-jwt.json", &file)
	template := file.Templates[0]
	iat := int64(template.Payload["iat"].(float64))
	at(t, iat, func(t *testing.T) {
		s := newServer(t, func(c *privatekeyjwt.VerifierConfig) {
			c.Issuer, c.RequireType = template.Payload["aud"].(string), true
		})
		id := template.Payload["sub"].(string)
		s.clients[id] = privatekeyjwt.Client{Keys: keys{"16": {testkeys.ES256("bis").Public()}}}
		token := func(c claims) string { return sign(t, testkeys.ES256("bis"), string(template.Header), c.json(t)) }
		s.refuses(t, privatekeyjwt.ErrID, invalidClient, post(assertionForm(token(template.Payload))))
		whole := template.Payload.with("jti", "a")
		s.refuses(t, privatekeyjwt.ErrExpiry, invalidClient, post(assertionForm(token(whole))))
		s.accepts(t, id, token(whole.with("exp", iat+300)))
	})
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
	readFile(t, "client-assertions.json", &file)
	require.Len(t, file.Cases, 32)
	registered := privatekeyjwt.Client{Keys: publicKeys(t, file.ClientJWKS.Keys...)}
	baseline := file.Cases[0]
	require.Equal(t, "ca-ok-eddsa", baseline.ID)
	for _, c := range file.Cases {
		t.Run(c.ID, func(t *testing.T) {
			t.Parallel()
			at(t, file.Config.Now, func(t *testing.T) {
				s := newServer(t, func(v *privatekeyjwt.VerifierConfig) { v.Issuer = file.Config.Issuer })
				s.clients[file.Config.ClientID] = registered
				if c.ID == "ca-jti-used" { // "already seen": by using it once
					s.accepts(t, file.Config.ClientID, c.JWS)
				}
				got, err := s.Authenticate(post(assertionForm(c.JWS, "client_id", file.Config.ClientID)))
				if c.Accept {
					require.NoError(t, err, c.Why)
					require.Equal(t, file.Config.ClientID, got)
					return
				}
				require.Error(t, err, c.Why)
				var refused *privatekeyjwt.Error
				require.ErrorAs(t, err, &refused)
				require.Equal(t, c.Error, refused.OAuthCode())
				s.accepts(t, file.Config.ClientID, baseline.JWS) // shares its jti with most cases
			})
		})
	}
}

// TestAudienceTable runs each row under the rules of FAPI 2.0, of FAPI 1.0, and
// of plain RFC 9126 at the PAR endpoint.
func TestAudienceTable(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			ID   string
			Rows []struct {
				ID, Why string
				Aud     any
				FAPI2   any
				FAPI1   any
				RFC9126 any `json:"rfc9126_par"`
			}
		}
	}
	readFile(t, "decision-tables.json", &file)
	require.Equal(t, "client-assertion-aud", file.Vectors[0].ID)
	require.Len(t, file.Vectors[0].Rows, 11)
	names := strings.NewReplacer("MTLS_TOKEN_ENDPOINT", "https://mtls.as.example.com/token", "TOKEN_ENDPOINT", tokenEndpoint,
		"PAR_ENDPOINT", issuer+"/par", "ISSUER", issuer)
	for _, row := range file.Vectors[0].Rows {
		t.Run(row.ID, func(t *testing.T) {
			t.Parallel()
			raw, err := json.Marshal(row.Aud)
			require.NoError(t, err)
			check := func(want any, extra ...string) {
				s := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.ExtraAudiences = extra })
				c := claimsOf("client-1").with("aud", json.RawMessage(names.Replace(string(raw))))
				if row.Aud == nil {
					c = c.without("aud")
				}
				if want == true {
					s.accepts(t, "client-1", assertion(t, c))
					return
				}
				_, err := s.authenticate(assertion(t, c))
				var refused *privatekeyjwt.Error
				require.ErrorAs(t, err, &refused, row.Why)
				require.Equal(t, invalidClient, refused.OAuthCode())
			}
			// "policy" and "at PAR endpoint only" are refused where not listed.
			check(row.FAPI2)
			check(row.FAPI1, tokenEndpoint)
			check(row.RFC9126, tokenEndpoint, issuer+"/par")
		})
	}
}

func TestSkewTable(t *testing.T) {
	t.Parallel()
	var file struct {
		Now     int64
		Vectors []struct {
			ID   string
			Rows []struct {
				Offset int64 `json:"offset_s"`
				FAPI2  any
			}
		}
	}
	readFile(t, "decision-tables.json", &file)
	require.Equal(t, "iat-nbf-future-skew", file.Vectors[1].ID)
	for _, row := range file.Vectors[1].Rows {
		for _, claim := range []string{"iat", "nbf"} {
			t.Run(fmt.Sprint(claim, row.Offset), func(t *testing.T) {
				t.Parallel()
				at(t, file.Now, func(t *testing.T) {
					// Where the table leaves the choice, the default is the stricter one.
					strict := newServer(t)
					patient := newServer(t, func(c *privatekeyjwt.VerifierConfig) { c.Leeway = time.Minute })
					token := assertion(t, claimsOf("client-1").with(claim, file.Now+row.Offset).with("exp", file.Now+120))
					for s, limit := range map[*server]int64{strict: 10, patient: 60} {
						if row.Offset <= limit {
							s.accepts(t, "client-1", token)
						} else {
							s.refuses(t, privatekeyjwt.ErrNotBefore, invalidClient, post(assertionForm(token)))
						}
					}
					switch row.FAPI2 {
					case "accept":
						require.LessOrEqual(t, row.Offset, int64(10))
					case "reject":
						require.Greater(t, row.Offset, int64(60))
					}
				})
			})
		}
	}
}
