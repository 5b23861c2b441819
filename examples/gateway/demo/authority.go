package demo

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/examples/internal/pki"
	"github.com/go-fapi/fapi/internal/oauthhttp"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/privatekeyjwt"
	"github.com/go-fapi/fapi/replay"
)

// AuthorizationServer is just enough of one for a gateway: it makes out opaque
// tokens when Issue is called, tells gateways what is behind them at POST
// /introspect, and has the client credentials grant for services at POST /token.
// examples/authserver is a complete one.
type AuthorizationServer struct {
	mux     *http.ServeMux
	certain *mtls.ClientAuthenticator
	keyed   *privatekeyjwt.Verifier
	issuer  *accesstoken.Issuer
	asked   atomic.Int64
	down    atomic.Bool

	mu     sync.Mutex
	tokens map[[32]byte]introspection.Answer // by the hash of the token
}

func newAuthorizationServer(issuer string, authority *pki.Authority, keys clientKeys) (*AuthorizationServer, error) {
	a := &AuthorizationServer{mux: http.NewServeMux(), tokens: map[[32]byte]introspection.Answer{}}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	if a.issuer, err = accesstoken.NewIssuer(accesstoken.IssuerConfig{Issuer: issuer, Key: key}); err != nil {
		return nil, err
	}
	if err := a.register(issuer, authority, keys); err != nil {
		return nil, err
	}
	published, err := jwks.NewPublisher(jwks.PublisherConfig{Keys: []jwks.Key{{Key: key.Public()}}})
	if err != nil {
		return nil, err
	}
	introspect, err := introspection.NewHandler(introspection.HandlerConfig{
		Issuer: issuer, Callers: a, Resources: resources, Lookup: a.lookup, Phantom: a.phantom,
	})
	if err != nil {
		return nil, err
	}
	a.mux.Handle("GET /jwks", published)
	a.mux.HandleFunc("POST /token", a.token)
	a.mux.Handle("POST /introspect", introspect)
	return a, nil
}

type (
	keyedClients   map[string]privatekeyjwt.Client
	certainClients map[string]mtls.Client
)

// Client is privatekeyjwt.ClientSource.
func (c keyedClients) Client(_ context.Context, id string) (privatekeyjwt.Client, bool, error) {
	client, ok := c[id]
	return client, ok, nil
}

// Client is mtls.ClientSource.
func (c certainClients) Client(_ context.Context, id string) (mtls.Client, bool, error) {
	client, ok := c[id]
	return client, ok, nil
}

// register knows the gateway by a key for one API and by a certificate for the
// other, and payments by a certificate.
func (a *AuthorizationServer) register(issuer string, authority *pki.Authority, keys clientKeys) error {
	store, err := replay.NewMemory(replay.MemoryConfig{})
	if err != nil {
		return err
	}
	known, err := jwks.NewStaticKeys(jwks.Key{Key: keys.gateway})
	if err != nil {
		return err
	}
	a.keyed, err = privatekeyjwt.NewVerifier(privatekeyjwt.VerifierConfig{
		Issuer: issuer, Clients: keyedClients{accountsCaller: {Keys: known}}, Replay: store,
	})
	if err != nil {
		return err
	}
	clients := certainClients{}
	for _, name := range []string{echoCaller, payments} {
		subject, err := mtls.SubjectDN("CN=" + name)
		if err != nil {
			return err
		}
		clients[name] = mtls.Client{Method: mtls.TLSClientAuth, Subject: subject}
	}
	a.certain, err = mtls.NewClientAuthenticator(mtls.ClientAuthenticatorConfig{Clients: clients, Roots: authority.Pool()})
	return err
}

// Authenticate is introspection.ClientAuth. The registration decides on the method.
func (a *AuthorizationServer) Authenticate(r *http.Request) (string, error) {
	if r.PostForm.Get("client_id") == echoCaller {
		return a.certain.Authenticate(r)
	}
	return a.keyed.Authenticate(r)
}

// resources are what the callers stand in front of.
func resources(_ context.Context, callerID string) ([]string, error) {
	switch callerID {
	case accountsCaller:
		return []string{AccountsAudience}, nil
	case echoCaller:
		return []string{EchoAudience}, nil
	}
	return nil, nil
}

// Issue makes out an opaque token. What g leaves out is: five minutes, for both
// APIs, with all their scopes, to the client app, by a login of now.
func (a *AuthorizationServer) Issue(g introspection.Answer) (opaque string) {
	g = complete(g)
	opaque = rand.Text() + rand.Text()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.tokens[sha256.Sum256([]byte(opaque))] = g
	return opaque
}

// IssueJWT makes out a JWT access token, for APIs that are called directly, with
// the same things left out.
func (a *AuthorizationServer) IssueJWT(ctx context.Context, g introspection.Answer) (string, error) {
	return a.phantom(ctx, "", "", complete(g))
}

func complete(g introspection.Answer) introspection.Answer {
	now := time.Now()
	if g.Expires.IsZero() {
		g.Expires = now.Add(5 * time.Minute)
	}
	if g.Audience == nil {
		g.Audience = []string{AccountsAudience, EchoAudience}
	}
	if g.Scope == nil {
		g.Scope = []string{"accounts", "payments", "echo"}
	}
	if g.ClientID == "" {
		g.ClientID = "app"
	}
	if g.AuthTime.IsZero() {
		g.AuthTime = now
	}
	return g
}

// Revoke forgets a token.
func (a *AuthorizationServer) Revoke(opaque string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.tokens, sha256.Sum256([]byte(opaque)))
}

// Fail makes the server answer nothing but 503, or ends that.
func (a *AuthorizationServer) Fail(down bool) { a.down.Store(down) }

// Asked is how many requests to introspect there were.
func (a *AuthorizationServer) Asked() int { return int(a.asked.Load()) }

// ServeHTTP is http.Handler.
func (a *AuthorizationServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/introspect" {
		a.asked.Add(1)
	}
	if a.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	a.mux.ServeHTTP(w, r)
}

func (a *AuthorizationServer) lookup(_ context.Context, _, token string) (introspection.Answer, bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer, ok := a.tokens[sha256.Sum256([]byte(token))]
	return answer, ok, nil
}

// phantom makes the JWT behind a token.
func (a *AuthorizationServer) phantom(ctx context.Context, _, opaque string, g introspection.Answer) (string, error) {
	jwt, _, err := a.issuer.Issue(ctx, accesstoken.Grant{
		Subject: g.Subject, ClientID: g.ClientID, Audience: g.Audience, Scope: g.Scope,
		ACR: g.ACR, AMR: g.AMR, AuthTime: g.AuthTime, Confirmation: g.Confirmation, Expires: g.Expires,
		Extra: map[string]any{"opaque_ath": introspection.OpaqueATH(opaque)},
	})
	return jwt, err
}

// token is the client credentials grant of payments, bound to its certificate.
func (a *AuthorizationServer) token(w http.ResponseWriter, r *http.Request) {
	client, err := a.certain.Authenticate(r)
	if err != nil {
		oauthhttp.WriteTokenError(w, http.StatusUnauthorized, "invalid_client", "")
		return
	}
	if client != payments || r.PostForm.Get("grant_type") != "client_credentials" || r.PostForm.Get("scope") != "balances" ||
		r.PostForm.Get("resource") != BalancesAudience {
		oauthhttp.WriteTokenError(w, http.StatusBadRequest, "invalid_request", "")
		return
	}
	bound := cnf.Bind(cnf.MemberX5TS256, mtls.Thumbprint(r.TLS.PeerCertificates[0]))
	jwt, expires, err := a.issuer.Issue(r.Context(), accesstoken.Grant{
		Subject: client, ClientID: client, Audience: []string{BalancesAudience}, Scope: []string{"balances"}, Confirmation: bound,
	})
	if err != nil {
		oauthhttp.WriteTokenError(w, http.StatusServiceUnavailable, "server_error", "")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": jwt, "token_type": "Bearer", "expires_in": int(time.Until(expires).Seconds()), "scope": "balances",
	})
}
