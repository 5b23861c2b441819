// Accounts is an API of a bank: accounts and payments. Clients call it directly, or
// through the gateway of examples/gateway.
//
//	go run ./examples/accounts -print-config        # a complete configuration to edit
//	go run ./examples/accounts -config accounts.json
//	go run ./examples/authserver -init demo         # one that fits the other programs
//
// examples/gateway/README.md shows all of them together. -v reports what became of
// requests: the rule that decided, and nothing of the request.
//
// What it serves, and to whom:
//
//	GET /accounts       scope accounts: those of the token's user
//	GET /accounts/{id}  scope accounts: 403 if it is not the user's, or does not exist
//	POST /payments      scope payments, and a login that suffices (else 401
//	                    insufficient_user_authentication, RFC 9470):
//	                    {"from": "DE-4711", "to": "DE-4712", "amount": 1000}, in cents
//	GET /balances/{id}  scope balances, of a resource of its own: for services, directly
//
// Every token is bound (FAPI 2.0), and every request proves the binding anew. On
// the listener for clients that is a DPoP proof or the certificate of the
// connection. On the one for the gateway it is the certificate that the gateway
// hands on (RFC 9440), or its signed statement about a DPoP key; nobody else is
// answered there. Payments asks accounts for the balance with a certificate and a
// token of its own, never with the user's.
//
// # Configuration
//
// One JSON document. File names in it are relative to the file itself. Names are
// exact, and unknown or repeated ones are refused; every problem is reported at
// once, with the field and the rule.
//
//	identifier         aud of the tokens it takes
//	issuer, jwks_uri   the authorization server, and where its keys are
//	trust              PEM file: authorities of the servers it calls. Default: the system's
//	internal_networks  networks of jwks_uri that are not public, such as 10.1.2.3/32
//	tls                certificate and key: PEM files, for both listeners
//	origins            public addresses of the first listener, for DPoP proofs
//	listen             its address
//	gateway            the second listener; none without it
//	  listen           its address
//	  certificates     PEM files: by which the gateway is known, or else
//	  peers            networks from which it connects
//	  issuer           iss of its statements
//	  jwks_uri         where its keys are
//	balances           how payments asks accounts
//	  origin           where
//	  resource         aud of the tokens for that, which are JWTs, while those for
//	                   identifier may be opaque to all but the gateway
//	  token_endpoint   of the authorization server, at which certificates are asked for
//	  client_id        registered with tls_client_auth and certificate-bound tokens
//	  identity         its certificate and key
//	payment_acr        the authentication context classes that suffice for a payment
//	accounts           id, owner, balance (cents). The owner is the sub that is in
//	                   the user's tokens for identifier. An authorization server
//	                   derives it, so ask there: authserver -config as.json -subjects
//
// The exit status is 0 after an interruption, 1 when it could not run, and 2 when
// the command line or the configuration is wrong.
package main

import (
	"os"

	"github.com/go-fapi/fapi/examples/accounts/server"
	"github.com/go-fapi/fapi/examples/internal/program"
)

func main() {
	os.Exit(program.Program{Name: "accounts", Example: server.Example(), Run: server.Run}.Main())
}
