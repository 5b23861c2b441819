package fapi_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi"
)

// requireSound is what holds for any input: findings or an error of ours.
func requireSound(t *testing.T, found []fapi.Finding, err error) {
	t.Helper()
	if err != nil {
		require.ErrorIs(t, err, fapi.ErrInput)
		require.Nil(t, found)
	}
	for _, f := range found {
		require.NotEmpty(t, f.Clause)
		require.NotEmpty(t, f.Field)
		require.NotEmpty(t, f.Problem)
		require.NotEmpty(t, f.Change)
	}
}

func FuzzDocuments(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"issuer":"https://as.example","grant_types_supported":["password"],"mtls_endpoint_aliases":{"token_endpoint":"x"}}`,
		`{"redirect_uris":["http://localhost","a:b"],"jwks":{"keys":[{"kty":"RSA","n":"AQAB"}]},"token_endpoint_auth_method":null}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":1,"d":null},[],{"kid":"a"},{"kid":"a","use":"enc"}]}`,
		`{"scopes_supported":[1],"*_endpoint":"%zz","_endpoint":"//","request_parameter_supported":"true"}`, `{"a":1e999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, profile := range profiles {
			for _, call := range calls(profile) {
				found, err := call(data)
				requireSound(t, found, err)
			}
		}
	})
}

func FuzzAuthorizationRequest(f *testing.F) {
	f.Add("client_id=c&response_type=code&redirect_uri=http%3A%2F%2F%5B", "client_id=c&request_uri=x")
	f.Add("request=e30.e30.AA&client_assertion=e30.e30.AA", "scope=a&scope=b")
	f.Add("", "request=eyJhbGciOjF9.eyJleHAiOjEsIm5iZiI6Mn0.AA&client_id=x")
	f.Fuzz(func(t *testing.T, pushed, front string) {
		pushedParams, _ := url.ParseQuery(pushed)
		frontParams, _ := url.ParseQuery(front)
		for _, profile := range profiles {
			found, err := profile.CheckAuthorizationRequest(someIssuer, pushedParams, frontParams)
			requireSound(t, found, err)
		}
	})
}

// FuzzIdentifiers: what comes out is an https URL of the same host.
func FuzzIdentifiers(f *testing.F) {
	for _, seed := range []string{"https://as.example/a?b", "https://as.example/", "https://[::1]:8/x//", "https://%41.example", "https://a/%2F"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, identifier string) {
		oauth, openID, err := fapi.MetadataURLs(identifier)
		resource, errResource := fapi.ResourceMetadataURL(identifier)
		if err == nil {
			require.NoError(t, errResource)
		}
		want, parseErr := url.Parse(identifier)
		for text, err := range map[string]error{oauth: err, openID: err, resource: errResource} {
			if err != nil {
				require.ErrorIs(t, err, fapi.ErrInput)
				continue
			}
			require.NoError(t, parseErr)
			got, err := url.Parse(text)
			require.NoError(t, err)
			require.Equal(t, []string{"https", want.Host, want.RawQuery}, []string{got.Scheme, got.Host, got.RawQuery})
		}
	})
}
