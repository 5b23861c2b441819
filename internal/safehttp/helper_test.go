package safehttp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	goodBody = `{"keys":[]}`
	jsonType = "application/json"
	testName = "as.example" // resolved by resolveTo only
)

var loopback4 = netip.MustParsePrefix("127.0.0.1/32")

// testCertificate covers everything a test server is called.
var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(time.Hour),
		DNSNames:              []string{"localhost", testName},
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
})

func testRoots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(testCertificate().Leaf)
	return pool
}

func serveGood(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", jsonType)
	_, _ = io.WriteString(w, goodBody)
}

type server struct {
	*httptest.Server
	hits atomic.Int32
}

func (s *server) port() string { return portOf(s.Listener) }

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func newServer(t testing.TB, handler http.HandlerFunc, change ...func(*httptest.Server)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.hits.Add(1)
		handler(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{testCertificate()}}
	for _, f := range change {
		f(s.Server)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// newClient makes a client that trusts the test servers. Without allowed prefixes
// it does not reach them.
func newClient(t testing.TB, cfg Config, allowed ...netip.Prefix) *Client {
	t.Helper()
	cfg.RootCAs = testRoots()
	cfg.AllowedPrefixes = allowed
	c, err := New(cfg)
	require.NoError(t, err)
	return c
}

// naiveClient is what a program without this package would use: the defence off.
func naiveClient(t testing.TB, resolver *net.Resolver) *http.Client {
	t.Helper()
	transport := &http.Transport{
		DialContext:     (&net.Dialer{Resolver: resolver}).DialContext,
		TLSClientConfig: &tls.Config{RootCAs: testRoots()},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 5 * time.Second}
}

func naiveGet(t testing.TB, resolver *net.Resolver, url string) (status int, body []byte) {
	t.Helper()
	answer, err := naiveClient(t, resolver).Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	require.NoError(t, err)
	return answer.StatusCode, body
}

func requireGood(t testing.TB, c *Client, url string) {
	t.Helper()
	response, err := c.Get(t.Context(), url, jsonType)
	require.NoError(t, err)
	require.Equal(t, goodBody, string(response.Body))
}

func requireRefused(t testing.TB, c *Client, url string, kind error, mediaTypes ...string) *Error {
	t.Helper()
	response, err := c.Get(t.Context(), url, mediaTypes...)
	require.Nil(t, response)
	var refused *Error
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, kind)
	return refused
}

// resolveTo answers the first question for an IPv4 address with the first answer,
// and so on; the last one is repeated. An empty answer is no address.
func resolveTo(answers ...string) *net.Resolver {
	var asked atomic.Int32
	next := func() string {
		return answers[min(int(asked.Add(1)), len(answers))-1]
	}
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go serveDNS(theirs, next)
		return ours, nil
	}}
}

// serveDNS answers questions in the TCP framing of RFC 1035 4.2.2, which the
// resolver uses on a connection that has no packets.
func serveDNS(conn net.Conn, next func() string) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		answer := answerDNS(query, next)
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return
		}
	}
}

func answerDNS(query []byte, next func() string) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	question := query[12:end]
	var record []byte
	if isA := question[len(question)-3] == 1; isA {
		if ip, err := netip.ParseAddr(next()); err == nil {
			record = append([]byte{0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4}, ip.AsSlice()...)
		}
	}
	header := []byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, byte(min(len(record), 1)), 0, 0, 0, 0}
	return append(append(header, question...), record...)
}
