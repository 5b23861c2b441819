package fapi

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// maxIdentifier bounds identifiers and parameters that are URLs, in octets.
const maxIdentifier = 2048

// MetadataURLs returns where the metadata of an issuer is: by RFC 8414 section
// 3.1, with the well-known part between host and path, and by OpenID Connect
// Discovery section 4, with it at the end.
//
// The issuer is taken octet by octet as it stands, since the issuer in the
// document has to be identical (RFC 8414 section 3.3). It has to be an https
// URL without query, fragment, user and "." or ".." segments; otherwise the
// error wraps [ErrInput].
func MetadataURLs(issuer string) (oauth, openID string, err error) {
	if err := checkIdentifier(issuer, false); err != nil {
		return "", "", fmt.Errorf("fapi: issuer %w: %w", ErrInput, err)
	}
	origin, path := cutOrigin(strings.TrimSuffix(issuer, "/"))
	return origin + "/.well-known/oauth-authorization-server" + path, origin + path + "/.well-known/openid-configuration", nil
}

// ResourceMetadataURL returns where the metadata of a protected resource is (RFC
// 9728 section 3.1). The resource has to be an https URL without fragment, user
// and "." or ".." segments; it may have a query, which stays at the end. A slash
// that ends a longer path stays too. Otherwise the error wraps [ErrInput].
func ResourceMetadataURL(resource string) (string, error) {
	if err := checkIdentifier(resource, true); err != nil {
		return "", fmt.Errorf("fapi: resource %w: %w", ErrInput, err)
	}
	origin, rest := cutOrigin(resource)
	if rest == "/" || strings.HasPrefix(rest, "/?") {
		rest = rest[1:]
	}
	return origin + "/.well-known/oauth-protected-resource" + rest, nil
}

// cutOrigin cuts an identifier after its host and port.
func cutOrigin(identifier string) (origin, rest string) {
	const scheme = len("https://")
	if i := strings.IndexAny(identifier[scheme:], "/?"); i >= 0 {
		return identifier[:scheme+i], identifier[scheme+i:]
	}
	return identifier, ""
}

// checkIdentifier says why a text is no issuer (RFC 8414 section 2) or resource
// identifier (RFC 9728 section 1.2). Segments of dots are refused since clients
// resolve them, and would then ask for another document.
func checkIdentifier(text string, query bool) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxIdentifier || !isURLText(text) || err != nil:
		return errors.New("not a URL")
	case !strings.HasPrefix(text, "https://") || u.Hostname() == "" || strings.HasSuffix(u.Host, ":"):
		return errors.New("not an https URL of a host")
	case u.User != nil:
		return errors.New("names a user")
	case strings.Contains(text, "#"):
		return errors.New("has a fragment")
	case !query && strings.Contains(text, "?"):
		return errors.New("has a query")
	case slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." }):
		return errors.New("has a dot segment")
	}
	return nil
}

// isURLText reports whether only characters of RFC 3986 occur.
func isURLText(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return false
		}
	}
	return true
}
