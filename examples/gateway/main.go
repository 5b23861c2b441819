// Gateway is an API gateway of the phantom-token pattern, package phantom as a
// program: clients hold opaque tokens, APIs get JWTs, and every request proves
// possession.
//
//	go run ./examples/gateway -print-config         # a complete configuration to edit
//	go run ./examples/gateway -config gateway.json
//	go run ./examples/authserver -init demo         # one that fits the other programs
//	go run ./examples/gateway/load                  # one with everything around it, under load
//
// README.md shows it with an authorization server, an API and a client. -v reports
// what became of requests: the rule that decided, and nothing of the request.
//
// # Configuration
//
// One JSON document. File names in it are relative to the file itself. Names are
// exact, and unknown or repeated ones are refused; every problem is reported at
// once, with the field and the rule. Times are texts such as "5s".
//
//	origins                 public addresses of the gateway, one for each listener
//	                        and proxy: what Host and DPoP proofs are compared with
//	listen                  address of the listener that asks for no certificates
//	mtls_listen             address of the one that asks for client certificates. It
//	                        has an address of its own, and keys of its own for
//	                        tickets, so no session passes from one to the other
//	proxy                   the listener for a proxy that terminates TLS. It speaks
//	                        TLS as well, and answers nobody but the proxy
//	  listen                its address
//	  format                of the client certificate: rfc9440, pem, base64 or xfcc
//	  header                its field. Default, if the format has one: Client-Cert
//	  certificates          PEM files: by which the proxy is known, or else
//	  peers                 networks from which it connects
//	inside_listen           address for GET /health and GET /jwks (keys of evidence);
//	                        clients have no business there
//	tls                     certificate and key: PEM files, for all listeners
//	identity                certificate and key that the gateway shows to APIs
//	trust                   PEM file: authorities of the servers it calls. Default:
//	                        the system's
//	internal_networks       networks of jwks_uri that are not public, such as
//	                        10.1.2.3/32
//	issuer, jwks_uri        the authorization server, and where its keys are
//	introspection_endpoint  that it exchanges tokens at; the one that asks for
//	                        certificates, if credentials are such
//	evidence                statements about DPoP keys
//	  issuer                who makes them out: a URL that is not the issuer of tokens
//	  key                   PEM (PKCS #8) or JWK file; Ed25519 signs fastest
//	  others                PEM files: public keys to publish beside it, the next
//	                        one for 15 min before it signs, the last one for a
//	                        minute after
//	apis                    upstream (an origin), audience, and
//	  credentials           client_id, and key (private_key_jwt) or identity
//	                        (tls_client_auth). Each API has its own, as the
//	                        authorization server goes by them for aud
//	  routes                path, methods (default: all), scope, acr, max_age of the
//	                        login. A path is itself and all below it; the longest one
//	                        counts
//	max_header_bytes        target and header section. Default: 16384
//	max_body_bytes          default: 1048576
//	timeouts
//	  read_header           default: 5s
//	  read                  of a whole request. Default: 15s
//	  write                 of the response, from the end of the header. Default: 1m0s
//	  idle                  of a connection. Default: 1m0s
//	  upstream              for the header of an API's response. Default: 30s
//	  introspection         of a question. Default: 2s
//	  drain                 from the signal until the listeners close, during which
//	                        /health says 503. Default: 5s
//	  stop                  for requests under way after that. Default: 10s
//
// A token works for 30 s after it was revoked at most, less if the authorization
// server says so. Used proofs are remembered in memory: several gateways need a
// store in common, such as that of module redisstore, and this program has none.
//
// The exit status is 0 after an interruption, 1 when it could not run, and 2 when
// the command line or the configuration is wrong.
package main

import (
	"os"

	"github.com/go-fapi/fapi/examples/gateway/server"
	"github.com/go-fapi/fapi/examples/internal/program"
)

func main() {
	os.Exit(program.Program{Name: "gateway", Example: server.Example(), Run: server.Run}.Main())
}
