package phantom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/internal/oauthhttp"
)

// passage is one request on its way through.
type passage struct {
	header     http.Header                      // of the response: what the methods of proof put there
	allow      []string                         // for 405
	writeError func(http.ResponseWriter, error) // of the route's guard
	err        error                            // for the Event
	switched   bool                             // to another protocol, which the writer does not see
	upload     upload

	// What the API gets, filled in once the request is admitted.
	upstream    *url.URL
	jwt         string
	evidence    string // empty: the token is not bound to a key
	certificate string // empty: nor to a certificate
	upgrade     bool
}

type passageKey struct{}

// attach sends the passage along with the request, since the proxy's hooks know
// nothing else of it.
func (p *passage) attach(r *http.Request) *http.Request {
	r = r.WithContext(context.WithValue(r.Context(), passageKey{}, p))
	if r.Body != nil && r.Body != http.NoBody {
		p.upload.ReadCloser = r.Body
		r.Body = &p.upload
	}
	return r
}

// upload is the body of a request. It remembers that the client is to blame if it
// ends badly: to the proxy that looks like trouble with the API.
type upload struct {
	io.ReadCloser
	failed atomic.Bool
}

// Read is io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		u.failed.Store(true)
	}
	return n, err
}

// passageOf is nil for a response that a transport did not tie to its request.
func passageOf(r *http.Request) *passage {
	if r == nil {
		return nil
	}
	p, _ := r.Context().Value(passageKey{}).(*passage)
	return p
}

// event is what became of the request, given the status that was written.
func (p *passage) event(status int) Event {
	if status == 0 && p.switched && p.err == nil {
		status = http.StatusSwitchingProtocols
	}
	return Event{Status: status, Err: p.err}
}

// retryAfter is in seconds. It spreads nobody's retries, but keeps clients from
// hammering.
const retryAfter = "2"

// answer writes a refusal, or a fault before any API was asked.
func (p *passage) answer(w http.ResponseWriter, err error) {
	maps.Copy(w.Header(), p.header)
	if refusal, ok := errors.AsType[*Error](err); ok && refusal.status != 0 {
		if len(p.allow) > 0 {
			w.Header().Set("Allow", strings.Join(p.allow, ", "))
		}
		oauthhttp.WriteTokenError(w, refusal.status, refusal.code, "")
		return
	}
	if _, ok := errors.AsType[*cnf.Error](err); !ok {
		w.Header().Set("Retry-After", retryAfter)
	}
	p.writeError(w, err)
}

// newProxy uses Rewrite and not Director: that one would let a client name the
// gateway's fields in Connection, and lose them.
func newProxy(transport http.RoundTripper, internal names) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        func(pr *httputil.ProxyRequest) { rewrite(pr, internal) },
		ModifyResponse: func(res *http.Response) error { return modify(res, internal) },
		ErrorHandler:   fail,
		Transport:      cmp.Or[http.RoundTripper](transport, newTransport()),
		BufferPool:     &buffers{},
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // Event tells
	}
}

func newTransport() http.RoundTripper {
	return &http.Transport{
		DialContext:            (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  30 * time.Second,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    64,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // bodies pass as they are
		ForceAttemptHTTP2:      true,
	}
}

// rewrite makes the request to the API. Everything that counts there is set
// here, after all that came from outside under such names is gone.
func rewrite(pr *httputil.ProxyRequest, internal names) {
	p := passageOf(pr.In)
	out := pr.Out
	out.URL.Scheme, out.URL.Host = p.upstream.Scheme, p.upstream.Host
	out.URL.RawQuery = pr.In.URL.RawQuery
	out.Host = ""
	out.Trailer = nil
	internal.stripRequest(out.Header)
	pr.SetXForwarded()
	out.Header["Authorization"] = []string{"Bearer " + p.jwt}
	if p.evidence != "" {
		out.Header[EvidenceHeader] = []string{p.evidence}
	}
	if p.certificate != "" {
		out.Header["Client-Cert"] = []string{p.certificate}
	}
}

// modify makes the response to the client of what the API answered.
func modify(res *http.Response, internal names) error {
	p := passageOf(res.Request)
	if p == nil {
		return errUpstream("a response that the Transport gave no Request")
	}
	p.switched = res.StatusCode == http.StatusSwitchingProtocols
	if p.switched && !p.upgrade {
		return errUpstream("a protocol switch nobody asked for")
	}
	if !p.switched && (res.StatusCode < http.StatusOK || res.StatusCode > 999) { // net/http makes 200 of some, and panics at others
		return errUpstream(fmt.Sprint("status ", res.StatusCode))
	}
	challenge := challengeOf(res, p.scheme())
	if res.StatusCode == http.StatusUnauthorized && challenge == "" {
		return errUpstream("401 to a request that was admitted here")
	}
	internal.stripResponse(res.Header)
	delete(res.Header, "Www-Authenticate")
	if challenge != "" {
		res.Header["Www-Authenticate"] = []string{challenge}
	}
	if len(res.Header["Cache-Control"]) == 0 {
		res.Header["Cache-Control"] = []string{"no-store"} // the data of one client
	}
	maps.Copy(res.Header, p.header)
	internal.stripResponse(res.Trailer)
	if !p.switched {
		res.Body = &body{ReadCloser: res.Body, response: res, internal: internal}
	}
	return nil
}

// scheme is the one the client uses.
func (p *passage) scheme() string {
	if p.evidence != "" {
		return "DPoP"
	}
	return "Bearer"
}

// challengeOf is the challenge of an API that the client can do something about,
// another login or more scope, in the client's scheme: the API knows the inner
// one only.
func challengeOf(res *http.Response, scheme string) string {
	var code string
	switch res.StatusCode {
	case http.StatusUnauthorized:
		code = "insufficient_user_authentication" // RFC 9470 section 3
	case http.StatusForbidden:
		code = "insufficient_scope" // RFC 6750 section 3.1
	default:
		return ""
	}
	inner, _ := oauthhttp.Find(oauthhttp.ParseChallenges(res.Header["Www-Authenticate"]), "Bearer")
	if inner.Get("error") != code {
		return ""
	}
	outer := oauthhttp.Challenge{Scheme: scheme}
	for _, name := range [...]string{"error", "scope", "acr_values", "max_age"} {
		outer.Params = append(outer.Params, oauthhttp.Param{Name: name, Value: inner.Get(name)})
	}
	return outer.String()
}

// body takes inner fields off the trailers, which are there when it ends.
type body struct {
	io.ReadCloser
	response *http.Response
	internal names
}

// Read is io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.internal.stripResponse(b.response.Trailer)
	}
	return n, err
}

// response remembers its status, and drops informational responses: their
// fields have passed no filter.
type response struct {
	http.ResponseWriter
	status int
}

// WriteHeader is that of http.ResponseWriter.
func (w *response) WriteHeader(status int) {
	if status < http.StatusOK && status != http.StatusSwitchingProtocols {
		return
	}
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] flush and hijack.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// buffers are those through which bodies pass.
type buffers struct{ pool sync.Pool }

// Get is httputil.BufferPool.
func (b *buffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[32 << 10]byte); ok {
		return buffer[:]
	}
	return make([]byte, 32<<10)
}

// Put is httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put((*[32 << 10]byte)(buffer)) }
