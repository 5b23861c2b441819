package jarm

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
)

const (
	defaultLifetime = time.Minute
	minLifetime     = 10 * time.Second
	maxLifetime     = 10 * time.Minute // JARM section 2.1
)

// EncoderConfig configures an [Encoder].
type EncoderConfig struct {
	// Issuer is the server's own issuer identifier, which becomes iss: an https
	// URL, or http on a loopback address, exactly as in the server's metadata.
	Issuer string // required

	// Key signs. The algorithm follows from it: ES256 for P-256, EdDSA for
	// Ed25519, PS256 for RSA of 2048 to 8192 bits. Its public half must be in the
	// server's JWK Set. A server whose clients registered different
	// authorization_signed_response_alg has an Encoder for each.
	Key crypto.Signer // required

	// KeyID is the kid of the key in that set. Empty: its JWK thumbprint (RFC
	// 7638, SHA-256, base64url).
	KeyID string

	// Lifetime is how long a response is good, from 10 s to 10 min. 0: 60 s. It
	// has to cover the way through the browser and no more.
	Lifetime time.Duration

	// Encryption, when set, finds the key that responses to a client are
	// encrypted to. Nil: responses are signed only, which FAPI 2.0 Message
	// Signing (6.1) recommends.
	Encryption EncryptionSource
}

// EncryptionSource knows which clients registered
// authorization_encrypted_response_alg.
type EncryptionSource interface {
	// EncryptionKey returns the client's key. ok is false if the client did not
	// register encryption. For one that did, and whose key cannot be had, it must
	// err: such a client is never sent an unencrypted response.
	EncryptionKey(ctx context.Context, clientID string) (key EncryptionKey, ok bool, err error)
}

// EncryptionKey is what a client wants its responses encrypted with.
type EncryptionKey struct {
	Key   crypto.PublicKey // RSA of 2048 to 8192 bits (RSA-OAEP-256), or P-256 (ECDH-ES)
	KeyID string           // its kid, if it has one

	// ContentEncryption is the registered authorization_encrypted_response_enc:
	// A128CBC-HS256 or A256GCM. Empty: A128CBC-HS256, the default of JARM section
	// 3.
	ContentEncryption string
}

// Encoder makes authorization responses. It is safe for concurrent use if its
// key is.
type Encoder struct {
	signer     *jose.Signer
	issuer     string
	header     string // encoded once: the same in every response
	claims     []byte // what every payload begins with, up to the value of aud
	lifetime   int64  // seconds
	encryption EncryptionSource
}

// NewEncoder errs when a required field is missing or a value out of range.
func NewEncoder(config EncoderConfig) (*Encoder, error) {
	if !isIssuer(config.Issuer) {
		return nil, errIssuer
	}
	if config.Lifetime == 0 {
		config.Lifetime = defaultLifetime
	}
	if config.Lifetime < minLifetime || config.Lifetime > maxLifetime {
		return nil, fmt.Errorf("jarm: Lifetime %s is not between %s and %s", config.Lifetime, minLifetime, maxLifetime)
	}
	signer, err := jose.NewSigner(config.Key)
	if err != nil {
		return nil, errors.New("jarm: Key is required: P-256, Ed25519, or RSA of 2048 to 8192 bits")
	}
	if config.KeyID == "" {
		thumbprint := signer.Thumbprint()
		config.KeyID = jose.Encode(thumbprint[:])
	}
	header, err := signer.Header("", config.KeyID, false)
	if err != nil {
		return nil, fmt.Errorf("jarm: KeyID: %w", err)
	}
	claims, err := jose.AppendQuoted([]byte(`{"iss":`), config.Issuer)
	if err != nil {
		return nil, fmt.Errorf("jarm: Issuer: %w", err)
	}
	return &Encoder{
		signer: signer, issuer: config.Issuer, header: header, claims: append(claims, `,"aud":`...),
		lifetime: int64(config.Lifetime / time.Second), encryption: config.Encryption,
	}, nil
}

// Encode makes the value of the response parameter: a JWT for this client with
// all parameters of the authorization response inside (JARM section 2.1), those
// of an error as well, and state if the client sent one.
//
// Every parameter has one value; an empty one is left out. expires_in becomes a
// number, everything else text. The parameters must hold a code (or another
// grant) or an error, and no claim of the JWT; only iss may be there, if it is
// the issuer.
//
// No error is an [*Error]: they say that the parameters, a key or the Encoder is
// not usable, or that ctx is done.
func (e *Encoder) Encode(ctx context.Context, clientID string, params url.Values) (response string, err error) {
	if e == nil || e.signer == nil || ctx == nil {
		return "", errors.New("jarm: no context, or an encoder not made by NewEncoder")
	}
	payload, err := e.payload(clientID, params, time.Now())
	if err != nil {
		return "", err
	}
	response, err = e.signer.Sign(ctx, e.header, payload)
	if err != nil {
		return "", fmt.Errorf("jarm: %w", err)
	}
	if len(response) > jose.MaxToken {
		return "", fmt.Errorf("jarm: the response is longer than %d octets", jose.MaxToken)
	}
	if e.encryption == nil {
		return response, nil
	}
	return e.encrypt(ctx, clientID, response)
}

func (e *Encoder) payload(clientID string, params url.Values, now time.Time) ([]byte, error) {
	if !isClientID(clientID) {
		return nil, errors.New("jarm: the client identifier is required, in printable ASCII")
	}
	given, err := e.outgoing(params)
	if err != nil {
		return nil, err
	}
	payload, err := jose.AppendQuoted(append(make([]byte, 0, 512), e.claims...), clientID)
	if err != nil {
		return nil, fmt.Errorf("jarm: %w", err)
	}
	payload = append(payload, `,"exp":`...)
	payload = strconv.AppendInt(payload, now.Unix()+e.lifetime, 10)
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if payload, err = appendParam(payload, name, given.Get(name)); err != nil {
			return nil, err
		}
	}
	return append(payload, '}'), nil
}

// outgoing is params without what is empty or in the JWT anyway.
func (e *Encoder) outgoing(params url.Values) (url.Values, error) {
	given := url.Values{}
	for name, values := range params {
		switch {
		case name == "" || len(values) > 1:
			return nil, errors.New("jarm: a response parameter is repeated or has no name")
		case len(values) == 0 || values[0] == "":
		case name == paramIssuer && values[0] == e.issuer:
		case isClaim(name):
			return nil, fmt.Errorf("jarm: the response parameters must not hold %q", name)
		default:
			given[name] = values
		}
	}
	if err := checkOutcome(given); err != nil {
		return nil, fmt.Errorf("jarm: %w", err)
	}
	return given, nil
}

// isClaim ignores letter case, because readers that fold names would take "Iss"
// for iss. response would make one response out of two.
func isClaim(name string) bool {
	return slices.ContainsFunc(claimNames[:], func(claim string) bool { return strings.EqualFold(claim, name) }) ||
		strings.EqualFold(name, paramResponse)
}

func appendParam(payload []byte, name, value string) ([]byte, error) {
	payload, err := jose.AppendQuoted(append(payload, ','), name)
	if err != nil {
		return nil, fmt.Errorf("jarm: the name of a parameter: %w", err)
	}
	payload = append(payload, ':')
	if name == paramExpiresIn {
		seconds, err := strconv.ParseUint(value, 10, 32)
		if err != nil {
			return nil, errors.New("jarm: expires_in is not a number of seconds")
		}
		return strconv.AppendUint(payload, seconds, 10), nil
	}
	if payload, err = jose.AppendQuoted(payload, value); err != nil {
		return nil, fmt.Errorf("jarm: parameter %q: %w", name, err)
	}
	return payload, nil
}

// encrypt guards against a panic: the source and the keys it returns are the
// only things here that are not ours.
func (e *Encoder) encrypt(ctx context.Context, clientID, jws string) (response string, err error) {
	defer func() {
		if p := recover(); p != nil {
			response, err = "", fault.Panic("jarm: encryption source or key", p)
		}
	}()
	to, ok, err := e.encryption.EncryptionKey(ctx, clientID)
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return "", fault.Of("jarm: encryption source", err)
	}
	if !ok {
		return jws, nil
	}
	if to.ContentEncryption == "" {
		to.ContentEncryption = jose.A128CBCHS256
	}
	response, err = jose.Encrypt(to.Key, to.KeyID, to.ContentEncryption, jws)
	if err != nil {
		return "", fault.Of("jarm: encrypting to the client", err)
	}
	return response, nil
}
