// Authserver is an authorization server for FAPI 2.0 and FAPI 1.0 Advanced in one
// process, with a small API behind it, all in memory. From a checkout, with
// nothing but Go:
//
//	go run ./examples/authserver -init demo               # keys, certificates, demo/as.json
//	go run ./examples/authserver -config demo/as.json     # runs until interrupted
//	curl --cacert demo/ca.pem https://localhost:8443/.well-known/oauth-authorization-server
//
// -init makes a new folder with everything an example needs, the clients' private
// keys (clients/*.jwk) and certificates (clients/*.pem) included; the certificates
// are good for a day. -print-config prints a complete configuration to edit, whose
// client keys nobody has. -v reports what became of authentications, proofs and
// API requests: the rule that decided, and nothing of the request. -subjects prints by
// what sub resource servers with a sector know the users, for their configurations.
//
// gateway.json and accounts.json in the new folder are for examples/gateway and
// examples/accounts, and fit: examples/gateway/README.md shows them together.
//
// # Configuration
//
// One JSON document. File names in it are relative to the file itself. Names are
// exact: unknown and repeated ones are reported first, all at once, and then every
// other problem, with the field and the rule.
//
//	issuer        public origin of the listener for browsers and clients (https, no path)
//	listen        its address
//	mtls_origin   public origin of a second listener, which asks for client
//	              certificates; on the first, browsers would show a dialog for them
//	mtls_listen   its address
//	tls           certificate and key: PEM files, for both listeners
//	client_ca     PEM file: who issues the certificates of tls_client_auth clients
//	signing_key   PEM (PKCS #8) or JWK file; without it, a new key at every start
//	subject_key   file of 32 random octets or more, from which the users' sub are
//	              made; without it, other ones at every start
//	scopes        what clients can be allowed to ask for
//	resources     APIs that tokens can be for; the first one is here: GET /accounts
//	              (scope accounts, the user's own) and POST /payments (scope
//	              payments). Default: the issuer
//	users         username, password, name, account
//	opaque_resources  more APIs, for which tokens are random: GET /accounts of a
//	              gateway, say, which asks what they mean at the introspection endpoint
//	resource_servers  who may ask there: id, resources, and jwks or certificate
//	              (PEM file) to authenticate with;
//	              introspection_signed_response_alg if it wants signed answers only
//	              (RFC 9701), and sector if it knows users by identifiers of its own,
//	              which -subjects prints
//	clients       client metadata under its registered names (RFC 7591, RFC 8705,
//	              RFC 9449, OpenID Connect), and four names of this program:
//	  profile       fapi2-security, fapi2-message-signing or fapi1-advanced
//	  resources     which of the server's. Default: all
//	  certificate   PEM file: certificates of a self_signed_tls_client_auth client
//	                that has none in its jwks
//	  sector        host name that stands for a client with pairwise subjects which has
//	                no host of its own
//
// Every client authenticates, by private_key_jwt, tls_client_auth or
// self_signed_tls_client_auth, and says what its tokens are bound to:
// dpop_bound_access_tokens or tls_client_certificate_bound_access_tokens. Signing
// algorithms are PS256, ES256 and EdDSA, and follow from the keys; a client may
// pin the ones of its assertions and request objects.
//
// http redirect URIs are for application_type native, on 127.0.0.1 or [::1], in the
// profiles of FAPI 2.0. A client with redirect URIs has tokens without a user only if
// grant_types has client_credentials. subject_type is public unless it says pairwise;
// the document behind a sector_identifier_uri is fetched when the program starts. Users
// log out at /logout, and clients with a backchannel_logout_uri hear of it.
//
// The metadata is for all clients together: one client of FAPI 1.0, which may come
// without a pushed request, and require_pushed_authorization_requests is false. So
// go run ./examples/fapicheck -ca demo/ca.pem https://localhost:8443 has something
// to say of the demo, and nothing of a server whose clients share one profile.
//
// It is an example: users and their passwords stand in the file as they are, and
// everything it has issued is forgotten when it stops.
//
// The exit status is 0 after an interruption, 1 when it could not run, and 2 when
// the command line or the configuration is wrong.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-fapi/fapi/examples/internal/strictjson"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// errUsage is a command line that names not exactly one thing to do.
var errUsage = errors.New("one of -config file, -init folder and -print-config is needed (-help explains)")

func run(ctx context.Context, args []string, out, log io.Writer) (status int) {
	flags := flag.NewFlagSet("authserver", flag.ContinueOnError)
	flags.SetOutput(log)
	name := flags.String("config", "", "run with this configuration `file`")
	folder := flags.String("init", "", "make a new `folder` with a configuration, keys and certificates")
	show := flags.Bool("print-config", false, "print a complete configuration")
	verbose := flags.Bool("v", false, "with -config: report outcomes")
	subjects := flags.Bool("subjects", false, "with -config: print by what sub resource servers know users, and stop")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2 // flags has said why
	}
	var err error
	switch {
	case flags.NArg() > 0 || count(*name != "", *folder != "", *show) != 1 || ((*verbose || *subjects) && *name == ""):
		err = errUsage
	case *show:
		err = printConfig(out)
	case *folder != "":
		err = initialise(*folder, out)
	case *subjects:
		err = printSubjects(out, *name)
	default:
		err = serveConfig(ctx, *name, newJournal(log, *verbose))
	}
	return report(log, err)
}

// report says what went wrong and returns the exit status for it.
func report(log io.Writer, err error) (status int) {
	if err == nil {
		return 0
	}
	fmt.Fprintln(log, "authserver:", err)
	if _, wrong := errors.AsType[strictjson.Problems](err); wrong || errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

func count(conditions ...bool) (n int) {
	for _, condition := range conditions {
		if condition {
			n++
		}
	}
	return n
}

// serveConfig runs until ctx is done.
func serveConfig(ctx context.Context, name string, journal *journal) error {
	s, err := load(name, journal)
	if err != nil {
		return err
	}
	l, err := listen(s.config)
	if err != nil {
		return err
	}
	return s.serve(ctx, l)
}
