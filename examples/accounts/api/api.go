// Package api is a small accounts API behind package cnf.
package api

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
)

// Config configures the API.
type Config struct {
	Identifier string // required: the API's resource identifier, also its public origin
	Issuer     string // required: whose tokens it accepts
	Keys       accesstoken.KeySource
	Methods    []cnf.Method // required: how its tokens may be bound
	Observe    func(cnf.Event)

	// Active says, of the jti of a token, whether the issuer still stands by it.
	// nil: a token is good until it expires.
	Active func(tokenID string) bool

	// Own returns the accounts that a token may see, named by its jti. A scope says
	// what a client may do, and not to whose accounts. nil: all, for clients that
	// act for the bank itself.
	Own func(tokenID string) []Account
}

// Account is what the API serves.
type Account struct {
	ID      string `json:"id"`
	Owner   string `json:"owner"`
	Balance string `json:"balance"`
}

// New returns the API: GET /accounts needs the scope accounts, POST /payments
// the scope payments.
func New(config Config) (http.Handler, error) {
	tokens, err := accesstoken.NewVerifier(accesstoken.VerifierConfig{
		Issuer: config.Issuer, Audience: config.Identifier, Keys: config.Keys,
	})
	if err != nil {
		return nil, err
	}
	guard, err := cnf.New(cnf.Config[*accesstoken.Token]{
		Verify:           config.verify(tokens),
		Methods:          config.Methods,
		Require:          cnf.Requirement{Scope: []string{"accounts"}},
		ResourceMetadata: config.Identifier + metadataPath,
		Observe:          config.Observe,
	})
	if err != nil {
		return nil, err
	}
	payments, err := guard.With(cnf.Requirement{Scope: []string{"payments"}})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	own := Accounts()
	if config.Own != nil {
		own = http.HandlerFunc(config.accounts)
	}
	mux.Handle("GET /accounts", guard.Handler(own))
	mux.Handle("POST /payments", payments.Handler(Payments()))
	mux.HandleFunc("GET "+metadataPath, func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, metadata(config)) })
	return mux, nil
}

// verify adds revocation to what a token says of itself.
func (c Config) verify(tokens *accesstoken.Verifier) func(context.Context, string) (*accesstoken.Token, error) {
	if c.Active == nil {
		return tokens.Verify
	}
	return func(ctx context.Context, accessToken string) (*accesstoken.Token, error) {
		token, err := tokens.Verify(ctx, accessToken)
		if err == nil && !c.Active(token.ID()) {
			return nil, ErrRevoked
		}
		return token, err
	}
}

// ErrRevoked refuses a token that the issuer has taken back (RFC 6750 section 3.1).
const ErrRevoked = refusal("token is revoked")

type refusal string

func (r refusal) Error() string   { return "api: " + string(r) }
func (refusal) OAuthCode() string { return "invalid_token" }

const metadataPath = "/.well-known/oauth-protected-resource"

// metadata is RFC 9728.
func metadata(config Config) map[string]any {
	return map[string]any{
		"resource":                                   config.Identifier,
		"authorization_servers":                      []string{config.Issuer},
		"scopes_supported":                           []string{"accounts", "payments"},
		"bearer_methods_supported":                   []string{"header"},
		"tls_client_certificate_bound_access_tokens": true,
		"dpop_signing_alg_values_supported":          []string{"ES256", "PS256", "EdDSA", "Ed25519"},
	}
}

// Accounts lists all accounts, unguarded.
func Accounts() http.Handler {
	all := []Account{{"DE-4711", "alice", "1204.50 EUR"}, {"DE-4712", "bob", "17.20 EUR"}}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, all) })
}

// accounts lists those of the token's user.
func (c Config) accounts(w http.ResponseWriter, r *http.Request) {
	token, _ := cnf.FromContext[*accesstoken.Token](r.Context())
	writeJSON(w, append([]Account{}, c.Own(token.ID())...)) // none is [], and not null
}

// Payments accepts a payment, unguarded.
func Payments() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := cnf.FromContext[*accesstoken.Token](r.Context())
		writeJSON(w, map[string]string{"status": "accepted", "client": claims.ClientID()})
	})
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client has left: nobody to tell
}
