package dpop_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-fapi/fapi/dpop"
)

// idle counts what http.Client.CloseIdleConnections reaches.
type idle struct {
	http.RoundTripper
	closed int
}

func (i *idle) CloseIdleConnections() { i.closed++ }

func TestCloseIdleConnections(t *testing.T) {
	t.Parallel()
	base := &idle{}
	client := &http.Client{Transport: &dpop.Transport{Base: base}}
	client.CloseIdleConnections()
	require.Equal(t, 1, base.closed)
	(&dpop.Transport{Base: struct{ http.RoundTripper }{}}).CloseIdleConnections() // nothing to close
	(*dpop.Transport)(nil).CloseIdleConnections()
}
