package server

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/jar"
	"github.com/go-fapi/fapi/par"
)

// asked is an authorization request that passed every check.
type asked struct {
	clientID  string
	pushed    bool
	reference string // its request_uri; if it was not pushed, the request object
	params    url.Values
	jkt       [32]byte // the key the code is bound to; zero: none
}

func pushedBy(request *par.Request, requestURI string) asked {
	jkt, _ := request.JKT()
	return asked{clientID: request.ClientID(), pushed: true, reference: requestURI, params: request.Params(), jkt: jkt}
}

func newPushed(s *Server, objects *jar.Verifier) (*par.Handler, error) {
	store := s.config.Requests
	if store == nil {
		memory, err := par.NewMemory(par.MemoryConfig{})
		if err != nil {
			return nil, err
		}
		store = memory
	}
	return par.NewHandler(par.HandlerConfig{
		Clients: s.clients, Store: store, Check: policy(s.config.Clients).check, Proof: s.pushedProof,
		RequestObjects: objects, Observe: func(e par.Event) { s.observe(e.Err) },
		RequireSigned: func(_ context.Context, clientID string) (bool, error) {
			return s.config.Clients[clientID].signsRequests(), nil
		},
	})
}

func (s *Server) pushedProof(h http.Header, r *http.Request) ([32]byte, error) {
	proof, err := s.proofs.VerifyTokenRequest(r)
	return proof.Thumbprint(), cmp.Or(s.proofs.OfferNonce(r.Context(), h, proof, err), err)
}

// load finds the request that the query refers to. Of the query, client_id and
// request_uri count and nothing else (FAPI 2.0 5.3.2.2-3), unless the client is
// registered for an older profile. With an error it returns the request only if
// the error may be sent to its redirect URI.
func (s *Server) load(ctx context.Context, query url.Values) (asked, error) {
	clientID := query.Get("client_id")
	if query.Has("request") && s.config.Clients[clientID].mayCome() {
		return s.byValue(ctx, clientID, query)
	}
	request, err := s.flow.pushed.Load(ctx, clientID, query.Get("request_uri"))
	if err != nil {
		return asked{}, err
	}
	return pushedBy(request, query.Get("request_uri")), nil
}

// byValue reads a request object that a client of FAPI 1.0 brought to the
// authorization endpoint. Nothing outside of it counts (FAPI 1.0 Advanced
// 5.2.2-10). Together with an error it returns the request only if the redirect
// URI in it is the client's: then the error is the client's to know.
func (s *Server) byValue(ctx context.Context, clientID string, query url.Values) (asked, error) {
	params, err := s.flow.objects.Verify(ctx, clientID, query)
	if err != nil {
		return asked{}, err
	}
	if !s.hasRedirectURI(clientID, params.Get("redirect_uri")) {
		return asked{}, errRequest
	}
	request := asked{clientID: clientID, reference: query.Get("request"), params: params}
	if err := checkCode(params); err != nil {
		return request, err
	}
	if params.Has("dpop_jkt") {
		octets, err := jose.Decode(params.Get("dpop_jkt"))
		if err != nil || len(octets) != 32 || [32]byte(octets) == [32]byte{} {
			return request, errRequest
		}
		request.jkt = [32]byte(octets)
	}
	return request, policy(s.config.Clients).check(ctx, clientID, params)
}

// checkCode is what package par checks of a request that is pushed. FAPI 1.0 asks
// for PKCE only there (Advanced 5.2.2-18); a challenge that is sent has to be sound.
func checkCode(params url.Values) error {
	if params.Get("response_type") != "code" {
		return coded("unsupported_response_type")
	}
	if !params.Has("code_challenge") && !params.Has("code_challenge_method") {
		return nil
	}
	challenge, err := jose.Decode(params.Get("code_challenge"))
	if err != nil || len(challenge) != 32 || params.Get("code_challenge_method") != "S256" {
		return errRequest
	}
	return nil
}

// reload finds the request of an interaction again, and refuses one that was
// answered meanwhile, perhaps in another browser.
func (s *Server) reload(ctx context.Context, i *interaction) (asked, error) {
	switch {
	case i.request.pushed:
		return s.load(ctx, url.Values{"client_id": {i.request.clientID}, "request_uri": {i.request.reference}})
	case i.opening.answered.Load():
		return asked{}, errRequestURI
	}
	return i.request, policy(s.config.Clients).check(ctx, i.request.clientID, i.request.params)
}

// spend is reload for the one who answers: it succeeds once.
func (s *Server) spend(ctx context.Context, i *interaction) (asked, error) {
	if i.request.pushed {
		request, err := s.flow.pushed.Consume(ctx, i.request.clientID, i.request.reference)
		if err != nil {
			return asked{}, err
		}
		return pushedBy(request, i.request.reference), nil
	}
	request, err := s.reload(ctx, i)
	if err == nil && !i.opening.answered.CompareAndSwap(false, true) {
		err = errRequestURI
	}
	return request, err
}
