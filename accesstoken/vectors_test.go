package accesstoken

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVectors(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/vectors.json")
	require.NoError(t, err)
	var vectors map[string]struct {
		JWT    string
		Header struct{ Typ, Alg, Kid string }
		Claims json.RawMessage
	}
	require.NoError(t, json.Unmarshal(data, &vectors))

	rfc9068 := vectors["rfc9068-3-claims"]
	config := func(c *VerifierConfig) {
		c.Issuer, c.Audience = "https://authorization-server.example.com/", "https://rs.example.com/"
		c.Keys = publish(rfc9068.Header.Kid, issuerKey())
	}
	verify := func(t *testing.T, v *Verifier, header string) (*Token, error) {
		return v.Verify(context.Background(), sign(t, issuerKey(), header, string(rfc9068.Claims)))
	}
	header := fmt.Sprintf(`{"typ":"%s","alg":"%s","kid":"%s"}`, rfc9068.Header.Typ, "ES256", rfc9068.Header.Kid)

	t.Run("rfc9068-3-claims, signed with ES256", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Unix(1618354090, 0)))
			v := newVerifier(t, config)
			token, err := verify(t, v, header)
			require.NoError(t, err)
			assert.Equal(t, "5ba552d67", token.Subject())
			assert.Equal(t, "s6BhdRkqt3", token.ClientID())
			assert.Equal(t, "dbe39bf3a3ba4238a513f51d6e1691c4", token.ID())
			assert.Equal(t, []string{"openid", "profile", "reademail"}, token.Scopes())
			assert.Equal(t, []string{"https://rs.example.com/"}, token.Audience())
			assert.True(t, token.Confirmation().IsZero(), "not bound: the middleware of cnf refuses it")

			time.Sleep(time.Until(time.Unix(1639528912, 0)))
			_, err = verify(t, v, header)
			require.ErrorIs(t, err, ErrExpired)
		})
	})
	t.Run("rfc9068-3-claims, RS256 as printed", func(t *testing.T) {
		t.Parallel()
		_, err := verify(t, newVerifier(t, config), strings.Replace(header, "ES256", rfc9068.Header.Alg, 1))
		require.ErrorIs(t, err, ErrAlgorithm)
	})
	t.Run("rfc9449-fig8 has no typ", func(t *testing.T) {
		t.Parallel()
		v := newVerifier(t, func(c *VerifierConfig) { c.Issuer = "https://server.example.com" })
		_, err := v.Verify(context.Background(), vectors["rfc9449-fig8"].JWT)
		require.ErrorIs(t, err, ErrType)
	})
}
