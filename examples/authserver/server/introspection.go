package server

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-fapi/fapi/internal/oauthhttp"
	"github.com/go-fapi/fapi/introspection"
	"github.com/go-fapi/fapi/ppid"
)

const introspectionAge = 30 * time.Second

// introspections is the introspection endpoint: one handler for each kind of
// caller, of which the one for signed answers gives no others.
type introspections struct {
	callers       authenticator
	plain, signed *introspection.Handler
}

func newIntrospections(s *Server) (i *introspections, err error) {
	i = &introspections{}
	if i.callers, err = newAuthenticator(s.config.callers(), s.base); err != nil {
		return nil, err
	}
	config := introspection.HandlerConfig{
		Issuer: s.config.Issuer, Callers: knownCaller{}, Key: s.config.Key,
		Resources: func(_ context.Context, callerID string) ([]string, error) {
			return s.config.ResourceServers[callerID].APIs, nil
		},
		Lookup: s.lookup, Phantom: s.phantom,
		MaxAge:  cmp.Or(s.config.IntrospectionAge, introspectionAge),
		Observe: func(e introspection.Event) { s.observe(e.Err) },
	}
	if i.plain, err = introspection.NewHandler(config); err != nil {
		return nil, err
	}
	config.RequireSigned = true
	i.signed, err = introspection.NewHandler(config)
	return i, err
}

// callers is the configuration with the resource servers in place of the clients:
// who is one cannot do what the other may (FAPI 2.0 Message Signing 6.2).
func (c Config) callers() Config {
	algorithms := c.algorithms()
	c.Clients = map[string]Client{}
	for id, caller := range c.ResourceServers {
		if caller.Keys != nil {
			caller.Keys = permittedKeys{caller.Keys, algorithms}
		}
		c.Clients[id] = Client{Keys: caller.Keys, Certificate: caller.Certificate, AssertionAlg: caller.AssertionAlg}
	}
	return c
}

// introspect finds out who asks, and so whether the answer has to be signed, before
// anything is answered.
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	if _, err := oauthhttp.ReadForm(w, r, 0); err != nil {
		s.introspections.plain.ServeHTTP(w, r) // which reads the same error
		return
	}
	id, err := s.introspections.callers.Authenticate(r)
	handler := s.introspections.plain
	if s.config.ResourceServers[id].Signed {
		handler = s.introspections.signed
	}
	handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), knownCaller{}, authenticated{id, err})))
}

// knownCaller hands on who was authenticated already. An assertion is good once.
type knownCaller struct{}

type authenticated struct {
	id  string
	err error
}

// Authenticate implements [introspection.ClientAuth].
func (knownCaller) Authenticate(r *http.Request) (string, error) {
	known, _ := r.Context().Value(knownCaller{}).(authenticated)
	return known.id, known.err
}

// lookup is what a caller may know of a token; that the token is for one of its APIs
// is the handler's to compare.
func (s *Server) lookup(_ context.Context, callerID, token string) (answer introspection.Answer, ok bool, err error) {
	record, ok := s.ledger.find(token)
	if !ok {
		return answer, false, nil
	}
	answer = introspection.Answer{
		Audience: record.audience, Expires: record.expires, IssuedAt: record.issued, ClientID: record.clientID,
		Subject: record.subject, Scope: record.scopes, Confirmation: record.bound,
	}
	if record.grant == nil {
		return answer, true, nil
	}
	answer.AuthTime, answer.ACR, answer.AMR = record.grant.loggedIn, acrPassword, []string{amrPassword}
	// A JWT says who the user is already, and an API must not hear two names.
	sector := s.config.ResourceServers[callerID].Sector
	if record.opaque && sector != (ppid.Sector{}) {
		answer.Subject, err = s.subjects.in(sector, record.grant.user.Account)
	}
	return answer, err == nil, err
}

// phantom makes the JWT behind an opaque token, for a gateway to hand on. It says
// what introspection would, and ends no later.
func (s *Server) phantom(ctx context.Context, _, token string, answer introspection.Answer) (jwt string, err error) {
	record, ok := s.ledger.find(token)
	if !ok {
		return "", errors.New("server: the token was revoked this very moment")
	}
	content := record.content()
	content.Subject, content.Audience, content.Expires = answer.Subject, answer.Audience, answer.Expires
	content.Extra = map[string]any{"opaque_ath": introspection.OpaqueATH(token)}
	jwt, _, err = s.tokens.Issue(ctx, content)
	return jwt, err
}

// checkResourceServer is for a resource server what check is for a client.
func (c Config) checkResourceServer(id string, caller ResourceServer) error {
	_, taken := c.Clients[id]
	switch {
	case taken:
		return errors.New("is a client as well: resource servers have names and keys of their own")
	case caller.Keys == nil && caller.Certificate == nil:
		return errors.New("has neither Keys nor a Certificate to authenticate with")
	case len(caller.APIs) == 0 || slices.Contains(caller.APIs, ""):
		return errors.New("has no APIs, and could ask about nothing")
	case caller.Sector != (ppid.Sector{}) && c.Subjects == nil:
		return errors.New("has a Sector, but there are no Subjects")
	}
	return nil
}
