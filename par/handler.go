package par

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/go-fapi/fapi/internal/fault"
	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// Bounds of [HandlerConfig].
const (
	defaultLifetime    = 5 * time.Minute
	minLifetime        = 5 * time.Second  // below, no browser gets there
	maxLifetime        = 10 * time.Minute // FAPI 2.0 5.3.2.2-12: expires_in is below 600
	defaultInteraction = 30 * time.Minute
	maxInteraction     = 2 * time.Hour
	maxFormBytes       = 1 << 20
)

// ClientAuth authenticates the client of a request, by the method it is registered
// for. *privatekeyjwt.Verifier and *mtls.ClientAuthenticator fit. The form is in
// r.PostForm by then. One that counts requests returns [ErrTooMany] for a client
// that has had enough.
type ClientAuth interface {
	Authenticate(r *http.Request) (clientID string, err error)
}

// RequestObjects verifies the request parameter of form, which comes from the
// client with this identifier, and returns the parameters inside it, and none from
// outside (RFC 9101 section 6.3); the handler has them to itself. *jar.Verifier fits.
//
// If it also has a method, as *jar.Verifier does,
//
//	VerifyUntil(ctx context.Context, clientID string, form url.Values) (params url.Values, expires time.Time, err error)
//
// that one is called instead, and the page of the request has to be shown before
// the object expires, even if the Lifetime of the request_uri is longer. A zero
// expires limits nothing.
type RequestObjects interface {
	Verify(ctx context.Context, clientID string, form url.Values) (params url.Values, err error)
}

type expiringObjects interface {
	VerifyUntil(ctx context.Context, clientID string, form url.Values) (params url.Values, expires time.Time, err error)
}

// HandlerConfig configures a [Handler].
type HandlerConfig struct {
	Clients ClientAuth // required
	Store   Store      // required: NewMemory, or one that the replicas share

	// Check is the server's policy, required: whether this client may use this
	// redirect_uri (compare whole strings), scope, resource and
	// authorization_details. It is asked at the push, and again by Load and
	// Consume, as the client may have changed (RFC 9126 section 7.4). It returns
	// one of the Err values of this package, another error with an OAuthCode, or
	// any error for a fault of the server. It has the parameters to itself.
	Check func(ctx context.Context, clientID string, params url.Values) error

	// Proof verifies the one DPoP proof of r and returns its key's thumbprint; h
	// is the header of the response, for DPoP-Nonce. It is called only if there is a DPoP field. nil:
	// this server takes no DPoP, and refuses a push with a proof, since ignoring
	// it would leave the code unbound. For a *dpop.Verifier v it is
	//
	//	func(h http.Header, r *http.Request) ([32]byte, error) {
	//		proof, err := v.VerifyTokenRequest(r)
	//		return proof.Thumbprint(), cmp.Or(v.OfferNonce(r.Context(), h, proof, err), err)
	//	}
	Proof func(h http.Header, r *http.Request) (thumbprint [32]byte, err error)

	// RequestObjects verifies request objects. nil: they are refused.
	RequestObjects RequestObjects

	// RequireSigned says of which clients a request object is required
	// (require_signed_request_object, RFC 9101 section 10.5). nil: of none. It
	// needs RequestObjects.
	RequireSigned func(ctx context.Context, clientID string) (bool, error)

	// Lifetime of a request_uri until its page is shown, in whole seconds: it is
	// expires_in. 0: 5 min; from 5 s to less than 10 min.
	Lifetime time.Duration

	// Interaction is how long a request is kept after its page was shown, for
	// the user to log in and decide. 0: 30 min; from 1 s to 2 h.
	Interaction time.Duration

	MaxBytes int64 // of the form. 0: 64 KiB; at most 1 MiB

	// Observe, when set, is called once for every push, on the request's
	// goroutine, before the answer. It must not block.
	Observe func(Event)
}

// Event is the outcome of one push.
type Event struct {
	ClientID string // who pushed; empty unless authenticated
	Err      error  // nil: stored. With an OAuthCode: refused. Else: a fault of the server
}

// Handler is the pushed authorization request endpoint, and what the authorization
// endpoint asks. It is safe for concurrent use.
type Handler struct {
	config HandlerConfig
	store  guardedStore
}

// NewHandler checks the configuration.
func NewHandler(config HandlerConfig) (*Handler, error) {
	switch {
	case config.Clients == nil:
		return nil, errors.New("par: Clients is required: there are no pushes without client authentication")
	case config.Store == nil:
		return nil, errors.New("par: Store is required: NewMemory, or one that the replicas share")
	case config.Check == nil:
		return nil, errors.New("par: Check is required: which redirect_uri and scope the client may use")
	case config.RequireSigned != nil && config.RequestObjects == nil:
		return nil, errors.New("par: RequireSigned needs RequestObjects")
	}
	if config.Lifetime == 0 {
		config.Lifetime = defaultLifetime
	}
	if config.Lifetime < minLifetime || config.Lifetime >= maxLifetime || config.Lifetime%time.Second != 0 {
		return nil, errors.New("par: Lifetime must be whole seconds, from 5 s to less than 10 min")
	}
	if config.Interaction == 0 {
		config.Interaction = defaultInteraction
	}
	if config.Interaction < time.Second || config.Interaction > maxInteraction {
		return nil, errors.New("par: Interaction must be from 1 s to 2 h")
	}
	if config.MaxBytes == 0 {
		config.MaxBytes = oauthhttp.DefaultFormBytes
	}
	if config.MaxBytes < 0 || config.MaxBytes > maxFormBytes {
		return nil, errors.New("par: MaxBytes must be at most 1 MiB")
	}
	return &Handler{config: config, store: newGuardedStore(config.Store)}, nil
}

// ServeHTTP answers a push: 201 with request_uri and expires_in, or an error in the
// form of the token endpoint (RFC 9126 sections 2.2 and 2.3).
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h == nil || h.config.Store == nil {
		oauthhttp.WriteError(w, errUnconstructed)
		return
	}
	clientID, made, err := h.push(w, r)
	err = withoutInteraction(err)
	if h.config.Observe != nil {
		h.config.Observe(Event{ClientID: clientID, Err: err})
	}
	switch {
	case errors.Is(err, ErrTooMany):
		oauthhttp.WriteTokenError(w, http.StatusTooManyRequests, refuse(ErrTooMany).OAuthCode(), ErrTooMany.Error())
	case err != nil:
		oauthhttp.WriteError(w, err)
	default:
		writeCreated(w, made)
	}
}

// created is the answer to a push.
type created struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"`
}

func writeCreated(w http.ResponseWriter, made created) {
	body, _ := json.Marshal(made) // a plain string and a number cannot fail
	w.Header().Set("Content-Type", "application/json")
	oauthhttp.NoStore(w.Header())
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(body) // nobody is left to tell
}

// push has the order of RFC 9126 section 2.1. The proof comes before the request
// object: a client answers a nonce challenge with the same request object, whose
// jti must not be spent by then.
func (h *Handler) push(w http.ResponseWriter, r *http.Request) (clientID string, made created, err error) {
	form, err := h.readForm(w, r)
	if err != nil {
		return "", created{}, err
	}
	if clientID, err = h.authenticate(r); err != nil {
		return "", created{}, err
	}
	if form.Get("client_id") != clientID {
		return clientID, created{}, refuse(ErrClientID)
	}
	if form.Has("request_uri") {
		return clientID, created{}, refuse(ErrNested)
	}
	request := &Request{clientID: clientID}
	if err = h.proven(request, w.Header(), r); err != nil {
		return clientID, created{}, err
	}
	var objectExpires time.Time
	if request.params, objectExpires, err = h.params(r.Context(), clientID, form); err != nil {
		return clientID, created{}, err
	}
	if err = h.accept(r.Context(), request); err != nil {
		return clientID, created{}, err
	}
	made, err = h.keepNew(r.Context(), request, objectExpires)
	return clientID, made, err
}

func (h *Handler) readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	form, err := oauthhttp.ReadForm(w, r, h.config.MaxBytes, "resource")
	if refused, ok := errors.AsType[*oauthhttp.FormError](err); ok {
		return nil, &Error{rule: ErrForm, cause: refused}
	}
	if err != nil {
		return nil, fault.Of("par: form", err)
	}
	return form, nil
}

func (h *Handler) authenticate(r *http.Request) (string, error) {
	clientID, err := guarded("par: client authentication", func() (string, error) { return h.config.Clients.Authenticate(r) })
	if err != nil {
		return "", err
	}
	if clientID == "" {
		return "", errors.New("par: client authentication returned neither a client nor an error")
	}
	return clientID, nil
}

// proven binds the request to the key of its proof, if it has one.
func (h *Handler) proven(request *Request, header http.Header, r *http.Request) error {
	if len(r.Header.Values("DPoP")) == 0 {
		return nil
	}
	if h.config.Proof == nil {
		return refuse(ErrProof)
	}
	thumbprint, err := guarded("par: proof", func() ([32]byte, error) { return h.config.Proof(header, r) })
	if err != nil {
		return err
	}
	if thumbprint == [32]byte{} {
		return errors.New("par: Proof returned neither a thumbprint nor an error")
	}
	request.jkt, request.bound = thumbprint, true
	return nil
}

// params returns the parameters in force, and when the object they came in
// expires.
func (h *Handler) params(ctx context.Context, clientID string, form url.Values) (params url.Values, expires time.Time, err error) {
	if !form.Has("request") {
		if err := h.mayBeUnsigned(ctx, clientID); err != nil {
			return nil, expires, err
		}
		params = cloned(form)
		dropSecrets(params)
		return params, expires, nil
	}
	if h.config.RequestObjects == nil {
		return nil, expires, refuse(ErrNoRequestObjects)
	}
	inner, err := guarded("par: request objects", func() (inner url.Values, err error) {
		if objects, ok := h.config.RequestObjects.(expiringObjects); ok {
			inner, expires, err = objects.VerifyUntil(ctx, clientID, form)
			return inner, err
		}
		return h.config.RequestObjects.Verify(ctx, clientID, form)
	})
	if err != nil {
		return nil, expires, err
	}
	if err := checkInner(inner, clientID); err != nil {
		return nil, expires, err
	}
	if inner == nil {
		inner = url.Values{}
	}
	dropSecrets(inner)
	inner.Set("client_id", clientID)
	return inner, expires, nil
}

func (h *Handler) mayBeUnsigned(ctx context.Context, clientID string) error {
	if h.config.RequireSigned == nil {
		return nil
	}
	required, err := guarded("par: RequireSigned", func() (bool, error) { return h.config.RequireSigned(ctx, clientID) })
	if err == nil && required {
		err = refuse(ErrUnsigned)
	}
	return err
}

// accept checks the parameters, those that depend on nobody first.
func (h *Handler) accept(ctx context.Context, request *Request) error {
	if err := checkParams(request.params); err != nil {
		return err
	}
	if err := request.bind(); err != nil {
		return err
	}
	return h.check(ctx, request)
}

func (h *Handler) check(ctx context.Context, request *Request) error {
	_, err := guarded("par: check", func() (struct{}, error) {
		return struct{}{}, h.config.Check(ctx, request.clientID, request.Params())
	})
	return err
}

// keepNew stores the request under a new request_uri. Its life counts from before
// the store has it, so that a slow store shortens it and never prolongs it. A
// request object says until when the client means what it asks for: later it
// starts nothing, but a user who is already at the page has their time.
func (h *Handler) keepNew(ctx context.Context, request *Request, objectExpires time.Time) (created, error) {
	now, reference, lifetime := time.Now(), newReference(), h.config.Lifetime
	if left := objectExpires.Sub(now); !objectExpires.IsZero() && left < lifetime {
		lifetime = left
	}
	request.expires = now.Add(lifetime + h.config.Interaction)
	at := newLocator(request.clientID, reference)
	sealed, err := at.seal(request)
	if err != nil {
		return created{}, fault.Of("par: record", err)
	}
	if err := h.store.put(ctx, at.key, sealed, now.Add(lifetime)); err != nil {
		return created{}, err
	}
	return created{RequestURI: uriPrefix + reference, ExpiresIn: int64(lifetime / time.Second)}, nil
}

// Load returns the request behind a request_uri, for its page to be shown, and
// keeps it for the time the user needs; it spends nothing. clientID is the
// client_id of the authorization request.
//
// An [*Error] with [ErrRequestURI] is invalid_request_uri; with [ErrNotPushed],
// for an empty requestURI, invalid_request. There is no redirect_uri to send these
// to, so they become a page of the server. A refusal by Check comes as it is. Any
// other error is a fault, and a 5xx.
func (h *Handler) Load(ctx context.Context, clientID, requestURI string) (*Request, error) {
	request, _, err := h.load(ctx, clientID, requestURI)
	return request, err
}

// Consume is Load when the user has decided, and spends the request: it succeeds
// once, and Load and Consume refuse it afterwards. Issue the code, or the error,
// only after it succeeded. An error with an OAuthCode, but for ErrRequestURI, or a
// fault before the store was asked to spend, leaves the request as it was; if the
// store fails at that moment, the user may have to start again.
func (h *Handler) Consume(ctx context.Context, clientID, requestURI string) (*Request, error) {
	request, at, err := h.load(ctx, clientID, requestURI)
	if err != nil {
		return nil, err
	}
	first, err := h.store.take(ctx, at.key)
	if err != nil {
		return nil, err
	}
	if !first || !time.Now().Before(request.expires) {
		return nil, refuse(ErrRequestURI)
	}
	return request, nil
}

func (h *Handler) load(ctx context.Context, clientID, requestURI string) (*Request, locator, error) {
	if h == nil || h.config.Store == nil {
		return nil, locator{}, errUnconstructed
	}
	at, err := locate(clientID, requestURI)
	if err != nil {
		return nil, locator{}, err
	}
	sealed, err := h.store.keep(ctx, at.key, time.Now().Add(h.config.Interaction))
	if err != nil {
		return nil, locator{}, err
	}
	if sealed == nil {
		return nil, locator{}, refuse(ErrRequestURI)
	}
	request, err := at.open(sealed, clientID)
	if err != nil {
		return nil, locator{}, err
	}
	if !time.Now().Before(request.expires) {
		return nil, locator{}, refuse(ErrRequestURI)
	}
	if err := h.check(ctx, request); err != nil {
		return nil, locator{}, err
	}
	return request, at, nil
}
