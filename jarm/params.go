package jarm

import (
	"errors"
	"net/url"
	"slices"

	"github.com/go-fapi/fapi/internal/jose"
)

// The response modes (JARM section 2.3). The plain ones are for
// [DecoderConfig.ResponseMode] alone.
const (
	ModeJWT         = "jwt"           // query.jwt, as the response type is code
	ModeQueryJWT    = "query.jwt"     // GET, response in the query
	ModeFragmentJWT = "fragment.jwt"  // response in the fragment
	ModeFormPostJWT = "form_post.jwt" // POST, response in the form
	ModeQuery       = "query"         // plain, with iss (RFC 9207)
	ModeFormPost    = "form_post"     // plain, with iss (RFC 9207)
)

// Names on the wire.
const (
	paramResponse    = "response"
	paramCode        = "code"
	paramState       = "state"
	paramIssuer      = "iss"
	paramError       = "error"
	paramDescription = "error_description"
	paramURI         = "error_uri"
	paramAccessToken = "access_token"
	paramIDToken     = "id_token"
	paramExpiresIn   = "expires_in"
)

// plainParams are what a plain response consists of. Beside a JWT each of them
// is a second answer to the same question.
var plainParams = [...]string{
	paramCode, paramState, paramIssuer, paramError, paramDescription, paramURI,
	paramAccessToken, paramIDToken, paramExpiresIn, "token_type",
}

// claimNames are the members that belong to the JWT and not to the response.
var claimNames = [...]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

func hasAny(params url.Values, names ...string) bool {
	return slices.ContainsFunc(names, params.Has)
}

// collect returns the visitor of a payload that puts response parameters into
// params. Members that are neither text nor number, and that we do not know, are
// ignored (JARM section 2.1); so is an empty value (RFC 6749 section 3.1).
func collect(params url.Values) func(name []byte, value jose.Value) error {
	return func(name []byte, value jose.Value) error {
		key := string(name)
		known := slices.Contains(plainParams[:], key)
		switch {
		case value[0] == '"':
			text, err := value.Text()
			if text != "" {
				params.Set(key, text)
			}
			return err
		case isNumber(value) && (!known || key == paramExpiresIn):
			params.Set(key, string(value)) // with all its digits
		case known:
			return refuse(ErrMalformed, errors.New(key+" has another JSON type"))
		}
		return nil
	}
}

func isNumber(value jose.Value) bool {
	return value[0] == '-' || value[0] >= '0' && value[0] <= '9'
}

// outcome tells a success from an error, once everything else is checked. A
// response that is both would be read as either by different code.
func outcome(params url.Values) (url.Values, error) {
	if err := checkOutcome(params); err != nil {
		return nil, refuse(ErrMalformed, err)
	}
	if !params.Has(paramError) {
		return params, nil
	}
	return nil, &AuthorizationError{
		code:        params.Get(paramError),
		description: params.Get(paramDescription),
		uri:         params.Get(paramURI),
		state:       params.Get(paramState),
	}
}

// checkOutcome applies RFC 6749 section 4.1.2 and 4.1.2.1.
func checkOutcome(params url.Values) error {
	granted := hasAny(params, paramCode, paramAccessToken, paramIDToken)
	switch {
	case granted && params.Has(paramError):
		return errors.New("a success and an error in one response")
	case !granted && !params.Has(paramError):
		return errors.New("neither a code nor an error")
	case !granted && !isErrorCode(params.Get(paramError)):
		return errors.New("error is outside RFC 6749 appendix A.7")
	}
	return nil
}

// maxErrorCode is far beyond every registered code. It goes into error texts.
const maxErrorCode = 128

// isErrorCode is 1*NQSCHAR (RFC 6749 appendix A.7).
func isErrorCode(code string) bool {
	for i := range len(code) {
		if c := code[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return code != "" && len(code) <= maxErrorCode
}

// isClientID is 1*VSCHAR (RFC 6749 appendix A.1).
func isClientID(id string) bool {
	for i := range len(id) {
		if id[i] < ' ' || id[i] > '~' {
			return false
		}
	}
	return id != ""
}
