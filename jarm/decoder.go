package jarm

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-fapi/fapi/internal/jose"
)

const (
	defaultLeeway = 10 * time.Second
	maxLeeway     = 60 * time.Second
)

// DecoderConfig configures a [Decoder].
type DecoderConfig struct {
	// Issuer is the issuer identifier of the authorization server the request
	// went to. Responses must name it octet for octet. A client of several
	// servers has a Decoder for each, all with different issuers, and remembers
	// with the pending request which one it is for (JARM section 2.4).
	Issuer string // required

	// ClientID is the client's identifier at that server.
	ClientID string // required

	// Keys has the keys of that server and of no other. It may be nil for the two
	// plain response modes.
	Keys KeySource // required

	// ResponseMode is what the client put into its requests. A response that
	// comes in another way is refused, above all a plain one where a JWT was
	// asked for. Empty: "jwt". The plain modes accept responses that nobody
	// signed, so they are right only for a server that does not offer JARM; iss
	// (RFC 9207) is then required.
	ResponseMode string

	// Leeway is how far ahead nbf and iat may lie, at most 60 s, and how much
	// further than 10 minutes exp may lie. 0: 10 s. An exp that is past gets
	// none.
	Leeway time.Duration

	// DecryptionKeys are the client's keys, if it registered
	// authorization_encrypted_response_alg. Responses that are not encrypted are
	// then refused. Without keys, encrypted ones are.
	DecryptionKeys []DecryptionKey
}

// Decoder verifies the authorization responses of one server for one client.
// Its zero value refuses every response. It is safe for concurrent use, starts
// no goroutine, and needs no closing.
type Decoder struct {
	issuer   string
	clientID string
	keys     KeySource
	mode     string
	leeway   time.Duration
	private  []jose.DecryptionKey
}

// NewDecoder errs when a required field is missing, a value is out of range, or
// a decryption key does not decrypt.
func NewDecoder(config DecoderConfig) (*Decoder, error) {
	if config.ResponseMode == "" {
		config.ResponseMode = ModeJWT
	}
	if config.Leeway == 0 {
		config.Leeway = defaultLeeway
	}
	if err := config.check(); err != nil {
		return nil, err
	}
	d := &Decoder{
		issuer: config.Issuer, clientID: config.ClientID, keys: config.Keys,
		mode: config.ResponseMode, leeway: config.Leeway,
	}
	for _, key := range config.DecryptionKeys {
		if err := tryDecryption(key); err != nil {
			return nil, err
		}
		d.private = append(d.private, jose.DecryptionKey(key))
	}
	return d, nil
}

func (config *DecoderConfig) check() error {
	plain := isPlain(config.ResponseMode)
	switch {
	case !isIssuer(config.Issuer):
		return errIssuer
	case !isClientID(config.ClientID):
		return errors.New("jarm: ClientID is required, in printable ASCII")
	case config.Leeway < 0 || config.Leeway > maxLeeway:
		return fmt.Errorf("jarm: Leeway %s is not between 0 and %s", config.Leeway, maxLeeway)
	case !plain && !isJWT(config.ResponseMode):
		return errors.New("jarm: ResponseMode is none of the six modes")
	case !plain && config.Keys == nil:
		return errors.New("jarm: Keys is required: the keys of the authorization server")
	case plain && len(config.DecryptionKeys) > 0:
		return errors.New("jarm: DecryptionKeys contradict a plain ResponseMode")
	}
	return nil
}

func isPlain(mode string) bool { return mode == ModeQuery || mode == ModeFormPost }

func isJWT(mode string) bool {
	return mode == ModeJWT || mode == ModeQueryJWT || mode == ModeFragmentJWT || mode == ModeFormPostJWT
}

// Decode verifies the value of a response parameter and returns what is inside,
// without the claims of the JWT: code, state and what else the server sent, each
// with one value; a number is its text.
//
// Errors get the same checks as successes. An [*AuthorizationError] is an error
// response that passed them all, an [*Error] a response that was refused, and
// anything else means that it could not be judged.
//
// Decode does not compare state, so its result must not be used before the
// caller has. It is for responses that do not come as a request: fragment.jwt,
// or a native app. Otherwise use [Decoder.Callback].
func (d *Decoder) Decode(ctx context.Context, response string) (params url.Values, err error) {
	return d.decode(ctx, response, "")
}

// decode goes through JARM section 2.4, the cheap before the dear: only what
// claims to come from this server, for this client and now, makes the KeySource
// work. A state that is to be compared is among that: nothing of an unverified
// response can be gained by it but a refusal.
func (d *Decoder) decode(ctx context.Context, response, state string) (url.Values, error) {
	if d == nil || d.keys == nil || isPlain(d.mode) || ctx == nil {
		return nil, errors.New("jarm: no context, or a decoder not made by NewDecoder for JWT responses")
	}
	token, err := d.open(response)
	if err != nil {
		return nil, err
	}
	params := url.Values{}
	claims, err := jose.ReadClaims(token.Payload, collect(params))
	if err != nil {
		return nil, refuseJOSE(err)
	}
	if err := d.checkClaims(&claims, time.Now()); err != nil {
		return nil, err
	}
	if state != "" && !sameState(params, state) {
		return nil, refuse(ErrState, nil)
	}
	if err := d.checkSignature(ctx, token); err != nil {
		return nil, err
	}
	return outcome(params)
}

// open reads a response down to its JWS.
func (d *Decoder) open(response string) (*jose.JWS, error) {
	if jose.IsEncrypted(response) != (len(d.private) > 0) {
		return nil, refuse(ErrDecrypt, nil)
	}
	if len(d.private) > 0 {
		var err error
		if response, err = d.decrypt(response); err != nil {
			return nil, err
		}
	}
	token, err := jose.Parse(response)
	if err != nil {
		return nil, refuseJOSE(err)
	}
	// An ID Token or access token for this client can have all the claims that
	// are looked at. JARM itself defines no typ.
	if token.Header.Type != "" && !jose.IsType(token.Header.Type, "JWT") {
		return nil, refuse(ErrType, nil)
	}
	return token, nil
}

func (d *Decoder) checkClaims(c *jose.Claims, now time.Time) error {
	latest := now.Add(d.leeway)
	switch {
	case c.Issuer != d.issuer:
		return refuse(ErrIssuer, nil)
	case !slices.Contains(c.Audience, d.clientID):
		return refuse(ErrAudience, nil)
	case c.Expires.IsZero():
		return refuse(ErrExpiry, errors.New("absent"))
	case !now.Before(c.Expires):
		return refuse(ErrExpiry, fmt.Errorf("by %s", now.Sub(c.Expires).Truncate(time.Second)))
	case c.Expires.After(latest.Add(maxLifetime)):
		return refuse(ErrExpiry, fmt.Errorf("more than %s ahead", maxLifetime))
	case c.NotBefore.After(latest) || c.IssuedAt.After(latest):
		return refuse(ErrNotBefore, nil)
	}
	return nil
}

func sameState(params url.Values, want string) bool {
	return subtle.ConstantTimeCompare([]byte(params.Get(paramState)), []byte(want)) == 1
}
