package privatekeyjwt

import (
	"context"
	"crypto"
	"errors"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/keysource"
)

// Client is the registration of a client that authenticates by private_key_jwt.
type Client struct {
	// Keys are the client's own: its jwks, or what its jwks_uri serves.
	Keys KeySource // required

	// SigningAlg is the registered token_endpoint_auth_signing_alg. Empty: any
	// of ES256, PS256 and EdDSA. EdDSA and Ed25519 (RFC 9864) name the same
	// algorithm.
	SigningAlg string
}

// ClientSource finds registrations.
type ClientSource interface {
	// Client returns the client with this identifier. ok is false when there
	// is none, or when it is registered for another authentication method. An
	// error means that it could not be found out. The identifier comes from an
	// assertion that is not verified yet: printable ASCII, up to about 6,000
	// octets. Client must return when ctx is done.
	Client(ctx context.Context, clientID string) (client Client, ok bool, err error)
}

// KeySource finds the verification keys of one client.
type KeySource interface {
	// Keys returns the client's public keys of algorithm alg (ES256, PS256 or
	// EdDSA) whose kid equals the given one, or all of that algorithm if kid is
	// empty; at most 8 are tried. None is no error: an error means that it
	// could not be found out. kid comes from an assertion that is not verified
	// yet, any text of up to about 12,000 octets. Keys must return when ctx is
	// done.
	Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

// checkSignature takes the keys from the registration of the client that the
// assertion claims to come from, and from nowhere else.
func (v *Verifier) checkSignature(ctx context.Context, token *jose.JWS, clientID string) error {
	client, err := v.client(ctx, clientID)
	if err != nil {
		return err
	}
	alg := keysource.Algorithm(token.Header.Algorithm)
	if client.SigningAlg != "" && keysource.Algorithm(client.SigningAlg) != alg {
		return refuse(ErrAlgorithm)
	}
	err = keysource.Verify(ctx, "privatekeyjwt: key source", client.Keys, token, alg)
	switch err {
	case jose.ErrKey:
		return refuse(ErrKey)
	case jose.ErrSignature:
		return refuse(ErrSignature)
	}
	return err
}

func (v *Verifier) client(ctx context.Context, clientID string) (client Client, err error) {
	defer fault.Recover("privatekeyjwt: client source", &err)
	client, ok, err := v.clients.Client(ctx, clientID)
	if err == nil {
		err = ctx.Err()
	}
	switch {
	case err != nil:
		return Client{}, fault.Of("privatekeyjwt: client source", err)
	case !ok:
		return Client{}, refuse(ErrClient)
	case client.Keys == nil:
		return Client{}, errors.New("privatekeyjwt: client source: a client without Keys")
	}
	return client, nil
}
