package server

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"
	"time"

	"github.com/go-fapi/fapi/examples/internal/program"
	"github.com/go-fapi/fapi/examples/internal/strictjson"
	"github.com/go-fapi/fapi/jwks"
	"github.com/go-fapi/fapi/mtls"
	"github.com/go-fapi/fapi/privatekeyjwt"
)

// material is what the files of a configuration hold.
type material struct {
	certificate tls.Certificate // of all listeners
	trust       *x509.CertPool
	networks    []netip.Prefix
	evidence    crypto.Signer
	published   []jwks.Key               // of evidence: the one that signs, and others
	transport   http.RoundTripper        // to the APIs
	askers      []*http.Client           // for each API, to the introspection endpoint
	proxy       func(*http.Request) bool // whether a request is the proxy's
	idle        []interface{ CloseIdleConnections() }
}

// read reads the files, and makes of them what can be made of them alone.
func (c *Config) read(s strictjson.Section, f program.Files, l limits) (m material) {
	m.certificate = f.KeyPair(s.Field("tls"), c.TLS)
	m.trust = f.Pool(s.Field("trust"), c.Trust)
	m.networks = program.Prefixes(s.Field("internal_networks"), c.InternalNetworks)
	c.Evidence.read(s.Field("evidence"), f, &m)
	if c.Proxy != nil {
		m.proxy = c.Proxy.trusted(s.Field("proxy"), f)
	}
	m.transport = m.towards(s.Field("identity"), f, c.Identity, l.upstream)
	for i, api := range c.APIs {
		m.askers = append(m.askers, c.asker(s, i, f, &m, api.Credentials))
	}
	return m
}

// read finds the key that signs, and the others that are published with it: the
// next one, and the last one for as long as its statements live.
func (e *Evidence) read(s strictjson.Section, f program.Files, m *material) {
	if m.evidence = f.PrivateKey(s.Field("key"), e.Key); m.evidence == nil {
		return
	}
	m.published = []jwks.Key{{Key: m.evidence.Public()}}
	for i, name := range e.Others {
		if key := f.PublicKey(s.Field("others").Index(i), name); key != nil {
			m.published = append(m.published, jwks.Key{Key: key})
		}
	}
}

// trusted knows the proxy by its certificate or by its address.
func (p *Proxy) trusted(s strictjson.Section, f program.Files) func(*http.Request) bool {
	if len(p.Peers) > 0 {
		return mtls.TrustedPeers(program.Prefixes(s.Field("peers"), p.Peers)...)
	}
	var thumbprints [][32]byte
	for i, name := range p.Certificates {
		if read := f.Certificates(s.Field("certificates").Index(i), name); len(read) > 0 {
			thumbprints = append(thumbprints, mtls.Thumbprint(read[0]))
		}
	}
	return mtls.TrustedCertificates(thumbprints...)
}

// towards is a transport to servers inside. It shows the gateway's certificate to
// those that ask for one, and uses no proxy of the environment.
func (m *material) towards(s strictjson.Section, f program.Files, identity program.KeyPair, patience time.Duration) http.RoundTripper {
	pair := f.KeyPair(s, identity)
	if pair.Leaf == nil {
		return nil
	}
	rotator, err := mtls.NewRotator(pair)
	if err != nil {
		s.Refuse("%v", err)
		return nil
	}
	transport, err := rotator.Transport(m.base(patience))
	if err != nil {
		s.Refuse("%v", err)
		return nil
	}
	if closer, ok := transport.(interface{ CloseIdleConnections() }); ok {
		m.idle = append(m.idle, closer)
	}
	return transport
}

func (m *material) base(patience time.Duration) *http.Transport {
	return &http.Transport{
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: m.trust},
		TLSHandshakeTimeout:    5 * time.Second,
		ResponseHeaderTimeout:  patience,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConnsPerHost:    64,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true, // bodies pass as they are
	}
}

// asker authenticates by private_key_jwt or by certificate. Either way the
// authorization server knows it for the gateway of one API.
func (c *Config) asker(root strictjson.Section, i int, f program.Files, m *material, credentials Credentials) *http.Client {
	s := root.Field("apis").Index(i).Field("credentials")
	if credentials.Identity != nil {
		transport := m.towards(s.Field("identity"), f, *credentials.Identity, 0)
		return &http.Client{Transport: transport}
	}
	key := f.PrivateKey(s.Field("key"), credentials.Key)
	if key == nil || !root.Field("issuer").Sound() {
		return nil
	}
	signer, err := privatekeyjwt.NewSigner(privatekeyjwt.SignerConfig{ClientID: credentials.ClientID, Issuer: c.Issuer, Key: key})
	if err != nil {
		s.Refuse("%v", err)
		return nil
	}
	base := m.base(0)
	m.idle = append(m.idle, base)
	return &http.Client{Transport: &privatekeyjwt.Transport{Signer: signer, Endpoints: []string{c.Introspection}, Base: base}}
}
