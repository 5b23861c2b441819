package server

import (
	"errors"
	"fmt"
)

// coded is a refusal with nothing to tell but its code: of the token endpoint
// (RFC 6749 section 5.2) or of the authorization endpoint (section 4.1.2.1).
type coded string

func (c coded) Error() string     { return "server: " + string(c) }
func (c coded) OAuthCode() string { return string(c) }

const (
	errRequest          = coded("invalid_request")
	errRequestURI       = coded("invalid_request_uri")
	errScope            = coded("invalid_scope")
	errDetails          = coded("invalid_authorization_details") // RFC 9396 section 5
	errTarget           = coded("invalid_target")                // RFC 8707 section 2
	errGrant            = coded("invalid_grant")
	errUnauthorized     = coded("unauthorized_client")
	errUnsupportedGrant = coded("unsupported_grant_type")
)

// errOwnTokens has a text of its own: the registration has to be looked at.
var errOwnTokens = fmt.Errorf("%w: the client is not registered for client_credentials (OwnTokens)", errUnauthorized)

// grantError is a refusal of a code or a refresh token. To the client all are
// invalid_grant: which it was would help only who stole the code.
type grantError string

func (g grantError) Error() string     { return "server: " + string(g) }
func (g grantError) OAuthCode() string { return string(errGrant) }

// The refusals that ObserveRefusal can tell apart.
const (
	ErrCodeClient    = grantError("the code is another client's")          // RFC 6749 section 4.1.3
	ErrCodeUsed      = grantError("the code was used before")              // RFC 6749 section 4.1.2
	ErrVerifier      = grantError("code_verifier does not fit the code")   // RFC 7636 section 4.6
	ErrCodeKey       = grantError("the code is bound to another DPoP key") // RFC 9449 section 10
	ErrRefreshClient = grantError("the refresh token is another client's") // RFC 6749 section 6
	ErrTokenClient   = grantError("the token is another client's")         // RFC 7009 section 2.1
)

// observe tells the operator why something was refused.
func (s *Server) observe(err error) {
	if s.config.ObserveRefusal != nil && err != nil {
		s.config.ObserveRefusal(err)
	}
}

// oauthCode is the code of a refusal. Anything else is a fault of the server.
func oauthCode(err error) (code string, ok bool) {
	var refusal interface{ OAuthCode() string }
	if !errors.As(err, &refusal) {
		return "", false
	}
	return refusal.OAuthCode(), true
}
