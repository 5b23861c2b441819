package server

import (
	"context"
	"crypto"
	"crypto/x509"
	"net/http"
	"time"

	"github.com/go-fapi/fapi"
	"github.com/go-fapi/fapi/dpop"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/par"
	"github.com/go-fapi/fapi/ppid"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// Replay is a store for single-use values; proofs and assertions can share one.
type Replay interface {
	Use(ctx context.Context, key string, until time.Time) (first bool, err error)
}

// Client is a registered client. With a Certificate it authenticates with that,
// otherwise with its Keys.
type Client struct {
	Keys        privatekeyjwt.KeySource // private_key_jwt, and request objects: its public keys
	Certificate *mtls.Client            // tls_client_auth or self_signed_tls_client_auth
	Scopes      []string                // what it may ask for
	APIs        []string                // the resources it may ask for; the first is the default

	// CertificateBound is tls_client_certificate_bound_access_tokens (RFC 8705
	// section 3.4). Tokens of such a client need no DPoP key, but get one as
	// well if it sends a proof; those of all others need one.
	CertificateBound bool

	Name         string       // what the consent page calls it; empty: its identifier
	RedirectURIs []string     // for the authorization code; whole strings are compared
	Profile      fapi.Profile // what its requests and responses look like; empty: fapi.FAPI2Security

	// The registered algorithms of its signatures: ES256, PS256 or EdDSA. Empty:
	// any of them.
	AssertionAlg string // token_endpoint_auth_signing_alg
	RequestAlg   string // request_object_signing_alg

	// SignedRequests is require_signed_request_object (RFC 9101 section 10.5). The
	// profiles with signed responses have it implicitly.
	SignedRequests bool

	// OwnTokens lets a client with RedirectURIs have tokens without a user as well
	// (client_credentials among its grant_types). A client without them has nothing
	// else.
	OwnTokens bool

	// SubjectType is subject_type: "pairwise", which is the default if the server
	// has Subjects, or "public".
	SubjectType string
	// Sector is whose users' identifiers the client shares. Zero: that of its
	// RedirectURIs, which then have one host ([ppid.SectorOf]). Whoever registers a
	// sector_identifier_uri computes it with a [ppid.Fetcher].
	Sector ppid.Sector

	// BackchannelLogoutURI is backchannel_logout_uri: where the client hears that a
	// user has logged out. Empty: nowhere.
	BackchannelLogoutURI string
}

// ResourceServer is an API, or a gateway in front of some: who may ask about
// tokens. It is no client and gets none. It authenticates as clients do.
type ResourceServer struct {
	Keys         privatekeyjwt.KeySource
	AssertionAlg string
	Certificate  *mtls.Client

	APIs []string // required: which it is; it learns of tokens for these

	// Sector, with Config.Subjects, is under which it knows users behind opaque
	// tokens, whichever client they come by. Zero: it sees the sub that the client
	// sees.
	Sector ppid.Sector

	// Signed refuses it answers that are not signed (RFC 9701; FAPI 2.0 Message
	// Signing 5.5.1).
	Signed bool
}

// User is somebody who can log in.
type User struct {
	Account string // the local account: never leaves the server as it is
	Name    string // what the pages and the profile scope show
}

// Users knows the passwords, and is where attempts are limited.
type Users interface {
	// Authenticate is given what was typed. ok is false for an unknown name and
	// for a wrong password alike, after about the same time.
	Authenticate(ctx context.Context, username, password string) (user User, ok bool, err error)
}

// Config configures a [Server].
type Config struct {
	Issuer  string            // required; a path in it is part of every URL of the server
	Key     crypto.Signer     // required: signs access tokens, ID tokens and responses
	Clients map[string]Client // required; it must not change while the server runs
	Replay  Replay            // required
	Nonces  dpop.NonceSource  // nil: proofs need no nonce
	Users   Users             // nil: there is no authorization code flow

	// Requests keeps pushed authorization requests. nil: in memory.
	Requests par.Store

	// SubjectKey makes the public sub of an account, so that nobody can tell the
	// account from it: 32 random octets that never change. nil: random ones, and
	// every user is a new one after a restart.
	SubjectKey []byte
	// Subjects makes pairwise ones, with a key of its own. nil: there are none.
	Subjects *ppid.Deriver

	// Opaque are the APIs for which access tokens are random, and mean something
	// only to who may ask at the introspection endpoint: the ResourceServers. A
	// token is never for such an API and for another one.
	Opaque []string
	// ResourceServers are those APIs, and gateways in front of them. nil: there is
	// no introspection endpoint.
	ResourceServers map[string]ResourceServer
	// IntrospectionAge is how long they may remember an answer, and so how long a
	// revoked token may still work. 0: 30 s; at most 5 min.
	IntrospectionAge time.Duration

	// Logout sends logout tokens. It is required if a client has a
	// BackchannelLogoutURI. Redirects are not followed, and a request ends after 5 s
	// at the latest.
	Logout *http.Client

	// Alias is the public origin of the listener that asks for client
	// certificates (RFC 8705 section 5). Empty: there is none.
	Alias string
	// Roots are the authorities of tls_client_auth clients.
	Roots *x509.CertPool

	// ExtraAudiences is for the bank's control of one attack. FAPI 2.0 servers
	// leave it empty.
	ExtraAudiences []string

	ObserveClient func(err error) // the outcome of every client authentication
	ObserveProof  func(dpop.Event)

	// ObserveRefusal is told why a push, an authorization request or a token
	// request was refused or failed, where client and browser learn only a code:
	// of a code or a refresh token, one of the Err values of this package.
	ObserveRefusal func(err error)
}
