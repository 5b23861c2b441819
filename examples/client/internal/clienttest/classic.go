package clienttest

import (
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"golang.org/x/oauth2"

	"github.com/go-fapi/fapi/accesstoken"
	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/examples/accounts/api"
	"github.com/go-fapi/fapi/examples/client/internal/app"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// classic is a server of before FAPI, for the first steps: it takes the request
// from the browser's query, and its user agrees to everything at once.
type classic struct {
	parts
	config  app.Config
	clients *privatekeyjwt.Verifier // nil: client_id is believed
	bound   bool                    // tokens are bound by DPoP

	mu     sync.Mutex
	codes  map[string]string // to challenges
	tokens map[string]bool   // Bearer and refresh tokens
}

func newClassic(t *testing.T, config app.Config, p parts, kind Server) http.Handler {
	t.Helper()
	s := &classic{parts: p, config: config, bound: kind == Bound, codes: map[string]string{}, tokens: map[string]bool{}}
	if kind != Plain {
		s.clients = p.assertions(t, config.Issuer)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /token", s.token)
	if s.bound {
		mux.Handle("GET /accounts", p.api)
	} else {
		mux.HandleFunc("GET /accounts", s.bearer)
	}
	return mux
}

func (s *classic) metadata(w http.ResponseWriter, _ *http.Request) {
	write(w, map[string]any{
		"issuer":                 s.config.Issuer,
		"authorization_endpoint": s.config.Issuer + "/authorize",
		"token_endpoint":         s.config.Issuer + "/token",
	})
}

func (s *classic) authorize(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	query, code := r.URL.Query(), rand.Text()
	s.codes[code] = query.Get("code_challenge")
	answer := url.Values{"code": {code}, "state": query["state"], "iss": {s.config.Issuer}}
	http.Redirect(w, r, s.config.RedirectURI+"?"+answer.Encode(), http.StatusSeeOther)
}

func (s *classic) token(w http.ResponseWriter, r *http.Request) {
	response, err := s.issue(r)
	if err != nil {
		s.proofs.WriteTokenError(w, r, err)
		return
	}
	write(w, response)
}

func (s *classic) issue(r *http.Request) (response map[string]any, err error) {
	if s.clients != nil {
		if _, err := s.clients.Authenticate(r); err != nil {
			return nil, err
		}
	}
	kind, access := "Bearer", rand.Text()
	if s.bound {
		kind = "DPoP"
		if access, err = s.boundToken(r); err != nil {
			return nil, err
		}
	}
	if !s.granted(r) {
		return nil, refusal("invalid_grant")
	}
	refresh := rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[access], s.tokens[refresh] = true, true
	return map[string]any{"access_token": access, "token_type": kind, "expires_in": 300, "refresh_token": refresh}, nil
}

func (s *classic) boundToken(r *http.Request) (token string, err error) {
	proof, err := s.proofs.VerifyTokenRequest(r)
	if err != nil {
		return "", err
	}
	token, _, err = s.issuer.Issue(r.Context(), accesstoken.Grant{
		Subject: "1", ClientID: clientID, Audience: []string{s.config.Issuer}, Scope: []string{"accounts"},
		Confirmation: cnf.Bind(cnf.MemberJKT, proof.Thumbprint()),
	})
	return token, err
}

// granted spends a code or recognises a refresh token.
func (s *classic) granted(r *http.Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.PostFormValue("grant_type") == "refresh_token" {
		return s.tokens[r.PostFormValue("refresh_token")]
	}
	code := r.PostFormValue("code")
	challenge, ok := s.codes[code]
	delete(s.codes, code)
	return ok && challenge == oauth2.S256ChallengeFromVerifier(r.PostFormValue("code_verifier"))
}

func (s *classic) bearer(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	if !ok || !s.tokens[token] {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	api.Accounts().ServeHTTP(w, r)
}

type refusal string

func (r refusal) Error() string     { return string(r) }
func (r refusal) OAuthCode() string { return string(r) }

func write(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the client has left: nobody to tell
}
