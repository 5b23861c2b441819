package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"

	"github.com/go-fapi/fapi"
)

// exampleKeys are the clients of the example that sign, by client_id, and the gateway.
type exampleKeys map[string]jwk

func newExampleKeys() (exampleKeys, error) {
	keys := exampleKeys{}
	for _, id := range []string{"shop", "planner", "lender", "budget", exampleCaller} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if keys[id], err = newJWK(key); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// printConfig prints the example with keys that are forgotten at once: a key that
// stands in a program would one day protect something.
func printConfig(out io.Writer) error {
	keys, err := newExampleKeys()
	if err != nil {
		return err
	}
	text, err := exampleText(keys)
	if err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

func exampleText(keys exampleKeys) ([]byte, error) {
	example, err := exampleConfig(keys)
	if err != nil {
		return nil, err
	}
	return marshal(example)
}

func marshal(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	return append(text, '\n'), err
}

const (
	exampleOrigin     = "https://localhost:8443"
	exampleMTLSOrigin = "https://localhost:8444"

	// As examples/gateway and examples/accounts name them.
	exampleGateway  = "https://accounts.bank.example" // the API behind the gateway
	exampleCaller   = "gateway-accounts"              // the gateway, when it asks
	exampleBalances = "https://balances.bank.example" // the API for payments
	examplePayments = "payments"
)

func exampleConfig(keys exampleKeys) (config, error) {
	clients, err := exampleClients(keys)
	if err != nil {
		return config{}, err
	}
	gateway, err := keys[exampleCaller].set()
	return config{
		Issuer: exampleOrigin, Listen: "127.0.0.1:8443",
		MTLSOrigin: exampleMTLSOrigin, MTLSListen: "127.0.0.1:8444",
		TLS:        keyPair{Certificate: "server.pem", Key: "server-key.pem"},
		ClientCA:   "clients-ca.pem",
		SigningKey: "signing.pem",
		SubjectKey: "subject.key",
		Scopes:     []string{"openid", "profile", "accounts", "payments", "balances"},
		Resources:  []string{exampleOrigin, exampleBalances},
		Users: []user{
			{Username: "alice", Password: "wonderland", Name: "Alice Example", Account: "account-4711"},
			{Username: "bob", Password: "builder", Name: "Bob Example", Account: "account-4712"},
		},
		Clients:         clients,
		OpaqueResources: []string{exampleGateway},
		ResourceServers: []resourceServer{
			{ID: exampleCaller, Resources: []string{exampleGateway}, JWKS: gateway, Sector: "api.bank.example"},
		},
	}, err
}

// exampleClients has every profile and every way to authenticate once.
func exampleClients(keys exampleKeys) ([]client, error) {
	shop := client{
		ClientID: "shop", ClientName: "A shop", Profile: fapi.FAPI2Security,
		RedirectURIs: []string{"https://localhost:8450/callback", "https://localhost:8450/callback?bank=example"},
		Scope:        "openid profile accounts payments",
		AuthMethod:   privateKeyJWT, AssertionAlg: "ES256", DPoPBound: true, IDTokenAlg: "ES256",
		SubjectType: "pairwise", Sector: "shop.example", // localhost is no sector: everybody's programs are there
		BackchannelLogoutURI: "https://localhost:8450/logout",
	}
	planner := client{
		ClientID: "planner", ClientName: "A finance planner", Profile: fapi.FAPI2MessageSigning,
		RedirectURIs: []string{"https://localhost:8451/callback"}, Scope: "openid accounts",
		AuthMethod: privateKeyJWT, RequestObjectAlg: "ES256", AssertionAlg: "ES256", DPoPBound: true,
		IDTokenAlg: "ES256", ResponseAlg: "ES256",
	}
	lender := client{
		ClientID: "lender", ClientName: "A lender", Profile: fapi.FAPI1Advanced,
		RedirectURIs: []string{"https://localhost:8452/callback"}, Scope: "openid accounts",
		AuthMethod: tlsClientAuth, SubjectDN: "CN=lender", CertificateBound: true,
		RequestObjectAlg: "ES256", IDTokenAlg: "ES256", ResponseAlg: "ES256",
		GrantTypes: []string{"authorization_code", "refresh_token", clientCredentials},
	}
	desktop := client{
		ClientID: "desktop", ClientName: "A program on a desk", Profile: fapi.FAPI2Security, ApplicationType: "native",
		RedirectURIs: []string{"http://127.0.0.1:8453/callback"}, Scope: "accounts",
		AuthMethod: selfSigned, Certificate: "clients/desktop.pem", CertificateBound: true,
	}
	budget := client{ // a stranger to all APIs but the one behind the gateway
		ClientID: "budget", ClientName: "A budget book", Profile: fapi.FAPI2Security,
		RedirectURIs: []string{"https://localhost:8454/callback"}, Scope: "accounts payments",
		Resources: []string{exampleGateway}, AuthMethod: privateKeyJWT, AssertionAlg: "ES256", DPoPBound: true,
	}
	payments := client{
		ClientID: examplePayments, ClientName: "Payments, a service of the bank", Profile: fapi.FAPI2Security,
		Scope: "balances", Resources: []string{exampleBalances},
		AuthMethod: tlsClientAuth, SubjectDN: "CN=" + examplePayments, CertificateBound: true,
	}
	for _, c := range []*client{&shop, &planner, &lender, &budget} {
		var err error
		if c.JWKS, err = keys[c.ClientID].set(); err != nil {
			return nil, err
		}
	}
	return []client{shop, planner, lender, desktop, budget, payments}, nil
}
