package fapi

import (
	"crypto/tls"
	"fmt"
	"slices"
)

// Role is a side of a TLS connection.
type Role string

// The roles.
const (
	BrowserEndpoint Role = "browser" // a server visited by users' browsers, as the authorization endpoint is
	APIEndpoint     Role = "api"     // a server that only programs call: token endpoint, resources
	TLSClient       Role = "client"  // a program that calls such servers
)

// The suites that crypto/tls has of those in RFC 9325 section 4.2.
var (
	fourSuites = []uint16{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
	}
	browserSuites = append(slices.Clone(fourSuites),
		tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
	)
	// FAPI 1.0 Advanced 8.5-1 without the DHE suites, which crypto/tls lacks.
	rsaSuites = []uint16{
		tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
	}

	recommendedSuites = map[Role][]uint16{BrowserEndpoint: browserSuites, APIEndpoint: fourSuites, TLSClient: fourSuites}
	advancedSuites    = map[Role][]uint16{BrowserEndpoint: browserSuites, APIEndpoint: rsaSuites, TLSClient: rsaSuites}
)

// TLSConfig returns a new configuration with the versions and cipher suites that
// the profile allows the role; everything else, certificates first, is for the
// caller to add. The suites are those of TLS 1.2, since TLS 1.3 has only sound
// ones.
//
// FAPI 2.0 (5.2.1-2, 5.2.2-1) leaves the four suites of RFC 9325 section 4.2,
// and browsers' endpoints (5.2.3-2) any that BCP 195 permits: here, those with
// ChaCha20-Poly1305 too. A listener that serves both is an APIEndpoint. FAPI 1.0
// Advanced (8.5) has two suites that crypto/tls knows, both for RSA: a server
// there needs an RSA certificate if it is to speak TLS 1.2 with programs.
func (p Profile) TLSConfig(role Role) (*tls.Config, error) {
	t, err := p.tables()
	if err != nil {
		return nil, err
	}
	suites, ok := t.suites[role]
	if !ok {
		return nil, fmt.Errorf("fapi: %w: no such role", ErrInput)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: slices.Clone(suites)}, nil
}
