package server

import (
	"context"
	"crypto"
	"encoding/json"

	"github.com/go-fapi/fapi/internal/jose"
)

// jwts signs what no package of the module makes: ID tokens and logout tokens. The
// algorithm follows from the key, so RS256, the default of OpenID Connect, does not
// come up (FAPI 2.0 5.4.1).
type jwts struct {
	signer *jose.Signer
	kid    string
}

func newJWTs(key crypto.Signer) (jwts, error) {
	signer, err := jose.NewSigner(key)
	if err != nil {
		return jwts{}, err
	}
	thumbprint := signer.Thumbprint()
	return jwts{signer, jose.Encode(thumbprint[:])}, nil
}

func (j jwts) algorithm() string { return j.signer.Algorithm() }

func (j jwts) sign(ctx context.Context, typ string, claims any) (string, error) {
	header, err := j.signer.Header(typ, j.kid, false)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return j.signer.Sign(ctx, header, payload)
}
