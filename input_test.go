package fapi_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
)

const someIssuer = "https://as.example"

// calls are all ways into a profile that take a document.
func calls(p fapi.Profile) map[string]func(data []byte) ([]fapi.Finding, error) {
	return map[string]func([]byte) ([]fapi.Finding, error){
		"server": p.CheckServerMetadata, "client": p.CheckClientMetadata, "keys": p.CheckKeys,
	}
}

func TestUnknownProfile(t *testing.T) {
	t.Parallel()
	for _, profile := range []fapi.Profile{"", "fapi2", "FAPI2-Security", "fapi2-security "} {
		for name, call := range calls(profile) {
			found, err := call([]byte(`{}`))
			require.ErrorIs(t, err, fapi.ErrProfile, name)
			require.Nil(t, found)
		}
		_, err := profile.CheckAuthorizationRequest(someIssuer, url.Values{}, url.Values{})
		require.ErrorIs(t, err, fapi.ErrProfile)
		rules, err := profile.Rules()
		require.ErrorIs(t, err, fapi.ErrProfile)
		require.Zero(t, rules)
		config, err := profile.TLSConfig(fapi.APIEndpoint)
		require.ErrorIs(t, err, fapi.ErrProfile)
		require.Nil(t, config)
	}
}

func TestUnusableInput(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"nothing":           "",
		"null":              "null",
		"HTML":              "<!doctype html><title>Not found</title>",
		"an array":          "[]",
		"a string":          `"x"`,
		"two objects":       "{}{}",
		"a duplicate":       `{"issuer": "https://a", "issuer": "https://b"}`,
		"an escaped one":    `{"issuer": "https://a", "\u0069ssuer": "https://b"}`,
		"a deep duplicate":  `{"x": [{"a": 1, "a": 2}]}`,
		"bad UTF-8":         "{\"a\": \"\xff\"}",
		"too deep":          `{"a": ` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`,
		"too large":         `{"a": "` + strings.Repeat("x", 1<<20) + `"}`,
		"a number too high": `{"a": 1e999}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, profile := range []fapi.Profile{fapi.FAPI2Security, fapi.FAPI2MessageSigning, fapi.FAPI1Advanced} {
				for what, call := range calls(profile) {
					found, err := call([]byte(data))
					require.ErrorIs(t, err, fapi.ErrInput, what)
					require.Nil(t, found)
					require.True(t, strings.HasPrefix(err.Error(), "fapi: "), err)
				}
			}
		})
	}
	t.Run("control: an empty object can be checked", func(t *testing.T) {
		t.Parallel()
		for _, call := range calls(fapi.FAPI2Security) {
			found, err := call([]byte(" {} "))
			require.NoError(t, err)
			require.NotEmpty(t, found)
		}
	})
}

func TestUnusableRequest(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		issuer        string
		pushed, front url.Values
	}{
		"no issuer":            {"", url.Values{"client_id": {"c"}}, nil},
		"http issuer":          {"http://as.example", url.Values{"client_id": {"c"}}, nil},
		"only a reference":     {someIssuer, nil, url.Values{"client_id": {"c"}, "request_uri": {"https://c.example/request"}}},
		"encrypted":            {someIssuer, url.Values{"request": {"a.b.c.d.e"}}, nil},
		"no token":             {someIssuer, url.Values{"request": {"token"}}, nil},
		"bad base64url":        {someIssuer, url.Values{"request": {"e30=.e30.AA"}}, nil},
		"no JSON":              {someIssuer, url.Values{"request": {"AAAA.e30.AA"}}, nil},
		"no JSON claims":       {someIssuer, url.Values{"request": {"e30.AAAA.AA"}}, nil},
		"no assertion":         {someIssuer, url.Values{"client_assertion": {"x"}}, nil},
		"too long":             {someIssuer, url.Values{"request": {"e30.e30." + strings.Repeat("A", 20<<10)}}, nil},
		"duplicate in a token": {someIssuer, url.Values{"request": {"eyJhIjoxLCJhIjoyfQ.e30.AA"}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, err := fapi.FAPI2Security.CheckAuthorizationRequest(c.issuer, c.pushed, c.front)
			require.ErrorIs(t, err, fapi.ErrInput)
			require.Nil(t, found)
		})
	}
	t.Run("control: an empty request can be checked", func(t *testing.T) {
		t.Parallel()
		found, err := fapi.FAPI2Security.CheckAuthorizationRequest(someIssuer, nil, nil)
		require.NoError(t, err)
		require.NotEmpty(t, found)
	})
}

// Findings go to terminals and logs: they hold no control characters, whatever
// the document does, and stay short.
func TestFindingsAreClean(t *testing.T) {
	t.Parallel()
	hostile := `"\u001b[2J` + strings.Repeat("x", 500) + `\u202e"`
	found, err := fapi.FAPI2Security.CheckServerMetadata([]byte(`{
		"grant_types_supported": ["password"], "token_endpoint_auth_methods_supported": ["a", "b", "c", "d", "e"], "response_types_supported": [` + hostile + `], "authorization_endpoint": ` + hostile + `,
		"\u001b[2J_endpoint": "x", "` + strings.Repeat("y", 300) + `_endpoint": "x"}`))
	require.NoError(t, err)
	require.Greater(t, len(found), 5)
	for _, f := range found {
		for _, text := range []string{f.Field, f.Problem} {
			require.Less(t, len(text), 400)
			for _, c := range text {
				require.True(t, c >= ' ' && c <= '~', "%+q", text)
			}
		}
	}
}

// Parameters can be secret or personal: no finding repeats those that are.
func TestFindingsKeepSecrets(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t"
	found, err := fapi.FAPI2Security.CheckAuthorizationRequest(someIssuer,
		url.Values{"client_id": {secret, secret}, "client_secret": {secret}, "nonce": {strings.Repeat(secret, 20)}, "login_hint": {secret, secret}, "code_challenge": {secret}},
		url.Values{"client_id": {secret + "2"}, "state": {secret}})
	require.NoError(t, err)
	require.Greater(t, len(found), 5)
	for _, f := range found {
		require.NotContains(t, f.Field+f.Problem+f.Change, secret)
	}
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "https://", "https:///path", "https:as.example", "as.example", "//as.example", "http://as.example", "http://localhost",
		"HTTPS://as.example", "https://user@as.example", "https://user:pw@as.example", "https://as.example#", "https://as.example#x",
		"https://as.example/a b", "https://as.example/\n", "https://as.example/é", "https://as.example/%zz", "https://as.example:x",
		"https://as.example:", "https://as.example/..", "https://as.example/a/./b", "https://as.example/%2e%2e/x", "https://as.example\\x",
		"https://as.example/" + strings.Repeat("x", 3000), "https://[::1", "\x00",
	} {
		t.Run(bad, func(t *testing.T) {
			t.Parallel()
			_, _, err := fapi.MetadataURLs(bad)
			require.ErrorIs(t, err, fapi.ErrInput)
			_, err = fapi.ResourceMetadataURL(bad)
			require.ErrorIs(t, err, fapi.ErrInput)
		})
	}
	_, _, err := fapi.MetadataURLs("https://as.example?x")
	require.ErrorIs(t, err, fapi.ErrInput, "resources may have a query, issuers not")
	for input, want := range map[string]string{
		"https://[::1]:8443/t": "https://[::1]:8443/.well-known/oauth-authorization-server/t",
		"https://as.example//": "https://as.example/.well-known/oauth-authorization-server/",
		"https://AS.example/T": "https://AS.example/.well-known/oauth-authorization-server/T",
	} {
		got, _, err := fapi.MetadataURLs(input)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
