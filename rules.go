package fapi

import (
	"slices"
	"time"
)

// Rules are the figures and choices of a profile. A zero duration or an empty
// list means that the profile sets none.
type Rules struct {
	Title string

	SigningAlgorithms []string // JWS: nothing else is signed with or accepted
	MinRSABits        int
	MinECBits         int

	// ResponseTypes are those an authorization server accepts. ResponseModes are
	// the ones it has to be asked for with response type code.
	ResponseTypes []string
	ResponseModes []string

	ClientAuthentication []string // token_endpoint_auth_method
	SenderConstraints    []string // at least one of "mTLS" and "DPoP"
	AssertionAudience    Audience // of client assertions

	CodeLifetime          time.Duration // at most
	PushedRequestLifetime time.Duration // less than
	RequestObjectLifetime time.Duration // exp at most this long after nbf
	RequestObjectAge      time.Duration // nbf at most this long ago
	FutureAccepted        time.Duration // an iat or nbf up to this far ahead has to be accepted
	FutureRefused         time.Duration // one further ahead than this has to be refused

	PushedRequests    bool // no request but by way of PAR
	SignedRequests    bool // no request but in a signed request object, whose aud is or holds the issuer
	SignedResponses   bool // no response but signed: by JARM, or in FAPI 1.0 by an ID token
	IssuerInResponse  bool // iss beside the code (RFC 9207), or in the signed response
	PKCE              bool // S256 with every request
	PKCEWhenPushed    bool // S256 with every pushed request
	LoopbackRedirects bool // native applications may use http on the loopback interface
}

// Audience is a rule for the aud claim of client assertions.
type Audience string

// The rules for the aud claim of client assertions.
const (
	IssuerOnly       Audience = "issuer"             // the issuer identifier as a string (FAPI 2.0 SP 5.3.2.1-8)
	IssuerOrEndpoint Audience = "issuer or endpoint" // the issuer or the URL of the endpoint called, or an array that holds one
)

// Rules returns a copy of the profile's rules.
func (p Profile) Rules() (Rules, error) {
	t, err := p.tables()
	if err != nil {
		return Rules{}, err
	}
	rules := t.rules
	for _, list := range []*[]string{
		&rules.SigningAlgorithms, &rules.ResponseTypes, &rules.ResponseModes, &rules.ClientAuthentication, &rules.SenderConstraints,
	} {
		*list = slices.Clone(*list)
	}
	return rules, nil
}

var (
	securityAlgorithms = []string{"PS256", "ES256", "EdDSA", "Ed25519"} // Ed25519: RFC 9864's name for the same
	advancedAlgorithms = []string{"PS256", "ES256"}
	authentications    = []string{"private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"}

	// none has rows of its own, which say more.
	authenticationsOrNone = append([]string{"none"}, authentications...)
	// Callers of the introspection endpoint may show an access token in place
	// of client authentication (RFC 8414 section 2).
	authenticationsOrToken = append([]string{"Bearer", "DPoP"}, authentications...)
)

var securityRules = Rules{
	Title:                 "FAPI 2.0 Security Profile",
	SigningAlgorithms:     securityAlgorithms, // 5.4.1
	MinRSABits:            2048,               // 5.4.1
	MinECBits:             224,                // 5.4.1
	ResponseTypes:         []string{"code"},   // 5.3.2.2-1
	ClientAuthentication:  authentications,    // 5.3.2.1-6
	SenderConstraints:     []string{"mTLS", "DPoP"},
	AssertionAudience:     IssuerOnly,       // 5.3.2.1-8
	CodeLifetime:          60 * time.Second, // 5.3.2.1-11
	PushedRequestLifetime: 600 * time.Second,
	FutureAccepted:        10 * time.Second, // 5.3.2.1-13
	FutureRefused:         60 * time.Second, // 5.3.2.1-13
	PushedRequests:        true,             // 5.3.2.2-3
	IssuerInResponse:      true,             // 5.3.2.2-7
	PKCE:                  true,             // 5.3.2.2-5
	PKCEWhenPushed:        true,
	LoopbackRedirects:     true, // 5.3.2.2-8
}

var messageSigningRules = func() Rules {
	rules := securityRules
	rules.Title = "FAPI 2.0 Message Signing"
	rules.ResponseModes = []string{"jwt"}          // 5.4.2-1
	rules.RequestObjectLifetime = 60 * time.Minute // 5.3.1-4
	rules.RequestObjectAge = 60 * time.Minute      // 5.3.1-3
	rules.SignedRequests = true                    // 5.3.1-1
	rules.SignedResponses = true                   // 5.4.1-1
	return rules
}()

var advancedRules = Rules{
	Title:                 "FAPI 1.0 Advanced",
	SigningAlgorithms:     advancedAlgorithms,                // 8.6
	MinRSABits:            2048,                              // Baseline 5.2.2-5
	MinECBits:             160,                               // Baseline 5.2.2-6
	ResponseTypes:         []string{"code id_token", "code"}, // 5.2.2-2
	ResponseModes:         []string{"jwt"},                   // 5.2.2-2
	ClientAuthentication:  authentications,                   // 5.2.2-14
	SenderConstraints:     []string{"mTLS"},                  // 5.2.2-5, -6
	AssertionAudience:     IssuerOrEndpoint,                  // RFC 7523 section 3, RFC 9126 section 2
	RequestObjectLifetime: 60 * time.Minute,                  // 5.2.2-13
	RequestObjectAge:      60 * time.Minute,                  // 5.2.2-17
	SignedRequests:        true,                              // 5.2.2-1
	SignedResponses:       true,                              // 5.2.2-2
	PKCEWhenPushed:        true,                              // 5.2.2-18
}
