package mtls

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-fapi/fapi/internal/jose"
)

// maxMetadata is the size of a metadata document in octets.
const maxMetadata = 1 << 20

// Endpoint returns the URL that a client using mutual TLS must call, of an
// authorization server's metadata document (RFC 8414): the one of the name in
// mtls_endpoint_aliases, or without that the usual one (RFC 8705 section 5).
// The name is such as "token_endpoint". What the browser visits has no alias:
// for the authorization_endpoint and the end_session_endpoint the result is the
// usual URL, and so it is for jwks_uri and all else that is not an endpoint.
//
// The document must be for this issuer, octet by octet (RFC 8414 section 3.3).
// The URL must be absolute, https, and without fragment; an alias that is not
// is an error, since without it the request would go where no certificate is
// asked for. signed_metadata is not read.
//
// The issuer stays what it is, also as the audience of client assertions. The
// htu of a DPoP proof is the URL that is called.
func Endpoint(metadata []byte, issuer, name string) (string, error) {
	if !isHTTPS(issuer) || strings.Contains(issuer, "?") {
		return "", errors.New("mtls: metadata: the issuer has to be an https URL without query and fragment")
	}
	if len(metadata) > maxMetadata {
		return "", errors.New("mtls: metadata: larger than 1 MiB")
	}
	usual, alias, err := readMetadata(metadata, issuer, name)
	switch {
	case err != nil:
		return "", fmt.Errorf("mtls: metadata: %w", err)
	case alias != nil && hasAlias(name):
		usual = alias
	case usual == nil:
		return "", fmt.Errorf("mtls: metadata: no %q", name)
	}
	target, err := usual.Text()
	if err != nil || !isHTTPS(target) {
		return "", fmt.Errorf("mtls: metadata: %q is not an https URL without fragment", name)
	}
	return target, nil
}

// readMetadata finds the member of this name at the top and among the aliases.
func readMetadata(metadata []byte, issuer, name string) (usual, alias jose.Value, err error) {
	var aliases jose.Value
	isOurs := false
	err = jose.ReadObject(metadata, func(member []byte, value jose.Value) error {
		switch string(member) {
		case "issuer":
			text, err := value.Text()
			isOurs = err == nil && text == issuer
		case "mtls_endpoint_aliases":
			aliases = value
		}
		if string(member) == name {
			usual = value
		}
		return nil
	})
	if err == nil && !isOurs {
		err = errors.New("not of this issuer")
	}
	if err != nil || aliases == nil {
		return usual, nil, err
	}
	err = jose.ReadObject(aliases, func(member []byte, value jose.Value) error {
		if string(member) == name {
			alias = value
		}
		return nil
	})
	return usual, alias, err
}

// hasAlias leaves out what a client does not call itself; an alias for that has
// no meaning.
func hasAlias(name string) bool {
	return strings.HasSuffix(name, "_endpoint") && name != "authorization_endpoint" && name != "end_session_endpoint"
}

func isHTTPS(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil &&
		isGraphic(text, maxURL) && !strings.Contains(text, "#")
}
