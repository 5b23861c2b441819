package server

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/go-fapi/fapi"

	"github.com/go-fapi/fapi/internal/weburl"
)

// The clients of a Config are data of its author: what contradicts a profile is
// found when the server is made, and not by the first user.
func (c Config) check() error {
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Host == "" || issuer.RawQuery != "" || issuer.Fragment != "" {
		return errors.New("server: Issuer is required: a URL without query and fragment (RFC 8414 section 2)")
	}
	if base := strings.TrimSuffix(issuer.Path, "/"); base != "" && base != path.Clean(base) {
		return errors.New("server: the path of Issuer has empty or dot segments, at which no request arrives")
	}
	if c.SubjectKey != nil && len(c.SubjectKey) < 32 {
		return errors.New("server: SubjectKey is shorter than 32 octets")
	}
	for id, client := range c.Clients {
		if err := cmp.Or(client.check(), c.checkClient(client)); err != nil {
			return fmt.Errorf("server: client %q: %w", id, err)
		}
	}
	for id, caller := range c.ResourceServers {
		if err := c.checkResourceServer(id, caller); err != nil {
			return fmt.Errorf("server: resource server %q: %w", id, err)
		}
	}
	return c.checkOpaque()
}

// checkClient is about what a client needs of the server.
func (c Config) checkClient(client Client) error {
	switch {
	case client.SubjectType == "pairwise" && c.Subjects == nil:
		return errors.New("its SubjectType is pairwise, but there are no Subjects")
	case client.BackchannelLogoutURI != "" && c.Logout == nil:
		return errors.New("has a BackchannelLogoutURI, but there is no Logout to tell it by")
	case client.usesCodes() && c.Key != nil && !client.knows(c.Key):
		return errors.New("its Profile does not know the algorithm of the server's Key")
	}
	return nil
}

// checkOpaque: a token that nobody may ask about is of no use.
func (c Config) checkOpaque() error {
	for _, api := range c.Opaque {
		asks := api == c.Issuer // userinfo
		for _, caller := range c.ResourceServers {
			asks = asks || slices.Contains(caller.APIs, api)
		}
		if !asks {
			return fmt.Errorf("server: tokens for %q are opaque, but no ResourceServer has it among its APIs", api)
		}
	}
	return nil
}

func (c Client) check() error {
	switch c.Profile {
	case "", fapi.FAPI2Security, fapi.FAPI2MessageSigning, fapi.FAPI1Advanced:
	default:
		return fmt.Errorf("unknown Profile %q", c.Profile)
	}
	switch {
	case c.Keys == nil && c.Certificate == nil:
		return errors.New("has neither Keys nor a Certificate to authenticate with")
	case c.Profile == fapi.FAPI1Advanced && !c.CertificateBound:
		return errors.New("tokens of FAPI 1.0 Advanced are CertificateBound (5.2.2-5, -6)")
	case c.signsRequests() && c.usesCodes() && c.Keys == nil:
		return errors.New("its Profile has signed requests, so Keys are required")
	}
	if !slices.Contains([]string{"", "public", "pairwise"}, c.SubjectType) {
		return fmt.Errorf("unknown SubjectType %q", c.SubjectType)
	}
	if uri := c.BackchannelLogoutURI; uri != "" && (!strings.HasPrefix(uri, "https://") || !isRedirectURI(uri)) {
		return fmt.Errorf("BackchannelLogoutURI %q is not https, or has a fragment", uri)
	}
	for _, uri := range c.RedirectURIs {
		if !isRedirectURI(uri) {
			return fmt.Errorf("redirect URI %q is not https, nor http on a loopback address, or has a fragment", uri)
		}
	}
	return nil
}

// isRedirectURI is FAPI 2.0 section 5.3.2.2-8.
func isRedirectURI(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Contains(text, "#") {
		return false
	}
	return weburl.IsSecure(u)
}

// usesCodes says that the client may use the authorization code flow.
func (c Client) usesCodes() bool { return len(c.RedirectURIs) > 0 }

// signs says that its requests are request objects, and its responses JARM.
func (c Client) signs() bool {
	return c.Profile == fapi.FAPI2MessageSigning || c.Profile == fapi.FAPI1Advanced
}

// signsRequests says that a request without a request object is not its own.
func (c Client) signsRequests() bool { return c.signs() || c.SignedRequests }

// mayCome says that it may bring a request object to the authorization endpoint
// instead of pushing it.
func (c Client) mayCome() bool { return c.Profile == fapi.FAPI1Advanced }
