package server

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/mtls"
)

// token is the token endpoint.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	response, err := s.answer(w.Header(), r)
	if err != nil {
		s.observe(err)
		s.proofs.WriteTokenError(w, r, err)
		return
	}
	writeJSON(w, response)
}

// tokenResponse is RFC 6749 section 5.1. A refresh answers without a refresh
// token: the one that was used stays good.
type tokenResponse struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int    `json:"expires_in"`
	Scope        string `json:"scope"`
	RefreshToken string `json:"refresh_token,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
}

// answer answers a token request. The order matters: who asks, bound to what,
// for what; and the code is spent last of all, when the tokens exist and nobody
// has seen them, so that neither a nonce challenge nor a fault ever costs one.
func (s *Server) answer(h http.Header, r *http.Request) (*tokenResponse, error) {
	client, err := s.caller(h, r)
	if err != nil {
		return nil, err
	}
	order, err := s.order(client)
	if err != nil {
		return nil, err
	}
	response, err := s.accessToken(r.Context(), client, order)
	if err != nil {
		return nil, err
	}
	if order.code != nil {
		err = s.complete(r.Context(), response, order)
	}
	if order.refresh != "" {
		s.ledger.refresh.renew(order.refresh)
	}
	return response, err
}

// complete adds what comes with a code, and spends it.
func (s *Server) complete(ctx context.Context, response *tokenResponse, order order) (err error) {
	if slices.Contains(order.scopes, "openid") {
		if response.IDToken, err = s.idToken(ctx, order.code); err != nil {
			return err
		}
	}
	response.RefreshToken = newSecret()
	name := refreshName(response.RefreshToken)
	if _, err := s.ledger.refresh.put(name, &refreshToken{order.grant}); err != nil {
		return err
	}
	if err := order.code.spend(); err != nil {
		s.ledger.refresh.remove(name)
		return err
	}
	return nil
}

// binding is what the token will be bound to: the certificate, the DPoP key, or
// both, and then both have to be proven at the API.
func (s *Server) binding(h http.Header, r *http.Request, client Client) (bound cnf.Confirmation, err error) {
	if client.CertificateBound {
		chain, err := mtls.FromTLS(r)
		if err != nil {
			return bound, err
		}
		bound = cnf.Bind(cnf.MemberX5TS256, mtls.Thumbprint(chain[0]))
	}
	if client.CertificateBound && len(r.Header.Values("DPoP")) == 0 {
		return bound, nil
	}
	proof, err := s.proofs.VerifyTokenRequest(r)
	if err != nil {
		return bound, err
	}
	return bound.And(cnf.MemberJKT, proof.Thumbprint()), s.proofs.OfferNonce(r.Context(), h, proof, nil)
}

// tokenType: a token that needs a proof is of type DPoP (RFC 9449 section 5),
// one that needs only the certificate is called Bearer (RFC 8705 section 3).
func tokenType(bound cnf.Confirmation) string {
	if _, ok := bound.Thumbprint(cnf.MemberJKT); ok {
		return "DPoP"
	}
	return "Bearer"
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // the client has left: nobody to tell
}
