package introspection

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/jose"
)

const typAccessToken = "at+jwt" // RFC 9068 section 2.1

// PhantomConfig configures a [Phantom].
type PhantomConfig[C cnf.Claims] struct {
	// Endpoint is the introspection_endpoint of the authorization server, or its
	// mtls_endpoint_aliases one: https, or http on a loopback address.
	Endpoint string // required

	// Audience is the API behind the gateway: aud of the JWT must hold it. A gateway
	// with several APIs has a Phantom for each, so that none gets a token of another.
	Audience string // required

	// HTTP sends the questions; its Transport authenticates the gateway. Redirects
	// are not followed, whatever its CheckRedirect.
	HTTP *http.Client // required

	// ClientID is sent as client_id, as in ClientConfig: required if HTTP
	// authenticates by certificate.
	ClientID string

	// Verify verifies the JWT, for instance with (*accesstoken.Verifier).Verify,
	// before it is remembered or returned. An error with an OAuthCode() string means
	// that the server's answer is bad, any other, and nil claims without one, that it
	// could not be judged; the token of the client is to blame for neither. Verify has to return when ctx is
	// done. C must be safe to share.
	Verify func(ctx context.Context, jwt string) (C, error) // required

	MaxAge      time.Duration // as in ClientConfig. 0: 30 s; at most 5 min
	NegativeAge time.Duration // as in ClientConfig. 0: 1 s; at most 5 s
	Timeout     time.Duration // as in ClientConfig. 0: 2 s; at most 30 s
	MaxEntries  int           // as in ClientConfig. 0: 10,000; at most 1,048,576
	Observe     func(Event)   // as in ClientConfig, for every call of Exchange
}

// Phantom exchanges opaque tokens for the JWT access tokens behind them, for a
// gateway in front of one API. It is safe for concurrent use, and has goroutines
// like those of a [Client].
type Phantom[C cnf.Claims] struct {
	audience string
	check    func(ctx context.Context, jwt string) (C, error)
	asker    *asker[exchanged[C]]
}

type exchanged[C cnf.Claims] struct {
	jwt    string
	claims C
}

// NewPhantom errs when a required field is missing or a value out of range.
func NewPhantom[C cnf.Claims](config PhantomConfig[C]) (*Phantom[C], error) {
	if config.Verify == nil {
		return nil, errors.New("introspection: Verify is required: a gateway must not pass on what it cannot verify")
	}
	asker, err := newAsker[exchanged[C]](limits{
		endpoint: config.Endpoint, audience: config.Audience, clientID: config.ClientID, http: config.HTTP,
		maxAge: config.MaxAge, negativeAge: config.NegativeAge, timeout: config.Timeout,
		entries: config.MaxEntries, observe: config.Observe,
	}, typePhantom)
	if err != nil {
		return nil, err
	}
	p := &Phantom[C]{audience: config.Audience, check: config.Verify, asker: asker}
	asker.read = p.read
	return p, nil
}

// Exchange returns the JWT behind an opaque token, and its claims as Verify returned
// them. The claims are those of the very JWT that the API will read, so the two
// cannot disagree on whom the token is bound to.
//
// The errors are those of [Client.Introspect]. Exchange does not check that the
// sender of the token may use it: the gateway does, with the Confirmation of the
// claims, on every request.
func (p *Phantom[C]) Exchange(ctx context.Context, opaque string) (jwt string, claims C, err error) {
	if p == nil || p.asker == nil || ctx == nil {
		return "", claims, errZero
	}
	got, err := p.asker.ask(ctx, opaque)
	if err != nil {
		return "", claims, err
	}
	return got.jwt, got.claims, nil
}

// Forget drops what is remembered about an opaque token: see [Client.Forget].
func (p *Phantom[C]) Forget(opaque string) {
	if p != nil && p.asker != nil {
		p.asker.forget(opaque)
	}
}

func (p *Phantom[C]) read(
	ctx context.Context, _ time.Time, opaque string, a answer,
) (e exchanged[C], exp time.Time, err error) {
	if a.empty {
		return e, exp, refuse(ErrInactive)
	}
	e.jwt = string(a.body)
	claims, err := readAccessToken(e.jwt, opaque)
	if err != nil {
		return e, exp, fail(ErrAnswer, err)
	}
	if !slices.Contains(claims.Audience, p.audience) {
		return e, exp, fail(ErrAnswer, errors.New("aud of the JWT does not hold the API"))
	}
	if !time.Now().Before(claims.Expires) { // also without exp: RFC 9068 requires it
		return e, exp, fail(ErrAnswer, errors.New("the JWT has no exp, or has expired"))
	}
	if e.claims, err = p.check(ctx, e.jwt); err != nil {
		var refusal interface{ OAuthCode() string }
		if errors.As(err, &refusal) {
			return e, exp, fail(ErrAnswer, err)
		}
		return e, exp, fail(ErrUnavailable, err)
	}
	if isNil(e.claims) { // a gateway would take them for those of a token that is not bound
		return e, exp, fail(ErrUnavailable, errors.New("neither claims nor an error from Verify"))
	}
	return e, claims.Expires, nil
}

// readAccessToken reads what of a phantom answer is checked here: that it is an access
// token (RFC 9068 section 4) and no other kind of JWT, and, if it says so, the one
// behind this opaque token.
func readAccessToken(jwt, opaque string) (jose.Claims, error) {
	token, err := jose.Parse(jwt)
	if err != nil {
		return jose.Claims{}, err
	}
	if !jose.IsType(token.Header.Type, typAccessToken) {
		return jose.Claims{}, errors.New("typ is not " + typAccessToken)
	}
	return jose.ReadClaims(token.Payload, func(name []byte, value jose.Value) error {
		if string(name) != "opaque_ath" {
			return nil
		}
		hash, err := value.Text()
		if err == nil && subtle.ConstantTimeCompare([]byte(hash), []byte(OpaqueATH(opaque))) != 1 {
			err = errors.New("opaque_ath is of another token")
		}
		return err
	})
}

// OpaqueATH is the value of opaque_ath, a claim with which the JWT behind an opaque
// token names it: the base64url SHA-256 of the opaque token, as in ath of a DPoP
// proof (RFC 9449 section 4.2). It is no registered claim. A [Phantom] checks it
// where it is there.
func OpaqueATH(opaque string) string {
	sum := sha256.Sum256([]byte(opaque))
	return jose.Encode(sum[:])
}
