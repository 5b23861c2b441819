package fapi_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
)

func TestRules(t *testing.T) {
	t.Parallel()
	security, err := fapi.FAPI2Security.Rules()
	require.NoError(t, err)
	require.Equal(t, "FAPI 2.0 Security Profile", security.Title)
	require.Equal(t, 60*time.Second, security.CodeLifetime)
	require.Equal(t, 600*time.Second, security.PushedRequestLifetime)
	require.NotContains(t, security.SigningAlgorithms, "RS256")
	require.False(t, security.SignedRequests)

	signing, err := fapi.FAPI2MessageSigning.Rules()
	require.NoError(t, err)
	require.True(t, signing.SignedRequests && signing.SignedResponses && signing.PushedRequests && signing.PKCE)
	require.Equal(t, security.CodeLifetime, signing.CodeLifetime, "on top of the Security Profile")

	advanced, err := fapi.FAPI1Advanced.Rules()
	require.NoError(t, err)
	require.Equal(t, []string{"PS256", "ES256"}, advanced.SigningAlgorithms)
	require.Equal(t, []string{"mTLS"}, advanced.SenderConstraints)
	require.False(t, advanced.PushedRequests || advanced.PKCE)
}

// What a caller does to its copy is nobody else's matter.
func TestRulesAreACopy(t *testing.T) {
	t.Parallel()
	mine, err := fapi.FAPI2Security.Rules()
	require.NoError(t, err)
	for _, list := range [][]string{mine.SigningAlgorithms, mine.ResponseTypes, mine.ClientAuthentication, mine.SenderConstraints} {
		list[0] = "RS256"
	}
	for _, profile := range []fapi.Profile{fapi.FAPI2Security, fapi.FAPI2MessageSigning, fapi.FAPI1Advanced} {
		rules, err := profile.Rules()
		require.NoError(t, err)
		for _, list := range [][]string{rules.SigningAlgorithms, rules.ResponseTypes, rules.ClientAuthentication, rules.SenderConstraints} {
			require.NotContains(t, list, "RS256")
		}
	}
}

func TestFindingJSON(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(fapi.Finding{Clause: "RFC 8414 2", Severity: fapi.Must, Field: "issuer", Problem: "is absent", Change: "name the issuer"})
	require.NoError(t, err)
	require.JSONEq(t, `{"clause":"RFC 8414 2","severity":"must","field":"issuer","problem":"is absent","change":"name the issuer"}`, string(data))
}
