package server

import "github.com/go-fapi/fapi/examples/internal/program"

// Example is a complete configuration, for the API of examples/accounts. Without the
// proxy, it is the one that examples/authserver -init makes, with all the files that
// it names. A login of at most five minutes ago is what counts as step-up there, as
// that server has only one kind.
func Example() Config {
	return Config{
		Origins:    []string{"https://localhost:8470", "https://localhost:8471", "https://api.bank.example"},
		Listen:     "127.0.0.1:8470",
		MTLSListen: "127.0.0.1:8471",
		Proxy: &Proxy{
			Listen: "127.0.0.1:8473", Format: "rfc9440", Certificates: []string{"proxy.pem"},
		},
		InsideListen: "127.0.0.1:8472",
		TLS:          program.KeyPair{Certificate: "gateway.pem", Key: "gateway-key.pem"},
		Identity:     program.KeyPair{Certificate: "gateway-identity.pem", Key: "gateway-identity-key.pem"},
		Trust:        "ca.pem", InternalNetworks: []string{"127.0.0.0/8", "::1/128"},
		Issuer: "https://localhost:8443", JWKSURI: "https://localhost:8443/jwks",
		Introspection: "https://localhost:8443/introspect",
		Evidence:      Evidence{Issuer: "https://gateway.bank.example", Key: "evidence.pem"},
		APIs: []API{{
			Upstream: "https://localhost:8461", Audience: "https://accounts.bank.example",
			Credentials: Credentials{ClientID: "gateway-accounts", Key: "gateway-accounts.pem"},
			Routes: []Route{
				{Path: "/accounts", Methods: []string{"GET", "HEAD"}, Scope: []string{"accounts"}},
				{
					Path: "/payments", Methods: []string{"POST"}, Scope: []string{"payments"},
					ACR: []string{"urn:example:acr:password"}, MaxAge: "5m",
				},
			},
		}},
		MaxHeaderBytes: 16 << 10, MaxBodyBytes: 1 << 20,
		Timeouts: Timeouts{
			ReadHeader: "5s", Read: "15s", Write: "1m0s", Idle: "1m0s",
			Upstream: "30s", Ask: "2s", Drain: "5s", Stop: "10s",
		},
	}
}
