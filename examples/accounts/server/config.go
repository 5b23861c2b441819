// Package server is the API of the program accounts: accounts and payments of a
// bank, for clients that call it directly, for clients behind the gateway of
// examples/gateway, and for another service inside.
package server

import (
	"slices"
	"strconv"

	"github.com/go-fapi/fapi/examples/internal/program"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

// Config is the document of -config. The program's comment explains the fields.
type Config struct {
	Identifier       string          `json:"identifier"`
	Issuer           string          `json:"issuer"`
	JWKSURI          string          `json:"jwks_uri"`
	Trust            string          `json:"trust,omitempty"`
	InternalNetworks []string        `json:"internal_networks,omitempty"`
	TLS              program.KeyPair `json:"tls"`
	Origins          []string        `json:"origins"`
	Listen           string          `json:"listen"`
	Gateway          *Gateway        `json:"gateway,omitempty"`
	Balances         Balances        `json:"balances"`
	PaymentACR       []string        `json:"payment_acr"`
	Accounts         []Account       `json:"accounts,omitempty"`
}

// Gateway is the one in front of the second listener.
type Gateway struct {
	Listen       string   `json:"listen"`
	Certificates []string `json:"certificates,omitempty"`
	Peers        []string `json:"peers,omitempty"`
	Issuer       string   `json:"issuer"`
	JWKSURI      string   `json:"jwks_uri"`
}

// Balances is how payments asks for the balance of an account.
type Balances struct {
	Origin        string          `json:"origin"`
	Resource      string          `json:"resource"`
	TokenEndpoint string          `json:"token_endpoint"`
	ClientID      string          `json:"client_id"`
	Identity      program.KeyPair `json:"identity"`
}

// Account is an account. Its owner is the sub of access tokens; the balance is in
// cents.
type Account struct {
	ID      string `json:"id"`
	Owner   string `json:"owner"`
	Balance int    `json:"balance"`
}

// check notes what is wrong with the fields, files and networks aside.
func (c *Config) check(s strictjson.Section) {
	program.CheckURL(s.Field("identifier"), c.Identifier)
	program.CheckURL(s.Field("issuer"), c.Issuer)
	program.CheckURL(s.Field("jwks_uri"), c.JWKSURI)
	program.CheckAddress(s.Field("listen"), c.Listen)
	s.Field("origins").Unless(len(c.Origins) > 0, "required: what proofs are addressed to (RFC 9449 4.3-9)")
	for i, origin := range c.Origins {
		program.CheckOrigin(s.Field("origins").Index(i), origin)
	}
	if c.Gateway != nil {
		c.Gateway.check(s.Field("gateway"))
	}
	c.Balances.check(s.Field("balances"))
	acr := s.Field("payment_acr")
	acr.Unless(len(c.PaymentACR) > 0, "required: the logins that suffice for a payment (RFC 9470)")
	program.CheckScopes(acr, c.PaymentACR)
	checkAccounts(s.Field("accounts"), c.Accounts)
}

func (g *Gateway) check(s strictjson.Section) {
	program.CheckAddress(s.Field("listen"), g.Listen)
	program.CheckURL(s.Field("issuer"), g.Issuer)
	program.CheckURL(s.Field("jwks_uri"), g.JWKSURI)
	s.Field("certificates").Unless((len(g.Certificates) == 0) != (len(g.Peers) == 0),
		"required, or peers instead: by what the gateway is known (RFC 9440 4)")
}

func (b *Balances) check(s strictjson.Section) {
	program.CheckOrigin(s.Field("origin"), b.Origin)
	program.CheckURL(s.Field("resource"), b.Resource)
	program.CheckURL(s.Field("token_endpoint"), b.TokenEndpoint)
	s.Field("client_id").Unless(b.ClientID != "", "required")
}

func checkAccounts(s strictjson.Section, accounts []Account) {
	for i, account := range accounts {
		at := s.Index(i)
		at.Field("id").Unless(account.ID != "", "required")
		at.Field("owner").Unless(account.Owner != "", "required: the sub of its owner")
		taken := slices.ContainsFunc(accounts[:i], func(other Account) bool { return other.ID == account.ID })
		at.Field("id").Unless(!taken, "must not be there twice")
	}
}

// Example is a complete configuration. With owners that are users' sub, it is the one
// that examples/authserver -init makes, with all the files that it names.
func Example() Config {
	return Config{
		Identifier: "https://accounts.bank.example", Issuer: "https://localhost:8443", JWKSURI: "https://localhost:8443/jwks",
		Trust: "ca.pem", InternalNetworks: []string{"127.0.0.0/8", "::1/128"},
		TLS:     program.KeyPair{Certificate: "accounts.pem", Key: "accounts-key.pem"},
		Origins: []string{"https://localhost:8460"}, Listen: "127.0.0.1:8460",
		Gateway: &Gateway{
			Listen: "127.0.0.1:8461", Certificates: []string{"gateway-identity.pem"},
			Issuer: "https://gateway.bank.example", JWKSURI: "https://localhost:8472/jwks",
		},
		Balances: Balances{
			Origin: "https://localhost:8460", Resource: "https://balances.bank.example",
			TokenEndpoint: "https://localhost:8444/token", ClientID: "payments",
			Identity: program.KeyPair{Certificate: "payments.pem", Key: "payments-key.pem"},
		},
		PaymentACR: []string{"urn:example:acr:password"},
		Accounts: []Account{
			{ID: "DE-4711", Owner: "alice", Balance: 120450},
			{ID: "DE-4712", Owner: "bob", Balance: 1720},
		},
	}
}

// euros is an amount for humans.
func euros(cents int) string {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	fraction := strconv.Itoa(100 + cents%100)[1:]
	return sign + strconv.Itoa(cents/100) + "." + fraction + " EUR"
}
