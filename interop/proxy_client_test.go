//go:build linux

package interop_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/mtls"
)

// caller is somebody who sends requests to a listener of a proxy, or straight
// to the API.
type caller struct {
	t           *testing.T
	api         *proxiedAPI
	address     string           // of the listener
	from        string           // own address, if it matters
	certificate *tls.Certificate // none: nil
	tls         *tls.Config      // further settings
	plain       bool             // without TLS
	http2       bool
}

// answer is what came of a request.
type answer struct {
	t       *testing.T
	api     *proxiedAPI
	failed  error // the exchange: no response
	reached bool  // the API has seen the request
	err     error // what the API has found wrong with it
	*http.Response
}

// patience is for requests, which take some milliseconds.
const patience = 10 * time.Second

// call asks for accounts with a token that is bound to a certificate, and with
// further header fields, in pairs.
func (c caller) call(bound tls.Certificate, fields ...string) answer {
	return c.get("/accounts", bound, fields...)
}

func (c caller) get(path string, bound tls.Certificate, fields ...string) answer {
	return c.send(http.MethodGet, path, "", append(fields, "Authorization", authorization(bound))...)
}

func authorization(bound tls.Certificate) string {
	return fmt.Sprintf("Bearer %x", mtls.Thumbprint(bound.Leaf))
}

// authenticate asks for a token as one of the registered clients.
func (c caller) authenticate(clientID string, fields ...string) answer {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {clientID}}.Encode()
	return c.send(http.MethodPost, "/token", form, append(fields, "Content-Type", "application/x-www-form-urlencoded")...)
}

// callRaw is call with one line as it is, or several.
func (c caller) callRaw(bound tls.Certificate, lines string) answer {
	c.t.Helper()
	connection, err := tls.Dial("tcp", c.address, c.tlsConfig())
	require.NoError(c.t, err)
	defer connection.Close()
	require.NoError(c.t, connection.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(connection, "GET /accounts HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n%s\r\nConnection: close\r\n\r\n",
		siteName, authorization(bound), lines)
	require.NoError(c.t, err)
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	return c.answerOf(response, err)
}

// send uses a new connection. Names of fields go out as they are.
func (c caller) send(method, path, body string, fields ...string) answer {
	c.t.Helper()
	scheme := "https://"
	if c.plain {
		scheme = "http://"
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, scheme+siteName+path, strings.NewReader(body))
	require.NoError(c.t, err)
	for i := 0; i < len(fields); i += 2 {
		request.Header[fields[i]] = append(request.Header[fields[i]], fields[i+1])
	}
	transport := c.transport()
	defer transport.CloseIdleConnections()
	return c.answerOf(transport.RoundTrip(request))
}

func (c caller) answerOf(response *http.Response, err error) answer {
	c.t.Helper()
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	a := answer{t: c.t, api: c.api, failed: err, Response: response}
	select {
	case a.err = <-c.api.outcome:
		a.reached = true
		require.NoError(c.t, err)
	default:
	}
	return a
}

func (c caller) transport() *http.Transport {
	dialer := &net.Dialer{}
	if c.from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(c.from)}
	}
	return &http.Transport{
		TLSClientConfig: c.tlsConfig(), ForceAttemptHTTP2: c.http2,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", c.address)
		},
	}
}

func (c caller) tlsConfig() *tls.Config {
	config := &tls.Config{}
	if c.tls != nil {
		config = c.tls.Clone()
	}
	config.ServerName, config.RootCAs = siteName, poolOf(proxyCertificates(c.t).authority.Leaf)
	// Whatever authorities a proxy names: all certificates here are shown.
	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if c.certificate == nil {
			return &tls.Certificate{}, nil
		}
		return c.certificate, nil
	}
	return config
}

// with is the caller with a certificate.
func (c caller) with(certificate tls.Certificate) caller {
	c.certificate = &certificate
	return c
}

func (a answer) admitted() {
	a.t.Helper()
	require.True(a.t, a.reached, "%v %v", a.Response, a.failed)
	require.NoError(a.t, a.err, a.received())
	require.Equal(a.t, http.StatusNoContent, a.StatusCode)
}

// refused requires the API's refusal, and that it names this rule.
func (a answer) refused(rule error) {
	a.t.Helper()
	require.True(a.t, a.reached, "%v %v", a.Response, a.failed)
	require.ErrorIs(a.t, a.err, rule, a.received())
	require.Equal(a.t, http.StatusUnauthorized, a.StatusCode)
	refusal, ok := errors.AsType[interface {
		error
		OAuthCode() string
	}](a.err)
	require.True(a.t, ok)
	if a.Request.URL.Path == "/token" {
		require.Equal(a.t, "invalid_client", refusal.OAuthCode())
		return
	}
	require.Equal(a.t, "invalid_token", refusal.OAuthCode())
	require.Contains(a.t, a.Header.Get("WWW-Authenticate"), `error="invalid_token"`)
}

// stopped requires that the proxy did not let the request through.
func (a answer) stopped() {
	a.t.Helper()
	require.False(a.t, a.reached, a.received())
	require.True(a.t, a.failed != nil || a.StatusCode/100 == 4, "%v", a.Response)
}

// received is what the API got of the request.
func (a answer) received() any {
	if header := a.api.header.Load(); header != nil {
		return *header
	}
	return nil
}
