package introspection_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"log/slog"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

// Everything this package meets others by.
var (
	_ cnf.Claims   = (*introspection.Token)(nil)
	_ http.Handler = (*introspection.Handler)(nil)
	_              = cnf.Config[*introspection.Token]{Verify: (*introspection.Client)(nil).Introspect}
	_              = introspection.PhantomConfig[*accesstoken.Token]{Verify: (*accesstoken.Verifier)(nil).Verify}
	_              = http.Client{Transport: (*privatekeyjwt.Transport)(nil)}

	_ introspection.ClientAuth = (*privatekeyjwt.Verifier)(nil)
	_ introspection.ClientAuth = (*mtls.ClientAuthenticator)(nil)
	_ introspection.KeySource  = (*jwks.Remote)(nil)
	_ introspection.KeySource  = (*jwks.Static)(nil)

	_ refusal        = (*introspection.Error)(nil)
	_ slog.LogValuer = (*introspection.Error)(nil)
)

// registry knows one API, registered for private_key_jwt.
type registry struct{ keys privatekeyjwt.KeySource }

func (g registry) Client(_ context.Context, clientID string) (privatekeyjwt.Client, bool, error) {
	return privatekeyjwt.Client{Keys: g.keys}, clientID == "accounts", nil
}

// Every question is authenticated by an assertion of its own.
func TestPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	own := testkeys.EdDSA("accounts")
	keys, err := jwks.NewStaticKeys(jwks.Key{Key: own.Public(), KeyID: "api-1"})
	require.NoError(t, err)
	memory, err := replay.NewMemory(replay.MemoryConfig{})
	require.NoError(t, err)
	callers, err := privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{Issuer: issuer, Clients: registry{keys}, Replay: memory})
	require.NoError(t, err)
	b := newBank(t, func(c *introspection.HandlerConfig) { c.Callers = callers })

	for _, key := range []crypto.Signer{own, testkeys.EdDSA("mallory")} {
		signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: "accounts", Issuer: issuer, Key: key, KeyID: "api-1"})
		require.NoError(t, err)
		h := &http.Client{Transport: &privatekeyjwt.Transport{Signer: signer, Endpoints: []string{endpoint}, Base: b.through("").Transport}}
		for _, edit := range []func(*introspection.ClientConfig){func(*introspection.ClientConfig) {}, signed(t)} {
			client := newClient(t, h, edit)
			for range 2 {
				_, err = client.Introspect(context.Background(), opaque)
				if key.Public().(ed25519.PublicKey).Equal(own.Public()) {
					require.NoError(t, err)
				} else {
					requireFault(t, introspection.ErrCredentials, err)
				}
			}
		}
	}
	require.Equal(t, 4, b.looked)
}
