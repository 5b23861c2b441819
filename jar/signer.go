package jar

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

// mediaType is the typ of a request object, and after "application/" the type
// under which it is served (RFC 9101 section 9.4.1).
const mediaType = "oauth-authz-req+jwt"

const (
	defaultLifetime = 5 * time.Minute
	maxLifetime     = time.Hour // exp - nbf in FAPI 2.0 Message Signing 5.3.2
)

// SignerConfig configures a [Signer].
type SignerConfig struct {
	// ClientID is the client's identifier, which becomes iss and client_id.
	ClientID string // required

	// Issuer is the issuer identifier of the authorization server, an https URL
	// (or http on a loopback address), which becomes aud.
	Issuer string // required

	// Key is P-256, Ed25519, or RSA of 2048 to 8192 bits. It may live in an HSM
	// or KMS.
	Key crypto.Signer // required

	// KeyID is the kid of the key as registered. Empty: its JWK thumbprint
	// (RFC 7638, SHA-256, base64url).
	KeyID string

	// Lifetime is exp - nbf, from 1 s to 60 min. 0: 5 min. It has to last until
	// the server has read the object, not until the user has decided.
	Lifetime time.Duration

	// EncryptTo, when set, encrypts the signed object for the server. It then
	// hides the request from the browser and from logs on its way; a request
	// that is pushed has no need of it.
	EncryptTo *EncryptTo
}

// Signer makes request objects. It is safe for concurrent use if its key is.
type Signer struct {
	signer    *jose.Signer
	clientID  string
	header    string // encoded once: the same in every object
	claims    []byte // the claims that never change, up to the value of jti
	lifetime  int64  // seconds
	encryptTo *EncryptTo
}

// NewSigner checks the configuration.
func NewSigner(config SignerConfig) (*Signer, error) {
	if !isClientID(config.ClientID) {
		return nil, errors.New("jar: ClientID is required, in printable ASCII")
	}
	if !isIssuer(config.Issuer) {
		return nil, errIssuer
	}
	if config.Lifetime == 0 {
		config.Lifetime = defaultLifetime
	}
	if config.Lifetime < time.Second || config.Lifetime > maxLifetime {
		return nil, errors.New("jar: Lifetime must be from 1 s to 60 min")
	}
	encryptTo, err := config.EncryptTo.checked()
	if err != nil {
		return nil, err
	}
	signer, err := jose.NewSigner(config.Key)
	if err != nil {
		return nil, errors.New("jar: Key is required: P-256, Ed25519, or RSA of 2048 to 8192 bits")
	}
	if config.KeyID == "" {
		thumbprint := signer.Thumbprint()
		config.KeyID = jose.Encode(thumbprint[:])
	}
	header, err := signer.Header(mediaType, config.KeyID, false)
	if err != nil {
		return nil, fmt.Errorf("jar: KeyID: %w", err)
	}
	claims, err := appendFixedClaims(nil, config.ClientID, config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("jar: Issuer: %w", err)
	}
	return &Signer{
		signer: signer, clientID: config.ClientID, header: header, claims: claims,
		lifetime: int64(config.Lifetime / time.Second), encryptTo: encryptTo,
	}, nil
}

func appendFixedClaims(dst []byte, clientID, issuer string) ([]byte, error) {
	for _, claim := range [...]struct{ before, value string }{{`{"iss":`, clientID}, {`,"client_id":`, clientID}, {`,"aud":`, issuer}} {
		var err error
		if dst, err = jose.AppendQuoted(append(dst, claim.before...), claim.value); err != nil {
			return nil, err
		}
	}
	return append(dst, `,"jti":"`...), nil
}

// Sign makes the request object of an authorization request, the value of its
// parameter request; client_id goes beside it and, in FAPI, nothing else. params
// are the parameters as they would stand in the query: max_age becomes a JSON
// number, claims and authorization_details the JSON they are the text of,
// several values of resource an array, everything else a string. Values without
// characters are left out. params is not changed.
//
// iss, client_id, aud, jti, iat, nbf, exp and the typ of the header are set. Sign
// errs when params has one of these (save the client's own client_id), sub,
// request or request_uri, or repeats a parameter other than resource; when the
// text of a parameter is not of its type; when the object would be longer than
// the 16 KiB that a [Verifier] takes; and when ctx is done or the key fails.
//
// One object may be sent again, as after a DPoP nonce challenge.
func (s *Signer) Sign(ctx context.Context, params url.Values) (requestObject string, err error) {
	if s == nil || s.signer == nil || ctx == nil {
		return "", errors.New("jar: no context, or a signer not made by NewSigner")
	}
	payload, err := s.appendClaims(make([]byte, 0, 1024), params)
	if err != nil {
		return "", fmt.Errorf("jar: %w", err)
	}
	token, err := s.signer.Sign(ctx, s.header, payload)
	if err != nil {
		return "", fmt.Errorf("jar: %w", err)
	}
	if len(token) > jose.MaxToken {
		return "", fmt.Errorf("jar: the request object is longer than %d octets", jose.MaxToken)
	}
	return s.encryptTo.encrypt(token)
}

// appendClaims writes the parameters in the order of their names, so that equal
// requests differ only where they have to.
func (s *Signer) appendClaims(payload []byte, params url.Values) (_ []byte, err error) {
	now := time.Now().Unix()
	payload = append(append(append(payload, s.claims...), rand.Text()...), `","iat":`...)
	payload = append(strconv.AppendInt(payload, now, 10), `,"nbf":`...)
	payload = append(strconv.AppendInt(payload, now, 10), `,"exp":`...)
	payload = strconv.AppendInt(payload, now+s.lifetime, 10)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		values := slices.DeleteFunc(slices.Clone(params[name]), func(value string) bool { return value == "" })
		switch name {
		case paramRequest, paramRequestURI, "iss", "sub", "aud", "jti", "iat", "nbf", "exp":
			return nil, fmt.Errorf("%s cannot be a parameter inside a request object", name)
		case paramClientID:
			if slices.ContainsFunc(values, func(value string) bool { return value != s.clientID }) {
				return nil, errors.New("client_id is another client's")
			}
			continue
		}
		if len(values) == 0 {
			continue
		}
		if payload, err = appendParam(payload, name, values); err != nil {
			return nil, err
		}
	}
	return append(payload, '}'), nil
}
