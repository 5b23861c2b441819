package privatekeyjwt

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

// The form parameters of RFC 7521 section 4.2, and their one type here.
const (
	paramAssertion     = "client_assertion"
	paramAssertionType = "client_assertion_type"
	paramClientID      = "client_id"
	paramSecret        = "client_secret"

	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// mediaType is the typ of a client assertion (draft-ietf-oauth-rfc7523bis).
const mediaType = "client-authentication+jwt"

const (
	defaultLifetime = time.Minute
	maxLifetime     = 5 * time.Minute
)

// SignerConfig configures a [Signer].
type SignerConfig struct {
	// ClientID is the client's identifier, which becomes iss and sub.
	ClientID string // required

	// Issuer is the issuer identifier of the authorization server, an https URL
	// (or http on a loopback address), which becomes aud. Take it from your own configuration and compare it with the
	// metadata document (RFC 8414 section 3.3), never the other way round: who
	// chooses the audience can use the assertion there.
	Issuer string // required

	// Key is P-256, Ed25519, or RSA of 2048 to 8192 bits. It may live in an HSM
	// or KMS.
	Key crypto.Signer // required

	// KeyID is the kid of the key as registered. Empty: its JWK thumbprint
	// (RFC 7638, SHA-256, base64url).
	KeyID string

	// Lifetime is exp - iat, from 1 s to 5 min. 0: 60 s.
	Lifetime time.Duration
}

// Signer makes client assertions. It is safe for concurrent use if its key is.
type Signer struct {
	signer   *jose.Signer
	clientID string
	header   string // encoded once: the same in every assertion
	claims   []byte // the claims that never change, up to the value of jti
	lifetime int64  // seconds
}

// NewSigner checks the configuration.
func NewSigner(config SignerConfig) (*Signer, error) {
	if !isClientID(config.ClientID) {
		return nil, errors.New("privatekeyjwt: ClientID is required, in printable ASCII")
	}
	if !isIssuer(config.Issuer) {
		return nil, errIssuer
	}
	if config.Lifetime == 0 {
		config.Lifetime = defaultLifetime
	}
	if config.Lifetime < time.Second || config.Lifetime > maxLifetime {
		return nil, errors.New("privatekeyjwt: Lifetime must be from 1 s to 5 min")
	}
	signer, err := jose.NewSigner(config.Key)
	if err != nil {
		return nil, errors.New("privatekeyjwt: Key is required: P-256, Ed25519, or RSA of 2048 to 8192 bits")
	}
	if config.KeyID == "" {
		thumbprint := signer.Thumbprint()
		config.KeyID = jose.Encode(thumbprint[:])
	}
	header, err := signer.Header(mediaType, config.KeyID, false)
	if err != nil {
		return nil, fmt.Errorf("privatekeyjwt: KeyID: %w", err)
	}
	claims, err := appendFixedClaims(nil, config.ClientID, config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("privatekeyjwt: Issuer: %w", err)
	}
	return &Signer{
		signer: signer, clientID: config.ClientID, header: header, claims: claims,
		lifetime: int64(config.Lifetime / time.Second),
	}, nil
}

// appendFixedClaims writes aud as a string: FAPI 2.0 5.3.3.1-5 forbids the
// array.
func appendFixedClaims(dst []byte, clientID, issuer string) ([]byte, error) {
	for _, claim := range [...]struct{ before, value string }{{`{"iss":`, clientID}, {`,"sub":`, clientID}, {`,"aud":`, issuer}} {
		var err error
		if dst, err = jose.AppendQuoted(append(dst, claim.before...), claim.value); err != nil {
			return nil, err
		}
	}
	return append(dst, `,"jti":"`...), nil
}

// AuthenticateClient adds client_id, client_assertion_type and a fresh
// client_assertion to the form of one request (RFC 7523 section 2.2). An
// assertion already in the form is replaced, since one is good for one attempt.
//
// It errs, and leaves the form as it is, when the form holds a client_secret or
// another client's client_id, and when ctx is done or the key fails.
func (s *Signer) AuthenticateClient(ctx context.Context, form url.Values) error {
	if s == nil || s.signer == nil {
		return errors.New("privatekeyjwt: the signer was not made by NewSigner")
	}
	if ctx == nil || form == nil {
		return errors.New("privatekeyjwt: AuthenticateClient needs a context and a form")
	}
	if form.Has(paramSecret) {
		return errors.New("privatekeyjwt: the form holds a client_secret, and a client has one authentication method")
	}
	for _, id := range form[paramClientID] {
		if id != "" && id != s.clientID {
			return errors.New("privatekeyjwt: the form holds the client_id of another client")
		}
	}
	assertion, err := s.assertion(ctx)
	if err != nil {
		return fmt.Errorf("privatekeyjwt: %w", err)
	}
	form.Set(paramClientID, s.clientID)
	form.Set(paramAssertionType, assertionType)
	form.Set(paramAssertion, assertion)
	return nil
}

func (s *Signer) assertion(ctx context.Context) (string, error) {
	issued := time.Now().Unix()
	payload := append(make([]byte, 0, len(s.claims)+80), s.claims...)
	payload = append(payload, rand.Text()...)
	payload = append(payload, `","iat":`...)
	payload = strconv.AppendInt(payload, issued, 10)
	payload = append(payload, `,"exp":`...)
	payload = strconv.AppendInt(payload, issued+s.lifetime, 10)
	return s.signer.Sign(ctx, s.header, append(payload, '}'))
}

// isClientID reports whether id is a client identifier: VSCHAR, at least one
// (RFC 6749 appendix A.1). It keeps line breaks and NUL from stores and logs.
func isClientID(id string) bool {
	for i := range len(id) {
		if id[i] < 0x20 || id[i] > 0x7e {
			return false
		}
	}
	return id != ""
}
