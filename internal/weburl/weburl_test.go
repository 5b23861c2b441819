package weburl_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/internal/weburl"
)

func TestIsSecure(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"https://as.example": true, "https://as.example:8443/x": true, "http://localhost": true, "http://127.0.0.1:80/": true,
		"http://127.9.9.9": true, "http://[::1]:8080": true,
		"http://as.example": false, "http://localhost.example": false, "http://10.0.0.1": false, "http://[::2]": false,
		"https://": false, "https://:443": false, "https:as.example": false, "//as.example": false, "ftp://localhost": false, "": false,
	} {
		u, err := url.Parse(text)
		require.NoError(t, err)
		require.Equal(t, want, weburl.IsSecure(u), text)
	}
}
