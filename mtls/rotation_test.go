package mtls_test

import (
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/testkeys"
	"github.com/go-fapi/fapi/mtls"
)

// newEcho is a server that tells which certificate it saw, over which protocol,
// and whether the session was resumed.
func newEcho(t testing.TB, http2 bool, handle ...func(*http.Request)) (*httptest.Server, *http.Transport) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, f := range handle {
			f(r)
		}
		if len(r.TLS.PeerCertificates) > 0 {
			w.Header().Set("X-Serial", r.TLS.PeerCertificates[0].SerialNumber.String())
		}
		w.Header().Set("X-Proto", fmt.Sprint(r.ProtoMajor))
		w.Header().Set("X-Resumed", fmt.Sprint(r.TLS.DidResume))
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.EnableHTTP2, server.Config.ErrorLog = http2, discard
	server.StartTLS()
	t.Cleanup(server.Close)
	base := server.Client().Transport.(*http.Transport).Clone()
	base.ForceAttemptHTTP2 = http2
	return server, base
}

// numbered is a certificate of the client, one of several.
func numbered(t testing.TB, serial int64) tls.Certificate {
	t.Helper()
	return signedBy(t, nil, "fintech", forClients, func(c *x509.Certificate) { c.SerialNumber = big.NewInt(serial) })
}

func newRotator(t testing.TB, certificate tls.Certificate) *mtls.Rotator {
	t.Helper()
	r, err := mtls.NewRotator(certificate)
	require.NoError(t, err)
	return r
}

func rotatingClient(t testing.TB, r *mtls.Rotator, base *http.Transport) *http.Client {
	t.Helper()
	transport, err := r.Transport(base)
	require.NoError(t, err)
	client := &http.Client{Transport: transport}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// fetch returns the header of the answer.
func fetch(ctx context.Context, client *http.Client, target string) (http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.Header, err
}

func requireSerial(t testing.TB, want string, client *http.Client, target string) http.Header {
	t.Helper()
	header, err := fetch(t.Context(), client, target)
	require.NoError(t, err)
	require.Equal(t, want, header.Get("X-Serial"))
	return header
}

// TestRotateUnderLoad rotates three times amid 200 clients. None of their
// requests fails, and none that begins after Rotate shows an older certificate.
func TestRotateUnderLoad(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"1", "2"} {
		t.Run("HTTP/"+protocol, func(t *testing.T) {
			t.Parallel()
			server, base := newEcho(t, protocol == "2")
			base.MaxConnsPerHost, base.MaxIdleConnsPerHost = 10, 10 // fewer handshakes
			certificates := []tls.Certificate{numbered(t, 0), numbered(t, 1), numbered(t, 2), numbered(t, 3)}
			rotator := newRotator(t, certificates[0])
			client := rotatingClient(t, rotator, base)
			var group sync.WaitGroup
			var mu sync.Mutex // held to rotate
			var present, done, wrong atomic.Int64
			for range 200 {
				group.Go(func() {
					for range 3 {
						oldest := present.Load()
						header, err := fetch(t.Context(), client, server.URL)
						serial, malformed := strconv.ParseInt(header.Get("X-Serial"), 10, 64)
						if err != nil || malformed != nil || serial < oldest || header.Get("X-Proto") != protocol {
							wrong.Add(1)
						}
						if n := done.Add(1); n%150 == 0 && n < 600 {
							mu.Lock()
							if rotator.Rotate(certificates[present.Load()+1]) != nil {
								wrong.Add(1)
							}
							present.Add(1)
							mu.Unlock()
						}
					}
				})
			}
			group.Wait()
			require.Zero(t, wrong.Load())
			require.EqualValues(t, 600, done.Load())
			requireSerial(t, "3", client, server.URL)
		})
	}
}

func TestRotateWhileUnderWay(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"1", "2"} {
		t.Run("HTTP/"+protocol, func(t *testing.T) {
			t.Parallel()
			arrived, proceed := make(chan bool), make(chan bool)
			var slow atomic.Bool
			slow.Store(true)
			server, base := newEcho(t, protocol == "2", func(*http.Request) {
				if slow.Swap(false) {
					arrived <- true
					<-proceed
				}
			})
			open := countOpen(base)
			rotator := newRotator(t, numbered(t, 1))
			client := rotatingClient(t, rotator, base)
			first := make(chan string)
			go func() {
				header, err := fetch(t.Context(), client, server.URL)
				first <- fmt.Sprint(header.Get("X-Serial"), err)
			}()
			<-arrived
			require.NoError(t, rotator.Rotate(numbered(t, 2)))
			requireSerial(t, "2", client, server.URL) // although a connection of the old one is open
			require.EqualValues(t, 2, open.Load())
			close(proceed)
			require.Equal(t, "1<nil>", <-first)
			requireSerial(t, "2", client, server.URL)
		})
	}
}

func TestRotateClosesIdle(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"1", "2"} {
		t.Run("HTTP/"+protocol, func(t *testing.T) {
			t.Parallel()
			server, base := newEcho(t, protocol == "2")
			open := countOpen(base)
			rotator := newRotator(t, numbered(t, 1))
			client := rotatingClient(t, rotator, base)
			none := func() bool { return open.Load() == 0 }
			one := func() bool { return open.Load() == 1 }
			client.CloseIdleConnections() // there are none
			requireSerial(t, "1", client, server.URL)
			requireSerial(t, "1", client, server.URL)
			require.EqualValues(t, 1, open.Load())
			require.NoError(t, rotator.Rotate(numbered(t, 2)))
			requireSerial(t, "2", client, server.URL)
			require.Eventually(t, one, time.Minute, time.Millisecond)
			client.CloseIdleConnections()
			require.Eventually(t, none, time.Minute, time.Millisecond)
		})
	}
}

// TestRotateLeavesNothing: what was under way over HTTP/2 keeps its connection
// until nobody has needed it for a while, also if base has no such limit.
func TestRotateLeavesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		arrived, proceed := make(chan bool), make(chan bool)
		certificate := numbered(t, 9)
		listener := pipes{make(chan net.Conn), make(chan bool)}
		server := &http.Server{
			ErrorLog: discard,
			TLSConfig: &tls.Config{
				ClientAuth: tls.RequestClientCert, Certificates: []tls.Certificate{certificate}, NextProtos: []string{"h2"},
			},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Serial", r.TLS.PeerCertificates[0].SerialNumber.String())
				if r.URL.Path == "/slow" {
					arrived <- true
					<-proceed
				}
			}),
		}
		go server.ServeTLS(listener, "", "")
		var open atomic.Int64
		base := &http.Transport{
			ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				near, far := net.Pipe()
				listener.accepted <- far
				open.Add(1)
				return &counted{Conn: near, open: &open}, nil
			},
		}
		rotator := newRotator(t, numbered(t, 1))
		transport, err := rotator.Transport(base)
		require.NoError(t, err)
		client := &http.Client{Transport: transport}
		slow := make(chan string)
		go func() {
			header, err := fetch(t.Context(), client, "https://as.bank.example/slow")
			slow <- fmt.Sprint(header.Get("X-Serial"), err)
		}()
		<-arrived
		require.NoError(t, rotator.Rotate(numbered(t, 2)))
		requireSerial(t, "2", client, "https://as.bank.example/")
		proceed <- true
		require.Equal(t, "1<nil>", <-slow)
		synctest.Wait()
		require.EqualValues(t, 2, open.Load())
		time.Sleep(91 * time.Second)
		synctest.Wait()
		require.Zero(t, open.Load())
		require.NoError(t, server.Close())
	})
}

// pipes is a listener in memory.
type pipes struct {
	accepted chan net.Conn
	closed   chan bool
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case connection := <-p.accepted:
		return connection, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error { close(p.closed); return nil }
func (pipes) Addr() net.Addr { return &net.TCPAddr{} }

// countOpen counts the open connections of a transport.
func countOpen(transport *http.Transport) *atomic.Int64 {
	open := new(atomic.Int64)
	transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		connection, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &counted{Conn: connection, open: open}, nil
	}
	return open
}

type counted struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// TestRotateSessions: a resumed session would show the certificate of before.
func TestRotateSessions(t *testing.T) {
	t.Parallel()
	server, base := newEcho(t, false)
	base.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	base.DisableKeepAlives = true
	rotator := newRotator(t, numbered(t, 1))
	client := rotatingClient(t, rotator, base)
	requireSerial(t, "1", client, server.URL)
	require.Equal(t, "true", requireSerial(t, "1", client, server.URL).Get("X-Resumed"))
	require.NoError(t, rotator.Rotate(numbered(t, 2)))
	require.Equal(t, "false", requireSerial(t, "2", client, server.URL).Get("X-Resumed"))
	require.Equal(t, "true", requireSerial(t, "2", client, server.URL).Get("X-Resumed"))

	// Without Transport, the cache gives the old certificate a second life.
	bare := base.Clone()
	bare.TLSClientConfig.GetClientCertificate = rotator.GetClientCertificate
	requireSerial(t, "2", &http.Client{Transport: bare}, server.URL)
	require.NoError(t, rotator.Rotate(numbered(t, 3)))
	requireSerial(t, "2", &http.Client{Transport: bare}, server.URL)
	bare = bare.Clone()
	bare.TLSClientConfig.ClientSessionCache = nil
	requireSerial(t, "3", &http.Client{Transport: bare}, server.URL)
}

func TestRotatorBases(t *testing.T) {
	t.Parallel()
	server, secure := newEcho(t, true)
	rotator := newRotator(t, numbered(t, 1))
	roots := func() *tls.Config { return &tls.Config{RootCAs: secure.TLSClientConfig.RootCAs} }
	used := secure.Clone()
	_, err := fetch(t.Context(), &http.Client{Transport: used}, server.URL)
	require.NoError(t, err)
	t.Cleanup(used.CloseIdleConnections)
	both := new(http.Protocols)
	both.SetHTTP1(true)
	both.SetHTTP2(true)
	for name, test := range map[string]struct {
		base     *http.Transport
		protocol string
	}{
		"HTTP/2 forced":               {&http.Transport{TLSClientConfig: roots(), ForceAttemptHTTP2: true}, "2"},
		"HTTP/2 by protocols":         {&http.Transport{TLSClientConfig: roots(), Protocols: both}, "2"},
		"a TLS configuration":         {&http.Transport{TLSClientConfig: roots()}, "1"},
		"HTTP/2 turned off":           {&http.Transport{TLSClientConfig: roots(), ForceAttemptHTTP2: true, TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}, "1"},
		"in use before":               {used, "2"},
		"without idle connections":    {&http.Transport{TLSClientConfig: roots(), DisableKeepAlives: true}, "1"},
		"one connection at most":      {&http.Transport{TLSClientConfig: roots(), MaxConnsPerHost: 1}, "1"},
		"HTTP/2 and one at most":      {&http.Transport{TLSClientConfig: roots(), ForceAttemptHTTP2: true, MaxConnsPerHost: 1}, "2"},
		"session cache, not resuming": {&http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots().RootCAs, ClientSessionCache: tls.NewLRUClientSessionCache(1)}}, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := rotatingClient(t, rotator, test.base)
			for range 2 {
				require.Equal(t, test.protocol, requireSerial(t, "1", client, server.URL).Get("X-Proto"))
			}
		})
	}
	t.Run("without configuration", func(t *testing.T) {
		t.Parallel()
		without := map[string]func(string, *tls.Conn) http.RoundTripper{}
		for _, base := range []*http.Transport{nil, {}, {TLSNextProto: without}} { // these know no authority of the server
			_, err := fetch(t.Context(), rotatingClient(t, rotator, base), server.URL)
			require.ErrorAs(t, err, new(*tls.CertificateVerificationError))
		}
	})
	t.Run("HTTP/2 chosen by net/http", func(t *testing.T) {
		t.Parallel()
		base := &http.Transport{}
		_ = base.Clone() // chooses, and makes a TLS configuration
		base.TLSClientConfig.RootCAs = secure.TLSClientConfig.RootCAs
		require.Equal(t, "2", requireSerial(t, "1", rotatingClient(t, rotator, base), server.URL).Get("X-Proto"))
	})
	for name, base := range map[string]*http.Transport{
		"certificate of its own": {TLSClientConfig: &tls.Config{Certificates: []tls.Certificate{numbered(t, 9)}}},
		"certificate function":   {TLSClientConfig: &tls.Config{GetClientCertificate: rotator.GetClientCertificate}},
		"DialTLSContext":         {DialTLSContext: func(context.Context, string, string) (net.Conn, error) { return nil, errDown }},
		"DialTLS":                {DialTLS: func(string, string) (net.Conn, error) { return nil, errDown }},
		"TLSNextProto":           {TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{"h2": nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := rotator.Transport(base)
			require.ErrorContains(t, err, "mtls: the base transport ")
		})
	}
}

// opaque is a key that stays in its module.
type opaque struct{ crypto.Signer }

func TestRotatorKeys(t *testing.T) {
	t.Parallel()
	server, base := newEcho(t, false)
	for name, key := range signers(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate := issued(t, nil, "x", opaque{key}, key.Public(), forClients)
			certificate.Leaf = nil // as tls.X509KeyPair once left it
			rotator := newRotator(t, certificate)
			require.Equal(t, certificate.Certificate[0], rotator.Certificate().Raw)
			requireSerial(t, "1", rotatingClient(t, rotator, base), server.URL)
		})
	}
}

func TestRotatorRefuses(t *testing.T) {
	t.Parallel()
	good := numbered(t, 1)
	with := func(change func(*tls.Certificate)) tls.Certificate {
		c := good
		change(&c)
		return c
	}
	rotator := newRotator(t, good)
	for name, bad := range map[string]tls.Certificate{
		"zero":                     {},
		"key alone":                with(func(c *tls.Certificate) { c.Certificate = nil }),
		"no key":                   with(func(c *tls.Certificate) { c.PrivateKey = nil }),
		"no signing key":           with(func(c *tls.Certificate) { c.PrivateKey = "key" }),
		"another key":              with(func(c *tls.Certificate) { c.PrivateKey = testkeys.ES256("other") }),
		"a key of another kind":    with(func(c *tls.Certificate) { c.PrivateKey = testkeys.EdDSA("fintech") }),
		"a key without public key": with(func(c *tls.Certificate) { c.PrivateKey = mute{testkeys.ES256("fintech")} }),
		"malformed":                with(func(c *tls.Certificate) { c.Certificate = [][]byte{{1}} }),
		"leaf of another": with(func(c *tls.Certificate) {
			c.Certificate, c.Leaf = [][]byte{selfSigned(t, "other").Certificate[0]}, good.Leaf
		}),
		"expired": signedBy(t, nil, "fintech", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := mtls.NewRotator(bad)
			require.ErrorContains(t, err, "mtls: ")
			require.Error(t, rotator.Rotate(bad))
			require.True(t, rotator.Certificate().Equal(good.Leaf), "the present one stays")
		})
	}
	var none *mtls.Rotator
	for _, r := range []*mtls.Rotator{none, {}} {
		require.Nil(t, r.Certificate())
		_, err := r.GetClientCertificate(nil)
		require.Error(t, err)
		_, err = r.Transport(nil)
		require.Error(t, err)
	}
	require.Error(t, none.Rotate(good))
}

// mute is a signer that does not say whose key it has.
type mute struct{ crypto.Signer }

func (mute) Public() crypto.PublicKey { return nil }
