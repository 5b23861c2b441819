package dpop

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// Scheme is the authentication scheme of tokens that need a proof: "DPoP".
// With [Verifier.Member] and [Verifier.Confirm] it makes a Verifier a
// confirmation method for package cnf.
func (v *Verifier) Scheme() string { return "DPoP" }

// Member is the confirmation member a proof confirms: "jkt".
func (v *Verifier) Member() string { return "jkt" }

// Algorithms is the algs parameter of a DPoP challenge (section 7.1).
func (v *Verifier) Algorithms() string { return jose.Algorithms }

// Confirm is [Verifier.VerifyResourceRequest] for package cnf. Into h, the
// header of the response to come, it puts the nonce the client shall use next.
func (v *Verifier) Confirm(h http.Header, r *http.Request, accessToken string, bound [32]byte) error {
	if r == nil {
		return errors.New("dpop: Confirm needs a request")
	}
	proof, err := v.VerifyResourceRequest(r, accessToken, bound)
	if offerErr := v.OfferNonce(r.Context(), h, proof, err); offerErr != nil {
		return offerErr
	}
	return err
}

// OfferNonce sets DPoP-Nonce in a response header (section 8.2) if nonces are
// in force and proof does not already carry the newest one. proof and err are
// the results of a Verify method, or err is any other OAuth error: after a
// refusal the nonce spares the client one of two round trips, and after a fault
// of the server none is given. A response with a nonce must not be stored, so
// Cache-Control is set with it.
func (v *Verifier) OfferNonce(ctx context.Context, h http.Header, proof *Proof, err error) error {
	if v == nil || v.nonces == nil || err != nil && !isRefusal(err) {
		return nil
	}
	nonce, err := guarded(func() (string, error) { return v.nonces.Nonce(ctx) })
	if err != nil {
		return err
	}
	if !isNonce(nonce) {
		return errors.New("dpop: the nonce source gave characters that RFC 9449 section 8.1 does not allow")
	}
	if proof == nil || proof.nonce != nonce {
		h.Set("DPoP-Nonce", nonce)
		oauthhttp.NoStore(h)
	}
	return nil
}

func isRefusal(err error) bool {
	var refusal interface{ OAuthCode() string }
	return errors.As(err, &refusal)
}

// WriteTokenError answers any refusal at the token or pushed authorization
// request endpoint (section 5): 401 for invalid_client, else 400, with the code of
// err and, when nonces are in force, the nonce to use next. err may be of this
// package, of the one that authenticates clients, or your own: what counts is a
// method OAuthCode() string. An err without one is a fault of the server and
// becomes 503 without detail.
func (v *Verifier) WriteTokenError(w http.ResponseWriter, r *http.Request, err error) {
	if offerErr := v.OfferNonce(r.Context(), w.Header(), nil, err); offerErr != nil {
		err = offerErr
	}
	oauthhttp.WriteError(w, err)
}
