//go:build linux

package interop_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/mtls"
)

// spoofs sends fields that only the proxy may write. Whoever sends them has a
// stolen token and the certificate it is bound to, which is public, and lacks
// the key. Every one that is refused at the careful listener is let through at
// the careless one, or would be if the API believed the wrong field.
func (s *stand) spoofs(t *testing.T) {
	header, forged := s.header(), s.forge(s.client)
	t.Run("M06, M12 forged field", func(t *testing.T) {
		s.at(t, "careful").call(s.client, header, forged).refused(mtls.ErrNoCertificate)
		s.at(t, "careful").with(s.colleague).call(s.client, header, forged).refused(mtls.ErrBinding)
		s.at(t, "careful").with(s.client).call(s.client, header, s.forge(s.colleague)).admitted()
		s.at(t, "careful").authenticate(issuedClient, header, forged).refused(mtls.ErrNoCertificate)

		s.at(t, "careless").call(s.client, header, forged).admitted()
		s.at(t, "careless").authenticate(issuedClient, header, forged).admitted()
		if s.conditional { // and looks all right to who tests it with a certificate
			s.at(t, "careless").with(s.client).call(s.client, header, s.forge(s.colleague)).admitted()
			s.at(t, "careless").with(s.colleague).call(s.client, header, forged).refused(mtls.ErrBinding)
		}
	})
	t.Run("M06 forged field over HTTP/2", func(t *testing.T) {
		c := s.at(t, "careful")
		c.http2 = true
		a := c.with(s.client).call(s.client)
		a.admitted()
		require.Equal(t, 2, a.ProtoMajor)
		c.call(s.client, header, forged).refused(mtls.ErrNoCertificate)
		c = s.at(t, "careless")
		c.http2 = true
		c.call(s.client, header, forged).admitted()
	})
	t.Run("M06 field that the proxy does not manage", func(t *testing.T) {
		s.at(t, "careful").call(s.client, unmanaged, forged).refused(mtls.ErrNoCertificate)
		s.at(t, "careful").get("/unmanaged", s.client, unmanaged, forged).admitted()
	})
	t.Run("M07 forged field at a site without client certificates", func(t *testing.T) {
		names := append(underscored(header), header)
		if s.config.Format == mtls.RFC9440 {
			names = append(names, append(underscored("Client-Cert-Chain"), "Client-Cert-Chain")...)
		}
		for _, name := range names {
			s.at(t, "beside").call(s.client, name, forged).refused(mtls.ErrNoCertificate)
		}
		s.at(t, "beside").with(s.client).call(s.client).refused(mtls.ErrNoCertificate)
	})
	t.Run("M08 field twice", func(t *testing.T) {
		other := s.forge(s.colleague)
		s.at(t, "careful").call(s.client, header, forged, header, other).refused(mtls.ErrNoCertificate)
		s.at(t, "careful").with(s.client).call(s.client, header, other, header, other).admitted()
		for _, values := range [][]string{{forged, forged}, {forged, other}, {other, forged}} {
			s.at(t, "careless").call(s.client, header, values[0], header, values[1]).refused(mtls.ErrProxy)
			s.at(t, "careless").call(s.client, header, strings.Join(values, ", ")).refused(mtls.ErrProxy)
		}
		s.at(t, "careless").call(s.client, header, forged).admitted()
		if s.adds {
			s.at(t, "adding").with(s.colleague).call(s.client, header, forged).refused(mtls.ErrProxy)
			s.at(t, "adding").with(s.client).call(s.client, header, other).refused(mtls.ErrProxy)
			s.at(t, "adding").with(s.client).call(s.client).admitted()
		}
	})
	t.Run("M10 other spellings", func(t *testing.T) {
		for _, name := range []string{strings.ToLower(header), strings.ToUpper(header)} {
			s.at(t, "careful").call(s.client, name, forged).refused(mtls.ErrNoCertificate)
			s.at(t, "careful").with(s.client).call(s.client, name, s.forge(s.colleague)).admitted()
			s.at(t, "careless").call(s.client, name, forged).admitted()
			s.at(t, "careless").call(s.client, header, forged, name, forged).refused(mtls.ErrProxy)
		}
		for _, name := range underscored(header) {
			s.at(t, "careful").call(s.client, name, forged).refused(mtls.ErrNoCertificate)
			s.at(t, "careful").with(s.client).call(s.client, name, forged).admitted()
			s.at(t, "careless").call(s.client, name, forged).refused(mtls.ErrProxy)
			s.at(t, "careless").call(s.client, header, forged, name, forged).refused(mtls.ErrProxy)
		}
	})
	if s.config.Format == mtls.RFC9440 {
		t.Run("M06 forged chain", func(t *testing.T) {
			for _, name := range append(underscored("Client-Cert-Chain"), "Client-Cert-Chain") {
				s.at(t, "careful").call(s.client, name, forged).refused(mtls.ErrNoCertificate)
				s.at(t, "careful").with(s.client).call(s.client, name, ":junk:").admitted()
				s.at(t, "careless").call(s.client, name, forged).refused(mtls.ErrProxy)
			}
		})
	}
	t.Run("M10 lines that servers may read differently", func(t *testing.T) {
		for _, start := range []string{
			header + " : ", header + "\t: ", header + "\x00: ", header + ":\r\n ", header + "\r\n\t: ", " " + header + ": ",
			"X-A: b\n" + header + ": ", "X-A: b\r" + header + ": ", "X-A: b\r\n " + header + ": ",
		} {
			a := s.at(t, "careful").callRaw(s.client, start+forged)
			require.True(t, !a.reached || a.err != nil, "%q", start)
			require.Contains(t, []int{http.StatusBadRequest, http.StatusUnauthorized}, a.StatusCode, "%q", start)
		}
		s.at(t, "careless").callRaw(s.client, header+": "+forged).admitted()
	})
	t.Run("M01 field that the client has the proxy drop", func(t *testing.T) {
		s.at(t, "careful").with(s.client).call(s.client, "Connection", header).admitted()
		s.at(t, "careful").call(s.client, "Connection", header, header, forged).refused(mtls.ErrNoCertificate)
		if s.hopByHop {
			s.at(t, "careless").with(s.client).call(s.client).admitted()
			s.at(t, "careless").with(s.client).call(s.client, "Connection", header).refused(mtls.ErrNoCertificate)
		}
	})
}

// underscored are the names that some servers take for this one.
func underscored(header string) (names []string) {
	at := []int{}
	for i := range len(header) {
		if header[i] == '-' {
			at = append(at, i)
		}
	}
	for set := 1; set < 1<<len(at); set++ {
		name := []byte(header)
		for bit, i := range at {
			if set&(1<<bit) != 0 {
				name[i] = '_'
			}
		}
		names = append(names, string(name), strings.ToLower(string(name)))
	}
	return names
}

// peers goes to the API without the proxy.
func (s *stand) peers(t *testing.T) {
	header, forged := s.header(), s.forge(s.client)
	direct := func(t *testing.T, from string) caller {
		return caller{t: t, api: s.api, address: s.api.Listener.Addr().String(), from: from, plain: !s.byCertificate}
	}
	t.Run("M06 forged field from somebody else than the proxy", func(t *testing.T) {
		if !s.byCertificate {
			direct(t, "127.0.0.2").call(s.client).refused(mtls.ErrNoCertificate)
			direct(t, "127.0.0.2").call(s.client, header, forged).refused(mtls.ErrProxy)
			direct(t, "127.0.0.2").call(s.client, header, forged, "X-Forwarded-For", "127.0.0.1").refused(mtls.ErrProxy)
			direct(t, "127.0.0.2").authenticate(issuedClient, header, forged).refused(mtls.ErrProxy)
			direct(t, "127.0.0.1").call(s.client, header, forged).admitted()
			return
		}
		direct(t, "").call(s.client).refused(mtls.ErrNoCertificate)
		direct(t, "").call(s.client, header, forged).refused(mtls.ErrProxy)
		direct(t, "").authenticate(issuedClient, header, forged).refused(mtls.ErrProxy)
		direct(t, "").with(s.colleague).call(s.client, header, forged).refused(mtls.ErrProxy)
		direct(t, "").with(s.proxy).call(s.client, header, forged).admitted()
	})
	if s.byCertificate {
		t.Run("M01 certificate of the connection to the API", func(t *testing.T) {
			s.at(t, "careful").call(s.proxy).refused(mtls.ErrNoCertificate)
			direct(t, "").with(s.proxy).call(s.proxy).refused(mtls.ErrNoCertificate)
			direct(t, "").with(s.client).call(s.client).refused(mtls.ErrNoCertificate)
		})
	}
}
