package jar

import (
	"context"
	"crypto"
	"errors"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/keysource"
)

// Client is the registration of a client that sends request objects.
type Client struct {
	// Keys are the client's own: its jwks, or what its jwks_uri serves.
	Keys KeySource // required

	// SigningAlg is the registered request_object_signing_alg. Empty: any of
	// ES256, PS256 and EdDSA. EdDSA and Ed25519 (RFC 9864) name the same
	// algorithm.
	SigningAlg string

	// RequestURIs are the registered request_uris, without which the client
	// cannot send objects by reference. They are compared octet by octet up to
	// the fragment. The fragment of the request, if there is one, must be the
	// SHA-256 of the document in base64url (OpenID Connect Core 6.2); the one
	// registered plays no part, since it changes with the document.
	RequestURIs []string
}

// ClientSource finds registrations.
type ClientSource interface {
	// Client returns the client with this identifier. ok is false when there
	// is none. An error means that it could not be found out. The identifier is
	// the one given to [Verifier.Verify], printable ASCII. Client must return
	// when ctx is done.
	Client(ctx context.Context, clientID string) (client Client, ok bool, err error)
}

// KeySource finds the verification keys of one client.
type KeySource interface {
	// Keys returns the client's public keys of algorithm alg (ES256, PS256 or
	// EdDSA) whose kid equals the given one, or all of that algorithm if kid is
	// empty; at most 8 are tried. None is no error: an error means that it
	// could not be found out. kid comes from an object that is not verified
	// yet, any text of up to about 12,000 octets. Keys must return when ctx is
	// done.
	Keys(ctx context.Context, kid, alg string) ([]crypto.PublicKey, error)
}

func (v *Verifier) client(ctx context.Context, clientID string) (client Client, err error) {
	defer fault.Recover("jar: client source", &err)
	client, ok, err := v.clients.Client(ctx, clientID)
	if err == nil {
		err = ctx.Err()
	}
	switch {
	case err != nil:
		return Client{}, fault.Of("jar: client source", err)
	case !ok:
		return Client{}, refuse(ErrClient)
	case client.Keys == nil:
		return Client{}, errors.New("jar: client source: a client without Keys")
	}
	return client, nil
}

// checkSignature takes the keys from the registration of the client that sent
// the request, and from nowhere else.
func checkSignature(ctx context.Context, token *jose.JWS, client *Client) error {
	alg := keysource.Algorithm(token.Header.Algorithm)
	if client.SigningAlg != "" && keysource.Algorithm(client.SigningAlg) != alg {
		return refuse(ErrAlgorithm)
	}
	err := keysource.Verify(ctx, "jar: key source", client.Keys, token, alg)
	switch err {
	case jose.ErrKey:
		return refuse(ErrKey)
	case jose.ErrSignature:
		return refuse(ErrSignature)
	}
	return err
}
