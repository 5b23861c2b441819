//go:build linux

package interop_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/phantom"
)

// proofs sends a token that is bound to a key: what reaches the API is the
// gateway's statement, and no certificate, whatever connection it came over.
func (e *edge) proofs(t *testing.T) {
	t.Run("I16 proofs and statements", func(t *testing.T) {
		t.Parallel()
		signer, err := dpop.NewSigner(testkeys.ES256("alice"))
		require.NoError(t, err)
		token := e.demo.AS.Issue(introspection.Answer{
			Subject: "alice", Confirmation: cnf.Bind(cnf.MemberJKT, signer.Thumbprint()),
		})
		proof := func() string {
			proof, err := signer.SignResourceRequest(t.Context(), "GET", "https://"+siteName+"/echo", token, "")
			require.NoError(t, err)
			return proof
		}
		client := edgeClient{edge: e, t: t, at: "careful", shows: &e.client}
		send := func(lines string) edgeReply {
			return client.raw("GET /echo HTTP/1.1\r\nHost: " + siteName + "\r\nAuthorization: DPoP " + token + "\r\n" + lines + "Connection: close\r\n\r\n")
		}
		used := proof()
		got := send("DPoP: " + used + "\r\n")
		require.Equal(t, "200", got.String())
		var api echoedRequest
		require.NoError(t, json.Unmarshal([]byte(got.body), &api))
		require.Len(t, api.Header[phantom.EvidenceHeader], 1)
		require.Empty(t, api.Header["Client-Cert"], "the token is bound to none")
		require.Empty(t, api.Header["Dpop"])

		statement := phantom.EvidenceHeader + ": " + api.Header[phantom.EvidenceHeader][0] + "\r\n"
		for name, lines := range map[string]string{
			"replayed": "DPoP: " + used + "\r\n", "none": "", "a statement instead": statement,
			"two": "DPoP: " + proof() + "\r\nDPoP: " + proof() + "\r\n",
		} {
			require.Equal(t, "gateway 401", send(lines).String(), name)
		}
		got = send("DPoP: " + proof() + "\r\n" + statement)
		require.Equal(t, "200", got.String())
		require.NoError(t, json.Unmarshal([]byte(got.body), &api))
		require.Len(t, api.Header[phantom.EvidenceHeader], 1)
		require.NotContains(t, statement, api.Header[phantom.EvidenceHeader][0], "it has been made anew")
	})
}
