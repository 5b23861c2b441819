package jarm_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/jarm"
)

// The examples of JARM section 2.3 and of FAPI 1.0 Advanced A.4, at a time when
// they were current.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	var vectors []struct {
		ID, JWS string
		Payload map[string]any
		JWK     json.RawMessage
		Clock   int64
	}
	readFile(t, "published.json", &vectors)
	require.Len(t, vectors, 3)
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(v.Clock, 0)))
				p := newRP(t, func(c *jarm.DecoderConfig) {
					c.Issuer, c.ClientID = v.Payload["iss"].(string), v.Payload["aud"].(string)
					c.Keys = &source{keys: []crypto.PublicKey{parseKey(t, v.JWK)}}
				})
				params, err := p.Decode(t.Context(), v.JWS)
				require.NoError(t, err)
				for _, claim := range []string{"iss", "aud", "exp"} {
					assert.False(t, params.Has(claim))
					delete(v.Payload, claim)
				}
				require.Len(t, params, len(v.Payload))
				for name, value := range v.Payload {
					if name == "expires_in" {
						value = "3600"
					}
					assert.Equal(t, value, params.Get(name))
				}
				_, err = p.Callback(getResponse(v.JWS), v.Payload["state"].(string))
				require.NoError(t, err)

				time.Sleep(2 * time.Minute)
				_, err = p.Decode(t.Context(), v.JWS)
				require.ErrorIs(t, err, jarm.ErrExpiry)
			})
		})
	}
}

// RS256 is the default of JARM section 3, and not allowed by FAPI.
func TestRS256(t *testing.T) {
	t.Parallel()
	key := testkeys.PS256()
	p := newRP(t, func(c *jarm.DecoderConfig) { c.Keys = publish(key) })
	payload := sound().json(t)
	input := jose.Encode([]byte(`{"alg":"RS256","kid":"as-1"}`)) + "." + jose.Encode([]byte(payload))
	digest := sha256.Sum256([]byte(input))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
	require.NoError(t, err)
	p.refuses(t, jarm.ErrAlgorithm, input+"."+jose.Encode(signature))
	p.accepts(t, getResponse(sign(t, key, `{"alg":"PS256","kid":"as-1"}`, payload)))
}

func TestGeneratedVectors(t *testing.T) {
	t.Parallel()
	var vectors struct {
		Issuer   string
		ClientID string `json:"client_id"`
		Now      int64
		State    string
		JWK      json.RawMessage
		Cases    []struct {
			ID, JWS string
			Accept  bool
		}
	}
	readFile(t, "generated.json", &vectors)
	rules := map[string]error{
		"jarm-iss-missing": jarm.ErrIssuer, "jarm-aud-wrong": jarm.ErrAudience, "jarm-aud-missing": jarm.ErrAudience,
		"jarm-exp-past": jarm.ErrExpiry, "jarm-state-wrong": jarm.ErrState, "jarm-state-missing": jarm.ErrState,
		"jarm-badsig": jarm.ErrSignature,
	}
	require.Len(t, vectors.Cases, len(rules)+2)
	for _, v := range vectors.Cases {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				time.Sleep(time.Until(time.Unix(vectors.Now, 0)))
				p := newRP(t, func(c *jarm.DecoderConfig) {
					c.Issuer, c.ClientID = vectors.Issuer, vectors.ClientID
					c.Keys = &source{keys: []crypto.PublicKey{parseKey(t, vectors.JWK)}}
				})
				params, err := p.Callback(getResponse(v.JWS), vectors.State)
				if !v.Accept {
					requireRefused(t, rules[v.ID], params, err)
					return
				}
				if v.ID == "jarm-ok-error" {
					var answered *jarm.AuthorizationError
					require.ErrorAs(t, err, &answered)
					require.Equal(t, "access_denied", answered.Code())
					return
				}
				require.NoError(t, err)
				require.Equal(t, code, params.Get("code"))
			})
		})
	}
}

// RFC 9207, in plain responses. The states of the vectors are the browser's own.
func TestIssuerVectors(t *testing.T) {
	t.Parallel()
	var vectors []struct {
		ID             string
		ExpectedIssuer string `json:"expected_issuer"`
		Query          string
		Accept         bool
		Error          string
	}
	readFile(t, "iss.json", &vectors)
	require.Len(t, vectors, 8)
	for _, v := range vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			p := newRP(t, mode(jarm.ModeQuery), func(c *jarm.DecoderConfig) { c.Issuer, c.Keys = v.ExpectedIssuer, nil })
			r := get(v.Query)
			state := r.URL.Query().Get("state")
			params, err := p.Callback(r, state)
			switch {
			case v.ID == "iss-duplicated":
				requireRefused(t, jarm.ErrMalformed, params, err)
			case !v.Accept:
				requireRefused(t, jarm.ErrIssuer, params, err)
			case v.Error != "":
				var answered *jarm.AuthorizationError
				require.ErrorAs(t, err, &answered)
				require.Equal(t, v.Error, answered.Code())
				require.Equal(t, state, answered.State())
			default:
				require.NoError(t, err)
				require.NotEmpty(t, params.Get("code"))
				require.False(t, params.Has("iss"))
			}
		})
	}
}
