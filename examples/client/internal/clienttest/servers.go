// Package clienttest runs the client programs against servers that demand more
// and more, and against attackers in between.
package clienttest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/examples/accounts/api"
	"github.com/go-fapi/fapi/examples/authserver/server"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

// Server is a kind of authorization server, with an API beside it.
type Server string

// The servers. The first three are the one in classic.go, the others the example
// authorization server with the client registered for a profile.
const (
	Plain          Server = "a server of plain OAuth"
	Keys           Server = "a server that wants private_key_jwt"
	Bound          Server = "a server that wants private_key_jwt and DPoP"
	Security       Server = "FAPI 2.0 Security Profile"
	MessageSigning Server = "FAPI 2.0 Message Signing"
	Certificates   Server = "FAPI 2.0 Security Profile, with certificates"
)

const clientID = "accounts-reader"

// parts are what the servers are made of.
type parts struct {
	key    *ecdsa.PrivateKey
	proofs *dpop.Verifier
	nonces *dpop.Nonces
	used   *replay.Memory
	keys   *jwks.Static // the client's
	api    http.Handler // for tokens bound to a key or a certificate
	issuer *accesstoken.Issuer
}

func (w *world) parts(t *testing.T) (p parts) {
	t.Helper()
	var err error
	p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p.nonces, err = dpop.NewNonces(dpop.NoncesConfig{Server: w.config.Issuer, Secrets: [][]byte{[]byte(rand.Text() + rand.Text())}})
	require.NoError(t, err)
	p.used, err = replay.NewMemory(replay.MemoryConfig{})
	require.NoError(t, err)
	p.proofs, err = dpop.NewVerifier(dpop.VerifierConfig{Origins: []string{w.config.Issuer, w.alias}, Replay: p.used, Nonces: p.nonces})
	require.NoError(t, err)
	p.keys, err = jwks.NewStaticKeys(jwks.Key{Key: w.config.Key.Public()})
	require.NoError(t, err)
	own, err := jwks.NewStaticKeys(jwks.Key{Key: p.key.Public()})
	require.NoError(t, err)
	p.issuer, err = accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: w.config.Issuer, Key: p.key})
	require.NoError(t, err)
	p.api, err = api.New(api.Config{
		Identifier: w.config.Issuer, Issuer: w.config.Issuer, Keys: own,
		Methods: []cnf.Method{p.proofs, mtls.Binding{}},
	})
	require.NoError(t, err)
	return p
}

// newHandler makes the authorization server and the API.
func (w *world) newHandler(t *testing.T, kind Server) http.Handler {
	t.Helper()
	p := w.parts(t)
	if kind == Plain || kind == Keys || kind == Bound {
		return newClassic(t, w.config, p, kind)
	}
	client := server.Client{
		Scopes: []string{"accounts"}, APIs: []string{w.config.Issuer}, Name: "Accounts reader",
		RedirectURIs: []string{w.config.RedirectURI}, Profile: fapi.FAPI2Security,
		Keys: p.keys,
	}
	switch kind {
	case MessageSigning:
		client.Profile = fapi.FAPI2MessageSigning
	case Certificates:
		leaf, err := x509.ParseCertificate(w.config.Certificate.Certificate[0])
		require.NoError(t, err)
		client.Keys, client.CertificateBound = nil, true
		client.Certificate = &mtls.Client{Method: mtls.SelfSignedTLSClientAuth, Certificates: []*x509.Certificate{leaf}}
	}
	authorizationServer, err := server.New(server.Config{
		Issuer: w.config.Issuer, Alias: w.alias, Key: p.key, Replay: p.used, Nonces: p.nonces, Users: users{},
		Clients: map[string]server.Client{clientID: client},
	})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle("/", authorizationServer)
	mux.Handle("GET /accounts", p.api)
	return mux
}

// asking asks for a certificate and does not insist, so that the server decides
// for every request whether one is due.
func asking(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.ClientAuth = tls.RequestClientCert
	return config
}

type users struct{}

// Authenticate implements [server.Users].
func (users) Authenticate(_ context.Context, username, password string) (server.User, bool, error) {
	return server.User{Account: "1", Name: "Alice"}, username == "alice" && password == "wonderland", nil
}

// assertions checks client assertions.
func (p parts) assertions(t *testing.T, issuer string) *privatekeyjwt.Verifier {
	t.Helper()
	verifier, err := privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{Issuer: issuer, Clients: oneClient{p.keys}, Replay: p.used})
	require.NoError(t, err)
	return verifier
}

type oneClient struct{ keys privatekeyjwt.KeySource }

// Client implements [privatekeyjwt.ClientSource].
func (c oneClient) Client(_ context.Context, id string) (privatekeyjwt.Client, bool, error) {
	return privatekeyjwt.Client{Keys: c.keys}, id == clientID, nil
}
