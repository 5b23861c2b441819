package introspection

import (
	"cmp"
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/jose"
	"github.com/go-fapi/fapi/internal/oauthhttp"
)

const (
	maxFormBytes = 64 << 10
	codeToken    = "invalid_token"
)

// ClientAuth authenticates the caller: an API or gateway with credentials of its own
// (RFC 7662 section 2.1). *privatekeyjwt.Verifier and *mtls.ClientAuthenticator fit.
// The form is in r.PostForm by then. One that counts requests returns [ErrTooMany]
// for a caller that has had enough.
type ClientAuth interface {
	Authenticate(r *http.Request) (callerID string, err error)
}

// HandlerConfig configures a [Handler].
type HandlerConfig struct {
	// Issuer is the server's own issuer identifier: an https URL, or http on a
	// loopback address.
	Issuer string // required

	Callers ClientAuth // required

	// Resources returns the resources (identifiers as in Answer.Audience) that a
	// caller is, or for a gateway stands in front of. None, and no error, is right
	// for a client that is no API: it learns nothing about any token.
	Resources func(ctx context.Context, callerID string) ([]string, error) // required

	// Lookup finds an access token, and no refresh token, ID token or anything else
	// that a caller may send. ok is false when it is unknown or revoked; expiry,
	// not-before and audience are compared here. What depends on the caller, such as
	// a narrower scope or a pairwise subject, is Lookup's to do.
	//
	// An error with the OAuthCode "invalid_token" counts as ok being false, which
	// suits the verifier of a JWT; [ErrTooMany] as in ClientAuth; any other is a
	// fault of the server. The token is of b64token syntax and at most 4,096
	// characters; others are answered without asking.
	Lookup func(ctx context.Context, callerID, token string) (a Answer, ok bool, err error) // required

	// Key, when set, signs statements (RFC 9701) for callers that accept them. The
	// algorithm follows from it: ES256 for P-256, EdDSA for Ed25519, PS256 for RSA of
	// 2048 to 8192 bits. Its public half must be in the server's JWK Set.
	Key crypto.Signer

	// KeyID is the kid of the key in that set. Empty: its JWK thumbprint (RFC 7638).
	KeyID string

	// RequireSigned gives no JSON answers, as FAPI 2.0 Message Signing 5.5.1 has it.
	// It needs Key.
	RequireSigned bool

	// Phantom, when set, answers gateways, which ask for application/jwt: it makes
	// the JWT access token (RFC 9068) behind the opaque one, for instance with
	// (*accesstoken.Issuer).Issue. It is called when the token is active for the
	// caller; a.Audience is what is in both the token's audience and the caller's. A
	// gateway with several APIs needs credentials for each, lest one JWT is good for
	// all of them. The JWT must be bound to a.Confirmation and for none but
	// a.Audience, and end, in whole seconds, not after a.Expires and within 5 min, as
	// it cannot be revoked: any other is a fault of the server. It should hold
	// [OpaqueATH] as opaque_ath.
	Phantom func(ctx context.Context, callerID, token string, a Answer) (jwt string, err error)

	// MaxAge is how long callers may remember an active answer, at most 5 min; it
	// bounds how long a revoked token still works. 0: JSON and statements are not to
	// be remembered (Cache-Control: no-store), phantom answers for 30 s.
	MaxAge time.Duration

	// Observe, when set, is called once for every request, on its goroutine, before
	// the answer. It must not block.
	Observe func(Event)
}

// Handler is the introspection endpoint of an authorization server. It is safe for
// concurrent use.
type Handler struct {
	config   HandlerConfig
	signer   *jose.Signer // nil: no statements
	header   string       // of statements, encoded once
	offered  []string
	standard string
}

// NewHandler checks the configuration.
func NewHandler(config HandlerConfig) (*Handler, error) {
	switch {
	case !isIssuer(config.Issuer):
		return nil, errors.New("introspection: Issuer is required: an https URL without user, query and fragment")
	case isNil(config.Callers):
		return nil, errors.New("introspection: Callers is required: strangers must not ask about tokens")
	case config.Resources == nil:
		return nil, errors.New("introspection: Resources is required: which audiences a caller may ask about")
	case config.Lookup == nil:
		return nil, errors.New("introspection: Lookup is required")
	case config.RequireSigned && config.Key == nil:
		return nil, errors.New("introspection: RequireSigned needs Key")
	case config.MaxAge < 0 || config.MaxAge > maxMaxAge:
		return nil, fmt.Errorf("introspection: MaxAge %s is not between 0 and %s", config.MaxAge, maxMaxAge)
	}
	h := &Handler{config: config, standard: typeJSON}
	if config.RequireSigned {
		h.standard = typeStatement
	}
	if config.Key != nil {
		if err := h.prepareStatements(); err != nil {
			return nil, err
		}
		h.offered = append(h.offered, typeStatement)
	}
	if !config.RequireSigned {
		h.offered = append(h.offered, typeJSON)
	}
	if config.Phantom != nil {
		h.offered = append(h.offered, typePhantom)
	}
	return h, nil
}

func (h *Handler) prepareStatements() (err error) {
	if h.signer, err = jose.NewSigner(h.config.Key); err != nil {
		return errors.New("introspection: Key must be P-256, Ed25519, or RSA of 2048 to 8192 bits")
	}
	kid := h.config.KeyID
	if kid == "" {
		thumbprint := h.signer.Thumbprint()
		kid = jose.Encode(thumbprint[:])
	}
	if h.header, err = h.signer.Header(typStatement, kid, false); err != nil {
		return fmt.Errorf("introspection: KeyID: %w", err)
	}
	return nil
}

// question is a request on its way through the handler.
type question struct {
	caller    string
	resources []string
	token     string
	format    string // the media type of the answer
}

// reply is what is written with status 200, or 204 if body is nil.
type reply struct {
	body   []byte
	active bool
	fresh  time.Duration // 0: not to be stored
}

// ServeHTTP answers a question (RFC 7662 section 2): 200 also for a token that is not
// active, an error in the form of the token endpoint otherwise. token_type_hint is not
// looked at (section 2.1). A caller that does not authenticate gets 401, or 400 if the
// answer were a statement (RFC 9701 section 5).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h == nil || h.config.Lookup == nil {
		oauthhttp.WriteError(w, errZero)
		return
	}
	var q question
	answer, err := h.serve(w, r, &q)
	if h.config.Observe != nil {
		h.config.Observe(Event{Caller: q.caller, Active: answer.active, Err: err})
	}
	if err != nil {
		writeError(w, q.format, err)
		return
	}
	answer.write(w, q.format)
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, q *question) (reply, error) {
	form, err := oauthhttp.ReadForm(w, r, maxFormBytes)
	if refused, ok := errors.AsType[*oauthhttp.FormError](err); ok {
		return reply{}, &Error{rule: ErrForm, cause: refused}
	}
	if err != nil {
		return reply{}, fault.Of("introspection: form", muted(err))
	}
	if q.format = negotiate(r.Header, h.offered, h.standard); q.format == "" {
		return reply{}, refuse(ErrFormat)
	}
	if q.caller, err = h.authenticate(r); err != nil {
		return reply{}, err
	}
	if q.token = form.Get("token"); q.token == "" {
		return reply{}, refuse(ErrForm)
	}
	q.resources, err = guarded("introspection: Resources", func() ([]string, error) {
		return h.config.Resources(r.Context(), q.caller)
	})
	if err != nil {
		return reply{}, err
	}
	answer, active, err := h.lookup(r.Context(), q)
	if err != nil {
		return reply{}, err
	}
	return h.reply(r.Context(), q, answer, active)
}

func (h *Handler) authenticate(r *http.Request) (string, error) {
	caller, err := guarded("introspection: client authentication", func() (string, error) {
		return h.config.Callers.Authenticate(r)
	}, "invalid_client", "unauthorized_client", "invalid_request")
	if err == nil && caller == "" {
		err = errors.New("introspection: client authentication returned neither a caller nor an error")
	}
	if err != nil {
		return "", err
	}
	return caller, nil
}

// lookup decides whether the token is active here, now and for this caller (RFC 7662
// section 4). The audience becomes what token and caller have in common.
func (h *Handler) lookup(ctx context.Context, q *question) (Answer, bool, error) {
	if !isToken(q.token) {
		return Answer{}, false, nil
	}
	var active bool
	answer, err := guarded("introspection: Lookup", func() (a Answer, err error) {
		a, active, err = h.config.Lookup(ctx, q.caller, q.token)
		return a, err
	}, codeToken)
	if refused, ok := errors.AsType[coded](err); ok && refused.OAuthCode() == codeToken {
		return Answer{}, false, nil
	}
	if err != nil || !active {
		return Answer{}, false, err
	}
	return h.narrow(q, answer, time.Now())
}

// narrow answers no to a caller for whom the token is not, before it looks for
// mistakes in the answer: a 5xx would tell a stranger that there is such a token.
func (h *Handler) narrow(q *question, a Answer, now time.Time) (Answer, bool, error) {
	if len(a.Audience) == 0 {
		return Answer{}, false, fault.Of("introspection: Lookup", errors.New("the answer has no Audience"))
	}
	a.Audience = slices.DeleteFunc(slices.Clone(a.Audience), func(resource string) bool {
		return !slices.Contains(q.resources, resource)
	})
	if len(a.Audience) == 0 {
		return Answer{}, false, nil
	}
	if err := a.check(); err != nil {
		return Answer{}, false, fault.Of("introspection: Lookup", err)
	}
	if !now.Before(a.Expires) || a.NotBefore.After(now) {
		return Answer{}, false, nil
	}
	return a, true, nil
}

// reply also runs code of the server, in Key and in the values of Extra.
func (h *Handler) reply(ctx context.Context, q *question, a Answer, active bool) (_ reply, err error) {
	defer fault.Recover("introspection: answer", &err)
	if q.format == typePhantom {
		if !active {
			return reply{}, nil
		}
		return h.phantom(ctx, q, a)
	}
	now, fresh, body := time.Now(), time.Duration(0), []byte(inactive)
	if active {
		fresh = min(h.config.MaxAge, a.Expires.Sub(now))
		if body, err = a.encode(h.config.Issuer, a.Audience); err != nil {
			return reply{}, fault.Of("introspection: answer", err)
		}
	}
	if q.format == typeStatement {
		if body, err = h.statement(ctx, q, now, body); err != nil {
			return reply{}, fault.Of("introspection: statement", err)
		}
	}
	return reply{body: body, active: active, fresh: fresh}, nil
}

// statement is addressed to the caller: to its resources, or to itself if it has
// none.
func (h *Handler) statement(ctx context.Context, q *question, now time.Time, about []byte) ([]byte, error) {
	audience := q.resources
	if len(audience) == 0 {
		audience = []string{q.caller}
	}
	payload, err := encodeStatement(h.config.Issuer, audience, now, about)
	if err != nil {
		return nil, err
	}
	statement, err := h.signer.Sign(ctx, h.header, payload)
	if err == nil && len(statement) > jose.MaxToken {
		err = jose.ErrLimit // nobody who is strict would read it
	}
	return []byte(statement), err
}

func (h *Handler) phantom(ctx context.Context, q *question, a Answer) (reply, error) {
	jwt, err := guarded("introspection: Phantom", func() (string, error) {
		return h.config.Phantom(ctx, q.caller, q.token, a)
	})
	if err != nil {
		return reply{}, err
	}
	expires, err := a.checkPhantom(jwt)
	if err != nil {
		return reply{}, fault.Of("introspection: the JWT of Phantom", err)
	}
	maxAge := cmp.Or(h.config.MaxAge, defaultMaxAge)
	return reply{body: []byte(jwt), active: true, fresh: min(maxAge, time.Until(expires), time.Until(a.Expires))}, nil
}

func (a *reply) write(w http.ResponseWriter, format string) {
	oauthhttp.NoStore(w.Header())
	if a.body == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if seconds := int64(a.fresh / time.Second); seconds > 0 {
		w.Header().Del("Pragma")
		w.Header().Set("Cache-Control", "private, max-age="+strconv.FormatInt(seconds, 10))
	}
	w.Header().Set("Content-Type", format)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(a.body) // nobody is left to tell
}

func writeError(w http.ResponseWriter, format string, err error) {
	refused, _ := errors.AsType[coded](err)
	switch {
	case errors.Is(err, ErrTooMany):
		oauthhttp.WriteTokenError(w, http.StatusTooManyRequests, refuse(ErrTooMany).OAuthCode(), ErrTooMany.Error())
	case errors.Is(err, ErrFormat):
		oauthhttp.WriteTokenError(w, http.StatusNotAcceptable, refuse(ErrFormat).OAuthCode(), ErrFormat.Error())
	case format == typeStatement && refused != nil && refused.OAuthCode() == "invalid_client":
		oauthhttp.WriteTokenError(w, http.StatusBadRequest, "invalid_client", "client authentication failed")
	default:
		oauthhttp.WriteError(w, err)
	}
}

// coded is an error of any package of the family that refused its input.
type coded interface {
	error
	OAuthCode() string
}

// guarded runs the server's own code. An error with one of the codes refuses the
// request, and so does ErrTooMany. Everything else is a fault, a panic too: the code
// of some other server that was asked on the way must not get through.
func guarded[T any](what string, call func() (T, error), codes ...string) (result T, err error) {
	defer fault.Recover(what, &err)
	if result, err = call(); err == nil {
		return result, nil
	}
	if errors.Is(err, ErrTooMany) {
		return result, refuse(ErrTooMany)
	}
	if refused, ok := errors.AsType[coded](err); ok && slices.Contains(codes, refused.OAuthCode()) {
		return result, err
	}
	return result, fault.Of(what, err)
}
