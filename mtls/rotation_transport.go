package mtls

import (
	"crypto/tls"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Transport makes an [http.RoundTripper] that works as base does, by default as
// [http.DefaultTransport], and shows the certificate of the Rotator.
//
// Every certificate has connections and TLS sessions of its own, so that what
// begins after Rotate never travels under the certificate of before, over a
// connection that was still open. Requests under way end on theirs. Old
// connections close when the first request begins after Rotate, or else when
// they have been idle for the IdleConnTimeout, which is 90 s if base has none.
//
// base is copied. It must dial TLS itself (no DialTLSContext or DialTLS), and
// have neither certificates of its own nor a hand-made table of protocols.
func (r *Rotator) Transport(base *http.Transport) (http.RoundTripper, error) {
	if r == nil || r.current.Load() == nil {
		return nil, errRotator
	}
	if base == nil {
		var ok bool
		if base, ok = http.DefaultTransport.(*http.Transport); !ok {
			return nil, errors.New("mtls: http.DefaultTransport was replaced: name a base")
		}
	}
	base = base.Clone()
	if err := checkBase(base); err != nil {
		return nil, err
	}
	if base.TLSClientConfig != nil && slices.Contains(base.TLSClientConfig.NextProtos, "h2") {
		base.ForceAttemptHTTP2 = true // a copy offers HTTP/2 as well, and would not know how to speak it
	}
	return &rotating{rotator: r, base: base}, nil
}

// rotating sends requests with the transport of the present certificate.
type rotating struct {
	rotator *Rotator
	base    *http.Transport // never used to send

	present atomic.Pointer[generation]
	mu      sync.Mutex // held to replace present
}

// generation is a certificate with its connections.
type generation struct {
	*http.Transport
	certificate *tls.Certificate
}

// RoundTrip implements [http.RoundTripper].
func (t *rotating) RoundTrip(request *http.Request) (*http.Response, error) {
	return t.generation().RoundTrip(request)
}

// CloseIdleConnections is what [http.Client.CloseIdleConnections] calls.
func (t *rotating) CloseIdleConnections() {
	if present := t.present.Load(); present != nil {
		present.CloseIdleConnections()
	}
}

func (t *rotating) generation() *generation {
	if present := t.present.Load(); present != nil && present.certificate == t.rotator.current.Load() {
		return present
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	old, certificate := t.present.Load(), t.rotator.current.Load()
	if old != nil && old.certificate == certificate {
		return old // another request was faster
	}
	present := newGeneration(t.base, certificate)
	t.present.Store(present)
	if old != nil {
		old.CloseIdleConnections() // the others have their timeout
	}
	return present
}

func newGeneration(base *http.Transport, certificate *tls.Certificate) *generation {
	transport := base.Clone()
	if transport.TLSClientConfig == nil {
		transport.TLSClientConfig = &tls.Config{}
	}
	transport.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		return certificate, nil
	}
	if transport.TLSClientConfig.ClientSessionCache != nil {
		// A resumed session has the certificate of its first handshake.
		transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	if transport.IdleConnTimeout == 0 {
		transport.IdleConnTimeout = 90 * time.Second // nobody closes the last ones
	}
	return &generation{transport, certificate}
}

// checkBase refuses what would show another certificate or none. transport is a
// clone, which has a table of protocols only if somebody made one.
func checkBase(transport *http.Transport) error {
	config := transport.TLSClientConfig
	//lint:ignore SA1019 DialTLS is deprecated and still in effect
	dialsTLS := transport.DialTLSContext != nil || transport.DialTLS != nil
	switch {
	case dialsTLS:
		return errors.New("mtls: the base transport dials TLS by a function of its own, past the certificate")
	case config != nil && (config.GetClientCertificate != nil || len(config.Certificates) > 0):
		return errors.New("mtls: the base transport has a certificate of its own")
	case len(transport.TLSNextProto) > 0:
		return errors.New("mtls: the base transport has a TLSNextProto of its own, whose connections would be shared")
	}
	return nil
}
