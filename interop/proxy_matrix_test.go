//go:build linux

package interop_test

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/mtls"
)

// matrix sends one certificate after the other to the careful listener.
func (s *stand) matrix(t *testing.T) {
	t.Run("certificate of the authority", func(t *testing.T) {
		c := s.at(t, "careful").with(s.client)
		a := c.call(s.client)
		a.admitted()
		require.Equal(t, "no-store", a.Header.Get("Cache-Control"))
		c.authenticate(issuedClient).admitted()
		c.authenticate(selfSignedClient).refused(mtls.ErrRegistered)
	})
	t.Run("M01 no certificate", func(t *testing.T) {
		c := s.at(t, "careful")
		c.call(s.client).refused(mtls.ErrNoCertificate)
		c.authenticate(issuedClient).refused(mtls.ErrNoCertificate)
		c.authenticate(selfSignedClient).refused(mtls.ErrNoCertificate)
	})
	t.Run("another certificate of the authority", func(t *testing.T) {
		c := s.at(t, "careful").with(s.colleague)
		c.call(s.client).refused(mtls.ErrBinding)
		c.authenticate(issuedClient).refused(mtls.ErrSubject)
		c.call(s.colleague).admitted()
	})
	t.Run("M13 self-signed certificate", func(t *testing.T) {
		c := s.at(t, "careful").with(s.registered)
		c.authenticate(issuedClient).refused(mtls.ErrChain)
		c.authenticate(selfSignedClient).admitted()
		c.call(s.registered).admitted()
		c.call(s.client).refused(mtls.ErrBinding)

		c = c.with(s.stranger)
		c.authenticate(issuedClient).refused(mtls.ErrChain)
		c.authenticate(selfSignedClient).refused(mtls.ErrRegistered)
		c.call(s.stranger).admitted()
	})
	t.Run("M15 same subject of an authority that only the proxy trusts", func(t *testing.T) {
		c := s.at(t, "careful").with(s.impostor)
		c.authenticate(issuedClient).refused(mtls.ErrChain)
		c.call(s.client).refused(mtls.ErrBinding)
		c.call(s.impostor).admitted()
	})
	t.Run("expired certificate", func(t *testing.T) {
		c := s.at(t, "careful").with(s.expired)
		if s.checksDates {
			c.authenticate(issuedClient).stopped()
			c.call(s.expired).stopped()
			return
		}
		c.authenticate(issuedClient).refused(mtls.ErrChain)
		c.call(s.expired).admitted() // RFC 8705 section 6.2
	})
	t.Run("certificate of an intermediate", func(t *testing.T) {
		c := s.at(t, "careful").with(s.below)
		c.call(s.below).admitted()
		c.authenticate(anchoredClient).admitted()
		s.at(t, "careful").with(s.client).authenticate(anchoredClient).refused(mtls.ErrChain)
		if s.config.Chain {
			c.authenticate(issuedClient).admitted()
			return
		}
		c.authenticate(issuedClient).refused(mtls.ErrChain)
	})
	t.Run("certificate of 9 kB", func(t *testing.T) {
		c := s.at(t, "careful").with(s.large)
		// The buffer of a proxy has to hold the request as well.
		c.call(s.large, "X-Signature", strings.Repeat("x", 4000)).admitted()
		c.call(s.client).refused(mtls.ErrBinding)
		c.authenticate(issuedClient).admitted()
	})
}

// sessions resumes TLS sessions.
func (s *stand) sessions(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run("M20 resumed session of "+tls.VersionName(version), func(t *testing.T) {
			newSession := func() *tls.Config {
				return &tls.Config{MinVersion: version, MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
			}
			c := s.at(t, "careful").with(s.below)
			c.tls = newSession()
			a := c.call(s.below)
			a.admitted()
			require.False(t, a.TLS.DidResume)
			a = c.call(s.below)
			a.admitted()
			require.True(t, a.TLS.DidResume)
			c.call(s.client).refused(mtls.ErrBinding)
			// It is that of the session, whatever the client has in hand now.
			c.with(s.client).call(s.client).refused(mtls.ErrBinding)
			// Tickets of OpenSSL hold the certificate without its chain, so that the
			// intermediate has to be among the Roots, whatever the form.
			c.authenticate(anchoredClient).admitted()
			c.authenticate(issuedClient).refused(mtls.ErrChain)

			c = s.at(t, "careful")
			c.tls = newSession()
			c.call(s.client).refused(mtls.ErrNoCertificate)
			a = c.with(s.client).call(s.client)
			a.refused(mtls.ErrNoCertificate)
			require.True(t, a.TLS.DidResume)
		})
	}
}
