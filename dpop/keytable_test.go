package dpop

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/replay"
)

func (t keyTable) size() int { return t.table.Len() }

func TestKeyTable(t *testing.T) {
	t.Parallel()
	t.Run("an entry is found by its whole header", func(t *testing.T) {
		t.Parallel()
		table := newKeyTable()
		require.Nil(t, table.find("a"))
		table.remember(&proofKey{header: "a", thumbprint: [32]byte{1}})
		require.Equal(t, [32]byte{1}, table.find("a").thumbprint)
		require.Nil(t, table.find("b"))
	})
	t.Run("a padded header is not kept", func(t *testing.T) {
		t.Parallel()
		table := newKeyTable()
		table.remember(&proofKey{header: strings.Repeat("h", maxHeader+1)})
		require.Zero(t, table.size())
		table.remember(&proofKey{header: strings.Repeat("h", maxHeader)})
		require.Equal(t, 1, table.size())
	})
}

// TestKeyTableAdmission: only a proof that verified, with a key that a token
// is bound to, enters its header.
func TestKeyTableAdmission(t *testing.T) {
	t.Parallel()
	const target, token = "https://api.example/x", "token"
	mine, other := testkeys.ES256("mine"), testkeys.ES256("other")
	signer, err := NewSigner(mine)
	require.NoError(t, err)
	bound := signer.Thumbprint()
	proof := func() string {
		proof, err := signer.SignResourceRequest(t.Context(), "GET", target, token, "")
		require.NoError(t, err)
		return proof
	}
	good := proof()
	segments := strings.Split(good, ".")
	forger, err := jose.NewSigner(other)
	require.NoError(t, err)
	payload, err := jose.Decode(segments[1])
	require.NoError(t, err)
	forged, err := forger.Sign(context.Background(), segments[0], payload)
	require.NoError(t, err)

	v, err := NewVerifier(VerifierConfig{Origins: []string{"https://api.example"}, Replay: replay.Off{}})
	require.NoError(t, err)
	request := func(field string) *http.Request {
		r := httptest.NewRequest("GET", target, nil)
		r.Header.Set("DPoP", field)
		return r
	}
	_, err = v.VerifyResourceRequest(request(forged), token, bound)
	require.ErrorIs(t, err, ErrSignature)
	_, err = v.VerifyResourceRequest(request(good), token, [32]byte{1})
	require.ErrorIs(t, err, ErrBinding)
	_, err = v.VerifyResourceRequest(request(good), "other", bound)
	require.ErrorIs(t, err, ErrTokenHash)
	_, err = v.VerifyTokenRequest(request(good))
	require.NoError(t, err)
	require.Zero(t, v.keys.size())

	for range 3 {
		_, err = v.VerifyResourceRequest(request(proof()), token, bound)
		require.NoError(t, err)
	}
	require.Equal(t, 1, v.keys.size())

	// What is remembered stands in for the header only: the rest is checked.
	_, err = v.VerifyResourceRequest(request(forged), token, bound)
	require.ErrorIs(t, err, ErrSignature)
	_, err = v.VerifyResourceRequest(request(proof()), token, [32]byte{1})
	require.ErrorIs(t, err, ErrBinding)
}
