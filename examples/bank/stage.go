package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-fapi/fapi/cnf"
	"github.com/go-fapi/fapi/introspection"
)

// attack is one thing the thief tries.
type attack struct {
	id, title string
	rule      error  // the one rule that has to refuse it
	clause    string // where that rule stands
	status    int    // what the answer has to be, if that is no 4xx

	// try sends what the attack consists of, and returns the answer that counts.
	try func(ctx context.Context, send sender) (answer, error)

	// target replaces the running server: where an attack has to wait and the
	// running one would make it wait for minutes, or has a rule not every API has.
	target func() (http.Handler, error)

	// without says what the control takes away. weakened is the same server
	// without that one defence: there, try has to succeed.
	without  string
	weakened func() (http.Handler, error)

	// honest stands in where the server has no defence to take away: a request
	// that differs from the attack in nothing but the point at issue, or the same
	// with a client that lacks the defence, both at the real server. It has to
	// succeed.
	honest func(ctx context.Context, send sender) (answer, error)
}

// sender sends a request to the server under attack, or to a weakened one.
type sender func(*http.Request) (answer, error)

// answer is what the thief gets to see.
type answer struct {
	status int
	code   string
	took   time.Duration // of a server in this process
	header http.Header
	body   []byte
}

// read reads an answer and closes it.
func read(response *http.Response) (answer, error) {
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<16))
	return newAnswer(response.StatusCode, response.Header, body), err
}

func newAnswer(status int, header http.Header, body []byte) answer {
	return answer{status: status, code: errorCode(header, body), header: header, body: body}
}

func (a answer) String() string {
	if a.status == http.StatusOK && a.took > 50*time.Millisecond {
		return fmt.Sprintf("200, it succeeds, after %d ms of the server's time", a.took.Milliseconds())
	}
	if a.status == http.StatusOK {
		return "200, it succeeds"
	}
	return strings.TrimSpace(fmt.Sprint(a.status, " ", a.code))
}

// stage plays an attack and its control.
func (b *bank) stage(ctx context.Context, a attack) result {
	row := result{ID: a.id, Attack: a.title, Without: a.without}
	b.rules.record(nil)
	send, err := b.sender(a.target)
	var got answer
	if err == nil {
		got, err = a.try(ctx, send)
	}
	if err != nil {
		row.Rule = "the attack could not be staged: " + err.Error()
		return row
	}
	rule := b.rules.last()
	row.Status, row.Error = got.status, got.code
	row.Rule = ruleName(rule) + " (" + a.clause + ")"
	row.Refused = a.refusedBy(got) && errors.Is(rule, a.rule)
	control, err := b.control(ctx, a)
	if err != nil {
		row.Outcome = "could not be staged: " + err.Error()
		return row
	}
	row.Control, row.Outcome = control.status == http.StatusOK, control.String()
	return row
}

// refusedBy says that an answer is a refusal of the attack.
func (a attack) refusedBy(got answer) bool {
	if a.status != 0 {
		return got.status == a.status
	}
	return got.status >= 400 && got.status < 500
}

func (b *bank) control(ctx context.Context, a attack) (answer, error) {
	if a.honest != nil {
		return a.honest(ctx, b.send)
	}
	send, err := b.sender(a.weakened)
	if err != nil {
		return answer{}, err
	}
	return a.try(ctx, send)
}

// sender reaches the running servers, or a server in this process.
func (b *bank) sender(target func() (http.Handler, error)) (sender, error) {
	if target == nil {
		return b.send, nil
	}
	handler, err := target()
	return func(r *http.Request) (answer, error) { return sendTo(handler, r), nil }, err
}

// ruleName is the verifier's own word for why it refused.
func ruleName(err error) string {
	if err == nil {
		return "no rule refused"
	}
	if refusal, ok := errors.AsType[*cnf.Error](err); ok && strings.Contains(refusal.Unwrap().Error(), ": ") {
		return refusal.Unwrap().Error()
	}
	if errors.Is(err, introspection.ErrUnavailable) {
		return "introspection: " + introspection.ErrUnavailable.Error() // and not at which address
	}
	return err.Error()
}

// lastRule is fed by the Observe hooks of the verifiers.
type lastRule struct {
	mu  sync.Mutex
	err error
}

func (l *lastRule) record(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
}

func (l *lastRule) last() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// shown is the client certificate of a request, kept in its context.
type shown struct{}

func withCertificate(r *http.Request, certificate tls.Certificate) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), shown{}, certificate))
}

func certificatesOf(r *http.Request) []tls.Certificate {
	if certificate, ok := r.Context().Value(shown{}).(tls.Certificate); ok {
		return []tls.Certificate{certificate}
	}
	return nil
}

// send sends a request over the wire, as any HTTP client of the thief would.
func (b *bank) send(r *http.Request) (answer, error) {
	transport := b.transport(certificatesOf(r)...)
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		return answer{}, err
	}
	return read(response)
}

// sendTo hands a client's request to a weakened server in this process.
func sendTo(handler http.Handler, r *http.Request) answer {
	arriving := r.Clone(r.Context())
	if arriving.Host == "" {
		arriving.Host = r.URL.Host
	}
	if arriving.Body == nil {
		arriving.Body = http.NoBody
	}
	arriving.TLS = &tls.ConnectionState{HandshakeComplete: true}
	for _, certificate := range certificatesOf(r) {
		leaf, err := x509.ParseCertificate(certificate.Certificate[0])
		if err != nil {
			panic(err) // certificates of this program parse
		}
		arriving.TLS.PeerCertificates = []*x509.Certificate{leaf}
	}
	recorder := &recorder{header: http.Header{}, status: http.StatusOK}
	start := time.Now()
	handler.ServeHTTP(recorder, arriving)
	took := time.Since(start)
	got := newAnswer(recorder.status, recorder.header, recorder.body.Bytes())
	got.took = took
	return got
}

type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

// errorCode finds the OAuth error in a challenge, in a redirect or in a JSON body.
func errorCode(header http.Header, body []byte) string {
	for _, challenge := range header.Values("WWW-Authenticate") {
		if _, rest, ok := strings.Cut(challenge, `error="`); ok {
			code, _, _ := strings.Cut(rest, `"`)
			return code
		}
	}
	if location, err := url.Parse(header.Get("Location")); err == nil && location.Query().Has("error") {
		return location.Query().Get("error")
	}
	var reply struct{ Error string }
	if json.Unmarshal(body, &reply) != nil {
		return ""
	}
	return reply.Error
}
