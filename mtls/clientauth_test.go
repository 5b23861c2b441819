package mtls_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/oauthhttp"
	"github.com/go-fapi/fapi/mtls"
)

// TestRequest posts what is no token request of a client with a certificate;
// each time the certificate is the right one.
func TestRequest(t *testing.T) {
	t.Parallel()
	own := selfSigned(t, "fintech").Leaf
	lookups := 0
	a := newAuthenticator(t, sourceFunc(func(_ context.Context, id string) (mtls.Client, bool, error) {
		lookups++
		return holding(own), id != "unknown", nil
	}))
	plain := func(change func(*http.Request)) *http.Request {
		r := over(formOf("fintech"), own)
		change(r)
		return r
	}
	for name, r := range map[string]*http.Request{
		"M-7 basic":                       plain(func(r *http.Request) { r.SetBasicAuth("fintech", "") }),
		"M-7 bearer":                      plain(func(r *http.Request) { r.Header.Set("Authorization", "Bearer a") }),
		"M-7 empty authorization":         plain(func(r *http.Request) { r.Header.Set("Authorization", "") }),
		"M-7 secret":                      over(formOf("fintech", "client_secret", "a"), own),
		"M-7 assertion":                   over(formOf("fintech", "client_assertion", "a", "client_assertion_type", "b"), own),
		"M-7 assertion type":              over(formOf("fintech", "client_assertion_type", "b"), own),
		"M-7 secret in the query":         plain(func(r *http.Request) { r.URL.RawQuery = "client_secret=a" }),
		"M-7 assertion in the query":      plain(func(r *http.Request) { r.URL.RawQuery = "x=y&client_assertion=" }),
		"M-7 query that cannot be parsed": plain(func(r *http.Request) { r.URL.RawQuery = "client%5fsecret=a;b" }),
		"M-7 without client_id":           over(formOf("", "client_secret", "a"), own),
	} {
		requireUnknown(t, a, mtls.ErrMethods, invalidRequest, r)
		require.Zero(t, lookups, name)
	}
	for name, id := range map[string]string{"missing": "", "control": "a\nb", "NUL-like": "a\x01", "not ASCII": "é", "long": strings.Repeat("a", 2049)} {
		requireUnknown(t, a, mtls.ErrClientID, invalidClient, over(formOf(id), own))
		require.Zero(t, lookups, name)
	}
	inQuery := over(formOf(""), own)
	inQuery.URL.RawQuery = "client_id=fintech"
	requireUnknown(t, a, mtls.ErrClientID, invalidClient, inQuery)

	for status, change := range map[int]func(*http.Request){
		http.StatusMethodNotAllowed:      func(r *http.Request) { r.Method = http.MethodGet },
		http.StatusRequestEntityTooLarge: func(r *http.Request) { r.ContentLength = 1 << 20 },
		http.StatusBadRequest:            func(r *http.Request) { r.Header.Set("Content-Type", "application/json") },
	} {
		_, err := a.Authenticate(plain(change))
		requireRefused(t, mtls.ErrRequest, invalidRequest, err)
		require.EqualError(t, err, "mtls: "+mtls.ErrRequest.Error())
		w := httptest.NewRecorder()
		oauthhttp.WriteError(w, err)
		require.Equal(t, status, w.Code)
	}
	requireUnknown(t, a, mtls.ErrRequest, invalidRequest, over(formOf("fintech", "client_id", "other"), own))
	broken := plain(func(r *http.Request) { r.Body = failing{} })
	got, err := a.Authenticate(broken)
	requireFault(t, got, err)
	require.Zero(t, lookups)

	r := over(formOf("fintech", "resource", "https://a", "resource", "https://b", "client_secret", ""), own)
	r.URL.RawQuery = "tenant=a"
	requireAuthenticated(t, a, "fintech", r)
	require.Equal(t, "client_credentials", r.PostForm.Get("grant_type"), "the form is left for the handler")
	requireAuthenticated(t, a, "fintech", r) // also for a second reader
	requireUnknown(t, a, mtls.ErrClient, invalidClient, over(formOf("unknown"), own))
}

// failing is a body whose sender has gone.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errDown }
func (failing) Close() error             { return nil }

func TestSameAnswer(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	other := signedBy(t, &ca, "other", forClients)
	a := newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", poolOf(ca)), "self": holding(ca.Leaf), "other": issuedTo(t, "CN=other", poolOf(ca))})
	e := newTokenEndpoint(t, a)
	client := e.client(t, &other)
	e.admits(t, client, "other")
	var answers []string
	for _, id := range []string{"nobody", "fintech", "self"} {
		response, body := e.post(t, client, id)
		response.Header.Del("Date")
		answers = append(answers, response.Status+body)
		require.Len(t, response.Header, 4, "%v", response.Header) // Content-Type, -Length, Cache-Control, Pragma
	}
	require.Equal(t, []string{answers[0], answers[0], answers[0]}, answers)
}

func TestMisuse(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	fintech := signedBy(t, &ca, "fintech", forClients)
	request := func() *http.Request { return over(formOf("fintech"), fintech.Leaf) }
	t.Run("S65 nothing configured", func(t *testing.T) {
		t.Parallel()
		_, err := mtls.NewClientAuthenticator(mtls.ClientAuthenticatorConfig{})
		require.ErrorContains(t, err, "Clients is required")
		_, err = mtls.NewClientAuthenticator(mtls.ClientAuthenticatorConfig{Roots: poolOf(ca)})
		require.ErrorContains(t, err, "Clients is required")
	})
	t.Run("S65 not constructed", func(t *testing.T) {
		t.Parallel()
		var none *mtls.ClientAuthenticator
		for _, a := range []*mtls.ClientAuthenticator{none, {}} {
			got, err := a.Authenticate(request())
			requireFault(t, got, err)
		}
		got, err := newAuthenticator(t, registry{}).Authenticate(nil)
		requireFault(t, got, err)
	})
	subjectDN := subject(t, mtls.SubjectDN, "CN=fintech")
	for name, client := range map[string]mtls.Client{
		"zero":                     {},
		"no method":                {Subject: subjectDN, Roots: poolOf(ca), Certificates: []*x509.Certificate{fintech.Leaf}},
		"another method":           {Method: "private_key_jwt", Subject: subjectDN, Roots: poolOf(ca)},
		"method in another case":   {Method: "TLS_CLIENT_AUTH", Subject: subjectDN, Roots: poolOf(ca)},
		"no subject":               {Method: mtls.TLSClientAuth, Roots: poolOf(ca)},
		"no subject, certificates": {Method: mtls.TLSClientAuth, Roots: poolOf(ca), Certificates: []*x509.Certificate{fintech.Leaf}},
		"no roots":                 {Method: mtls.TLSClientAuth, Subject: subjectDN},
	} {
		t.Run("S65 registration: "+name, func(t *testing.T) {
			t.Parallel()
			got, err := newAuthenticator(t, registry{"fintech": client}).Authenticate(request())
			requireFault(t, got, err)
		})
	}
	t.Run("S65 the method alone decides", func(t *testing.T) {
		t.Parallel()
		client := mtls.Client{Method: mtls.SelfSignedTLSClientAuth, Subject: subjectDN, Roots: poolOf(ca)}
		requireUnknown(t, newAuthenticator(t, registry{"fintech": client}), mtls.ErrRegistered, invalidClient, request())
		client.Method = mtls.TLSClientAuth
		requireAuthenticated(t, newAuthenticator(t, registry{"fintech": client}), "fintech", request())
	})
}

// sourceFunc is a ClientSource.
type sourceFunc func(context.Context, string) (mtls.Client, bool, error)

func (f sourceFunc) Client(ctx context.Context, id string) (mtls.Client, bool, error) {
	return f(ctx, id)
}

var errDown = errors.New("down")

func TestSourceFaults(t *testing.T) {
	t.Parallel()
	own := selfSigned(t, "fintech").Leaf
	request := func() *http.Request { return over(formOf("fintech"), own) }
	refusal := mtls.Binding{}.Confirm(nil, formOf(""), "", [32]byte{})
	for name, source := range map[string]sourceFunc{
		"X01 error":                       func(context.Context, string) (mtls.Client, bool, error) { return mtls.Client{}, false, errDown },
		"X01 error beside a client":       func(context.Context, string) (mtls.Client, bool, error) { return holding(own), true, errDown },
		"X01 a refusal of something else": func(context.Context, string) (mtls.Client, bool, error) { return holding(own), true, refusal },
		"X01 panic":                       func(context.Context, string) (mtls.Client, bool, error) { panic("fintech") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var events []mtls.Event
			a := newAuthenticator(t, source, func(c *mtls.ClientAuthenticatorConfig) {
				c.Observe = func(e mtls.Event) { events = append(events, e) }
			})
			got, err := a.Authenticate(request())
			requireFault(t, got, err)
			require.NotContains(t, err.Error(), "fintech")
			require.Equal(t, []mtls.Event{{Err: err}}, events)
			require.Equal(t, strings.Contains(name, "error"), errors.Is(err, errDown))
			require.Equal(t, strings.Contains(name, "panic"), strings.Contains(err.Error(), "panicked"))
		})
	}
	for name, certificates := range map[string]mtls.CertificateSource{
		"X01 certificate source: error": func(*http.Request) ([]*x509.Certificate, error) { return []*x509.Certificate{own}, errDown },
		"X01 certificate source: panic": func(*http.Request) ([]*x509.Certificate, error) { panic("fintech") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthenticator(t, registry{"fintech": holding(own)}, func(c *mtls.ClientAuthenticatorConfig) { c.Certificate = certificates })
			got, err := a.Authenticate(request())
			requireFault(t, got, err)
			require.NotContains(t, err.Error(), "fintech")
		})
	}
	for name, chain := range map[string][]*x509.Certificate{
		"empty": {}, "nil first": {nil}, "nil behind": {own, nil}, "without a key": {{Raw: own.Raw}},
	} {
		t.Run("certificate source: "+name, func(t *testing.T) {
			t.Parallel()
			a := newAuthenticator(t, registry{"fintech": holding(own)}, func(c *mtls.ClientAuthenticatorConfig) {
				c.Certificate = func(*http.Request) ([]*x509.Certificate, error) { return chain, nil }
			})
			got, err := a.Authenticate(request())
			var refused *mtls.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, invalidClient, refused.OAuthCode())
			require.Empty(t, got)
		})
	}
	t.Run("X01 constraint of an authority: panic", func(t *testing.T) {
		t.Parallel()
		ca := newAuthority(t, "ca")
		fintech := signedBy(t, &ca, "fintech", forClients)
		constrained := func(constraint func([]*x509.Certificate) error) *mtls.ClientAuthenticator {
			roots := x509.NewCertPool()
			roots.AddCertWithConstraint(ca.Leaf, constraint)
			return newAuthenticator(t, registry{"fintech": issuedTo(t, "CN=fintech", roots)})
		}
		got, err := constrained(func([]*x509.Certificate) error { panic("fintech") }).Authenticate(over(formOf("fintech"), fintech.Leaf))
		requireFault(t, got, err)
		unwilling := constrained(func([]*x509.Certificate) error { return errDown })
		requireUnknown(t, unwilling, mtls.ErrChain, invalidClient, over(formOf("fintech"), fintech.Leaf))
		willing := constrained(func([]*x509.Certificate) error { return nil })
		requireAuthenticated(t, willing, "fintech", over(formOf("fintech"), fintech.Leaf))
	})
	t.Run("X03 a source that hangs", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			own := selfSigned(t, "fintech").Leaf
			a := newAuthenticator(t, sourceFunc(func(ctx context.Context, _ string) (mtls.Client, bool, error) {
				select {
				case <-ctx.Done():
				case <-time.After(time.Minute):
				}
				return holding(own), true, nil // and takes the end for an answer
			}))
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			start := time.Now()
			got, err := a.Authenticate(over(formOf("fintech"), own).WithContext(ctx))
			requireFault(t, got, err)
			assert.ErrorIs(t, err, context.DeadlineExceeded)
			assert.Equal(t, 10*time.Second, time.Since(start))
			requireAuthenticated(t, a, "fintech", over(formOf("fintech"), own)) // control
		})
	})
	t.Run("X17 two clients through one authenticator", func(t *testing.T) {
		t.Parallel()
		ca := newAuthority(t, "ca")
		roots := poolOf(ca)
		chains, clients := map[string][]*x509.Certificate{}, registry{}
		for _, id := range []string{"a", "b"} {
			chains[id] = chainOf(t, signedBy(t, &ca, id, forClients))
			clients[id] = issuedTo(t, "CN="+id, roots)
		}
		a := newAuthenticator(t, clients)
		var group sync.WaitGroup
		var wrong atomic.Int64
		for range 8 {
			for id, chain := range chains {
				group.Go(func() {
					for range 25 {
						if got, err := a.Authenticate(over(formOf(id), chain...)); err != nil || got != id {
							wrong.Add(1)
						}
						other := map[string]string{"a": "b", "b": "a"}[id]
						if got, err := a.Authenticate(over(formOf(other), chain...)); err == nil || got != "" {
							wrong.Add(1)
						}
					}
				})
			}
		}
		group.Wait()
		require.Zero(t, wrong.Load())
	})
}

func TestObserve(t *testing.T) {
	t.Parallel()
	own := selfSigned(t, "fintech").Leaf
	var events []mtls.Event
	a := newAuthenticator(t, registry{"fintech": holding(own)}, func(c *mtls.ClientAuthenticatorConfig) {
		c.Observe = func(e mtls.Event) { events = append(events, e) }
	})
	requireAuthenticated(t, a, "fintech", over(formOf("fintech"), own))
	_, err := a.Authenticate(over(formOf("other"), own))
	require.Equal(t, []mtls.Event{{ClientID: "fintech"}, {Err: err}}, events)
}

// TestBehindProxy: the proxy's certificate authenticates nobody, and the
// client's chain is verified here, whatever the proxy may think of it.
func TestBehindProxy(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "ca")
	subCA := signedBy(t, &ca, "sub ca", asAuthority)
	proxy, fintech := signedBy(t, &ca, "proxy", forClients), signedBy(t, &subCA, "fintech", forClients)
	forged := selfSigned(t, "fintech")
	a := newAuthenticator(t, registry{
		"fintech": issuedTo(t, "CN=fintech", poolOf(ca)), "proxy": issuedTo(t, "CN=proxy", poolOf(ca)), "self": holding(forged.Leaf),
	}, func(c *mtls.ClientAuthenticatorConfig) {
		c.Certificate = fromProxy(t, mtls.ProxyConfig{
			Format: mtls.RFC9440, Chain: true, Trusted: mtls.TrustedCertificates(mtls.Thumbprint(proxy.Leaf)),
		})
	})
	e := newTokenEndpoint(t, a)
	post := func(client *http.Client, clientID string, fields ...string) int {
		r := formOf(clientID)
		r.RequestURI = ""
		r.URL, _ = r.URL.Parse(e.URL)
		for i := 0; i < len(fields); i += 2 {
			r.Header.Add(fields[i], fields[i+1])
		}
		return send(t, client, r).StatusCode
	}
	trusted := e.client(t, &proxy)
	chain := []string{"Client-Cert", itemOf(fintech.Leaf), "Client-Cert-Chain", itemOf(subCA.Leaf)}
	require.Equal(t, http.StatusOK, post(trusted, "fintech", chain...))
	require.Equal(t, http.StatusUnauthorized, post(trusted, "fintech", chain[:2]...), "without the intermediate")
	require.Equal(t, http.StatusUnauthorized, post(trusted, "fintech", "Client-Cert", itemOf(forged.Leaf), "X-SSL-Client-Verify", "SUCCESS"))
	require.Equal(t, http.StatusUnauthorized, post(trusted, "proxy"), "PX-8")
	require.Equal(t, http.StatusUnauthorized, post(e.client(t, &fintech), "fintech"), "PX-8, the other way round")
	require.Equal(t, http.StatusUnauthorized, post(e.client(t, &forged), "fintech", chain...), "M12")
	require.Equal(t, http.StatusOK, post(trusted, "self", "Client-Cert", itemOf(forged.Leaf)))
	requireUnknown(t, a, mtls.ErrProxy, invalidClient, func() *http.Request {
		r := over(formOf("fintech"), fintech.Leaf)
		r.Header.Set("Client-Cert", itemOf(fintech.Leaf))
		return r
	}())
}
