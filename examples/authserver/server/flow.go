package server

import (
	"net/http"
	"slices"
	"time"

	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/jarm"
	"github.com/go-fapi/fapi/par"
)

// How much the flow holds, and how long.
const (
	maxInteractions = 10_000
	maxBrowsers     = 20 // in which one request may be opened, preloads without cookies included
	maxCodes        = 10_000

	maxVisitors = 100_000

	interactionLife = 35 * time.Minute // that of a pushed request: it need not live longer
	openingLife     = 65 * time.Minute // longer than a request object can be used
	visitLife       = 12 * time.Hour
	codeLife        = 60 * time.Second // FAPI 2.0 5.3.2.1-11
	codeMemory      = 10 * time.Minute // for as long a second use is noticed
)

// flow is what only the authorization code flow needs.
type flow struct {
	pushed       *par.Handler
	objects      *jar.Verifier
	responses    *jarm.Encoder
	interactions *shelf[*interaction]
	openings     *shelf[*opening]
	visits       *shelf[*visits]
	codes        *shelf[*code]
	pages        *pages
	userinfo     http.Handler
}

func newFlow(s *Server) (*flow, error) {
	f := &flow{
		interactions: newShelf[*interaction](maxInteractions, interactionLife),
		openings:     newShelf[*opening](maxInteractions, openingLife),
		visits:       newShelf[*visits](maxVisitors, visitLife),
		codes:        newShelf[*code](maxCodes, codeMemory),
		pages:        newPages(),
	}
	var err error
	if f.objects, err = jar.NewVerifier(jar.VerifierConfig{
		Issuer: s.config.Issuer, Clients: signingClients(s.config.Clients),
	}); err != nil {
		return nil, err
	}
	if f.pushed, err = newPushed(s, f.objects); err != nil {
		return nil, err
	}
	if f.responses, err = jarm.NewEncoder(jarm.EncoderConfig{Issuer: s.config.Issuer, Key: s.config.Key}); err != nil {
		return nil, err
	}
	f.userinfo, err = newUserinfo(s)
	return f, err
}

func (s *Server) hasRedirectURI(clientID, uri string) bool {
	return slices.Contains(s.config.Clients[clientID].RedirectURIs, uri)
}
