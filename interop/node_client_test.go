package interop_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/accounts/api"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// retried is the answer to a request that was repeated if a nonce was due.
type retried[T any] struct {
	Value      T
	Challenged bool
}

type tokenResponse struct {
	TokenType string `json:"token_type"`
	Scope     string
	ExpiresIn int `json:"expires_in"`
}

// clientReport is what client.mjs reports, in the order of its requests.
type clientReport struct {
	Issuer      string
	OtherIssuer outcome[any]

	Token, NextToken                                outcome[retried[tokenResponse]]
	OtherKey, OtherAudience, OtherResource, NoProof outcome[any]

	Resource              outcome[[]string]
	OtherResourceMetadata outcome[any]

	Accounts, NextAccounts       outcome[retried[[]api.Account]]
	Payments, OtherProof, Bearer outcome[any]
}

// The client oauth4webapi at our authorization server and our API.
func TestOauth4webapiClient(t *testing.T) {
	t.Parallel()
	needNode(t)
	for _, algorithm := range append(slices.Clone(algorithms), "Ed25519") {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			client := startNode(t, "client.mjs")
			var published json.RawMessage
			client.ask(map[string]string{"alg": algorithm}, &published)
			require.Contains(t, string(published), `"key_ops":["verify"],"ext":true`, "as WebCrypto exports keys")
			keys, err := jwks.NewStatic(published)
			require.NoError(t, err)

			as, accounts := listen(t), listen(t)
			tokenRules := as.serveTokens(t, keyFor("ES256", "issuer"), server.Client{
				Keys: keys, Scopes: []string{"accounts"}, APIs: []string{accounts.origin},
			})
			apiRules := accounts.serveAccounts(t, as.origin, as.origin+"/jwks")
			var report clientReport
			client.ask(map[string]string{"issuer": as.origin, "api": accounts.origin, "clientID": clientID}, &report)

			report.checkMetadata(t, as.origin)
			report.checkTokens(t)
			tokenRules.require(t, dpop.ErrNonce, privatekeyjwt.ErrSignature, privatekeyjwt.ErrAudience, dpop.ErrProofCount)
			report.checkAccounts(t)
			apiRules.require(t, dpop.ErrNonce, cnf.ErrScope, dpop.ErrBinding, cnf.ErrScheme)
		})
	}
}

func (r clientReport) checkMetadata(t *testing.T, issuer string) {
	t.Helper()
	const mismatch = "OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED"
	require.Equal(t, issuer, r.Issuer)
	require.Equal(t, mismatch, r.OtherIssuer.Error)
	require.Equal(t, []string{issuer}, r.Resource.Value, r.Resource)
	require.Equal(t, mismatch, r.OtherResourceMetadata.Error)
}

func (r clientReport) checkTokens(t *testing.T) {
	t.Helper()
	require.Empty(t, r.Token.Error)
	require.True(t, r.Token.Value.Challenged, "the first proof has no nonce")
	token := r.Token.Value.Value
	require.Equal(t, "dpop", token.TokenType, "in lower case, as oauth4webapi hands it out")
	require.Equal(t, "accounts", token.Scope)
	require.InDelta(t, 300, token.ExpiresIn, 10)
	require.Empty(t, r.NextToken.Error)
	require.False(t, r.NextToken.Value.Challenged, "the nonce serves again")

	r.OtherKey.refused(t, 401, "invalid_client")
	r.OtherAudience.refused(t, 401, "invalid_client")
	r.OtherResource.refused(t, 400, "invalid_target")
	r.NoProof.refused(t, 400, "invalid_dpop_proof")
}

func (r clientReport) checkAccounts(t *testing.T) {
	t.Helper()
	require.Empty(t, r.Accounts.Error)
	require.True(t, r.Accounts.Value.Challenged, "every server has its own nonces")
	require.NotEmpty(t, r.Accounts.Value.Value)
	require.Empty(t, r.NextAccounts.Error)
	require.False(t, r.NextAccounts.Value.Challenged)

	r.Payments.refused(t, 403, "insufficient_scope")
	r.OtherProof.refused(t, 401, "invalid_token")
	r.Bearer.refused(t, 401, "invalid_token")
}
